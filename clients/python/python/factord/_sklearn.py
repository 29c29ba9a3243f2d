"""Fitted estimators as the bytes that the compiled half reads, without a file."""

import pickle
from typing import Any


class _Full(Exception):
    """There are more bytes than are read."""


class _Sink:
    """What pickle writes to, up to a number of bytes."""

    def __init__(self, most: int) -> None:
        self.parts: list[bytes] = []
        self.left = most

    def write(self, data: Any) -> int:
        part = bytes(data)
        self.left -= len(part)
        if self.left < 0:
            raise _Full
        self.parts.append(part)
        return len(part)


def pickled(estimator: Any, most: int) -> bytes:
    """Pickles an estimator, as far as the compiled half reads one, which executes nothing."""
    sink = _Sink(most)
    try:
        # 4: the newest in which arrays are plain bytes.
        pickle.dump(estimator, sink, protocol=4)
    except _Full:
        # What was read so far says what it is: such a model is no linear one.
        pass
    except Exception as error:
        from factord.errors import ImportModelError

        raise ImportModelError(f"{type(estimator).__name__} cannot be pickled: {error}") from error
    return b"".join(sink.parts)
