"""Every exception of the package. Those that Python has a word for are of that class too, so that
`except TimeoutError` works."""


class FactordError(Exception):
    """Whatever this package raises by itself."""


class AttachError(FactordError):
    """No channel could be had."""


class UnreachableError(AttachError, ConnectionError):
    """Nothing listens at the socket."""


class ForbiddenError(AttachError, PermissionError):
    """The system does not let this user through to the socket."""


class UntrustedError(AttachError, PermissionError):
    """Below /tmp, somebody else could answer in the daemon's place."""


class RefusedError(AttachError):
    """The daemon said no, and why."""


class AbiError(AttachError):
    """Daemon and client were built from layouts that do not fit."""


class RegionError(AttachError):
    """A shared region is not what the handshake said."""


class ProtocolError(AttachError):
    """The peer is no daemon, or broke the handshake."""


class AttachDeadlineError(AttachError, TimeoutError):
    """The daemon did not answer the handshake in time."""


class PredictError(FactordError):
    """A request has no answer."""

    ticket: int | None = None
    """The ticket of the request, when `poll` raises for one."""


class BadInputError(PredictError, ValueError):
    """A feature is NaN or infinite, or the prediction would be."""


class UnknownModelError(PredictError, LookupError):
    """The daemon serves no such model."""


class WidthMismatchError(PredictError, ValueError):
    """The number of features is not the model's, or not the channel's."""


class BackPressureError(PredictError):
    """As many requests are under way as the ring has slots: take answers first."""


class DeadlineError(PredictError, TimeoutError):
    """The deadline passed before the answer came."""


class NotConnectedError(PredictError, ConnectionError):
    """The engine is gone and did not come back in time."""


class WrongClassError(PredictError):
    """The model is served on channels of the other class, and the daemon grants no second one."""


class OtherVersionError(PredictError):
    """The name is pinned to an artifact, and another one serves it."""


class NotFetchedError(PredictError):
    """The model's parameters are still on their way to this process: `fetch` waits for them."""


class EchoMismatchError(PredictError):
    """The answer is for other words than those submitted."""


class PinError(FactordError, ValueError):
    """The name cannot be pinned to one artifact."""


class ArtifactError(FactordError, ValueError):
    """The file is no sound model artifact."""


class ImportModelError(FactordError, ValueError):
    """The estimator cannot be served: it is no linear or binary logistic model, or not fitted."""


class TrainError(FactordError, ValueError):
    """No models can be trained on the tables."""


class TrainingWarning(UserWarning):
    """What is to be known before any figure of a training."""


class SettingsError(FactordError, ValueError):
    """Factors cannot be made so, or a model was trained on others."""


class ClosedError(FactordError, ValueError):
    """The client was closed."""


class InUseError(FactordError, RuntimeError):
    """Another thread is inside this client."""


class ForkedError(FactordError, RuntimeError):
    """The client belongs to the parent of this process."""
