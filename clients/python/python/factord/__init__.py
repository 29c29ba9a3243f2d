"""Predictions of small models, through shared memory, in nanoseconds.

`Client` is a channel to a running `factord` daemon, `Model` evaluates an artifact in this process;
both give the same bits. `Factors` makes their features out of trades, and `train` makes models of
these. `Subscriber` reads every answer of a daemon.

>>> with factord.Client() as client:
...     client.predict(0.5, 0.2, 0.3).y
0.500053855850386
"""

from factord._factors import FactorRow, FactorRows
from factord._native import (
    Answered,
    Client,
    Factors,
    Model,
    ModelRow,
    Prediction,
    Subscriber,
    __version__,
)
from factord._predictions import Predictions, Status
from factord._train import Trained, train
from factord.errors import (
    AbiError,
    ArtifactError,
    AttachDeadlineError,
    AttachError,
    BackPressureError,
    BadInputError,
    ClosedError,
    DeadlineError,
    EchoMismatchError,
    FactordError,
    ForbiddenError,
    ForkedError,
    ImportModelError,
    InUseError,
    NotConnectedError,
    NotFetchedError,
    OtherVersionError,
    PinError,
    PredictError,
    ProtocolError,
    RefusedError,
    RegionError,
    SettingsError,
    TrainError,
    TrainingWarning,
    UnknownModelError,
    UnreachableError,
    UntrustedError,
    WidthMismatchError,
    WrongClassError,
)

__all__ = [
    "AbiError",
    "Answered",
    "ArtifactError",
    "AttachDeadlineError",
    "AttachError",
    "BackPressureError",
    "BadInputError",
    "Client",
    "ClosedError",
    "DeadlineError",
    "EchoMismatchError",
    "FactorRow",
    "FactorRows",
    "Factors",
    "FactordError",
    "ForbiddenError",
    "ForkedError",
    "ImportModelError",
    "InUseError",
    "Model",
    "ModelRow",
    "NotConnectedError",
    "NotFetchedError",
    "OtherVersionError",
    "PinError",
    "PredictError",
    "Prediction",
    "Predictions",
    "ProtocolError",
    "RefusedError",
    "RegionError",
    "SettingsError",
    "Status",
    "Subscriber",
    "TrainError",
    "Trained",
    "TrainingWarning",
    "UnknownModelError",
    "UnreachableError",
    "UntrustedError",
    "WidthMismatchError",
    "WrongClassError",
    "__version__",
    "train",
]
