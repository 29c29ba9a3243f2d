"""Training beside scikit-learn, fed by pandas, Polars and DuckDB, on a generated table, in one run.

    FACTORD_BINARY=target/release/factord python benches/quant/train.py [--rows 5000000]

All sides read the same file and fit the same two models. Rivals read only the columns they need;
scikit-learn runs with its defaults. "fits" is that alone; "tests" adds five walk-forward tests, which
`factord train` does by default, to both sides. Whole processes are timed, and of the rival also what
it does after its imports. Each side runs `--rounds` times in turns; of its seconds and ratios the
median and the spread are printed. Memory is that of the process at its peak.
"""

import argparse
import os
import pathlib
import sys
import tempfile

from process import apart, run, spread

MINUTE_NS = 60_000_000_000
FEATURES = ["buy_rate", "large_buy", "large_sell"]

SKLEARN = """
import sys, time
import numpy as np
path, folds, engine = sys.argv[1], int(sys.argv[2]), sys.argv[3]
if engine in ("polars", "duckdb"):
    library = __import__(engine)
else:
    import pandas as pd
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
began = time.perf_counter()
columns = ["buy_rate", "large_buy", "large_sell", "sell_rate"]
if engine == "polars":
    scan = library.scan_parquet if path.endswith(".parquet") else library.scan_csv
    frame = scan(path).select(columns).collect(engine="streaming")
elif engine == "duckdb":
    library.sql("SET enable_progress_bar = false")
    frame = library.sql(f"SELECT {', '.join(columns)} FROM '{path}'").df()
elif path.endswith(".parquet"):
    frame = pd.read_parquet(path, columns=columns)
else:
    frame = pd.read_csv(path, usecols=columns, engine=engine)
x, y = frame[columns[:3]].to_numpy(), frame["sell_rate"].to_numpy()
def fit(x, y):
    line = LinearRegression().fit(x, y)
    label = y > np.median(y)
    return line, make_pipeline(StandardScaler(), LogisticRegression()).fit(x, label)
for train, test in TimeSeriesSplit(folds).split(x) if folds else []:
    line, label = fit(x[train], y[train])
    line.score(x[test], y[test])
    label.score(x[test], y[test] > np.median(y[train]))
line, label = fit(x, y)
line.score(x, y)
label.score(x, y > np.median(y))
print(time.perf_counter() - began)
"""


def generate(folder, rows):
    """The same table as CSV and as Parquet: minutes of 500 symbols, made by numpy."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    csv, parquet = folder / f"t{rows}.csv", folder / f"t{rows}.parquet"
    rng = np.random.default_rng(1)
    writers = []
    step = 500_000
    for first in range(0, rows, step):
        count = min(step, rows - first)
        at = np.arange(first, first + count)
        start = 1_700_000_000_000_000_000 + at // 500 * MINUTE_NS
        buy = 1 / (1 + np.exp(-0.4 * rng.normal(size=count)))
        sell = np.clip(0.5 - 0.2 * (buy - 0.5) + 0.1 * rng.normal(size=count), 0, 1)
        table = pa.table(
            {
                "symbol": pa.array(np.char.add("S", (at % 500).astype(str))),
                "start_ns": start,
                "end_ns": start + MINUTE_NS,
                "trades": rng.integers(1, 400, count),
                "volume": np.round(rng.random(count) * 1e6),
                "turnover": np.round(rng.random(count) * 1e8, 2),
                "buy_rate": buy,
                "sell_rate": sell,
                "large_buy": rng.beta(2, 12, count),
                "large_sell": rng.beta(2, 12, count),
                "unclassified": np.zeros(count),
            }
        )
        if not writers:
            writers = [
                pyarrow.csv.CSVWriter(csv, table.schema),
                pyarrow.parquet.ParquetWriter(parquet, table.schema),
            ]
        for writer in writers:
            writer.write_table(table)
    for writer in writers:
        writer.close()
    return csv, parquet


def measured(what, name, rounds):
    """One line of the table, without its end."""
    seconds = spread([seconds for seconds, *_ in rounds], "s", 2)
    return f"train | {what} | {name} | {seconds} | {max(mib for _, mib, _ in rounds):.0f} MiB"


def compare(what, ours, rivals, rounds):
    """Runs all in turns and prints a line each, with what factord is beside the rival."""
    mine, found = [], {name: [] for name in rivals}
    for _ in range(rounds):
        for name, command in rivals.items():
            found[name].append(run(command))
        mine.append(run(ours))
    print(measured(what, "factord train", mine), flush=True)
    for name, theirs in found.items():
        pairs = list(zip(theirs, mine))
        whole = spread([rival[0] / own[0] for rival, own in pairs], "x")
        work = spread([float(rival[2]) / own[0] for rival, own in pairs], "x")
        print(f"{measured(what, name, theirs)} | {whole} | {work} after its imports", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    factord = os.environ["FACTORD_BINARY"]

    def theirs(path, folds, engine="c"):
        return [sys.executable, "-c", SKLEARN, str(path), str(folds), engine]

    def ours(path, folds):
        out = ["--out", str(path.parent / "out"), "--features", ",".join(FEATURES)]
        return [factord, "train", str(path), *out, "--folds", str(folds), "--horizon", "0"]

    print("training | input | program | time | memory | factord beside it", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        csv, parquet = apart(generate, pathlib.Path(folder), given.rows)
        million = given.rows / 1e6
        for path in [csv, parquet]:
            for folds, work in [(0, "fits"), (5, "fits and 5 tests")]:
                rivals = {"pandas, scikit-learn": theirs(path, folds)}
                for engine in ["polars", "duckdb"]:
                    rivals[f"{engine}, scikit-learn"] = theirs(path, folds, engine)
                if path == csv:
                    rivals["pandas (pyarrow engine), scikit-learn"] = theirs(path, folds, "pyarrow")
                what = f"{path.suffix[1:]}, {million:g} M rows, {work}"
                compare(what, ours(path, folds), rivals, given.rounds)
        csv.unlink()
        parquet.unlink()
        double, double_parquet = apart(generate, pathlib.Path(folder), 2 * given.rows)
        for path in [double, double_parquet]:
            what = f"{path.suffix[1:]}, {2 * million:g} M rows, fits and 5 tests"
            compare(what, ours(path, 5), {}, 1)


if __name__ == "__main__":
    main()
