-- candlefile, file format 7.
--
-- One file holds a research data set of OHLCV candles: the data, what was asked of the provider, what it answered, how
-- far each job came, and what is odd about which candle. Any SQLite >= 3.37 opens it.
--
-- All times are Unix seconds, UTC. All ranges are half-open: start_ts is inside, end_ts is not.
-- ts is a candle's start: the instant for minutes and hours, a label (the first market date at 00:00Z) for 1d, 1w, 1mo.
--
-- Set beside this text: application_id 0x43444c46 ("CDLF"), user_version 7, page size 8192. At rest the file has a rollback
-- journal; while it is written it has a write-ahead log.
--
-- A packed file has the tables of manifest.sql too.
--
-- For reading use the views `candles` and `market_data`, and filter on symbol, timeframe and ts.

-- A series: all candles of one symbol and timeframe, from exactly one source with one adjustment, of one market and on one
-- grid. The source says what they are: nothing is read off the symbol's text.
CREATE TABLE series (
    id            INTEGER PRIMARY KEY,
    symbol        TEXT NOT NULL,      -- as the provider spells it: AAPL, BRK.B, X:BTCUSD, C:EURUSD, I:NDX
    timeframe     TEXT NOT NULL,      -- 1m .. 30m, 1h .. 12h, 1d, 1w, 1mo
    source        TEXT NOT NULL,      -- the provider: polygon, sample, or the name given with candles from elsewhere
    adjusted      INTEGER NOT NULL CHECK (adjusted IN (0, 1, 2)),  -- by the source, 0: not, 1: for splits, 2: for dividends, too
    market        TEXT NOT NULL,      -- XNYS: US stocks; XCBO: US indices; 24/7: crypto; FX: forex; or another calendar's code
    grid          TEXT NOT NULL,      -- where candles of minutes and hours start. utc: on lines of UTC; session: from the
                                      -- session's open, and the last ends at its close; +HH:MM: lines of UTC, moved by that
    currency      TEXT,               -- of the prices: an ISO code, GBp, USDT; NULL: unknown
    week_start    INTEGER CHECK (week_start BETWEEN 1 AND 7),  -- 1w only: ISO weekday that begins a week (7: Sunday)
    last_day      INTEGER,            -- label of the last market day on which it can trade, as an option's; NULL: none is known
    candles       INTEGER NOT NULL DEFAULT 0,  -- number of rows in candle_data
    first_ts      INTEGER,            -- ts of the first and the last of them
    last_ts       INTEGER,
    tail_asked_at INTEGER,            -- when the uncovered end [tail_asked_from, tail_asked_to) was asked last
    tail_asked_from INTEGER,
    tail_asked_to INTEGER,
    created_at    INTEGER,
    UNIQUE (symbol, timeframe)
) STRICT;

-- The candles. A row outside `coverage` is provisional: closed, but not yet final at the provider. Not so one that was
-- handed in: no answer replaces or removes it. A slice_id of 0 stands for a slice of which nothing is known any more.
CREATE TABLE candle_data (
    series_id INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    ts        INTEGER NOT NULL,
    open      REAL NOT NULL,
    high      REAL NOT NULL,
    low       REAL NOT NULL,
    close     REAL NOT NULL,
    volume    REAL,                   -- fractional on real feeds; NULL for indices only
    vwap      REAL,                   -- may lie outside [low, high]: it counts trades that set no price
    trades    INTEGER,
    slice_id  INTEGER,                -- backfill_progress.slice_id that brought the row; NULL: handed in
    PRIMARY KEY (series_id, ts)
) STRICT, WITHOUT ROWID;

-- Spans for which the provider gave its final answer, all of it stored or accounted for. Merged and disjoint.
CREATE TABLE coverage (
    series_id INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    start_ts  INTEGER NOT NULL,
    end_ts    INTEGER NOT NULL CHECK (end_ts > start_ts),
    PRIMARY KEY (series_id, start_ts)
) STRICT, WITHOUT ROWID;

