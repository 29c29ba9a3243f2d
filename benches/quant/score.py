"""Scoring beside pandas, pyarrow and scikit-learn, on generated feature tables, in one run.

    FACTORD_BINARY=target/release/factord python benches/quant/score.py [--rows 10000000]

Both sides read Parquet, answer both built-in models and write Parquet with every column. The models
of scikit-learn have the coefficients of factord's; the answers are compared before the times. Of
factord the whole process is timed, of the rival only what it does after its imports. Two tables:
"features" has symbol, start_ns and the three features, "all" the eleven columns of `factord factors`.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from process import apart, run, spread

FEATURES = ["buy_rate", "large_buy", "large_sell"]

RIVAL = """
import json, sys, time
import numpy as np, pandas as pd, pyarrow
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import StandardScaler
models, source, target = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]
began = time.perf_counter()
line, scaler, label = LinearRegression(), StandardScaler(), LogisticRegression()
one, other = models
line.coef_, line.intercept_ = np.array(one["weights"]), one["intercept"]
scaler.mean_, scaler.scale_ = np.array(other["mean"]), np.array(other["scale"])
label.coef_, label.intercept_ = np.array([other["weights"]]), np.array([other["intercept"]])
label.classes_ = np.array([0, 1])
frame = pd.read_parquet(source)
x = frame[["buy_rate", "large_buy", "large_sell"]].to_numpy()
frame["regression"] = line.predict(x)
z = scaler.transform(x)
frame["probability"] = label.predict_proba(z)[:, 1]
frame["class"] = label.predict(z)
frame.to_parquet(target)
print(time.perf_counter() - began)
"""


def generate(path, rows, whole):
    """A feature table by numpy, in row groups of 262,144 rows, which nothing packs."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet

    rng, writer = np.random.default_rng(1), None
    symbols = np.array([f"60{index:04}.SH" for index in range(500)])
    step = 1 << 18
    for first in range(0, rows, step):
        count = min(step, rows - first)
        at = np.arange(first, first + count)
        start = 1_700_000_000_000_000_000 + at // 500 * 60_000_000_000
        buy = rng.random(count)
        columns = {"symbol": symbols[at % 500], "start_ns": start}
        if whole:
            columns |= {
                "end_ns": start + 60_000_000_000,
                "trades": rng.integers(1, 500, count),
                "volume": rng.random(count) * 1e5,
                "turnover": rng.random(count) * 1e7,
            }
        columns["buy_rate"] = buy
        if whole:
            columns["sell_rate"] = 1 - buy
        columns |= {"large_buy": rng.random(count) * 0.4, "large_sell": rng.random(count) * 0.4}
        if whole:
            columns["unclassified"] = rng.random(count) * 0.01
        table = pa.table(columns)
        if writer is None:
            packing = {"compression": "none", "use_dictionary": ["symbol"]}
            writer = pa.parquet.ParquetWriter(path, table.schema, **packing)
        writer.write_table(table, row_group_size=step)
    writer.close()


def coefficients(factord):
    """Both built-in models, as `factord model show` explains them."""
    for name in ["regression", "classification"]:
        shown = subprocess.run(
            [factord, "model", "show", name, "--json"], check=True, capture_output=True
        )
        model = json.loads(shown.stdout)
        scalers = [feature.get("scaler") or {} for feature in model["features"]]
        yield {
            "weights": [feature["weight"] for feature in model["features"]],
            "mean": [scaler.get("mean") for scaler in scalers],
            "scale": [scaler.get("scale") for scaler in scalers],
            "intercept": model["intercept"],
        }


def same(ours, theirs):
    """Compares the answers of both sides; returns the largest difference."""
    import numpy as np
    import pyarrow.parquet

    ours, theirs = (
        pyarrow.parquet.read_table(path, columns=["symbol", "regression", "probability", "class"])
        for path in (ours, theirs)
    )
    if ours["class"].to_numpy().tolist() != theirs["class"].to_numpy().tolist():
        sys.exit("the classes differ")
    worst = 0.0
    for name in ["regression", "probability"]:
        worst = max(worst, np.abs(ours[name].to_numpy() - theirs[name].to_numpy()).max())
    if not worst < 1e-9:
        sys.exit(f"the answers differ by {worst}")
    return worst


def main():
    """Generates, compares and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    factord = os.environ["FACTORD_BINARY"]
    models = json.dumps(list(coefficients(factord)))
    print("scoring | input | factord score | pandas, pyarrow, scikit-learn | beside it | memory", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for what, whole in [("features", False), ("all", True)]:
            once, twice = folder / "once.parquet", folder / "twice.parquet"
            ours, theirs = folder / "ours.parquet", folder / "theirs.parquet"
            apart(generate, once, given.rows, whole)
            command = [factord, "score", str(once), "--out", str(ours)]
            rival = [sys.executable, "-c", RIVAL, models, str(once), str(theirs)]
            times = []
            for _ in range(given.rounds):
                for path in (ours, theirs):
                    path.unlink(missing_ok=True)
                mine, memory, _ = run(command)
                _, other_memory, other = run(rival)
                times.append((mine, float(other)))
            worst = apart(same, ours, theirs)
            theirs.unlink()
            rates = [given.rows / 1e6 / seconds for seconds, _ in times]
            ratios = [other / mine for mine, other in times]
            apart(generate, twice, 2 * given.rows, whole)
            once.unlink()
            ours.unlink()
            _, double, _ = run([factord, "score", str(twice), "--out", str(ours)])
            ours.unlink()
            twice.unlink()
            print(
                f"score | {what}, {given.rows / 1e6:g} M rows |"
                f" {spread(rates, 'M rows/s')} |"
                f" {spread([other for _, other in times], 's', 2)} |"
                f" {spread(ratios, 'x')} |"
                f" {memory:.0f} MiB, twice the input {double:.0f}, pandas {other_memory:.0f};"
                f" answers within {worst:.0e}",
                flush=True,
            )


if __name__ == "__main__":
    main()
