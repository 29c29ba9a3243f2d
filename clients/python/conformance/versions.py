"""Cases about the versions of one name: pinned, and divided by unit keys."""

import time
from collections.abc import Callable

import numpy as np

import factord
from suite import PLENTY, Row, Suite, ensure, exact, of_request, refused


def _answered(
    client: factord.Client, model: int, row: Row, is_it: Callable[[factord.Prediction], bool]
) -> None:
    """Waits for an answer of the version: the worker adopts one between two sweeps."""
    end = time.monotonic() + PLENTY
    while True:
        try:
            if is_it(client.predict_row(row.x, model, PLENTY)):
                return
        except factord.OtherVersionError:
            pass
        ensure(time.monotonic() < end, "the version never answered")


def _right(client: factord.Client, model: int, rows: list[Row]) -> None:
    for row in rows:
        exact(row, client.predict_row(row.x, model, PLENTY))
        exact(row, client.predict_local_row(row.x, model))


def _other_version(client: factord.Client, model: int, row: Row) -> None:
    refused(factord.OtherVersionError, client.predict_row, row.x, model, PLENTY)
    refused(factord.OtherVersionError, client.predict_local_row, row.x, model)


def pinned(suite: Suite) -> None:
    a, b = suite.rows("swing-a"), suite.rows("swing-b")
    with suite.channel() as client:
        suite.conduct("swap", "a")
        swing = next(row for row in client.models() if row.name == "swing")
        pin = client.pin("swing", swing.sha256)
        ensure(pin != swing.id, "the pinned number is that of the name")
        refused(factord.UnknownModelError, client.pin, "no-such-model", swing.sha256)
        _answered(client, pin, a[0], lambda _: True)
        _right(client, pin, a)
        generation = int(suite.conduct("swap", "b"))
        _answered(client, swing.id, b[0], lambda found: found.generation == generation)
        _other_version(client, pin, b[0])
        answers = client.predict_many(np.array([row.x for row in b]), pin, PLENTY)
        other = answers.status == factord.Status.OTHER_VERSION
        ensure(len(other) == len(b) and bool(other.all()), f"a batch says {answers.status}")
        for x in suite.bad_rows():
            refused(factord.BadInputError, client.predict_row, x, pin, PLENTY)
        _right(client, swing.id, b)
        suite.conduct("swap", "a")
        _answered(client, pin, a[0], lambda _: True)
        _right(client, pin, a)
        _other_version(client, client.pin("swing", "07" * 32), a[0])


def unit_keys(suite: Suite) -> None:
    requests = suite.requests()
    with suite.channel(suite.impostor("divided")) as client:
        for request in requests:
            x, key = request.row.x, request.key
            of_request(request, client.predict_row(x, 0, PLENTY, key=key))
        regression = client.models()[0]
        ensure(regression.arm_count == 4, regression)
        refused(factord.PinError, client.pin, "regression", regression.sha256)
        client.fetch(0, PLENTY)
        for request in requests:
            of_request(request, client.predict_local_row(request.row.x, 0, key=request.key))
