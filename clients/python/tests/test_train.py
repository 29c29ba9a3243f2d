"""Training in Python: the command line's bytes, and figures computed apart."""

import copy
import inspect
import json
import pickle
import re
import subprocess
import warnings
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest
from numpy.typing import NDArray

import factord
from conftest import binary

FEATURES = ["buy_rate", "large_buy", "large_sell"]
SYMBOLS, WINDOWS = 4, 900
MINUTE = 60_000_000_000


@pytest.fixture(autouse=True)
def dated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Artifacts say when they were made: always the same here."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")


@pytest.fixture(scope="module")
def windows() -> pd.DataFrame:
    """Windows of four symbols in turns, whose sell rate follows the buy rate of the one before."""
    random = np.random.default_rng(3)
    count = SYMBOLS * WINDOWS
    start = np.repeat(np.arange(WINDOWS) * MINUTE + 1_700_000_000_000_000_000, SYMBOLS)
    buy = random.random(count)
    before = np.concatenate([np.full(SYMBOLS, 0.5), buy[:-SYMBOLS]])
    frame: pd.DataFrame = pd.DataFrame(
        {
            "symbol": [f"S{at}" for at in range(SYMBOLS)] * WINDOWS,
            "start_ns": start,
            "end_ns": start + MINUTE,
            "buy_rate": buy,
            "large_buy": random.beta(2, 9, count),
            "large_sell": random.beta(2, 7, count),
            "sell_rate": 0.6 - 0.3 * before + 0.1 * random.normal(size=count),
        }
    )
    return frame


