"""Compares `factord train` with scikit-learn on generated tables; ends with 1 when they differ.

Linear coefficients must agree within 1e-9 of the largest one, logistic ones (same penalty,
scikit-learn at tol=1e-10) within 1e-4.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FACTORD = os.environ["FACTORD_BINARY"]
MINUTE_NS = 60_000_000_000


def tables():
    """Name, features, target of each table."""
    rng = np.random.default_rng(20)

    def noise(count, *shape):
        return rng.normal(size=(count, *shape))

    rates = 1 / (1 + np.exp(-0.4 * noise(50_000)))
    large = rng.beta(2, 12, size=(50_000, 2))
    x = np.column_stack([rates, large])
    yield "rates, an identity", x, 1 - rates
    yield "rates, a forecast", x, 0.5 - 0.1 * (rates - 0.5) + 0.1 * noise(50_000)

    x = noise(200_000, 5)
    yield "many rows", x, x @ [1.0, -0.5, 0.25, 0.0, 3.0] + 4 + 2 * noise(200_000)

    scale = np.array([1e-3, 1.0, 1e3, 1e6, 1e-2])
    x = noise(20_000, 5)
    y = x @ [1.0, 2.0, -1.0, 0.5, 0.1] + noise(20_000)
    yield "badly scaled", x * scale, y
    yield "far from zero", x * scale + [0.1, 1e2, -1e5, 1e8, 1.0], y

    a = noise(20_000)
    x = np.column_stack([a, a + 1e-4 * noise(20_000), noise(20_000)])
    yield "nearly collinear", x, x @ [1.0, 1.0, -2.0] + 1e-3 * noise(20_000)
    yield "nearly collinear and noisy", x, x @ [1.0, 1.0, -2.0] + noise(20_000)

    x = noise(3_000, 60)
    yield "sixty features", x, x[:, :10].sum(axis=1) + 5 * noise(3_000)

    yield "few rows", x[:40, :3], x[:40, 0] + noise(40)


def write(path, x, y, parquet):
    """Writes a feature table of two symbols in turns."""
    count = len(y)
    start = np.arange(count, dtype=np.int64) // 2 * MINUTE_NS
    frame = pd.DataFrame({f"f{j}": x[:, j] for j in range(x.shape[1])})
    frame.insert(0, "symbol", np.where(np.arange(count) % 2 == 0, "A", "B"))
    frame.insert(1, "start_ns", start)
    frame.insert(2, "end_ns", start + MINUTE_NS)
    frame["y"] = y
    frame.to_parquet(path) if parquet else frame.to_csv(path, index=False)


def train(folder, table, width, *more):
    """Runs the command and returns its JSON."""
    features = ",".join(f"f{j}" for j in range(width))
    command = [FACTORD, "train", str(table), "--out", str(folder / "out"), "--json"]
    command += ["--features", features, "--target", "y", "--folds", "0", "--horizon", "0", *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout)


def weights(model):
    return np.array([one["weight"] for one in model["coefficients"]])


def off(found, expected):
    """The largest difference as a share of the largest value."""
    return np.max(np.abs(found - expected)) / np.max(np.abs(expected))


def logistic(x, label, c):
    """scikit-learn's weights of standardised features, its pipeline with them."""
    # lbfgs, the default, ends where rounding stops its descent: up to 1e-4 away.
    settings = {"tol": 1e-10, "max_iter": 10_000, "solver": "newton-cholesky"}
    settings["C"] = np.inf if c is None else c
    model = make_pipeline(StandardScaler(), LogisticRegression(**settings))
    model.fit(x, label)
    return model


def compare(folder, name, x, y, failures):
    table = folder / ("table.parquet" if len(y) % 3 else "table.csv")
    write(table, x, y, table.suffix == ".parquet")
    results = []

    def hold(what, value, limit):
        results.append(f"{what} {value:.1e}")
        if not value <= limit:
            failures.append(f"{name}: {what} is off by {value:.2e}, more than {limit:.0e}")

    found = train(folder, table, x.shape[1])
    # Of itself it drops directions below 1e-6 of the strongest one, and so badly scaled columns.
    line = LinearRegression(tol=1e-14).fit(x, y)
    hold("linear", off(weights(found["linear"]), line.coef_), 1e-9)
    said = line.predict(x)
    hold("R2", abs(found["training"]["linear"]["r2"] - r2_score(y, said)), 1e-9)
    intercept = found["linear"]["intercept"]
    size = max(np.max(np.abs(x.mean(axis=0) * line.coef_)), abs(line.intercept_), np.std(y))
    hold("intercept", abs(intercept - line.intercept_) / size, 1e-9)

    cut = float(np.median(y))
    hold("median", abs(found["cut"] - cut), 0.0)
    label = y > cut
    model = logistic(x, label, 1.0)
    fitted = model[-1]
    hold("logistic", np.max(np.abs(weights(found["logistic"]) - fitted.coef_[0])), 1e-4)
    hold("logistic intercept", abs(found["logistic"]["intercept"] - fitted.intercept_[0]), 1e-4)
    scores = model.decision_function(x)
    figures = found["training"]["logistic"]
    hold("accuracy", abs(figures["accuracy"] - accuracy_score(label, scores > 0)), 2 / len(y))
    hold("AUC", abs(figures["auc"] - roc_auc_score(label, scores)), 1e-3 + 0.1 / len(y))

    more = train(folder, table, x.shape[1], "--ridge", "10", "--c", "0.05")
    ridge = Ridge(alpha=10, solver="svd", tol=0).fit(x, y)
    hold("ridge", off(weights(more["linear"]), ridge.coef_), 1e-9)
    strict = logistic(x, label, 0.05)[-1]
    hold("logistic C=0.05", np.max(np.abs(weights(more["logistic"]) - strict.coef_[0])), 1e-4)

    if name == "rates, a forecast":
        free = train(folder, table, x.shape[1], "--c", "none")
        expected = logistic(x, label, None)[-1]
        hold("no penalty", np.max(np.abs(weights(free["logistic"]) - expected.coef_[0])), 1e-4)
    print(f"{name} ({len(y)} rows, {x.shape[1]} features): {', '.join(results)}")


def main():
    failures = []
    compared = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, x, y in tables():
            compare(pathlib.Path(folder), name, x, y, failures)
            compared += 1
    print(f"{compared} tables compared, {len(failures)} differences too large")
    if failures or compared < 9:
        sys.exit("\n".join(failures) or "too few tables were compared")


main()
