"""Evaluation beside Polars' streaming engine and DuckDB, of a scored table, in one run.

    FACTORD_BINARY=target/release/factord python benches/quant/evaluate.py [--rows 5000000]

All sides read predictions and outcomes of one table, as Parquet and as CSV, and give R2, RMSE and MAE;
accuracy, precision, recall, Brier score and AUC, ties counting half; and Pearson's and Spearman's
correlation of both predictions with the outcome, by day, and their means. Factord alone also gives
deciles, ROC curve, calibration and intervals from 1,000 draws of days, as it does by default. The
figures are compared before the times. Of factord the whole process is timed, of a rival only what it
does after its imports. Sides alternate; shown are medians, the spread, the processor's time (user and
system) and the peak of memory.
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile

from process import apart, counted, spread

CUT = 0.5
DAY_NS = 86_400_000_000_000
RIVALS = ["polars", "duckdb"]
COLUMNS = ["start_ns", "sell_rate", "regression", "probability", "class"]


def generate(folder, rows):
    """The same table as CSV and as Parquet: 240 minutes a day of 500 symbols, made by numpy."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    csv, parquet = folder / "scored.csv", folder / "scored.parquet"
    rng, writers, step = np.random.default_rng(1), [], 1 << 18
    for first in range(0, rows, step):
        count = min(step, rows - first)
        at = np.arange(first, first + count)
        minute = at // 500
        start = (19_675 + minute // 240) * DAY_NS + (90 + minute % 240) * 60_000_000_000
        buy, noise = rng.random(count), rng.normal(size=count)
        # Some of the outcomes are equal: nobody bought, or nobody sold.
        sell = np.clip(0.55 - 0.1 * buy + 0.3 * noise, 0, 1)
        probability = 1 / (1 + np.exp(4 * (buy - 0.5)))
        table = pa.table(
            {
                "symbol": pa.array(np.array([f"60{index:04}.SH" for index in range(500)])[at % 500]),
                "start_ns": start,
                "end_ns": start + 60_000_000_000,
                "buy_rate": buy,
                "sell_rate": sell,
                "large_buy": rng.random(count) * 0.4,
                "large_sell": rng.random(count) * 0.4,
                "regression": 0.52 - 0.05 * buy,
                "probability": probability,
                "class": (probability > 0.5).astype(np.int32),
            }
        )
        if not writers:
            style = pyarrow.csv.WriteOptions(quoting_header="none", quoting_style="none")
            packing = {"compression": "none", "use_dictionary": ["symbol"]}
            writers = [
                pyarrow.csv.CSVWriter(csv, table.schema, write_options=style),
                pyarrow.parquet.ParquetWriter(parquet, table.schema, **packing),
            ]
        for writer in writers:
            writer.write_table(table)
    for writer in writers:
        writer.close()


def by_polars(source):
    """One scan of the columns needed; the figures as expressions over them."""
    import polars as pl

    yield
    scan = (pl.scan_parquet if source.endswith(".parquet") else pl.scan_csv)(source)
    rows = scan.select(COLUMNS).collect(engine="streaming").lazy()
    outcome, value, chance = pl.col("sell_rate"), pl.col("regression"), pl.col("probability")
    label, said = outcome > CUT, pl.col("class") == 1
    error, ones, zeros = value - outcome, label.sum().cast(pl.Float64), (~label).sum().cast(pl.Float64)
    whole = rows.select(
        r2=1 - (error**2).sum() / ((outcome - outcome.mean()) ** 2).sum(),
        rmse=(error**2).mean().sqrt(),
        mae=error.abs().mean(),
        accuracy=(said == label).mean(),
        precision=(said & label).sum() / said.sum(),
        recall=(said & label).sum() / label.sum(),
        brier=((chance - label.cast(pl.Float64)) ** 2).mean(),
        auc=(chance.rank("average").filter(label).sum() - ones * (ones + 1) / 2) / (ones * zeros),
    )
    days = rows.group_by(day=pl.col("start_ns") // DAY_NS).agg(
        *(
            pl.corr(name, "sell_rate", method=method).alias(f"{name}_{method}")
            for name in ["regression", "probability"]
            for method in ["pearson", "spearman"]
        )
    )
    whole, days = pl.collect_all([whole, days], engine="streaming")
    yield whole.row(0, named=True) | days.drop("day").mean().row(0, named=True)


def by_duckdb(source):
    """SQL over one scan of the columns needed."""
    import duckdb

    yield
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    connection.execute(
        f"""CREATE TEMP TABLE scored AS SELECT start_ns // {DAY_NS} AS day, sell_rate AS y,
        regression, probability, class = 1 AS said, sell_rate > {CUT} AS label FROM '{source}'"""
    )
    names = "r2 rmse mae accuracy precision recall brier".split()
    found = connection.execute(
        """SELECT 1 - sum((regression - y) ** 2) / (var_pop(y) * count(*)),
        sqrt(avg((regression - y) ** 2)), avg(abs(regression - y)), avg((said = label)::INT),
        count(*) FILTER (said AND label) / count(*) FILTER (said),
        count(*) FILTER (said AND label) / count(*) FILTER (label),
        avg((probability - label::INT) ** 2) FROM scored"""
    ).fetchone()
    figures = dict(zip(names, found))
    # The Mann-Whitney statistic, of what is equal together.
    figures["auc"] = connection.execute(
        """SELECT sum(ones * (below + zeros / 2)) / (sum(ones) * sum(zeros)) FROM (SELECT ones, zeros,
            sum(zeros) OVER (ORDER BY probability ROWS UNBOUNDED PRECEDING) - zeros AS below
            FROM (SELECT probability, sum(label::INT)::DOUBLE AS ones,
                sum((NOT label)::INT)::DOUBLE AS zeros FROM scored GROUP BY probability))"""
    ).fetchone()[0]

    def ranks(name):
        """Where it stands in its day; what is equal shares the mean."""
        return f"""rank() OVER (PARTITION BY day ORDER BY {name})
            + (count(*) OVER (PARTITION BY day, {name}) - 1) / 2 AS {name}_rank"""

    names = ["regression", "probability"]
    ordered = ", ".join(ranks(name) for name in [*names, "y"])
    means = [f"avg({name}_{method})" for name in names for method in ["pearson", "spearman"]]
    each = ", ".join(
        f"corr({name}, y) AS {name}_pearson, corr({name}_rank, y_rank) AS {name}_spearman" for name in names
    )
    found = connection.execute(
        f"""SELECT {', '.join(means)} FROM (SELECT {each} FROM
        (SELECT day, y, regression, probability, {ordered} FROM scored) GROUP BY day)"""
    ).fetchone()
    keys = [mean[4:-1] for mean in means]
    yield figures | dict(zip(keys, found))


def same(ours, theirs, name):
    """Compares the figures of two sides."""
    overall = ours["overall"]
    value, chance = overall["regression"], overall["classifier"]
    mine = {figure: value[figure] for figure in ["r2", "rmse", "mae"]}
    mine |= {figure: chance[figure] for figure in ["accuracy", "precision", "recall", "brier", "auc"]}
    for model, found in [("regression", value), ("probability", chance)]:
        mine |= {f"{model}_pearson": found["ic"]["mean"], f"{model}_spearman": found["rank_ic"]["mean"]}
    for figure, own in mine.items():
        if not abs(own - theirs[figure]) < 1e-9:
            sys.exit(f"{name}: {figure} is {theirs[figure]}, and {own} by factord")


def main():
    """Generates, compares and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    factord = os.environ["FACTORD_BINARY"]
    print("evaluate | from | program | time | processor | memory | factord beside it, in both", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        apart(generate, folder, given.rows)
        for ending in ["parquet", "csv"]:
            source = folder / f"scored.{ending}"
            command = [factord, "evaluate", str(source), "--target", "sell_rate", "--cut", str(CUT), "--json"]
            mine, found = [], {name: [] for name in RIVALS}
            for _ in range(given.rounds):
                mine.append(counted(command))
                for name in RIVALS:
                    turn = counted([sys.executable, __file__, "--rival", name, str(source)])
                    seconds, busy, figures = json.loads(turn[2])
                    same(json.loads(mine[-1][2]), figures, name)
                    found[name].append((turn[1], seconds, busy))
            what = f"evaluate | {ending}, {given.rows / 1e6:g} M rows"
            seconds, busy = [turn[0] for turn in mine], [turn[3] for turn in mine]
            memory = max(turn[1] for turn in mine)
            times = f"{spread(seconds, 's', 2)} | {spread(busy, 's', 2)}"
            print(f"{what} | factord | {times} | {memory:.0f} MiB |", flush=True)
            for name, turns in found.items():
                held, work, used = zip(*turns)
                beside = ", ".join(
                    spread([other / own for other, own in zip(others, ours)], "x", 2)
                    for others, ours in [(work, seconds), (used, busy)]
                )
                times = f"{spread(work, 's', 2)} | {spread(used, 's', 2)}"
                print(f"{what} | {name} | {times} | {max(held):.0f} MiB | {beside}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--rival"]:
        import time

        name, source = sys.argv[2:]
        work = {"polars": by_polars, "duckdb": by_duckdb}[name](source)
        next(work)
        began, busy = time.perf_counter(), time.process_time()
        figures = next(work)
        print(json.dumps([time.perf_counter() - began, time.process_time() - busy, figures]))
    else:
        main()
