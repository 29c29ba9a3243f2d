"""Scoring beside Polars' streaming engine and DuckDB, from text and Parquet, in one run.

    FACTORD_BINARY=target/release/factord python benches/quant/text.py [--rows 5000000]

All sides read the eleven columns of `factord factors`, answer both built-in models and write every
column: CSV to CSV, csv.gz to CSV, CSV to Parquet, Parquet to Parquet. Rivals compute the models as
expressions over columns, which is their best way; the answers are compared before the times. Of
factord the whole process is timed until the file is on the disk (fsync), of a rival only what it does
after its imports, until it has written the file. Sides alternate; shown are medians, the spread, the
processor's time (user and system) and the peak of memory.
"""

import argparse
import gzip
import json
import os
import pathlib
import shutil
import sys
import tempfile

from process import apart, counted, spread
from score import coefficients, generate

RIVALS = ["polars", "duckdb"]
FEATURES = ["buy_rate", "large_buy", "large_sell"]


def by_polars(models, source, target):
    """Lazily from scan to sink, in the streaming engine."""
    import polars as pl

    yield
    line, label = models
    table = (pl.scan_parquet if source.endswith(".parquet") else pl.scan_csv)(source)
    regression, z = pl.lit(line["intercept"]), pl.lit(label["intercept"])
    for at, name in enumerate(FEATURES):
        regression += pl.col(name) * line["weights"][at]
        z += (pl.col(name) - label["mean"][at]) / label["scale"][at] * label["weights"][at]
    table = table.with_columns(
        regression.alias("regression"),
        (1 / (1 + (-z).exp())).alias("probability"),
        (z > 0).cast(pl.Int32).alias("class"),
    )
    if target.endswith(".parquet"):
        table.sink_parquet(target, compression="uncompressed", engine="streaming")
    else:
        table.sink_csv(target, engine="streaming")


def by_duckdb(models, source, target):
    """One COPY of one SELECT."""
    import duckdb

    yield
    line, label = models
    regression, z = repr(line["intercept"]), repr(label["intercept"])
    for at, name in enumerate(FEATURES):
        regression += f" + {name} * {line['weights'][at]!r}"
        centred = f"({name} - {label['mean'][at]!r}) / {label['scale'][at]!r}"
        z += f" + {centred} * {label['weights'][at]!r}"
    form = "format parquet, compression uncompressed" if target.endswith(".parquet") else "format csv"
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    connection.execute(
        f"""COPY (SELECT * EXCLUDE z, 1 / (1 + exp(-z)) AS probability, (z > 0)::INT AS class
        FROM (SELECT *, {regression} AS regression, {z} AS z FROM '{source}')) TO '{target}' ({form})"""
    )


def inputs(folder, rows):
    """The same table as Parquet, CSV and csv.gz."""
    import pyarrow.csv
    import pyarrow.parquet

    table, text = folder / "in.parquet", folder / "in.csv"
    generate(table, rows, True)
    style = pyarrow.csv.WriteOptions(quoting_header="none", quoting_style="none")
    file = pyarrow.parquet.ParquetFile(table)
    with pyarrow.csv.CSVWriter(text, file.schema_arrow, write_options=style) as writer:
        for batch in file.iter_batches():
            writer.write_batch(batch)
    with open(text, "rb") as plain, gzip.open(folder / "in.csv.gz", "wb", compresslevel=1) as packed:
        shutil.copyfileobj(plain, packed, 1 << 20)


def same(ours, theirs):
    """Compares the answers of two sides, whose rows may stand in another order."""
    import numpy as np
    import polars as pl

    names = ["symbol", "start_ns", "regression", "probability", "class"]
    read = {".csv": pl.read_csv, ".parquet": pl.read_parquet}
    one, other = (
        read[path.suffix](path, columns=names).sort("start_ns", "symbol") for path in (ours, theirs)
    )
    if len(one) != len(other) or not one["class"].equals(other["class"].cast(one["class"].dtype)):
        sys.exit(f"{theirs}: other rows or classes")
    for name in ["regression", "probability"]:
        if not np.abs(one[name].to_numpy() - other[name].to_numpy()).max() < 1e-9:
            sys.exit(f"{theirs}: other answers")


def main():
    """Generates, compares and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    factord = os.environ["FACTORD_BINARY"]
    models = json.dumps(list(coefficients(factord)))
    print("score | from, to | program | time | processor | memory | factord beside it, in both", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        apart(inputs, folder, given.rows)
        for source, ending in [("csv", "csv"), ("csv.gz", "csv"), ("csv", "parquet"), ("parquet", "parquet")]:
            source, ours, theirs = (folder / f"{name}" for name in (f"in.{source}", f"o.{ending}", f"t.{ending}"))
            command = [factord, "score", str(source), "--out", str(ours)]
            mine, found = [], {name: [] for name in RIVALS}
            for turn in range(given.rounds):
                # Nobody is timed while the last file is taken away.
                ours.unlink(missing_ok=True)
                mine.append(counted(command))
                for name in RIVALS:
                    theirs.unlink(missing_ok=True)
                    rival = [sys.executable, __file__, "--rival", name, models, str(source), str(theirs)]
                    found[name].append(counted(rival))
                    if turn == 0:
                        apart(same, ours, theirs)
                ours.unlink()
            theirs.unlink()
            what = f"score | {source.name[3:]} to {ending}, {given.rows / 1e6:g} M rows"
            seconds, busy = [turn[0] for turn in mine], [turn[3] for turn in mine]
            memory = max(turn[1] for turn in mine)
            times = f"{spread(seconds, 's', 2)} | {spread(busy, 's', 2)}"
            print(f"{what} | factord | {times} | {memory:.0f} MiB |", flush=True)
            for name, turns in found.items():
                work, used = zip(*(map(float, turn[2].split()) for turn in turns))
                beside = ", ".join(
                    spread([other / own for other, own in zip(others, ours)], "x", 2)
                    for others, ours in [(work, seconds), (used, busy)]
                )
                memory = max(turn[1] for turn in turns)
                times = f"{spread(work, 's', 2)} | {spread(used, 's', 2)}"
                print(f"{what} | {name} | {times} | {memory:.0f} MiB | {beside}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--rival"]:
        import time

        name, models, source, target = sys.argv[2:]
        work = {"polars": by_polars, "duckdb": by_duckdb}[name](json.loads(models), source, target)
        next(work)
        began, busy = time.perf_counter(), time.process_time()
        next(work, None)
        print(time.perf_counter() - began, time.process_time() - busy)
    else:
        main()
