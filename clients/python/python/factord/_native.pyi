from collections.abc import Mapping, Sequence
from os import PathLike
from types import TracebackType
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from factord._factors import FactorRow, FactorRows
from factord._predictions import Predictions

__all__ = [
    "Answered",
    "Client",
    "Factors",
    "Model",
    "ModelRow",
    "Prediction",
    "Subscriber",
    "Table",
    "__version__",
    "arrow_stream",
    "train",
]

__version__: str

# Called by the Python half.
@final
class Table:
    def __new__(cls, table: Any, settings: str | None = None) -> Table: ...
    @property
    def names(self) -> list[str]: ...
    @property
    def batch_count(self) -> int: ...
    def is_integer(self, column: int) -> bool: ...
    def values(self, batch: int, column: int) -> NDArray[Any]: ...
    def texts(self, column: int) -> tuple[NDArray[np.int64], list[str]]: ...
    def first_text(self, column: int) -> str | None: ...

def arrow_stream(
    columns: Mapping[str, NDArray[Any] | list[str]], settings: str | None = None
) -> Any: ...
def train(
    tables: list[Any],
    holdout: list[Any],
    *,
    features: list[str],
    target: str,
    horizon: int | None,
    linear: bool,
    logistic: bool,
    folds: int,
    parents: list[Model],
    ridge: float,
    c: float | None,
    cut: float | None,
    rolling: int,
    pause: float | None,
    strict: bool,
    seed: int,
    threads: int | None,
    scratch: str | PathLike[str] | None,
    out: str | PathLike[str] | None,
) -> tuple[Model | None, Model | None, list[str], str, str, str]: ...


