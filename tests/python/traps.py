"""The traps that docs/recipes.md tells of, met on purpose. Once a reader is cured of one, the page may forget it."""

import os
import shutil
import sqlite3

import adbc_driver_sqlite.dbapi as adbc
import duckdb
import pandas as pd
import polars as pl
from duckdb_extensions import import_extension


def fails(words, what):
    try:
        what()
    except Exception as error:
        assert words in str(error), f"it fails otherwise: {error}"
    else:
        raise AssertionError(f"it does not fail: {words}")


def count(address):
    with sqlite3.connect(address, uri=True) as db:
        return db.execute("SELECT count(*) FROM candles").fetchone()[0]


everything = count("file:market.db?mode=ro")

# A working file with something in its log: a copy without the log and immutable=1 both miss it, and say nothing.
shutil.copyfile("market.db", "work.db")
os.chmod("work.db", 0o644)
writer = sqlite3.connect("work.db", isolation_level=None)
writer.execute("PRAGMA journal_mode = WAL")
writer.execute("DELETE FROM candle_data WHERE ts = (SELECT max(ts) FROM candle_data)")
shutil.copyfile("work.db", "copy.db")
assert count("file:work.db?mode=ro") < everything
assert count("file:work.db?immutable=1") == everything
assert count("file:copy.db?mode=ro") == everything

# NULL in all of the first rows: readers that guess types from them give up later, those that ask the file do not.
first = "(SELECT id FROM series WHERE timeframe = '1m' LIMIT 1)"
writer.execute(f"UPDATE candle_data SET vwap = NULL WHERE series_id = {first}")
vwap = "SELECT vwap FROM candles WHERE timeframe = '1m' ORDER BY vwap IS NOT NULL"
fails("expected INT64 but got DOUBLE", lambda: pd.read_sql_query(vwap, adbc.connect("work.db")))
fails("expected INT64 but got DOUBLE", lambda: pl.read_database_uri(vwap, "sqlite://work.db", engine="adbc"))
fails("infer_schema_length", lambda: pl.read_database(vwap, writer))
for frame in (pl.read_database_uri(vwap, "sqlite://work.db"), pl.read_database(vwap, writer, infer_schema_length=None)):
    assert frame.schema["vwap"] == pl.Float64
fails("'params' is not implemented", lambda: pd.read_sql_query(vwap, adbc.connect("work.db"), params=("1m",)))

# A name that does not exist becomes a file.
fails("no such table", lambda: pl.read_database_uri(vwap, "sqlite://market.db?mode=ro"))
assert os.path.exists("market.db?mode=ro")

assert pd.to_datetime(pd.Series([1711584000]))[0].year == 1970

import_extension("sqlite_scanner")
duckdb.sql("LOAD sqlite_scanner")
duckdb.sql("ATTACH 'market.db' AS market (TYPE sqlite, READ_ONLY)")
for table in ("candle_data", "coverage"):
    fails("no such column: ROWID", lambda: duckdb.sql(f"SELECT count(*) FROM market.{table}").fetchall())
assert set(duckdb.sql("FROM sqlite_query('market', 'SELECT ts, close FROM candles')").types) == {"VARCHAR"}
assert "DOUBLE" in duckdb.sql("FROM market.candles").types
market_data = duckdb.sql("FROM market.market_data")
assert set(market_data.types) == {"VARCHAR"}
with sqlite3.connect("market.db") as db:
    columns = [name for _, name, *_ in db.execute("PRAGMA table_info(market_data)")]
assert market_data.columns == columns, market_data.columns
assert pl.read_database_uri("SELECT * FROM market_data", "sqlite://market.db").columns == columns
