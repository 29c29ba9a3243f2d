"""Cases about names that keep their models, forked children, trust, deadlines and waiting."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import factord
from suite import (
    GOOD,
    PLENTY,
    SLOTS,
    Fault,
    Row,
    Suite,
    double,
    ensure,
    exact,
    refused,
    taken,
    took,
)

ROUNDS = 12
"""Restarts where the environment names no number of them."""
UNDER_WAY = 32
SETS = ("renumbered", "late", "crowded", "without", "back", "plain")
STRANGER = 65534
"""Who owns places and listens at sockets."""
SOON = 0.5
"""Everything that does not wait is over by then, on a busy machine too."""
LIMIT = 0.01


class _Bound:
    """A client bound to `bb`: every answer is that of its row, or there is no such model."""

    def __init__(self, suite: Suite, client: factord.Client) -> None:
        self.suite, self.client = suite, client
        self.rows = suite.rows("bb")
        self.model = self.number()
        self.inputs = np.array([row.x for row in self.rows])
        self.bits = np.array([double(row.y.hex()) for row in self.rows]).view(np.uint64)

    def number(self) -> int:
        return next(row.id for row in self.client.models() if row.name == "bb")

    def judge(self, row: Row, call: Callable[[], factord.Prediction]) -> bool:
        try:
            exact(row, call())
        except factord.UnknownModelError:
            return False
        return True

    def ask(self, index: int) -> bool:
        row = self.rows[index]
        return self.judge(row, lambda: self.client.predict_row(row.x, self.model, PLENTY))

    def ask_local(self, index: int) -> bool:
        row = self.rows[index]
        return self.judge(row, lambda: self.client.predict_local_row(row.x, self.model))

    def ask_batch(self, count: int) -> int:
        answers = self.client.predict_many(
            np.resize(self.inputs, (count, 3)), self.model, 3 * PLENTY
        )
        unknown = answers.status == factord.Status.UNKNOWN_MODEL
        right = answers.ok & (answers.y.view(np.uint64) == np.resize(self.bits, count))
        ensure(bool((unknown | right).all()), f"{(~(unknown | right)).sum()} wrong answers")
        return int(right.sum())

    def restart_under_single_requests(self, name: str) -> None:
        self.suite.conduct("stop")
        for row in self.rows[:UNDER_WAY]:
            self.client.submit_row(row.x, self.model)
        self.suite.conduct("set", name)
        self.suite.conduct("kill")
        self.suite.conduct("start")
        for index, row in enumerate(self.rows[:UNDER_WAY]):
            self.judge(row, lambda: taken(self.client)[1])
            self.ask_local(index)
        ensure(self.client.poll() is None, "one answer too many")

    def restart_under_a_batch(self, name: str) -> None:
        epoch = self.client.epoch
        self.suite.conduct("set", name)
        self.suite.conduct("restart-after", "1000")
        self.ask_batch(100_000)
        end = time.monotonic() + PLENTY
        while self.client.epoch == epoch:
            ensure(time.monotonic() < end, "the engine was not started again")
            self.ask(0)
            self.ask_local(0)

    def settled(self, served: bool) -> None:
        wrong = f"bb served: not {served}"
        end = time.monotonic() + PLENTY
        while self.ask(0) != served:
            ensure(time.monotonic() < end, wrong)
        for index in range(UNDER_WAY):
            ensure(self.ask(index) == served and self.ask_local(index) == served, wrong)
        ensure(self.ask_batch(1000) == (1000 if served else 0), wrong)
        ensure(not served or self.number() == self.model, "bb has another number")


def identity(suite: Suite) -> None:
    suite.conduct("set", "plain")
    suite.conduct("kill")
    suite.conduct("start")
    with suite.channel() as client:
        bound = _Bound(suite, client)
        ensure(bound.ask(0) and bound.ask_local(0), "bb is not served")
        for turn in range(int(os.environ.get("FACTORD_IDENTITY_ROUNDS", ROUNDS))):
            name = SETS[turn % len(SETS)]
            if turn // len(SETS) % 2 == 0:
                bound.restart_under_single_requests(name)
            else:
                bound.restart_under_a_batch(name)
            bound.settled(name != "without")


def _childs_part(suite: Suite, client: factord.Client, rows: list[Row]) -> int:
    try:
        own = suite.channel()
        client.close()
        for row in rows:
            exact(row, own.predict_row(row.x, "regression", PLENTY))
    # The child ends here, whatever it is.
    except Exception:
        return 1
    return 0


def forked(suite: Suite) -> None:
    rows = suite.rows("regression")
    with suite.channel() as client:
        exact(rows[0], client.predict_row(rows[0].x, "regression", PLENTY))
        child = os.fork()
        if child == 0:
            os._exit(_childs_part(suite, client, rows))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        ensure(code == 0, f"the child ended with {code}")
        exact(rows[1], client.predict_row(rows[1].x, "regression", PLENTY))


def _attach(suite: Suite, socket: Path, wait: float = 0.0, told: int | None = None) -> factord.Client:
    return factord.Client(
        socket,
        name="conformance",
        slot_count=SLOTS,
        idle="backoff",
        wait=wait,
        daemon_uid=told,
    )


def untrusted(suite: Suite) -> None:
    row = suite.rows("image")[0]
    for place in ("mode", "link", "owner", "peer"):
        said = suite.conduct("untrusted", place)
        if said == "-":
            continue
        socket = Path(said)
        error = str(refused(factord.UntrustedError, suite.attach, socket))
        for word in (str(socket.parent), "FACTORD_DAEMON_UID"):
            ensure(word in error, f"{place}: the message does not name {word}: {error}")
        if place in ("owner", "peer"):
            with _attach(suite, socket, told=STRANGER) as client:
                exact(row, client.predict_row(row.x, 0, PLENTY))


def _in_time(least: float, most: float, call: Callable[[], object], *ends: type[Exception]) -> object:
    start = time.monotonic()
    answer: object = None
    try:
        answer = call()
    except ends:
        pass
    took(start, least, most)
    return answer


def _calls_return(client: factord.Client, rows: list[Row]) -> None:
    gone = factord.NotConnectedError
    for row in rows[:20]:
        x = rows[0].x
        _in_time(0.0, SOON, lambda: client.submit_row(x, "regression"), gone)
        ensure(_in_time(0.0, SOON, client.poll, gone) is None, "an answer that cannot be")
        answer = _in_time(
            LIMIT, SOON, lambda: client.predict_row(x, "regression", LIMIT), factord.PredictError
        )
        ensure(answer is None, "an answer that cannot be")
        local = _in_time(0.0, SOON, lambda: client.predict_local_row(row.x, "regression"), gone)
        # A second after the last heartbeat the models are nobody's.
        if isinstance(local, factord.Prediction):
            exact(row, local)


def backlog_full(suite: Suite) -> None:
    rows = suite.rows("regression")
    with suite.channel() as client:
        exact(rows[0], client.predict_row(rows[0].x, "regression", PLENTY))
        for verb in ("kill", "start", "stop"):
            suite.conduct(verb)
        _calls_return(client, rows)
        suite.conduct("fill-backlog")
        _calls_return(client, rows)
        start = time.monotonic()
        refused(factord.AttachError, suite.attach)
        took(start, 0.0, 5.0)
        suite.conduct("continue")
        exact(rows[1], client.predict_row(rows[1].x, "regression", PLENTY))


def reaped(suite: Suite) -> None:
    rows = suite.rows("regression")
    row = rows[SLOTS]
    with suite.channel() as client:
        suite.conduct("stop")
        inputs = np.array([r.x for r in rows[:SLOTS]])
        refused(factord.DeadlineError, client.predict_many, inputs, "regression", 0.05)
        refused(factord.BackPressureError, client.submit_row, row.x)
        suite.conduct("continue")
        end = time.monotonic() + PLENTY
        while True:
            try:
                ticket = client.submit_row(row.x)
                break
            except factord.BackPressureError as full:
                if time.monotonic() > end:
                    raise Fault("abandoned answers are in the way") from full
        found, prediction = taken(client)
        ensure(found == ticket, f"answer {found} instead of {ticket}")
        exact(row, prediction)
        ensure(client.poll() is None, "one answer too many")


def attach_wait(suite: Suite) -> None:
    row = suite.rows("regression")[0]
    suite.conduct("kill")
    refused(factord.UnreachableError, suite.attach)
    start = time.monotonic()
    refused(factord.UnreachableError, _attach, suite, suite.socket, 0.3)
    took(start, 0.3, 5.0)
    suite.conduct("start-after", "300")
    with _attach(suite, suite.socket, PLENTY) as client:
        exact(row, client.predict_row(row.x, "regression", PLENTY))


def late(suite: Suite) -> None:
    """Says by how much each call ends after its limit, beside an engine that answers nobody."""
    rounds = 500
    client = factord.Client(suite.socket, name="conformance", slot_count=SLOTS, idle="yield")
    client.predict_row(GOOD, "regression", PLENTY)
    for verb in ("kill", "start", "stop", "fill-backlog"):
        suite.conduct(verb)

    def idle() -> None:
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            os.sched_yield()

    calls: dict[str, tuple[float, Callable[[], object]]] = {
        "predict": (LIMIT, lambda: client.predict_row(GOOD, "regression", LIMIT)),
        "submit": (0.0, lambda: client.submit_row(GOOD, "regression")),
        "poll": (0.0, client.poll),
        "local": (0.0, lambda: client.predict_local_row(GOOD, "regression")),
        "idle": (LIMIT, idle),
    }
    late_ns: dict[str, list[int]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, (limit, call) in calls.items():
            start = time.monotonic()
            try:
                call()
            except factord.PredictError:
                pass
            late_ns[name].append(int(1e9 * max(0.0, time.monotonic() - start - limit)))
    for name, found in late_ns.items():
        found.sort()
        print(f"{name} p99_ns {found[rounds * 99 // 100]} worst_ns {found[-1]}", flush=True)