@final
class Prediction:
    def __new__(
        cls,
        y: float,
        second: float = 0.0,
        generation: int = 0,
        arm: int = 0,
        fingerprint: int = 0,
        epoch: int = 0,
        t_received: int = 0,
        t_done: int = 0,
    ) -> Prediction: ...
    @property
    def y(self) -> float: ...
    @property
    def second(self) -> float: ...
    @property
    def generation(self) -> int: ...
    @property
    def arm(self) -> int: ...
    @property
    def fingerprint(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    @property
    def t_received(self) -> int: ...
    @property
    def t_done(self) -> int: ...
    def __getnewargs__(self) -> tuple[float, float, int, int, int, int, int, int]: ...
    def __float__(self) -> float: ...

@final
class Answered:
    @property
    def unix_ns(self) -> int: ...
    @property
    def name(self) -> str | None: ...
    @property
    def key(self) -> int: ...
    @property
    def features(self) -> list[float]: ...
    @property
    def y(self) -> float: ...
    @property
    def status(self) -> int: ...
    @property
    def generation(self) -> int: ...
    @property
    def arm(self) -> int: ...
    @property
    def fingerprint(self) -> int: ...
    @property
    def client(self) -> int: ...
    @property
    def worker(self) -> int: ...
    @property
    def ordinal(self) -> int: ...
    @property
    def epoch(self) -> int: ...

@final
class Subscriber:
    def __new__(
        cls, name: str | None = None, socket: str | PathLike[str] | None = None
    ) -> Subscriber: ...
    def poll(self, deadline: float = 0.0) -> Answered | None: ...
    @property
    def missed(self) -> int: ...
    def is_current(self) -> bool: ...

@final
class ModelRow:
    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def generation(self) -> int: ...
    @property
    def sha256(self) -> str: ...
    @property
    def fingerprint(self) -> int: ...
    @property
    def output_count(self) -> int: ...
    @property
    def arm_count(self) -> int: ...
    @property
    def heavy(self) -> bool: ...
    @property
    def cost_ns(self) -> int: ...

@final
class Client:
    def __new__(
        cls,
        socket: str | PathLike[str] | None = None,
        *,
        name: str = "python",
        feature_count: int = 3,
        slot_count: int = 256,
        idle: str = "spin",
        stamp: bool = False,
        wait: float = 0.0,
        daemon_uid: int | None = None,
        output_count: int = 2,
        heavy: bool = False,
        quiet: bool = False,
    ) -> Client: ...
    def predict(
        self,
        buy_rate: float,
        large_buy: float,
        large_sell: float,
        model: str | int = "regression",
        deadline: float = 0.1,
        *,
        key: int = 0,
    ) -> Prediction: ...
    def predict_row(
        self,
        features: Sequence[float] | NDArray[np.float64],
        model: str | int = "regression",
        deadline: float = 0.1,
        *,
        key: int = 0,
    ) -> Prediction: ...
    def predict_each(
        self,
        features: Sequence[float] | NDArray[np.float64],
        models: Sequence[str | int],
        deadline: float = 0.1,
    ) -> Predictions: ...
    # Rows are what NumPy makes an array of, data frames, and what Arrow reads.
    def predict_many(
        self,
        rows: ArrayLike | Any,
        model: str | int = "regression",
        deadline: float = 10.0,
        *,
        key: int = 0,
    ) -> Predictions: ...
    def submit(
        self,
        buy_rate: float,
        large_buy: float,
        large_sell: float,
        model: str | int = "regression",
        *,
        key: int = 0,
    ) -> int: ...
    def submit_row(
        self,
        features: Sequence[float] | NDArray[np.float64],
        model: str | int = "regression",
        *,
        key: int = 0,
    ) -> int: ...
    def poll(self) -> tuple[int, Prediction] | None: ...
    def poll_many(self, limit: int = 256) -> tuple[NDArray[np.uint64], Predictions]: ...
    def predict_local(
        self,
        buy_rate: float,
        large_buy: float,
        large_sell: float,
        model: str | int = "regression",
        *,
        key: int = 0,
    ) -> Prediction: ...
    def predict_local_row(
        self,
        features: Sequence[float] | NDArray[np.float64],
        model: str | int = "regression",
        *,
        key: int = 0,
    ) -> Prediction: ...
    def predict_local_many(
        self, rows: ArrayLike | Any, model: str | int = "regression", *, key: int = 0
    ) -> Predictions: ...
    def fetch(self, model: str | int = "regression", deadline: float = 1.0) -> None: ...
    def pin(self, name: str, sha256: str) -> int: ...
    def worker_cores(self) -> list[int | None]: ...
    def ticks_to_ns(self, earlier: int, later: int) -> float | None: ...
    def models(self) -> list[ModelRow]: ...
    def close(self) -> None: ...
    def __enter__(self) -> Client: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
    @property
    def rows_sequence(self) -> int: ...
    @property
    def in_flight(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    @property
    def connected(self) -> bool: ...
    @property
    def feature_count(self) -> int: ...
    @property
    def slot_count(self) -> int: ...

@final
class Factors:
    def __new__(
        cls,
        window: str = "60s",
        *,
        step: str | None = None,
        large: float = 200_000.0,
        large_by: str = "turnover",
        quantile_last: int = 10_000,
        per: str = "aggressing-order",
        aggressor: str = "auto",
        empty: str = "skip",
        outlier: float = 0.01,
        outliers: str = "keep",
        orders_max: int = 1_048_576,
        multiplier: float = 1.0,
        inverse: bool = False,
        session: str | None = None,
        tz: str | None = None,
        lags: str | Sequence[int] | None = None,
        means: str | Sequence[int] | None = None,
    ) -> Factors: ...
    def push(
        self,
        ts_ns: int,
        price: float,
        qty: float,
        side: str | int | None = None,
        buy_id: int = 0,
        sell_id: int = 0,
        *,
        quote: tuple[float, float] | None = None,
        symbol: str = "",
    ) -> list[FactorRow] | None: ...
    # Trades are a mapping of columns, data frames, and what Arrow reads.
    def push_many(
        self, trades: Mapping[str, ArrayLike] | Any, *, late: str = "error"
    ) -> FactorRows: ...
    def advance(self, now_ns: int) -> FactorRows: ...
    def now(self, symbol: str = "") -> FactorRow | None: ...
    def finish(self) -> FactorRows: ...
    def counts(self) -> dict[str, int]: ...
    @property
    def symbols(self) -> list[str]: ...
    @property
    def window(self) -> str: ...
    @property
    def settings(self) -> dict[str, Any]: ...
    def check(self, model: Model) -> None: ...

@final
class Model:
    def __new__(cls, data: bytes) -> Model: ...
    @staticmethod
    def load(path: str | PathLike[str]) -> Model: ...
    @staticmethod
    def from_sklearn(
        estimator: Any,
        *,
        name: str | None = None,
        feature_names: Sequence[str] | None = None,
        stats: Mapping[str, Any] | None = None,
    ) -> Model: ...
    def save(self, path: str | PathLike[str]) -> None: ...
    def __bytes__(self) -> bytes: ...
    def __getnewargs__(self) -> tuple[bytes]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def _repr_html_(self) -> str: ...
    def predict(self, rows: ArrayLike | Any) -> Predictions: ...
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def feature_names(self) -> list[str]: ...
    @property
    def sha256(self) -> str: ...
    @property
    def fingerprint(self) -> int: ...
    @property
    def settings(self) -> dict[str, Any]: ...
    @property
    def data(self) -> str | None: ...
    @property
    def horizon(self) -> int | None: ...
    @property
    def weights(self) -> NDArray[np.float64] | None: ...
    @property
    def intercept(self) -> float | None: ...
    @property
    def mean(self) -> NDArray[np.float64] | None: ...
    @property
    def scale(self) -> NDArray[np.float64] | None: ...
    @property
    def target(self) -> str: ...
    @property
    def threshold(self) -> float | None: ...
    @property
    def trained_at(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def metrics(self) -> dict[str, Any]: ...
    @property
    def feature_stats(self) -> dict[str, dict[str, float | None]]: ...
    @property
    def target_stats(self) -> dict[str, float | None] | None: ...
    @property
    def training(self) -> dict[str, Any] | None: ...
    @property
    def lineage(self) -> dict[str, Any] | None: ...
