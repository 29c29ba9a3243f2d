"""Reads all audit files of a folder with pyarrow and with DuckDB, whole, and compares what both found."""

import pathlib
import sys

import duckdb
import pyarrow.compute
import pyarrow.parquet

root = pathlib.Path(sys.argv[1])
files = sorted(root.glob("*/*/*.parquet"))
rows = ordinals = 0
for file in files:
    table = pyarrow.parquet.ParquetFile(file).read()
    table.validate(full=True)
    rows += table.num_rows
    ordinals += pyarrow.compute.sum(table["ordinal"]).as_py() or 0
others = [path for path in root.rglob("*") if path.is_file() and path not in files]
assert files and not others, f"{len(files)} files, and others: {others}"
found = duckdb.sql(
    f"select count(*), sum(ordinal), count(y), sum(len(features)) from read_parquet('{root}/*/*/*.parquet')"
).fetchall()[0]
assert found[:2] == (rows, ordinals), (found, rows, ordinals)
print(f"{len(files)} files: {rows} rows, the same in pyarrow and DuckDB")