-- Spans for which the provider had nothing: before the first candle, or a whole slice without a row. While a series has
-- no candle at all these are its only memory; with its first candle they count as covered too. What is not confirmed is asked
-- about again once candles lie on both sides of it, or right beside it.
CREATE TABLE empty_spans (
    series_id INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    start_ts  INTEGER NOT NULL,
    end_ts    INTEGER NOT NULL CHECK (end_ts > start_ts),
    asked_at  INTEGER NOT NULL,
    is_confirmed INTEGER NOT NULL DEFAULT 1 CHECK (is_confirmed IN (0, 1)), -- said twice, or by an answer that had candles
    PRIMARY KEY (series_id, start_ts)
) STRICT, WITHOUT ROWID;

-- One request of a user: symbols x timeframes x span.
CREATE TABLE backfill_jobs (
    job_id       TEXT PRIMARY KEY,    -- UUIDv7: later jobs sort later
    status       TEXT NOT NULL CHECK (status IN ('queued', 'running', 'completed', 'partial', 'failed', 'interrupted')),
    command      TEXT NOT NULL,       -- backfill, update or import
    symbols      TEXT NOT NULL,       -- JSON array
    timeframes   TEXT NOT NULL,       -- JSON array
    start_ts     INTEGER NOT NULL,    -- the earliest start and the latest end of its series
    end_ts       INTEGER NOT NULL,
    start_words  TEXT,                -- the range as typed
    end_words    TEXT,
    source       TEXT NOT NULL,
    delay_s      INTEGER NOT NULL,    -- seconds from the last trading hour to closed
    final_after_s INTEGER,            -- seconds from the last trading hour to final, where the source's rule is overridden
    created_at   INTEGER NOT NULL,
    started_at   INTEGER,
    completed_at INTEGER,
    resume_at    INTEGER,             -- interrupted by the provider's limit: when to go on
    error        TEXT,
    owner        TEXT,                -- host/process id/run, of the run that works on it
    heartbeat_at INTEGER,             -- last sign of life of the owner
    program      TEXT,                -- version of candlefile that ran it last; NULL: before format 2
    rate         TEXT,                -- requests at most, as typed: 5/min; NULL: the source's own
    workers      INTEGER              -- requests at once; NULL: before format 3
) STRICT, WITHOUT ROWID;

-- What a job asked for, one row a series, and what became of it.
CREATE TABLE backfill_series (
    job_id    TEXT NOT NULL REFERENCES backfill_jobs (job_id) ON DELETE CASCADE,
    series_id INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    start_ts  INTEGER NOT NULL,
    end_ts    INTEGER NOT NULL,
    status    TEXT NOT NULL CHECK (status IN ('pending', 'completed', 'failed', 'no_data', 'stale', 'interrupted')),
    error     TEXT,
    PRIMARY KEY (job_id, series_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX backfill_series_of_series ON backfill_series (series_id, start_ts);

-- A job's slices, the units of work, of retry and of progress. Each is brought up to date in the transaction that
-- stores what it counts: fetched = inserted + duplicate + restated + conflicting + rejected.
CREATE TABLE backfill_progress (
    slice_id            INTEGER PRIMARY KEY,
    job_id              TEXT NOT NULL REFERENCES backfill_jobs (job_id) ON DELETE CASCADE,
    series_id           INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    start_ts            INTEGER NOT NULL,
    end_ts              INTEGER NOT NULL,
    status              TEXT NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'failed')),
    attempts            INTEGER NOT NULL DEFAULT 0,  -- requests for the page that failed
    records_fetched     INTEGER NOT NULL DEFAULT 0,  -- rows of closed candles in the answers
    records_inserted    INTEGER NOT NULL DEFAULT 0,
    records_duplicate   INTEGER NOT NULL DEFAULT 0,  -- the same values were stored
    records_restated    INTEGER NOT NULL DEFAULT 0,  -- replaced a provisional row
    records_conflicting INTEGER NOT NULL DEFAULT 0,  -- differed from a final row, which stays
    records_rejected    INTEGER NOT NULL DEFAULT 0,  -- could not be stored
    records_removed     INTEGER NOT NULL DEFAULT 0,  -- provisional rows that the final answer no longer had
    error               TEXT,
    started_at          INTEGER,
    completed_at        INTEGER,
    CHECK (records_fetched = records_inserted + records_duplicate + records_restated + records_conflicting + records_rejected)
) STRICT;
CREATE INDEX backfill_progress_of_job ON backfill_progress (job_id, series_id, start_ts);
CREATE INDEX backfill_progress_of_series ON backfill_progress (series_id);

