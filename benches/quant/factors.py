"""Trades to features: `factord factors` beside pandas, on the same file, in the same run.

Both read gzipped CSV and give one-minute rows: buy rate, sell rate, and the large rates per aggressing
order, by what is known at each minute's close. Their tables are compared before their times are.
"""

import gzip
import statistics
import sys
from pathlib import Path

from process import apart, run, spread

CUT = 200_000.0
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

    trades = pd.read_csv(
        source,
        usecols=["ts_ns", "symbol", "price", "qty", "side", "buy_id", "sell_id"],
        dtype={"symbol": "category", "side": "category"},
    )
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


def same(ours, theirs):
    """Compares the tables of both sides; returns their rows."""
    import pandas as pd

    ours, theirs = (
        pd.read_csv(path)[COLUMNS].sort_values(["symbol", "start_ns"]).reset_index(drop=True)
        for path in (ours, theirs)
    )
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False, rtol=1e-9, atol=1e-12)
    return len(ours)


def measure(factord, folder, rows=5_000_000, rounds=3):
    """Returns lines of (what, factord, rival, ratio) as text."""
    folder = Path(folder)
    small, large = folder / "trades.csv.gz", folder / "trades2.csv.gz"
    apart(generate, small, rows)
    apart(generate, large, 2 * rows)
    ours, theirs = folder / "factord.csv", folder / "pandas.csv"
    command = [str(factord), "factors", "--out", str(ours)]
    rival = [sys.executable, __file__, "--pandas", str(small), str(theirs)]
    times = []
    for _ in range(rounds):
        mine, memory, _ = run([*command, str(small)])
        other, other_memory, _ = run(rival)
        times.append((mine, other))
    table_rows = apart(same, ours, theirs)
    ratios = [other / mine for mine, other in times]
    mine, other = (statistics.median(column) for column in zip(*times))
    _, doubled_memory, _ = run([*command, str(large)])
    yield (
        f"factors, {rows:,} trades of csv.gz to {table_rows:,} rows",
        f"{mine:.2f} s",
        f"pandas {other:.2f} s",
        spread(ratios, "x"),
    )
    yield (
        "memory at once, and for twice the input",
        f"{memory:.0f} MiB, {doubled_memory:.0f} MiB",
        f"pandas {other_memory:.0f} MiB",
        f"{other_memory / memory:.0f} x",
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--pandas"]:
        by_pandas(sys.argv[2], sys.argv[3])
    else:
        for line in measure(sys.argv[1], sys.argv[2], int(sys.argv[3]) if sys.argv[3:] else 5_000_000):
            print(" | ".join(line), flush=True)
