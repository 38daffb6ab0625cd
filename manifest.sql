-- What a packed file has beside the tables of schema.sql. The first transaction that writes into the file removes both.

-- What the file was packed with, series by series.
CREATE TABLE manifest (
    symbol     TEXT NOT NULL,
    timeframe  TEXT NOT NULL,
    source     TEXT NOT NULL,
    adjusted   INTEGER NOT NULL,
    market     TEXT NOT NULL,
    grid       TEXT NOT NULL,
    currency   TEXT,
    last_day   INTEGER,
    week_start INTEGER,
    candles    INTEGER NOT NULL,      -- number of candles
    first_ts   INTEGER,               -- ts of the first and the last of them
    last_ts    INTEGER,
    coverage   TEXT NOT NULL,         -- JSON: [[start_ts, end_ts], ...] without spaces
    digest     TEXT NOT NULL,         -- SHA-256 of the candles in ascending order, each as 65 bytes, little-endian: 1 byte
                                      -- of what is there (1 volume + 2 vwap + 4 trades), ts (8, integer), open, high, low,
                                      -- close, volume, vwap (8 each, double; absent and negative zero as zero), trades
                                      -- (8, integer; absent as zero)
    PRIMARY KEY (symbol, timeframe)
) STRICT, WITHOUT ROWID;

-- One row. It stands at the end of the file's last page.
CREATE TABLE seal (
    format      INTEGER NOT NULL,     -- user_version of the file
    program     TEXT NOT NULL,        -- version of candlefile that packed it
    series      INTEGER NOT NULL,
    candles     INTEGER NOT NULL,
    digest      TEXT NOT NULL,        -- SHA-256 of the manifest's rows by symbol and timeframe, each as a JSON array of its
                                      -- columns without spaces and a newline
    mark        TEXT NOT NULL,        -- 'candlefile seal'
    file_digest BLOB NOT NULL         -- the last 32 bytes of the file: SHA-256 of the whole file with zeros in their place
) STRICT;
