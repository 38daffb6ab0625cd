"""Reads the exports in a folder with every reader and compares values and types with the file they were made of.

The exports are out.parquet, out.arrow, out.csv(.gz, .zst), out.jsonl(.gz) and hive/, all with known_at; the file is
market.db. Fails at the first difference.
"""

import sqlite3
import sys
from datetime import datetime, timezone

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.feather
import pyarrow.json
import pyarrow.parquet

folder = sys.argv[1].rstrip("/") + "/"
NAMES = "symbol timeframe ts open high low close volume vwap trades known_at".split()
REALS = "open high low close volume vwap".split()

stored = sqlite3.connect(f"file:{folder}market.db?mode=ro", uri=True).execute(
    """SELECT s.symbol, s.timeframe, c.ts, open, high, low, close, volume, vwap, trades, p.completed_at
       FROM candle_data c JOIN series s ON s.id = c.series_id LEFT JOIN backfill_progress p USING (slice_id)
       ORDER BY s.symbol, s.timeframe, c.ts"""
).fetchall()
assert len(stored) > 100


def seconds(value):
    """A time as a reader gives it, in Unix seconds; absent stays absent."""
    if value is None or value is pd.NaT or value != value:
        return None
    if isinstance(value, datetime):
        assert value.tzinfo is not None, "a time without its zone"
        return int(value.timestamp())
    return int(value)


def plain(value):
    return None if value is None or value is pd.NA or value != value else value


def check(reader, rows):
    """Rows as tuples in the order of NAMES, in any order."""
    found = []
    for row in rows:
        row = list(row)
        for at, name in enumerate(NAMES):
            if name in ("ts", "known_at"):
                row[at] = seconds(row[at])
            else:
                row[at] = plain(row[at])
            if name == "trades" and row[at] is not None:
                assert row[at] == int(row[at])
        found.append(tuple(row))
    found.sort(key=lambda row: row[:3])
    for ours, theirs in zip(stored, found):
        assert ours == theirs, f"{reader}: {ours} was read as {theirs}"
    assert len(found) == len(stored), f"{reader}: {len(found)} of {len(stored)} rows"
    print("same:", reader)


def typed(reader, types, expected):
    found = {name: str(types[name]) for name in expected}
    assert found == expected, f"{reader}: {found}"


def pandas_rows(frame):
    return frame[NAMES].astype(object).itertuples(index=False, name=None)


# pandas
for name, frame in {
    "parquet": pd.read_parquet(folder + "out.parquet"),
    "arrow": pd.read_feather(folder + "out.arrow"),
    "hive": pd.read_parquet(folder + "hive"),
}.items():
    typed(f"pandas {name}", frame.dtypes, {
        "ts": "datetime64[us, UTC]", "known_at": "datetime64[us, UTC]", "symbol": "category", "timeframe": "category",
        **{real: "float64" for real in REALS},
    })
    check(f"pandas {name}", pandas_rows(frame))
for name in ["out.csv", "out.csv.gz", "out.csv.zst"]:
    frame = pd.read_csv(folder + name, parse_dates=["datetime"]) if not name.endswith("zst") else pd.read_csv(
        pa.CompressedInputStream(pa.OSFile(folder + name), "zstd"), parse_dates=["datetime"])
    typed(f"pandas {name}", frame.dtypes, {"ts": "int64", **{real: "float64" for real in REALS}})
    assert str(frame["datetime"].dtype).endswith(", UTC]"), frame["datetime"].dtype
    assert (frame["datetime"].map(lambda time: int(time.timestamp())) == frame["ts"]).all()
    check(f"pandas {name}", pandas_rows(frame))
for name in ["out.jsonl", "out.jsonl.gz"]:
    frame = pd.read_json(folder + name, lines=True, convert_dates=False, precise_float=True)
    typed(f"pandas {name}", frame.dtypes, {"ts": "int64", **{real: "float64" for real in REALS}})
    check(f"pandas {name}", pandas_rows(frame))

