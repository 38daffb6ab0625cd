-- Format 4 to 5. Never changed once it was released.

-- A column's condition cannot be changed: the table is made anew. What its rows do not say of their symbol is added after this
-- step, by the one place that knows how it was read before.
DROP VIEW candles;
DROP VIEW market_data;
CREATE TABLE series_5 (
    id            INTEGER PRIMARY KEY,
    symbol        TEXT NOT NULL,
    timeframe     TEXT NOT NULL,
    source        TEXT NOT NULL,
    adjusted      INTEGER NOT NULL CHECK (adjusted IN (0, 1, 2)),
    market        TEXT NOT NULL,
    grid          TEXT NOT NULL,
    currency      TEXT,
    week_start    INTEGER CHECK (week_start BETWEEN 1 AND 7),
    last_day      INTEGER,
    candles       INTEGER NOT NULL DEFAULT 0,
    first_ts      INTEGER,
    last_ts       INTEGER,
    tail_asked_at INTEGER,
    tail_asked_from INTEGER,
    tail_asked_to INTEGER,
    created_at    INTEGER,
    UNIQUE (symbol, timeframe)
) STRICT;
INSERT INTO series_5 (id, symbol, timeframe, source, adjusted, market, grid, week_start, candles, first_ts, last_ts, tail_asked_at,
    tail_asked_from, tail_asked_to, created_at)
SELECT id, symbol, timeframe, source, adjusted, '', '', week_start, candles, first_ts, last_ts, tail_asked_at, tail_asked_from,
    tail_asked_to, created_at FROM series;
DROP TABLE series;
ALTER TABLE series_5 RENAME TO series;

CREATE VIEW candles (symbol, timeframe, ts, open, high, low, close, volume, vwap, trades) AS
SELECT s.symbol, s.timeframe, c.ts, c.open, c.high, c.low, c.close, c.volume, c.vwap, c.trades
FROM series AS s
JOIN candle_data AS c ON c.series_id = s.id;
CREATE VIEW market_data (datetime, symbol, timeframe, open, high, low, close, volume, validated, quality_score,
    validation_notes, gap_detected, volume_anomaly, source, fetched_at, vwap, trades, ts) AS
SELECT strftime('%Y-%m-%dT%H:%M:%SZ', c.ts, 'unixepoch') AS datetime, s.symbol, s.timeframe, c.open, c.high, c.low, c.close, c.volume,
    q.quality_score IS NOT NULL AND q.quality_score >= 0.85 AS validated, q.quality_score,
    coalesce((SELECT group_concat(i.check_name, ', ') FROM quality_issues AS i
        WHERE i.series_id = c.series_id AND i.ts = c.ts), '') AS validation_notes,
    q.gap_detected, q.volume_anomaly,
    s.source,
    coalesce((SELECT strftime('%Y-%m-%dT%H:%M:%SZ', p.started_at, 'unixepoch') FROM backfill_progress AS p
        WHERE p.slice_id = c.slice_id), '') AS fetched_at,
    c.vwap, c.trades, c.ts
FROM series AS s
JOIN candle_data AS c ON c.series_id = s.id
LEFT JOIN candle_quality AS q ON q.series_id = c.series_id AND q.ts = c.ts;
