"""Exports models, imports them with factord, and compares its answers with onnxruntime's.

onnx_compare.py FACTORD FOLDER. Prints a line a model; ends with 1 where an answer differs by more than
1e-6 of the largest of 1 and the sum of the absolute terms, which is what float32 rounds.
"""

import csv
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FACTORD, FOLDER = Path(sys.argv[1]), Path(sys.argv[2])
NAMES = ["buy_rate", "large_buy", "large_sell"]
TOLERANCE = 1e-6
random = np.random.default_rng(20260801)


def data(width, rows=4000):
    """Rates between 0 and 1, a target that mostly follows from the first, and its label."""
    x = random.beta(8, 8, size=(rows, width)) * np.linspace(1, 0.2, width)
    weights = random.normal(size=width) * np.linspace(0.3, 0.1, width)
    y = 0.9 - x[:, 0] + x @ weights / width + random.normal(scale=0.05, size=rows)
    return x, y, (y > np.median(y)).astype(np.int64)


def rows(x):
    """Rows like those of training, and extremes, all of them float32."""
    width = x.shape[1]
    scales = [0.0, 1e-45, 1e-38, 1e-6, 1.0, 10.0, 1e3, 1e6, 1e12, 1e30]
    wild = random.choice(scales, size=(2000, width)) * random.choice([-1.0, 1.0], size=(2000, width))
    noise = x.mean(axis=0) + x.std(axis=0) * random.normal(size=(3000, width)) * 6
    return np.concatenate([x, noise, wild]).astype(np.float32)


def graph(nodes, initializers, outputs):
    """A model of plain operators on three columns, as exporters of neural networks write it."""
    values = [numpy_helper.from_array(value, name) for name, value in initializers.items()]
    made = helper.make_graph(
        nodes,
        "plain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        values,
    )
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
    return helper.make_model(made, opset_imports=sets, ir_version=8)


def one_class(x, model):
    """The other layout of a binary classifier: coefficients for class 1 alone."""
    node = helper.make_node(
        "LinearClassifier",
        ["x"],
        ["label", "probabilities"],
        domain="ai.onnx.ml",
        classlabels_ints=[0, 1],
        coefficients=model.coef_[0].tolist(),
        intercepts=model.intercept_.tolist(),
        post_transform="LOGISTIC",
    )
    return graph([node], {}, ["probabilities"])


def pairs():
    """A regression and a classifier at a time, by the name of what is special about them."""
    x, y, label = data(3)
    plain = [("x", FloatTensorType([None, 3]))]
    double = [("x", DoubleTensorType([None, 3]))]
    columns = [(name, FloatTensorType([None, 1])) for name in NAMES]
    scaled = lambda model, **options: make_pipeline(StandardScaler(**options), model)
    linear, logistic = LinearRegression().fit(x, y), LogisticRegression(C=1e4).fit(x, label)
    behind = scaled(LinearRegression()).fit(x, y), scaled(LogisticRegression(C=1e4)).fit(x, label)

    def to(model, types, **options):
        return convert_sklearn(model, initial_types=types, options={id(last(model)): options} if options else None)

    last = lambda model: model.steps[-1][1] if hasattr(model, "steps") else model
    yield "plain", to(linear, plain), to(logistic, plain)
    yield "scaled", to(behind[0], plain), to(behind[1], plain)
    yield "a column each", to(behind[0], columns), to(behind[1], columns, zipmap=False)
    yield "float64", to(behind[0], double), to(behind[1], double, zipmap=False)
    yield (
        "old opset",
        convert_sklearn(linear, initial_types=plain, target_opset={"": 12, "ai.onnx.ml": 1}),
        convert_sklearn(logistic, initial_types=plain, target_opset={"": 12, "ai.onnx.ml": 1}),
    )
    halves = scaled(Ridge(1.0), with_mean=False), scaled(LogisticRegression(), with_std=False)
    yield "half a scaler", to(halves[0].fit(x, y), plain), to(halves[1].fit(x, label), plain)
    yield "penalised", to(Lasso(1e-3).fit(x, y), plain), one_class(x, logistic)
    weights = logistic.coef_.astype(np.float32)
    bias = logistic.intercept_.astype(np.float32)
    gemm = helper.make_node("Gemm", ["x", "w", "b"], ["d"], transB=1)
    network = graph(
        [gemm, helper.make_node("Sigmoid", ["d"], ["p"])], {"w": weights, "b": bias}, ["p"]
    )
    yield "network", to(ElasticNet(1e-3).fit(x, y), plain), network
    both = {"w": np.vstack([weights * 0.25, weights]).T.copy(), "b": np.append(bias, 2 * bias)}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Add", ["m", "b"], ["d"]),
        helper.make_node("Softmax", ["d"], ["p"], axis=1),
    ]
    yield "softmax", to(linear, double), graph(nodes, both, ["p"])


