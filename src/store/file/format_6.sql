-- Format 5 to 6. Never changed once it was released.

CREATE TABLE imports (
    job_id              TEXT NOT NULL REFERENCES backfill_jobs (job_id) ON DELETE CASCADE,
    path                TEXT NOT NULL,
    size                INTEGER NOT NULL,
    mtime               INTEGER NOT NULL,
    digest              TEXT,
    taken_as            TEXT NOT NULL,
    status              TEXT NOT NULL CHECK (status IN ('pending', 'imported', 'known', 'failed', 'interrupted', 'dropped')),
    position            INTEGER NOT NULL DEFAULT 0,
    records_fetched     INTEGER NOT NULL DEFAULT 0,
    records_inserted    INTEGER NOT NULL DEFAULT 0,
    records_duplicate   INTEGER NOT NULL DEFAULT 0,
    records_restated    INTEGER NOT NULL DEFAULT 0,
    records_conflicting INTEGER NOT NULL DEFAULT 0,
    records_rejected    INTEGER NOT NULL DEFAULT 0,
    error               TEXT,
    PRIMARY KEY (job_id, path),
    CHECK (records_fetched = records_inserted + records_duplicate + records_restated + records_conflicting + records_rejected)
) STRICT, WITHOUT ROWID;
CREATE INDEX imports_of_path ON imports (path);
CREATE INDEX imports_of_size ON imports (size);
