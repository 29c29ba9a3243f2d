"""Trades to features: `factord factors` beside pandas, Polars and DuckDB, on the same file, in one run.

All read gzipped CSV, then CSV, then Parquet, and give one-minute rows: buy rate, sell rate, and the
large rates per aggressing order, by what is known at each minute's close. Their tables are compared
before their times are. Of factord the whole process is timed, of a rival only what it does after its
imports. Sides alternate; shown are medians, the spread and the peak of memory.
"""

import gzip
import sys
import time
from pathlib import Path

from process import apart, counted, run, spread

CUT = 200_000.0
FORMS = ["csv.gz", "csv", "parquet"]
COLUMNS = ["symbol", "start_ns", "trades", "turnover", "buy_rate", "sell_rate", "large_buy", "large_sell"]


def generate(path, rows, symbols=5):
    """Writes trades of some symbols, in order of time: aggressing orders of a few fills each."""
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(1)
    first = 1_675_214_700_000_000_000
    with gzip.open(path, "wt", compresslevel=6) as file:
        file.write("ts_ns,symbol,price,qty,side,side_src,buy_id,sell_id,trade_id\n")
        done, clock = 0, first
        number = np.full(symbols, 100_000)
        while done < rows:
            count = min(250_000, rows - done)
            symbol = random.integers(0, symbols, count)
            # A liquid stock's pace: some 500 trades a minute and symbol.
            ts = clock + np.cumsum(random.integers(0, 48, count)) * 1_000_000
            clock = int(ts[-1])
            side = random.integers(0, 2, count)
            fresh = random.random(count) < 0.3
            aggressor = np.empty(count, dtype=np.int64)
            for index in range(symbols):
                mine = symbol == index
                aggressor[mine] = number[index] + 5 * np.cumsum(fresh[mine])
                number[index] = aggressor[mine][-1]
            # The fills of one order are on one side.
            side = (aggressor // 5 * 2_654_435_761 >> 7) & 1
            resting = aggressor - 1 - random.integers(0, 1_000, count) * 5
            frame = pd.DataFrame({
                "ts_ns": ts,
                "symbol": np.array([f"60000{index}.SH" for index in range(symbols)])[symbol],
                "price": np.round(10 + np.cumsum(random.normal(0, 0.002, count)) % 3, 2),
                "qty": random.integers(1, 200, count) * 100,
                "side": np.where(side == 1, "B", "S"),
                "side_src": "flag",
                "buy_id": np.where(side == 1, aggressor, resting),
                "sell_id": np.where(side == 1, resting, aggressor),
                "trade_id": np.arange(done, done + count),
            })
            frame.to_csv(file, header=False, index=False)
            done += count


def by_pandas(source, target):
    """The same table by pandas: read_csv and groupby, as a quant would write it."""
    import pandas as pd

    columns = ["ts_ns", "symbol", "price", "qty", "side", "buy_id", "sell_id"]
    if source.endswith(".parquet"):
        trades = pd.read_parquet(source, columns=columns)
    else:
        trades = pd.read_csv(source, usecols=columns, dtype={"symbol": "category", "side": "category"})
    minute = 60_000_000_000
    trades["start_ns"] = trades["ts_ns"] // minute * minute
    trades["turnover"] = trades["price"] * trades["qty"]
    buys, sells = trades["side"] == "B", trades["side"] == "S"
    trades["buy"] = trades["turnover"].where(buys, 0.0)
    trades["sell"] = trades["turnover"].where(sells, 0.0)
    keys = ["symbol", "start_ns"]
    grouped = trades.groupby(keys, observed=True, sort=False)
    table = grouped[["turnover", "buy", "sell"]].sum()
    table["trades"] = grouped.size()
    for name, mask, order in [("large_buy", buys, "buy_id"), ("large_sell", sells, "sell_id")]:
        fills = trades[mask].groupby(["symbol", order, "start_ns"], observed=True, sort=False)
        fills = fills["turnover"].sum().reset_index()
        # In order of time within an order: the total is what is known at each minute's close.
        total = fills.groupby(["symbol", order], observed=True, sort=False)["turnover"].cumsum()
        large = fills[total >= CUT * (1 - 1e-12)].groupby(keys, observed=True)["turnover"].sum()
        table[name] = large.reindex(table.index).fillna(0.0) / table["turnover"]
    classified = table["buy"] + table["sell"]
    table["buy_rate"] = table["buy"] / classified
    table["sell_rate"] = table["sell"] / classified
    table.reset_index()[COLUMNS].to_csv(target, index=False)


def by_polars(source, target):
    """The same in Polars' streaming engine: lazily from scan to sink."""
    import polars as pl

    turnover = pl.col("price") * pl.col("qty")
    minute = pl.col("ts_ns") // 60_000_000_000 * 60_000_000_000
    trades = (pl.scan_parquet if source.endswith(".parquet") else pl.scan_csv)(source)
    trades = trades.with_columns(turnover.alias("turnover"), minute.alias("start_ns"))

    def of(side):
        return pl.col("turnover").filter(pl.col("side") == side).sum()

    table = trades.group_by("symbol", "start_ns").agg(
        pl.len().alias("trades"), pl.col("turnover").sum(), of("B").alias("buy"), of("S").alias("sell")
    )
    for side, name, order in [("B", "large_buy", "buy_id"), ("S", "large_sell", "sell_id")]:
        fills = trades.filter(pl.col("side") == side).group_by("symbol", order, "start_ns")
        fills = fills.agg(pl.col("turnover").sum().alias(name))
        # In order of time within an order: the total is what is known at each minute's close.
        total = pl.col(name).cum_sum().over("symbol", order, order_by="start_ns")
        large = fills.filter(total >= CUT * (1 - 1e-12)).group_by("symbol", "start_ns").agg(pl.col(name).sum())
        table = table.join(large, on=["symbol", "start_ns"], how="left")
    classified = pl.col("buy") + pl.col("sell")
    table = table.with_columns(
        *(pl.col(name).fill_null(0.0) / pl.col("turnover") for name in ("large_buy", "large_sell")),
        (pl.col("buy") / classified).alias("buy_rate"),
        (pl.col("sell") / classified).alias("sell_rate"),
    )
    table.select(COLUMNS).sink_csv(target, engine="streaming")


def by_duckdb(source, target):
    """The same in SQL."""
    import duckdb

    large = """SELECT symbol, start_ns, sum(turnover) AS {name} FROM (
        SELECT symbol, start_ns, turnover,
            sum(turnover) OVER (PARTITION BY symbol, {order} ORDER BY start_ns) AS total
        FROM (SELECT symbol, {order}, start_ns, sum(turnover) AS turnover FROM trades
            WHERE side = '{side}' GROUP BY ALL)) WHERE total >= {cut} GROUP BY ALL"""
    bought = large.format(name="large_buy", order="buy_id", side="B", cut=CUT * (1 - 1e-12))
    sold = large.format(name="large_sell", order="sell_id", side="S", cut=CUT * (1 - 1e-12))
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    connection.execute(f"""COPY (
        WITH trades AS MATERIALIZED (SELECT *, price * qty AS turnover,
            ts_ns // 60000000000 * 60000000000 AS start_ns FROM '{source}'),
        minutes AS (SELECT symbol, start_ns, count(*) AS trades, sum(turnover) AS turnover,
            coalesce(sum(turnover) FILTER (side = 'B'), 0) AS buy,
            coalesce(sum(turnover) FILTER (side = 'S'), 0) AS sell FROM trades GROUP BY ALL)
        SELECT symbol, start_ns, trades, turnover, buy / (buy + sell) AS buy_rate,
            sell / (buy + sell) AS sell_rate, coalesce(large_buy, 0) / turnover AS large_buy,
            coalesce(large_sell, 0) / turnover AS large_sell
        FROM minutes LEFT JOIN ({bought}) USING (symbol, start_ns)
            LEFT JOIN ({sold}) USING (symbol, start_ns)) TO '{target}' (format csv)""")


RIVALS = {"pandas": by_pandas, "polars": by_polars, "duckdb": by_duckdb}


def same(ours, theirs):
    """Compares the tables of two sides; returns their rows."""
    import pandas as pd

    ours, theirs = (
        pd.read_csv(path)[COLUMNS].sort_values(["symbol", "start_ns"]).reset_index(drop=True)
        for path in (ours, theirs)
    )
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False, rtol=1e-9, atol=1e-12)
    return len(ours)


