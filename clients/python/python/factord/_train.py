"""Training: the code of `factord train`, on tables in memory or in files."""

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from os import PathLike, fspath
from typing import Any, Literal, overload

from factord import _native
from factord._native import Model
from factord._tables import given, note
from factord.errors import TrainingWarning

FEATURES = ("buy_rate", "large_buy", "large_sell")
"""What is learned from unless other features are named."""


class Trained:
    """The outcome of a training: two models, and their figures with baselines beside them.

    Unpacks into both models: `regression, classification = factord.train(table)`.
    """

    __slots__ = ("_text", "classification", "figures", "regression", "report", "warnings")

    regression: Model
    """The linear model."""
    classification: Model
    """The logistic model."""
    warnings: tuple[str, ...]
    """What is to be known before any figure."""
    figures: dict[str, Any]
    """All figures, as `factord train --json` prints them."""
    report: str
    """The report as a page of HTML, as `factord train` writes it."""

    def __init__(
        self,
        regression: Model,
        classification: Model,
        warnings: Sequence[str],
        figures: dict[str, Any],
        report: str,
        text: str,
    ) -> None:
        self.regression = regression
        self.classification = classification
        self.warnings = tuple(warnings)
        self.figures = figures
        self.report = report
        self._text = text

    def __iter__(self) -> Iterator[Model]:
        return iter((self.regression, self.classification))

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"<factord.Trained: {self.regression!r}, {self.classification!r}>"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self._text)}</pre>"


@overload
def train(
    tables: Any,
    *,
    only: None = None,
    out: str | PathLike[str] | None = None,
    features: Sequence[str] = FEATURES,
    target: str = "sell_rate",
    horizon: int | None = None,
    folds: int = 5,
    holdout: Any = (),
    parent: Model | Sequence[Model] = (),
    ridge: float = 0.0,
    c: float | None = 1.0,
    cut: float | None = None,
    rolling: int = 20,
    pause: float | None = None,
    strict: bool = False,
    seed: int = 1,
    threads: int | None = None,
    scratch: str | PathLike[str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Trained: ...
@overload
def train(
    tables: Any,
    *,
    only: Literal["linear", "logistic"],
    out: str | PathLike[str] | None = None,
    features: Sequence[str] = FEATURES,
    target: str = "sell_rate",
    horizon: int | None = None,
    folds: int = 5,
    holdout: Any = (),
    parent: Model | Sequence[Model] = (),
    ridge: float = 0.0,
    c: float | None = 1.0,
    cut: float | None = None,
    rolling: int = 20,
    pause: float | None = None,
    strict: bool = False,
    seed: int = 1,
    threads: int | None = None,
    scratch: str | PathLike[str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Model: ...
def train(
    tables: Any,
    *,
    only: Literal["linear", "logistic"] | None = None,
    out: str | PathLike[str] | None = None,
    features: Sequence[str] = FEATURES,
    target: str = "sell_rate",
    horizon: int | None = None,
    folds: int = 5,
    holdout: Any = (),
    parent: Model | Sequence[Model] = (),
    ridge: float = 0.0,
    c: float | None = 1.0,
    cut: float | None = None,
    rolling: int = 20,
    pause: float | None = None,
    strict: bool = False,
    seed: int = 1,
    threads: int | None = None,
    scratch: str | PathLike[str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Trained | Model:
    """Trains a linear and a logistic model on feature tables, with the code of `factord train`: the
    same rows give the same artifacts, byte for byte. Without `only` both come back, as `Trained`.

    tables: a data frame, an Arrow table, a dictionary of arrays, `FactorRows` or a path, or a list
    of these in order of time, with the columns symbol, start_ns and end_ns besides features and
    target. only: "linear" or "logistic", to get that `Model` alone. out: a folder to write the
    models and the report to, as `--out` does. features: columns to learn from, in the order of
    evaluation. target: the column to learn, or "return:H" for the log return of `last` over the H next
    windows. horizon: how many windows later the target is, in the same session; 0 is the window of
    the inputs, None is 1, or the H of a return. folds: walk-forward tests, 0 for none. holdout:
    tables only for testing. parent: the model, or both, that the one of the same name succeeds.
    ridge: penalty on squared linear weights. c: inverse penalty on squared logistic weights, None
    for no penalty. cut: the label is 1 above this target; None is the median of the training rows.
    rolling: values in the baseline's rolling mean. pause: the longest pause between windows of one
    session, in seconds; None is anything shorter than the window before it. strict: refuse rows
    with a number that is missing or not finite, instead of dropping them. seed: of the draws for
    intervals. threads: they change no figure; None is all. scratch: the folder for a temporary
    file as large as the columns used. settings: those of the factors (`Factors.settings`), for
    tables in memory that state none.

    What is to be known before any figure is issued as `TrainingWarning`. The interpreter is let go
    meanwhile; Ctrl-C is heard when the call ends.

    Raises TrainError, which names the table, row and column; OSError for files.

    >>> buy = np.random.default_rng(7).random(500)
    >>> windows = {"symbol": ["X"] * 500, "start_ns": np.arange(500) * 60,
    ...     "end_ns": np.arange(1, 501) * 60, "buy_rate": buy, "sell_rate": 1 - buy}
    >>> model = factord.train(windows, features=["buy_rate"], horizon=0, only="linear", folds=0)
    >>> model.weights.round(6), round(model.intercept, 6)
    (array([-1.]), 1.0)
    """
    if only not in (None, "linear", "logistic"):
        raise ValueError(f"only is {only!r}: use 'linear', 'logistic' or None for both")
    if isinstance(features, str):
        raise TypeError("features is a text: give a list of names")
    noted = note(settings)
    learnt = "last" if target.startswith("return:") else target
    columns = ["symbol", "start_ns", "end_ns", *features, learnt]
    parents = [parent] if isinstance(parent, Model) else list(parent)
    if len({one.name for one in parents}) < len(parents):
        raise ValueError("two of parent have one name: give the one that is succeeded")
    regression, classification, said, text, figures, report = _native.train(
        _all(tables, "table", noted, columns),
        _all(holdout, "holdout", noted, columns),
        features=list(features),
        target=target,
        horizon=horizon,
        linear=only != "logistic",
        logistic=only != "linear",
        folds=folds,
        parents=parents,
        ridge=ridge,
        c=c,
        cut=cut,
        rolling=rolling,
        pause=pause,
        strict=strict,
        seed=seed,
        threads=threads,
        scratch=None if scratch is None else fspath(scratch),
        out=None if out is None else fspath(out),
    )
    for one in said:
        warnings.warn(one, TrainingWarning, stacklevel=2)
    if regression is not None and classification is not None:
        return Trained(regression, classification, said, json.loads(figures), report, text)
    made = regression if classification is None else classification
    assert made is not None, "one model was asked for"
    return made


def _all(tables: Any, name: str, noted: str | None, columns: Sequence[str]) -> list[Any]:
    """Each table as the compiled half reads it."""
    if isinstance(tables, (list, tuple)):
        named = enumerate(tables)
        return [given(table, f"{name} {at}", noted, columns) for at, table in named]
    return [given(tables, name, noted, columns)]
