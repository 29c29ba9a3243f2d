"""Trades into features into predictions, as a market-data handler does it: `python factors.py`.

The trades are made up, of random signs: see `factord simulate` for a flow with a memory.
"""

import numpy as np

import factord

TRADES = 100_000
SECOND = 1_000_000_000


def main() -> None:
    """Pushes one trade at a time, and predicts whenever a window closes."""
    random = np.random.default_rng(7)
    times = np.cumsum(random.integers(1, SECOND // 10, TRADES))
    prices = 20 + np.cumsum(random.choice([-0.01, 0.0, 0.01], TRADES))
    trades = {
        "ts_ns": times,
        "price": prices.clip(1),
        "qty": random.integers(1, 200, TRADES) * 100.0,
        "side": random.choice(["B", "S"], TRADES),
    }
    factors = factord.Factors("60s", large=200_000, per="trade")
    rows: list[factord.FactorRow] = []
    with factord.Client(name="factors") as client:
        for ts_ns, price, qty, side in zip(*(column.tolist() for column in trades.values())):
            for row in factors.push(ts_ns, price, qty, side) or ():
                rows.append(row)
                prediction = client.predict(*row.features)
        print(f"{TRADES} trades, {len(rows)} windows, {prediction.y:.4f} for the last of them")
        # The same trades as a table: arrays of windows, and no Python object for any trade.
        again = factord.Factors("60s", large=200_000, per="trade").push_many(trades)
        answers = client.predict_many(again.features)
    same = again[-1] == rows[-1] and answers.y[-1] == prediction.y
    print("as a table: the same bits" if same else "as a table: other bits")


if __name__ == "__main__":
    main()