def forms(folder, name, rows):
    """The same trades as csv.gz, CSV and Parquet."""
    import shutil

    import pyarrow.csv
    import pyarrow.parquet

    packed, text, table = (folder / f"{name}.{form}" for form in FORMS)
    generate(packed, rows)
    with gzip.open(packed) as source, open(text, "wb") as plain:
        shutil.copyfileobj(source, plain, 1 << 20)
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(text), table, row_group_size=1 << 18)


def measure(factord, folder, form, rows, rounds):
    """Gives lines of (what, program, time, memory, ratio) as text."""
    small, large = folder / f"trades.{form}", folder / f"trades2.{form}"
    ours, theirs = folder / "factord.csv", folder / "rival.csv"
    command = [str(factord), "factors", "--out", str(ours)]
    mine, found, table_rows = [], {name: [] for name in RIVALS}, 0
    for turn in range(rounds):
        mine.append(counted([*command, str(small)]))
        for name in RIVALS:
            theirs.unlink(missing_ok=True)
            found[name].append(counted([sys.executable, __file__, "--rival", name, str(small), str(theirs)]))
            if turn == 0:
                table_rows = apart(same, ours, theirs)
    _, doubled_memory, _ = run([*command, str(large)])
    what = f"factors | {rows:,} trades of {form} to {table_rows:,} rows"
    memory = max(mib for _, mib, *_ in mine)
    seconds, busy = [turn[0] for turn in mine], [turn[3] for turn in mine]
    times = f"{spread(seconds, 's', 2)} | {spread(busy, 's', 2)}"
    yield what, "factord", times, f"{memory:.0f} MiB, twice the input {doubled_memory:.0f}", ""
    for name, turns in found.items():
        work, used = zip(*(map(float, turn[2].split()) for turn in turns))
        beside = ", ".join(
            spread([other / own for other, own in zip(others, own_ones)], "x", 2)
            for others, own_ones in [(work, seconds), (used, busy)]
        )
        memory = max(mib for _, mib, *_ in turns)
        times = f"{spread(work, 's', 2)} | {spread(used, 's', 2)}"
        yield what, name, times, f"{memory:.0f} MiB", beside


if __name__ == "__main__":
    if sys.argv[1:2] == ["--rival"]:
        name, source, target = sys.argv[2:]
        # What it imports counts for nobody.
        __import__(name)
        began, busy = time.perf_counter(), time.process_time()
        RIVALS[name](source, target)
        print(time.perf_counter() - began, time.process_time() - busy)
    else:
        head = "factors | input | program | time | processor | memory | factord beside it, in both"
        print(head, flush=True)
        factord, folder, rows, rounds = sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:])
        for name, count in [("trades", rows), ("trades2", 2 * rows)]:
            apart(forms, folder, name, count)
        for form in FORMS:
            for line in measure(factord, folder, form, rows, rounds):
                print(" | ".join(line), flush=True)