@pytest.fixture(scope="module")
def table(windows: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in a file."""
    path = tmp_path_factory.mktemp("tables") / "windows.csv"
    windows.to_csv(path, index=False)
    return path


def command(*arguments: str | Path, stdin: bytes | None = None) -> str:
    """Runs the command line."""
    line = [binary(), *map(str, arguments)]
    done = subprocess.run(line, input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def examples(windows: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Features of each window, and the sell rate of the next window of its symbol."""
    x = windows[FEATURES].to_numpy()[:-SYMBOLS]
    y = windows["sell_rate"].to_numpy()[SYMBOLS:]
    return x, y


def test_a_path_gives_the_bytes_of_the_command_line(table: Path, tmp_path: Path) -> None:
    command("train", table, "--out", tmp_path / "cli")
    trained = factord.train(table, out=tmp_path / "python")
    for model in trained:
        expected = (tmp_path / "cli" / f"{model.name}.fmodel").read_bytes()
        assert bytes(model) == expected
        assert (tmp_path / "python" / f"{model.name}.fmodel").read_bytes() == expected
    assert [model.name for model in trained] == ["regression", "classification"]
    report = (tmp_path / "cli" / "report.html").read_text()
    assert (tmp_path / "python" / "report.html").read_text() == report == trained.report
    again = json.loads(command("train", table, "--out", tmp_path / "cli", "--json"))
    del again["out"]
    assert trained.figures == again


def tables_in_memory(windows: pd.DataFrame) -> dict[str, Any]:
    """The same rows in every form that is taken."""
    arrow = pa.Table.from_pandas(windows, preserve_index=False)
    frame = pl.DataFrame(arrow)
    return {
        "data frame": windows,
        "data frame of Arrow": windows.convert_dtypes(dtype_backend="pyarrow"),
        "data frame of categories": windows.astype({"symbol": "category"}),
        "data frame of times": windows.assign(
            start_ns=pd.to_datetime(windows["start_ns"]), end_ns=pd.to_datetime(windows["end_ns"])
        ),
        "Polars": frame,
        "Polars of categories": frame.with_columns(pl.col("symbol").cast(pl.Categorical)),
        "Polars in pieces": pl.concat([frame[:777], frame[777:]], rechunk=False),
        "Arrow": arrow,
        "Arrow in batches": pa.RecordBatchReader.from_batches(arrow.schema, arrow.to_batches(100)),
        "DuckDB": duckdb.from_arrow(arrow),
        "dictionary": {name: windows[name].to_numpy() for name in windows.columns},
        "other order, and more": windows[windows.columns[::-1]].assign(note=b"bytes", at=object()),
    }


def test_tables_in_memory_give_the_bytes_of_the_same_rows_by_stdin(
    windows: pd.DataFrame, table: Path, tmp_path: Path
) -> None:
    # A table in memory has no file that could be hashed, as one from stdin has none.
    command("train", "-", "--out", tmp_path, stdin=table.read_bytes())
    expected = [(tmp_path / f"{name}.fmodel").read_bytes() for name in MODELS]
    forms = tables_in_memory(windows)
    for name, form in forms.items():
        assert [bytes(model) for model in factord.train(form)] == expected, name
    assert len(forms) == 12


MODELS = ("regression", "classification")


def test_options_give_the_bytes_of_the_command_lines(
    windows: pd.DataFrame, table: Path, tmp_path: Path
) -> None:
    flags = "--features large_buy,buy_rate --target sell_rate --horizon 3 --folds 2 --ridge 0.5"
    flags += " --c 0.25 --cut 0.41 --rolling 7 --pause 90 --seed 9"
    rows = table.read_bytes()
    for only in ("linear", "logistic"):
        command("train", "-", "--out", tmp_path, "--only", only, *flags.split(), stdin=rows)
        model = factord.train(
            windows, only="linear" if only == "linear" else "logistic",
            features=["large_buy", "buy_rate"], target="sell_rate", horizon=3, folds=2, ridge=0.5,
            c=0.25, cut=0.41, rolling=7, pause=90, seed=9, threads=1, scratch=tmp_path,
        )
        assert bytes(model) == (tmp_path / f"{model.name}.fmodel").read_bytes()
        assert model.horizon == 3
        assert model.training is not None and model.training["pause_ns"] == 90_000_000_000


def test_a_return_is_learnt_as_on_the_command_line(windows: pd.DataFrame, tmp_path: Path) -> None:
    price = 10 * np.exp(np.cumsum(0.001 * np.random.default_rng(5).normal(size=len(windows))))
    frame = windows.assign(last=price)
    rows = frame.to_csv(index=False).encode()
    flags = ("--target", "return:4", "--only", "linear")
    command("train", "-", "--out", tmp_path, *flags, stdin=rows)
    model = factord.train(frame, target="return:4", only="linear")
    assert bytes(model) == (tmp_path / "regression.fmodel").read_bytes()
    assert (model.target, model.horizon) == ("return:4", 4)
    x, later = windows[FEATURES].to_numpy(), np.log(price[4 * SYMBOLS :] / price[: -4 * SYMBOLS])
    design = np.column_stack((x[: -4 * SYMBOLS], np.ones(len(later))))
    weights = np.linalg.lstsq(design, later, rcond=None)[0]
    assert model.weights is not None and model.intercept is not None
    found = np.append(model.weights, model.intercept)
    assert np.allclose(found, weights, rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match="`return:0` is no return: write return:H"):
        factord.train(frame, target="return:0")


def test_weights_and_figures_are_those_computed_apart(windows: pd.DataFrame) -> None:
    regression, classification = factord.train(windows)
    x, y = examples(windows)
    count = len(y)
    least, *_ = np.linalg.lstsq(np.column_stack([x, np.ones(count)]), y, rcond=None)
    assert regression.weights is not None and regression.intercept is not None
    np.testing.assert_allclose([*regression.weights, regression.intercept], least, rtol=1e-9)
    rest = y - x @ least[:-1] - least[-1]
    r2 = 1 - (rest**2).sum() / ((y - y.mean()) ** 2).sum()
    assert regression.metrics["training"]["r2"] == pytest.approx(r2, rel=1e-9)
    assert regression.metrics["training"]["rows"] == count
    assert (regression.target, regression.horizon) == ("sell_rate[+1]", 1)
    for at, name in enumerate(FEATURES):
        stats = regression.feature_stats[name]
        found = [stats[key] for key in ("mean", "std", "min", "max")]
        column = x[:, at]
        expected = [column.mean(), column.std(), column.min(), column.max()]
        np.testing.assert_allclose(np.array(found, dtype=float), expected, rtol=1e-9)
    target = regression.target_stats
    assert target is not None and target["median"] == pytest.approx(np.median(y), rel=1e-12)

    cut = classification.threshold
    assert cut is not None and cut == pytest.approx(np.median(y), rel=1e-12)
    mean, scale = x.mean(axis=0), x.std(axis=0)
    assert classification.mean is not None and classification.scale is not None
    np.testing.assert_allclose(classification.mean, mean, rtol=1e-9)
    np.testing.assert_allclose(classification.scale, scale, rtol=1e-9)
    weights, intercept = newton((x - mean) / scale, y > cut)
    assert classification.weights is not None
    np.testing.assert_allclose(classification.weights, weights, atol=1e-6)
    assert classification.intercept == pytest.approx(intercept, abs=1e-6)
    chance = 1 / (1 + np.exp(-((x - mean) / scale) @ weights - intercept))
    np.testing.assert_allclose(classification.predict(x).y, chance, atol=1e-6)


def newton(x: NDArray[np.float64], label: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
    """Logistic regression with a penalty of half the squared weights, by Newton's method."""
    with_one = np.column_stack([x, np.ones(len(x))])
    penalty = np.diag([1.0] * x.shape[1] + [0.0])
    beta = np.zeros(x.shape[1] + 1)
    for _ in range(50):
        chance = 1 / (1 + np.exp(-with_one @ beta))
        slope = with_one.T @ (chance - label) + penalty @ beta
        curve = (with_one * (chance * (1 - chance))[:, None]).T @ with_one + penalty
        beta -= np.linalg.solve(curve, slope)
    return beta[:-1], float(beta[-1])


def test_edges_part_the_rows_into_ten_bins_of_equally_many(windows: pd.DataFrame) -> None:
    model = factord.train(windows, only="linear")
    x, _ = examples(windows)
    training = model.training
    assert training is not None
    assert training["feature_edges"].shape == (3, 9) and training["rows"] == len(x)
    columns = [*zip(x.T, training["feature_edges"]), (model.predict(x).y, training["answer_edges"])]
    for values, edges in columns:
        bins = np.bincount(np.searchsorted(edges, values), minlength=10)
        assert np.abs(bins - len(x) / 10).max() <= 1


def test_a_model_keeps_everything_through_pickle_files_and_bytes(
    windows: pd.DataFrame, tmp_path: Path
) -> None:
    for model in factord.train(windows):
        path = tmp_path / "one.fmodel"
        model.save(path)
        others = [
            pickle.loads(pickle.dumps(model)),
            copy.deepcopy(model),
            factord.Model(bytes(model)),
            factord.Model.load(path),
        ]
        x, _ = examples(windows)
        for other in others:
            assert other == model and hash(other) == hash(model) and other is not model
            assert other.sha256 == model.sha256 and other.metrics == model.metrics
            assert other.predict(x).y.tobytes() == model.predict(x).y.tobytes()
        assert model != factord.train(windows, only="linear", horizon=2)
        shown = command("model", "show", path, "--json")
        assert model.sha256 in shown
    broken = bytearray(bytes(model))
    broken[len(broken) // 2] ^= 1
    with pytest.raises(factord.ArtifactError):
        factord.Model(bytes(broken))
    with pytest.raises(FileNotFoundError):
        model.save(tmp_path / "none" / "x.fmodel")


def test_the_settings_of_the_factors_come_along(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    count = 40_000
    trades = {
        "ts_ns": 1_700_000_000_000_000_000 + np.cumsum(random.integers(1, 1_500_000_000, count)),
        "price": np.full(count, 10.0),
        "qty": random.integers(1, 100, count) * 100.0,
        "side": random.choice(["B", "S"], count),
    }
    factors = factord.Factors("30s", large=50_000, per="trade", multiplier=2.0)
    rows = factors.push_many(trades)
    assert len(rows) > 500
    model = factord.train(rows, only="linear")
    assert model.settings == factors.settings
    factord.Factors(**model.settings).check(model)
    factors.check(model)
    with pytest.raises(factord.SettingsError, match="window"):
        factord.Factors("60s", large=50_000, per="trade", multiplier=2.0).check(model)
    # A data frame has no place for them.
    frame = pd.DataFrame(rows.columns())
    assert factord.train(frame, only="linear").settings == {}
    stated = factord.train(frame, only="linear", settings=factors.settings)
    assert bytes(stated) == bytes(model)
    # The same table in a file, through the command line: all but the file itself is the same.
    pyarrow.parquet.write_table(rows.table(), tmp_path / "rows.parquet")
    command("train", tmp_path / "rows.parquet", "--out", tmp_path, "--only", "linear")
    filed = factord.Model.load(tmp_path / "regression.fmodel")
    assert (filed.settings, filed.metrics) == (model.settings, model.metrics)
    assert filed.lineage is not None and filed.lineage["tables"][0]["name"] == "rows.parquet"
    assert filed.lineage["tables"][0]["sha256"] is not None
    nothing = {"name": "-", "sha256": None, "held_out": False}
    assert model.lineage == {"parent": None, "tables": [nothing]}
    other = factord.Factors("60s", large=50_000, per="trade").push_many(trades)
    with pytest.raises(factord.TrainError, match="table 1: window: this table has 60s, table 0 has"):
        factord.train([rows, other])


def test_tables_follow_each_other_and_some_are_held_out(windows: pd.DataFrame) -> None:
    half = SYMBOLS * (WINDOWS // 2)
    whole = factord.train(windows, only="linear")
    pieces = factord.train([windows[:half], pl.DataFrame(windows[half:])], only="linear")
    assert whole.weights is not None and pieces.weights is not None
    assert whole.weights.tobytes() == pieces.weights.tobytes()
    assert pieces.lineage is not None and len(pieces.lineage["tables"]) == 2
    tested = factord.train(windows[:half], holdout=windows[half:], only="linear", parent=whole)
    assert tested.metrics["holdout"]["rows"] == half - SYMBOLS
    assert tested.lineage is not None and tested.lineage["parent"] == whole.sha256
    assert [table["held_out"] for table in tested.lineage["tables"]] == [False, True]


def test_an_identity_is_warned_of(windows: pd.DataFrame) -> None:
    identity = windows.assign(sell_rate=1 - windows["buy_rate"])
    with pytest.warns(factord.TrainingWarning, match="identity, not skill"):
        trained = factord.train(identity, horizon=0)
    assert "identity, not skill" in trained.warnings[0] and "sell_rate" in str(trained)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert factord.train(windows).warnings == ()


def test_what_is_refused_is_named_in_pythons_words(windows: pd.DataFrame, tmp_path: Path) -> None:
    train: Any = factord.train
    hole = windows.copy()
    hole.loc[5, "buy_rate"] = np.nan
    back = pd.concat([windows[8:12], windows[:4]])
    refused: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
        (tmp_path / "no.csv", {}, FileNotFoundError, "no.csv"),
        (windows, {"features": ["nothing"]}, factord.TrainError, "table: .*nothing"),
        (windows, {"features": "buy_rate"}, TypeError, "list of names"),
        (windows, {"features": ["sell_rate"], "horizon": 0}, factord.TrainError,
         "leave it out of `features`, or give `horizon`"),
        (windows, {"horizon": 10_001}, ValueError, "horizon is 10001: give 0 to 10000"),
        (windows, {"c": 0.0}, ValueError, "c is 0: give a number above 0"),
        (windows, {"ridge": -1.0}, ValueError, "ridge is -1"),
        (windows, {"only": "both"}, ValueError, "use 'linear', 'logistic' or None"),
        (windows, {"cut": 9.0}, factord.TrainError, "choose another `cut`, or `only` linear"),
        (windows, {"out": "/proc/no"}, FileNotFoundError, "/proc/no"),
        (hole, {"strict": True}, factord.TrainError, "table: row 6: column buy_rate: NaN"),
        (back, {}, factord.TrainError, "table: row 5: column start_ns: time goes backwards for S0"),
        (windows.assign(sell_rate=0.5), {}, factord.TrainError, "nothing to learn"),
        (windows.assign(buy_rate="x"), {}, factord.TrainError, "buy_rate.*Utf8.*numbers"),
        (windows[:3], {}, factord.TrainError, "rows with all numbers and a target"),
        (7, {}, TypeError, "a table is a int: give a data frame"),
    ]
    for table, options, error, part in refused:
        with pytest.raises(error, match=part) as caught:
            train(table, **options)
        assert not re.search(r"(^|\s)--\w", str(caught.value)), caught.value


def test_options_and_defaults_are_the_command_lines() -> None:
    text = command("train", "--help")
    options = text.split("Options:")[1].split("Examples:")[0]
    parts = re.split(r"^ +(?:-\w, +)?--([a-z-]+)", options, flags=re.MULTILINE)
    said_of = dict(zip(parts[1::2], parts[2::2]))
    # What a notebook has trained is in its hands: `factord model publish` puts it into a store.
    stored = {"name", "publish", "store"}
    assert stored < set(said_of)
    known = set(said_of) - {"json", "help"} - stored - GLOBAL
    signature = inspect.signature(factord.train)
    assert {"horizon", "folds", "pause"} < known
    # The parents are models, and settings come from tables that have no place for them.
    assert known == set(signature.parameters) - {"tables", "settings"}
    for name in known:
        said = re.search(r"\[default:\s+([^\]\s:]+)\]", said_of[name])
        default = signature.parameters[name].default
        if said is None or name in DESCRIBED:
            assert default is None or not default, name
        elif name == "features":
            assert list(default) == said[1].split(",")
        else:
            assert str(default) == said[1] or float(default) == float(said[1]), name


GLOBAL = {"config", "daemon-uid", "socket"}
"""Flags of every command."""
DESCRIBED = {"threads", "scratch"}
"""What stands as their default is a description: all, DIR."""


def test_models_show_what_they_are(windows: pd.DataFrame) -> None:
    regression, classification = factord.train(windows)
    assert repr(regression).startswith(
        "<factord.Model regression: linear, sell_rate[+1] of buy_rate, large_buy, large_sell, "
        f"horizon 1, {SYMBOLS * (WINDOWS - 1)} rows, sha256 {regression.sha256[:8]}"
    )
    html = classification._repr_html_()
    assert html.count("<tr>") == 5 and "label above" in html and len(html) < 2_000
    odd = windows.rename(columns={"buy_rate": "<b>"})
    odd_html = factord.train(odd, features=["<b>"], only="linear")._repr_html_()
    assert "&lt;b&gt;" in odd_html and "<td><b>" not in odd_html
    assert factord.__version__.count(".") == 2
