"""Models of fitted scikit-learn estimators, without a file."""

import pickle
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LassoCV,
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeCV,
    SGDRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import factord
from conftest import binary
from factord._sklearn import pickled

NAMES = ["spread", "depth", "flow"]


@pytest.fixture(scope="module")
def rows() -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Features and a target."""
    random = np.random.default_rng(37)
    x = random.normal(size=(2_000, 3)) * [1.0, 10.0, 0.1] + [0.0, 5.0, 1.0]
    y = x @ [0.5, -0.02, 3.0] + random.normal(size=2_000)
    return pd.DataFrame(x, columns=NAMES), y


def estimators() -> dict[str, Any]:
    """What can be served."""
    return {
        "LinearRegression": LinearRegression(),
        "LinearRegression without an intercept": LinearRegression(fit_intercept=False),
        "Ridge": Ridge(alpha=3.0),
        "Lasso": Lasso(alpha=0.01),
        "ElasticNet": ElasticNet(alpha=0.01),
        "RidgeCV": RidgeCV(),
        "LassoCV": LassoCV(alphas=5),
        "Scaled ElasticNet": make_pipeline(StandardScaler(), ElasticNet(alpha=0.01)),
        "LogisticRegression": LogisticRegression(),
        "Scaled logistic": make_pipeline(StandardScaler(), LogisticRegression(C=0.1)),
        "Pipeline of a logistic model alone": make_pipeline(LogisticRegression()),
        "Scaled logistic without a mean": make_pipeline(
            StandardScaler(with_mean=False), LogisticRegression()
        ),
    }


def test_estimators_become_models_that_answer_alike(
    rows: tuple[pd.DataFrame, NDArray[np.float64]], tmp_path: Path
) -> None:
    x, y = rows
    for name, estimator in estimators().items():
        logistic, folded = "ogistic" in name, name == "Scaled ElasticNet"
        estimator.fit(x, (y > 3).astype(int) if logistic else y)
        model = factord.Model.from_sklearn(estimator)
        expected = estimator.predict_proba(x)[:, 1] if logistic else estimator.predict(x)
        np.testing.assert_allclose(model.predict(x).y, expected, rtol=1e-12, atol=1e-13)
        if logistic:
            assert np.array_equal(model.predict(x).second, estimator.predict(x))
        last = estimator[-1] if hasattr(estimator, "steps") else estimator
        assert model.weights is not None
        if folded:
            np.testing.assert_allclose(model.weights, last.coef_ / estimator[0].scale_, rtol=1e-15)
        else:
            assert model.weights.tobytes() == np.ravel(last.coef_).tobytes(), name
        assert model.feature_names == NAMES
        assert model.name == ("classification" if logistic else "regression")
        # As the command line makes it of a file, but for what it says of its origin.
        (tmp_path / "x.pkl").write_bytes(pickle.dumps(estimator, protocol=4))
        out = tmp_path / "x.fmodel"
        line = [binary(), "import", str(tmp_path / "x.pkl"), "--name", model.name, "--out", str(out)]
        subprocess.run(line, check=True, capture_output=True)
        filed = factord.Model.load(out)
        for field in ("kind", "feature_names", "feature_stats", "intercept", "threshold"):
            assert getattr(filed, field) == getattr(model, field), (name, field)
        assert filed.predict(x).y.tobytes() == model.predict(x).y.tobytes()
        assert filed.source == model.source.replace("Python", "x.pkl")
    assert len(estimators()) == 12


def test_names_and_statistics_may_be_given(
    rows: tuple[pd.DataFrame, NDArray[np.float64]],
) -> None:
    x, y = rows
    estimator = Ridge().fit(x.to_numpy(), y)
    assert factord.Model.from_sklearn(estimator).feature_names == ["x0", "x1", "x2"]
    stats = {"feature_means": x.mean().to_dict(), "feature_stds": x.std().to_dict()}
    model = factord.Model.from_sklearn(
        estimator, name="spread.v2", feature_names=NAMES, stats=stats
    )
    assert (model.name, model.feature_names) == ("spread.v2", NAMES)
    assert model.feature_stats["depth"]["mean"] == x["depth"].mean()
    held = {"model": estimator, "feature_names": NAMES, "metadata": {"target_variable": "mid"}}
    assert factord.Model.from_sklearn(held).target == "mid"
    assert pickle.loads(pickle.dumps(model)) == model


def test_what_cannot_be_served_is_named_with_the_reason(
    rows: tuple[pd.DataFrame, NDArray[np.float64]],
) -> None:
    x, y = rows
    three = np.digitize(y, [2.0, 4.0])
    function: Any = FunctionTransformer(lambda values: values)
    refused: list[tuple[Any, str]] = [
        (LinearRegression(), "LinearRegression: .*no `coef_`: is it fitted"),
        (RandomForestRegressor(n_estimators=3).fit(x, y), "RandomForestRegressor: .*[Ff]orest"),
        (SGDRegressor().fit(x, y), "SGDRegressor: .*SGDRegressor"),
        (LogisticRegression().fit(x, three), "LogisticRegression: .*3 classes"),
        (LinearRegression().fit(x, np.column_stack([y, y])), "LinearRegression: .*2 rows"),
        (make_pipeline(function, Ridge()).fit(x, y), "Pipeline cannot be pickled"),
        (StandardScaler().fit(x), "StandardScaler: .*not a model that predicts"),
        (7, "int: .*not an estimator"),
    ]
    for estimator, part in refused:
        with pytest.raises(factord.ImportModelError, match=part):
            factord.Model.from_sklearn(estimator)
    with pytest.raises(ValueError, match="differ from the model's own"):
        factord.Model.from_sklearn(Ridge().fit(x, y), feature_names=["a", "b", "c"])
    with pytest.raises(ValueError, match="feature_means"):
        factord.Model.from_sklearn(Ridge().fit(x, y), stats={})


class Huge:
    """More than is read of an estimator."""

    def __init__(self) -> None:
        self.values = np.zeros(30_000_000)


def test_an_estimator_of_any_size_is_refused_without_a_copy_of_all_of_it() -> None:
    huge = Huge()
    most = 1 << 20
    assert len(pickled(huge, most)) <= most
    with pytest.raises(factord.ImportModelError, match="Huge: .*Huge"):
        factord.Model.from_sklearn(huge)
