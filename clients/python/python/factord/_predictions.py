"""Answers to many rows, a column an output."""

from collections.abc import Iterator
from enum import IntEnum
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from factord import errors
from factord._native import Prediction
from factord._tables import Columns


class Status(IntEnum):
    """What became of a row."""

    OK = 0
    BAD_INPUT = 1
    UNKNOWN_MODEL = 2
    WIDTH_MISMATCH = 3
    WRONG_CLASS = 4
    # From here on this side's own.
    ECHO_MISMATCH = 16
    OTHER_VERSION = 17
    NOT_FETCHED = 18
    BACK_PRESSURE = 19
    DEADLINE = 20
    NOT_CONNECTED = 21

    def error(self) -> errors.PredictError:
        """The exception that a single prediction would raise."""
        raised: dict[Status, type[errors.PredictError]] = {
            Status.BAD_INPUT: errors.BadInputError,
            Status.UNKNOWN_MODEL: errors.UnknownModelError,
            Status.WIDTH_MISMATCH: errors.WidthMismatchError,
            Status.WRONG_CLASS: errors.WrongClassError,
            Status.ECHO_MISMATCH: errors.EchoMismatchError,
            Status.OTHER_VERSION: errors.OtherVersionError,
            Status.NOT_FETCHED: errors.NotFetchedError,
            Status.BACK_PRESSURE: errors.BackPressureError,
            Status.DEADLINE: errors.DeadlineError,
            Status.NOT_CONNECTED: errors.NotConnectedError,
        }
        if self not in raised:
            raise ValueError("a row that was answered has no error")
        return raised[self](raised[self].__doc__)


class Predictions:
    """Answers to many rows, in their order: NumPy arrays of one length.

    As an array it is `y`; as a sequence it holds a `Prediction` a row.

    >>> rows = np.array([[0.5, 0.2, 0.3], [np.nan, 0.2, 0.3]])
    >>> with factord.Client() as client:
    ...     predictions = client.predict_many(rows)
    >>> predictions.y, predictions.ok
    (array([0.50005386,        nan]), array([ True, False]))
    >>> predictions[0].y
    0.500053855850386
    """

    __slots__ = ("arm", "epoch", "fingerprint", "generation", "second", "status", "y")

    y: NDArray[np.float64]
    """Linear: the prediction. Logistic: the probability of class 1. NaN unless the row is ok."""
    second: NDArray[np.float64]
    """Linear: 0. Logistic: the class, 0 or 1. NaN unless the row is ok."""
    status: NDArray[np.uint8]
    """A `Status` a row."""
    generation: NDArray[np.uint32]
    """The generation of the model that answered; 0 offline."""
    arm: NDArray[np.uint16]
    """The arm that answered; 0 for the champion."""
    fingerprint: NDArray[np.uint64]
    """The first eight bytes of the SHA-256 of the artifact that answered, little-endian; 0 unless
    the row is ok."""
    epoch: NDArray[np.uint64]
    """The epoch of the engine that answered; 0 offline."""

    def __init__(
        self,
        y: NDArray[np.float64],
        second: NDArray[np.float64],
        status: NDArray[np.uint8],
        generation: NDArray[np.uint32],
        arm: NDArray[np.uint16],
        fingerprint: NDArray[np.uint64],
        epoch: NDArray[np.uint64],
    ) -> None:
        self.y = y
        self.second = second
        self.status = status
        self.generation = generation
        self.arm = arm
        self.fingerprint = fingerprint
        self.epoch = epoch

    @property
    def ok(self) -> NDArray[np.bool_]:
        """Tells for each row whether it was answered."""
        return np.equal(self.status, Status.OK)

    # NB: no subclass of Sequence, which Polars would take apart row by row.
    def __iter__(self) -> Iterator[Prediction]:
        return (self[row] for row in range(len(self)))

    def __len__(self) -> int:
        return len(self.y)

    @overload
    def __getitem__(self, index: int) -> Prediction: ...
    @overload
    def __getitem__(self, index: slice) -> "Predictions": ...
    def __getitem__(self, index: int | slice) -> "Prediction | Predictions":
        """One row as a `Prediction`, which raises if it was refused, or some as `Predictions`."""
        if isinstance(index, slice):
            return Predictions(
                self.y[index],
                self.second[index],
                self.status[index],
                self.generation[index],
                self.arm[index],
                self.fingerprint[index],
                self.epoch[index],
            )
        status = Status(self.status[index])
        if status is not Status.OK:
            raise status.error()
        return Prediction(
            float(self.y[index]),
            float(self.second[index]),
            generation=int(self.generation[index]),
            arm=int(self.arm[index]),
            fingerprint=int(self.fingerprint[index]),
            epoch=int(self.epoch[index]),
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if dtype is None or np.dtype(dtype) == self.y.dtype:
            return self.y.copy() if copy else self.y
        if copy is False:
            raise ValueError(f"predictions are float64: {np.dtype(dtype)} needs a copy")
        return self.y.astype(dtype)

    def columns(self) -> dict[str, NDArray[Any]]:
        """The arrays by name."""
        names = ("y", "second", "status", "generation", "arm", "fingerprint", "epoch")
        return {name: getattr(self, name) for name in names}

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:
        """The arrays as an Arrow table in the same memory: `polars.DataFrame(predictions)`."""
        return Columns(self.columns()).__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        count, answered = len(self), self.ok
        text = f"<factord.Predictions: {count} rows, {int(answered.sum())} answered"
        if answered.any():
            y = self.y[answered]
            text += f", y from {y.min():.6g} to {y.max():.6g}, mean {y.mean():.6g}"
        return text + ">"
