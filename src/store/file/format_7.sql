-- Format 6 to 7. Never changed once it was released.

CREATE TABLE calendar_days (
    market  TEXT NOT NULL,
    day     INTEGER NOT NULL,
    is_open INTEGER NOT NULL CHECK (is_open IN (0, 1)),
    PRIMARY KEY (market, day)
) STRICT, WITHOUT ROWID;

-- What an older program believed stays believed.
ALTER TABLE empty_spans ADD COLUMN is_confirmed INTEGER NOT NULL DEFAULT 1 CHECK (is_confirmed IN (0, 1));
