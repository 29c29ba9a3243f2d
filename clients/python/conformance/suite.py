"""What the cases share: the environment, golden rows, the conductor, and ways to fail."""

import os
import struct
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import factord

PLENTY = 10.0
"""Seconds for everything that must come, on a busy machine too."""
SLOTS = 64
"""The shape of most channels."""
NO_MODEL = 15
"""An id that no model of the suite has."""
GOOD = (0.5, 0.25, 0.125)
"""A good row, for those who will not answer it."""


class Fault(Exception):
    """A case does not hold."""


@dataclass(frozen=True)
class Row:
    """A golden row: features, and the bits of its two outputs."""

    x: list[float]
    y: bytes
    second: bytes


@dataclass(frozen=True)
class Request:
    """A request of the divided name, and what answers it."""

    key: int
    row: Row
    arm: int
    fingerprint: int


def double(word: str) -> float:
    """The double of these bits."""
    value: float = struct.unpack(">d", bytes.fromhex(word))[0]
    return value


def bits(value: float) -> bytes:
    """The bits of this double."""
    return struct.pack(">d", value)


def ensure(holds: bool, why: object) -> None:
    """Fails unless it holds."""
    if not holds:
        raise Fault(str(why))


def exact(row: Row, prediction: factord.Prediction) -> factord.Prediction:
    """The prediction, which must have the bits of a row."""
    found = (bits(prediction.y), bits(prediction.second))
    ensure(
        found == (row.y, row.second),
        f"{found[0].hex()} {found[1].hex()} instead of {row.y.hex()} {row.second.hex()}",
    )
    return prediction


def of_request(request: Request, prediction: factord.Prediction) -> None:
    """Fails unless the prediction has the bits of a request, and is of its version."""
    exact(request.row, prediction)
    who = (prediction.arm, prediction.fingerprint, prediction.generation)
    ensure(who == (request.arm, request.fingerprint, 7), f"{prediction} is not of {request}")


def refused(error: type[Exception], call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """The exception of a call that must raise this one."""
    try:
        answer = call(*arguments, **named)
    except error as raised:
        return raised
    except factord.FactordError as other:
        raise Fault(f"{type(other).__name__} instead of {error.__name__}: {other}") from other
    raise Fault(f"{answer} instead of {error.__name__}")


def took(start: float, least: float, most: float) -> None:
    """Fails unless so many seconds have passed since `start`, and no more than that."""
    spent = time.monotonic() - start
    ensure(least <= spent <= most, f"took {spent:.3f} s, not {least} to {most} s")


class Suite:
    """What the environment says."""

    def __init__(self) -> None:
        self.socket = Path(os.environ["FACTORD_SOCKET"])
        self.conductor = os.environ["FACTORD_CONDUCT"]
        self.golden = Path(os.environ["FACTORD_GOLDEN"])

    def conduct(self, *words: str) -> str:
        """Has the conductor do something; returns what it prints behind `ok`."""
        done = subprocess.run(
            [self.conductor, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False
        )
        ensure(done.returncode == 0, f"the conductor cannot {' '.join(words)}")
        return done.stdout.decode().strip().removeprefix("ok").strip()

    def attach(
        self,
        socket: Path | None = None,
        feature_count: int = 3,
        slot_count: int = SLOTS,
        heavy: bool = False,
    ) -> factord.Client:
        """Attaches once. The cores are shared with whatever else runs, hence the back-off."""
        return factord.Client(
            self.socket if socket is None else socket,
            name="conformance",
            feature_count=feature_count,
            slot_count=slot_count,
            heavy=heavy,
            idle="backoff",
        )

    def channel(
        self,
        socket: Path | None = None,
        feature_count: int = 3,
        slot_count: int = SLOTS,
        heavy: bool = False,
    ) -> factord.Client:
        """Attaches, again when the daemon did not get a word in edgeways within its second."""
        for _ in range(9):
            try:
                return self.attach(socket, feature_count, slot_count, heavy)
            except factord.AttachDeadlineError:
                pass
        return self.attach(socket, feature_count, slot_count, heavy)

    def impostor(self, name: str) -> Path:
        """Starts a false daemon and returns its socket."""
        return Path(self.conduct("impostor", name))

    def fails(self, name: str, error: type[Exception] = factord.AttachError) -> Exception:
        """Attaching to a false daemon must fail like this."""
        try:
            raised: Exception = refused(error, self.attach, self.impostor(name))
        except Fault as fault:
            raise Fault(f"{name}: {fault}") from fault
        return raised

    def _lines(self, name: str) -> list[list[str]]:
        text = (self.golden / f"{name}.golden").read_text()
        rows = [line.split() for line in text.splitlines() if not line.startswith("#")]
        ensure(len(rows) > 0, f"{name}.golden holds no rows")
        return rows

    def rows(self, name: str) -> list[Row]:
        """Golden rows by the name of their file."""
        return [_row(words) for words in self._lines(name)]

    def requests(self) -> list[Request]:
        """The requests of the divided name."""
        return [
            Request(int(key, 16), _row(row), int(arm, 16), int(fingerprint, 16))
            for key, *row, arm, fingerprint in self._lines("divided")
        ]

    def bad_rows(self) -> list[list[float]]:
        """Rows that no model answers."""
        return [[double(word) for word in words] for words in self._lines("bad")]


def _row(words: list[str]) -> Row:
    return Row([double(word) for word in words[:-2]], *(bytes.fromhex(w) for w in words[-2:]))


def still_answers(suite: Suite, client: factord.Client) -> None:
    """A good row is answered, whatever went before."""
    row = suite.rows("regression")[0]
    exact(row, client.predict_row(row.x, "regression", PLENTY))


def taken(client: factord.Client) -> tuple[int, factord.Prediction]:
    """The next answer, however long it takes; the engine may be coming back meanwhile."""
    end = time.monotonic() + PLENTY
    while time.monotonic() < end:
        try:
            answer = client.poll()
        except factord.NotConnectedError:
            answer = None
        if answer is not None:
            return answer
        os.sched_yield()
    raise Fault(f"no answer within {PLENTY} s")