# Polars
time = "Datetime(time_unit='us', time_zone='UTC')"
for name, frame in {
    "parquet": pl.read_parquet(folder + "out.parquet"),
    "arrow": pl.read_ipc(folder + "out.arrow"),
    "hive": pl.read_parquet(folder + "hive/**/*.parquet", hive_partitioning=True),
}.items():
    typed(f"polars {name}", frame.schema, {
        "ts": time, "known_at": time, "trades": "Int64", **{real: "Float64" for real in REALS},
    })
    check(f"polars {name}", frame.select(NAMES).with_columns(pl.col("symbol", "timeframe").cast(pl.String)).iter_rows())
for name in ["out.csv", "out.csv.gz", "out.csv.zst"]:
    frame = pl.read_csv(folder + name, infer_schema_length=None)
    typed(f"polars {name}", frame.schema, {
        "ts": "Int64", "trades": "Int64", "known_at": "Int64", **{real: "Float64" for real in REALS},
    })
    check(f"polars {name}", frame.select(NAMES).iter_rows())
frame = pl.read_ndjson(folder + "out.jsonl", infer_schema_length=None)
typed("polars jsonl", frame.schema, {"ts": "Int64", **{real: "Float64" for real in REALS}})
check("polars jsonl", frame.select(NAMES).iter_rows())



def rows_of(table):
    return zip(*(table[column].to_pylist() for column in NAMES))


# DuckDB
db = duckdb.connect()
db.execute("SET TimeZone = 'UTC'")
for name, source, types in [
    ("parquet", "'out.parquet'", "TIMESTAMP WITH TIME ZONE"),
    ("hive", "read_parquet('hive/**/*.parquet', hive_partitioning = true)", "TIMESTAMP WITH TIME ZONE"),
    ("csv", "'out.csv'", "BIGINT"),
    ("csv.gz", "'out.csv.gz'", "BIGINT"),
    ("csv.zst", "'out.csv.zst'", "BIGINT"),
    ("jsonl", "read_json('out.jsonl', format = 'newline_delimited')", "BIGINT"),
]:
    source = source.replace("'out", f"'{folder}out").replace("'hive", f"'{folder}hive")
    relation = db.sql(f"SELECT {', '.join(NAMES)} FROM {source}")
    typed(f"duckdb {name}", dict(zip(relation.columns, relation.types)), {
        "symbol": "VARCHAR", "timeframe": "VARCHAR", "ts": types, "trades": "BIGINT", **{real: "DOUBLE" for real in REALS},
    })
    check(f"duckdb {name}", rows_of(relation.to_arrow_table()))
relation = db.from_arrow(pa.feather.read_table(folder + "out.arrow"))
check("duckdb arrow", rows_of(relation.to_arrow_table()))

# pyarrow
for name, table in {
    "parquet": pa.parquet.read_table(folder + "out.parquet"),
    "arrow": pa.feather.read_table(folder + "out.arrow"),
    "hive": pa.dataset.dataset(folder + "hive", partitioning="hive").to_table(),
}.items():
    types = dict(zip(table.schema.names, table.schema.types))
    typed(f"pyarrow {name}", types, {
        "ts": "timestamp[us, tz=UTC]", "known_at": "timestamp[us, tz=UTC]", "trades": "int64",
        **{real: "double" for real in REALS},
    })
    if name != "hive":
        text = "dictionary<values=string, indices=int32, ordered=0>"
        typed(f"pyarrow {name}", types, {"symbol": text, "timeframe": text})
    check(f"pyarrow {name}", rows_of(table))
for name, table in {
    "csv": pa.csv.read_csv(folder + "out.csv"),
    "csv.gz": pa.csv.read_csv(folder + "out.csv.gz"),
    "jsonl": pa.json.read_json(folder + "out.jsonl"),
}.items():
    types = dict(zip(table.schema.names, table.schema.types))
    typed(f"pyarrow {name}", types, {"ts": "int64", "trades": "int64", **{real: "double" for real in REALS}})
    check(f"pyarrow {name}", rows_of(table))
