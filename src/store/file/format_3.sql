-- Format 2 to 3. Never changed once it was released.

ALTER TABLE backfill_jobs ADD COLUMN rate TEXT;
ALTER TABLE backfill_jobs ADD COLUMN workers INTEGER;

CREATE TABLE candle_quality (
    series_id      INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    ts             INTEGER NOT NULL,
    quality_score  REAL CHECK (quality_score BETWEEN 0 AND 1),
    gap_detected   INTEGER CHECK (gap_detected IN (0, 1)),    -- 1: candles are missing before it
    volume_anomaly INTEGER CHECK (volume_anomaly IN (0, 1)),  -- 1: its volume is out of the ordinary
    PRIMARY KEY (series_id, ts)
) STRICT, WITHOUT ROWID;

CREATE TABLE sends (
    source  TEXT NOT NULL,
    sent_ms INTEGER NOT NULL          -- Unix milliseconds
) STRICT;
CREATE INDEX sends_of_source ON sends (source, sent_ms);

DROP VIEW market_data;
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

-- Candles of several hours were taken to be cut by the market's wall clock, which is not UTC for stocks and indices. They
-- are cut on UTC lines: what was covered is asked again.
-- Copies without history do not say which slice brought a candle. It is none that was handed in: 0, for a slice of which
-- nothing is known.
UPDATE candle_data SET slice_id = 0 WHERE slice_id IS NULL AND series_id IN (
    SELECT id FROM series WHERE timeframe GLOB '[0-9]*h' AND timeframe <> '1h' AND symbol NOT GLOB '[XC]:*')
    AND EXISTS (SELECT 1 FROM coverage AS c WHERE c.series_id = candle_data.series_id AND start_ts <= ts AND ts < end_ts);
DELETE FROM coverage WHERE series_id IN (
    SELECT id FROM series WHERE timeframe GLOB '[0-9]*h' AND timeframe <> '1h' AND symbol NOT GLOB '[XC]:*');
DELETE FROM empty_spans WHERE series_id IN (
    SELECT id FROM series WHERE timeframe GLOB '[0-9]*h' AND timeframe <> '1h' AND symbol NOT GLOB '[XC]:*');
DELETE FROM rejected WHERE reason = 'the stamp is off the timeframe''s grid' AND series_id IN (
    SELECT id FROM series WHERE timeframe GLOB '[0-9]*h' AND timeframe <> '1h' AND symbol NOT GLOB '[XC]:*');
UPDATE series SET tail_asked_at = NULL, tail_asked_from = NULL, tail_asked_to = NULL
WHERE timeframe GLOB '[0-9]*h' AND timeframe <> '1h' AND symbol NOT GLOB '[XC]:*';