-- What the slices of a job come to, so that nobody has to read them all to say how far it is. A job without a row has none.
CREATE TABLE backfill_totals (
    job_id              TEXT PRIMARY KEY REFERENCES backfill_jobs (job_id) ON DELETE CASCADE,
    slices              INTEGER NOT NULL DEFAULT 0,
    completed           INTEGER NOT NULL DEFAULT 0,
    failed              INTEGER NOT NULL DEFAULT 0,
    records_fetched     INTEGER NOT NULL DEFAULT 0,
    records_inserted    INTEGER NOT NULL DEFAULT 0,
    records_duplicate   INTEGER NOT NULL DEFAULT 0,
    records_restated    INTEGER NOT NULL DEFAULT 0,
    records_conflicting INTEGER NOT NULL DEFAULT 0,
    records_rejected    INTEGER NOT NULL DEFAULT 0,
    records_removed     INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Every statement that changes slices keeps the totals. This program runs no trigger of a file: it has the same for itself.
CREATE TRIGGER added_to_totals AFTER INSERT ON backfill_progress BEGIN
    INSERT OR IGNORE INTO backfill_totals (job_id) VALUES (new.job_id);
    UPDATE backfill_totals SET slices = slices + 1,
        completed = completed + (new.status = 'completed'),
        failed = failed + (new.status = 'failed'),
        records_fetched = records_fetched + new.records_fetched,
        records_inserted = records_inserted + new.records_inserted,
        records_duplicate = records_duplicate + new.records_duplicate,
        records_restated = records_restated + new.records_restated,
        records_conflicting = records_conflicting + new.records_conflicting,
        records_rejected = records_rejected + new.records_rejected,
        records_removed = records_removed + new.records_removed
    WHERE job_id = new.job_id;
END;
CREATE TRIGGER changed_in_totals AFTER UPDATE OF status, records_fetched, records_inserted, records_duplicate, records_restated,
    records_conflicting, records_rejected, records_removed ON backfill_progress BEGIN
    UPDATE backfill_totals SET
        completed = completed + (new.status = 'completed') - (old.status = 'completed'),
        failed = failed + (new.status = 'failed') - (old.status = 'failed'),
        records_fetched = records_fetched + new.records_fetched - old.records_fetched,
        records_inserted = records_inserted + new.records_inserted - old.records_inserted,
        records_duplicate = records_duplicate + new.records_duplicate - old.records_duplicate,
        records_restated = records_restated + new.records_restated - old.records_restated,
        records_conflicting = records_conflicting + new.records_conflicting - old.records_conflicting,
        records_rejected = records_rejected + new.records_rejected - old.records_rejected,
        records_removed = records_removed + new.records_removed - old.records_removed
    WHERE job_id = new.job_id;
END;
CREATE TRIGGER removed_from_totals AFTER DELETE ON backfill_progress BEGIN
    UPDATE backfill_totals SET slices = slices - 1,
        completed = completed - (old.status = 'completed'),
        failed = failed - (old.status = 'failed'),
        records_fetched = records_fetched - old.records_fetched,
        records_inserted = records_inserted - old.records_inserted,
        records_duplicate = records_duplicate - old.records_duplicate,
        records_restated = records_restated - old.records_restated,
        records_conflicting = records_conflicting - old.records_conflicting,
        records_rejected = records_rejected - old.records_rejected,
        records_removed = records_removed - old.records_removed
    WHERE job_id = old.job_id;
END;

-- Files that were imported, by the job that took them; what their rows came to adds up as for slices. Of this machine.
CREATE TABLE imports (
    job_id              TEXT NOT NULL REFERENCES backfill_jobs (job_id) ON DELETE CASCADE,
    path                TEXT NOT NULL,      -- whole
    size                INTEGER NOT NULL,   -- in bytes
    mtime               INTEGER NOT NULL,   -- when it was changed last, Unix nanoseconds
    digest              TEXT,               -- SHA-256 of its bytes, once all of it was read
    taken_as            TEXT NOT NULL,      -- what was said of its rows: the same file said to be another is another
    status              TEXT NOT NULL CHECK (status IN ('pending', 'imported', 'known', 'failed', 'interrupted', 'dropped')),
    position            INTEGER NOT NULL DEFAULT 0,  -- bytes of its text, unpacked, of which every row is stored
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

-- Rows of answers that could not be stored. Their slots count as answered.
CREATE TABLE rejected (
    series_id INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    ts        INTEGER,                -- NULL where the stamp could not be read
    reason    TEXT NOT NULL,
    raw       TEXT NOT NULL,          -- the row as it came
    slice_id  INTEGER,
    seen_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX rejected_of_series ON rejected (series_id, ts);

-- Values that differed from a final candle, once per distinct value. The stored candle stays.
CREATE TABLE conflicts (
    series_id INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    ts        INTEGER NOT NULL,
    open      REAL NOT NULL,
    high      REAL NOT NULL,
    low       REAL NOT NULL,
    close     REAL NOT NULL,
    volume    REAL,
    vwap      REAL,
    trades    INTEGER,
    seen_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX conflicts_of_series ON conflicts (series_id, ts);

-- Provisional candles that changed: the values they had before.
CREATE TABLE restatements (
    series_id  INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    ts         INTEGER NOT NULL,
    action     TEXT NOT NULL CHECK (action IN ('replaced', 'removed')),
    old_open   REAL NOT NULL,
    old_high   REAL NOT NULL,
    old_low    REAL NOT NULL,
    old_close  REAL NOT NULL,
    old_volume REAL,
    old_vwap   REAL,
    old_trades INTEGER,
    seen_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX restatements_of_series ON restatements (series_id, ts);

-- What is odd about a stored candle. Clean candles have no row.
CREATE TABLE quality_issues (
    series_id  INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    ts         INTEGER NOT NULL,
    check_name TEXT NOT NULL,         -- high_below_low, open_outside_range, close_outside_range, zero_price, ...
    detail     TEXT NOT NULL,
    PRIMARY KEY (series_id, ts, check_name)
) STRICT, WITHOUT ROWID;

-- What a judged candle came to. Empty until candles are judged.
CREATE TABLE candle_quality (
    series_id      INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    ts             INTEGER NOT NULL,
    quality_score  REAL CHECK (quality_score BETWEEN 0 AND 1),
    gap_detected   INTEGER CHECK (gap_detected IN (0, 1)),    -- 1: candles are missing before it
    volume_anomaly INTEGER CHECK (volume_anomaly IN (0, 1)),  -- 1: its volume is out of the ordinary
    PRIMARY KEY (series_id, ts)
) STRICT, WITHOUT ROWID;

-- Days on which this file knows better than the program whether a market has a session: `candlefile calendar CODE --close` and
-- `--open`. Markets with the same sessions have the same days.
CREATE TABLE calendar_days (
    market  TEXT NOT NULL,            -- as series.market has it
    day     INTEGER NOT NULL,         -- the label of the market date
    is_open INTEGER NOT NULL CHECK (is_open IN (0, 1)),  -- 1: a session, in the market's regular hours
    PRIMARY KEY (market, day)
) STRICT, WITHOUT ROWID;

-- When requests were sent at a slow rate, so that it holds over all programs on the file. No data.
CREATE TABLE sends (
    source  TEXT NOT NULL,
    sent_ms INTEGER NOT NULL          -- Unix milliseconds
) STRICT;
CREATE INDEX sends_of_source ON sends (source, sent_ms);

-- The candles with their key written out: a plain join, so that every reader keeps the column types.
CREATE VIEW candles (symbol, timeframe, ts, open, high, low, close, volume, vwap, trades) AS
SELECT s.symbol, s.timeframe, c.ts, c.open, c.high, c.low, c.close, c.volume, c.vwap, c.trades
FROM series AS s
JOIN candle_data AS c ON c.series_id = s.id;

-- The same for people: datetime is RFC 3339 text. Filter on ts; a filter on datetime reads the whole series.
-- validated 0 and quality_score, gap_detected, volume_anomaly NULL: the candle was not judged yet. validation_notes is
-- empty where nothing is odd; fetched_at is when the row's slice began, and empty where it was handed in.
-- What can be NULL is a column of a table, and what is an expression never is: some readers take types from the first row.
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