def run(*arguments, **options):
    command = [str(FACTORD), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **options)
    if done.returncode != 0:
        sys.exit(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Daemon:
    """A daemon that serves a folder, until the end of the block."""

    def __init__(self, models):
        self.socket = models / "factord.sock"
        command = [FACTORD, "serve", "--models", models, "--socket", self.socket]
        self.log = open(models / "log", "w")
        command += ["--no-http", "--idle", "backoff"]
        self.child = subprocess.Popen([*map(str, command)], stdout=self.log, stderr=self.log)

    def __enter__(self):
        for _ in range(300):
            if self.socket.exists():
                return self
            time.sleep(0.1)
        sys.exit("the daemon was not ready within 30 s: " + Path(self.log.name).read_text())

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait(timeout=30)
        self.log.close()


def onnx_answers(path, x):
    """What onnxruntime answers: y, or the probability of class 1 with the class where it is given."""
    session = onnxruntime.InferenceSession(str(path))
    inputs = session.get_inputs()
    kind = np.float64 if inputs[0].type == "tensor(double)" else np.float32
    if len(inputs) == 1:
        feed = {inputs[0].name: x.astype(kind)}
    else:
        feed = {each.name: x[:, [at]].astype(kind) for at, each in enumerate(inputs)}
    answers = session.run(None, feed)
    last = answers[-1]
    if isinstance(last, list):
        last = np.array([[row[0], row[1]] for row in last])
    y = np.asarray(last, dtype=np.float64).reshape(len(x), -1)[:, -1]
    return y, (np.asarray(answers[0]).reshape(-1) if len(answers) == 2 else None)


def sizes(artifact, x):
    """The sum of the absolute terms of every row, and its decision value."""
    shown = json.loads(run("model", "show", artifact, "--json"))
    features = shown["features"]
    z = x.astype(np.float64)
    if shown["kind"] == "logistic":
        scaler = lambda key: np.array([feature["scaler"][key] for feature in features])
        z = (z - scaler("mean")) / scaler("scale")
    terms = z * np.array([feature["weight"] for feature in features])
    bias = shown["intercept"]
    return np.abs(terms).sum(axis=1) + abs(bias), terms.sum(axis=1) + bias


def compare(name, found, path, artifact, x, near):
    """Prints the largest difference, and counts rows beyond the tolerance."""
    expected, label = onnx_answers(path, x)
    size, decision = sizes(artifact, x)
    finite = np.isfinite(expected)
    difference = np.abs(found["y"] - expected)
    beyond = finite & ~(difference <= TOLERANCE * np.maximum(1, size))
    if label is not None:
        clear = finite & (np.abs(decision) > TOLERANCE * np.maximum(1, size))
        beyond |= clear & (found["class"] != label)
    ordinary = np.arange(len(x)) < near
    print(
        f"{name:32} {len(x):6} rows  largest difference {difference[ordinary].max():.1e}"
        f"  extremes compared {(finite & ~ordinary).sum()}  beyond {beyond.sum()}"
    )
    assert finite[ordinary].all() and finite.sum() > 0.8 * len(x)
    return int(beyond.sum())


def scored(daemon, x, folder):
    """Rows through shared memory, by the command line."""
    source, target = folder / "rows.csv", folder / "scored.csv"
    with open(source, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(NAMES)
        writer.writerows([[repr(float(value)) for value in row] for row in x])
    run("predict", "--csv", source, "--out", target, "--socket", daemon.socket)
    with open(target, newline="") as file:
        table = list(csv.DictReader(file))
    column = lambda name: np.array([float(row[name]) for row in table])
    assert len(table) == len(x)
    return {"y": column("regression")}, {"y": column("probability"), "class": column("class")}


def three_features(x):
    """Pairs of three features through `factord import`, then through the ring."""
    beyond = 0
    near = len(x) - 2000
    for index, (name, *models) in enumerate(pairs()):
        folder = FOLDER / f"pair-{index}"
        folder.mkdir()
        paths = []
        for kind, model in zip(["regression", "classification"], models):
            path = folder / f"{kind}.onnx"
            onnx.save_model(model, str(path))
            arguments = ["--features", ",".join(NAMES), "--out", folder / f"{kind}.fmodel"]
            told = json.loads(run("import", path, "--json", *arguments))
            held = any(note.startswith("its numbers are float32") for note in told["notes"])
            assert held == (onnxruntime.InferenceSession(str(path)).get_inputs()[0].type != "tensor(double)")
            paths.append((kind, path, folder / f"{kind}.fmodel"))
        with Daemon(folder) as daemon:
            answers = scored(daemon, x, folder)
        for found, (kind, path, artifact) in zip(answers, paths):
            beyond += compare(f"{name}, {kind}", found, path, artifact, x, near)
    return beyond


def other_widths():
    """One and many features, straight from a folder of ONNX files named as the old pickles."""
    beyond = 0
    for width in [1, 8, 1024]:
        x, y, label = data(width, max(2000, 2 * width))
        folder = FOLDER / f"width-{width}"
        folder.mkdir()
        types = [("x", FloatTensorType([None, width]))]
        models = {
            "regression": make_pipeline(StandardScaler(), Ridge(1.0)).fit(x, y),
            "classification": make_pipeline(StandardScaler(), LogisticRegression()).fit(x, label),
        }
        for name, model in models.items():
            exported = convert_sklearn(model, initial_types=types)
            onnx.save_model(exported, str(folder / f"{name}_model.onnx"))
        chosen = x[:25].astype(np.float32)
        with Daemon(folder) as daemon:
            for name in models:
                ask = ["predict", name, "--json", "--socket", daemon.socket]
                replies = [json.loads(run(*ask, *map(repr, map(float, row)))) for row in chosen]
                key = "prediction" if name == "regression" else "probability"
                found = {"y": np.array([reply[key] for reply in replies])}
                if name == "classification":
                    found["class"] = np.array([reply["prediction"] for reply in replies])
                path = folder / f"{name}_model.onnx"
                beyond += compare(f"{width} features, {name}", found, path, path, chosen, len(chosen))
    return beyond


def main():
    x, _, _ = data(3)
    beyond = three_features(rows(x)) + other_widths()
    print(f"onnxruntime {onnxruntime.__version__}: {beyond} answers differ by more than {TOLERANCE}")
    sys.exit(1 if beyond else 0)


main()
