"""Trains the two models of the Python rivals on data made up here.

Usage: make_models.py DIR

The data follow the shape of the shipped models (a sell rate that falls as the buy rate rises, and a
label cut at its median), but no figure is taken from them.
"""

import pickle
import sys
from pathlib import Path

import numpy as np
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ROW_COUNT = 10_000


def main(folder):
    """Writes regression.pickle and classification.pickle."""
    random = np.random.default_rng(1)
    x = random.normal([0.5, 0.1, 0.1], [0.09, 0.06, 0.07], (ROW_COUNT, 3)).clip(0.0, 1.0)
    y = 1.0 - x[:, 0] + random.normal(0.0, 0.004, ROW_COUNT)
    regression = LinearRegression().fit(x, y)
    classification = make_pipeline(StandardScaler(), LogisticRegression())
    classification.fit(x, y > np.median(y))
    folder.mkdir(parents=True, exist_ok=True)
    for name, model in (("regression", regression), ("classification", classification)):
        (folder / f"{name}.pickle").write_bytes(pickle.dumps(model))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
