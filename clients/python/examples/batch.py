"""Many rows at once, through the daemon and offline: `python batch.py [ARTIFACT]`.

With the daemon's own artifact both give the same bits, so that a backtest and production agree.
"""

import sys
import time

import numpy as np

import factord

ROWS = 1_000_000


def main(artifact: str | None) -> None:
    """Predicts random rows and says how fast it went."""
    rows = np.random.default_rng(7).random((ROWS, 3))
    with factord.Client(name="batch") as client:
        start = time.perf_counter()
        predictions = client.predict_many(rows, model="regression", deadline=30.0)
        seconds = time.perf_counter() - start
    print(f"{predictions.ok.sum()} of {ROWS} rows answered, {ROWS / seconds / 1e6:.1f} M/s")
    print(f"mean {predictions.y.mean():.6f}, by generation {predictions.generation.max()}")
    if artifact is not None:
        offline = factord.Model.load(artifact).predict(rows)
        same = np.array_equal(predictions.y.view(np.uint64), offline.y.view(np.uint64))
        print("offline: the same bits" if same else "offline: other bits, so another model")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
