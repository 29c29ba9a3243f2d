"""Cases about coming to a channel, or not, and about regions that lie."""

import time
from pathlib import Path

import factord
from suite import (
    GOOD,
    NO_MODEL,
    PLENTY,
    SLOTS,
    Suite,
    ensure,
    exact,
    of_request,
    refused,
    took,
)

CHANNELS = 16
"""Channels that the daemon lets one user have."""
IMAGE_ROWS = 8
"""Golden rows of the golden image, a model."""


def _names(error: Exception, *words: str) -> None:
    for word in words:
        ensure(word in str(error), f"the message does not name {word}: {error}")


def attach(suite: Suite) -> None:
    with suite.channel() as client:
        table = {row.name: (row.kind, row.width) for row in client.models()}
        expected = {
            "regression": ("linear", 3),
            "classification": ("logistic", 3),
            "swing": ("linear", 3),
            "wide": ("linear", 1000),
            "wide-logistic": ("logistic", 1000),
        }
        ensure(table == expected, f"the model table is {table}")
        ensure(client.epoch != 0, "the epoch is 0")
        ensure((client.feature_count, client.slot_count) == (3, SLOTS), client)
    suite.channel().close()
    nobody = Path(f"{suite.socket}.nobody")
    _names(refused(factord.UnreachableError, suite.attach, nobody), str(nobody))


def wrong_abi(suite: Suite) -> None:
    for impostor in ("abi-refused", "abi-welcomed"):
        _names(suite.fails(impostor, factord.AbiError), "7.3", "2.0")
    for impostor in ("abi-1-refused", "abi-1-welcomed"):
        error = suite.fails(impostor, factord.AbiError)
        _names(error, "daemon speaks ABI 1.0", "this client 2.0", "rebuild the client")
    suite.fails("layout", factord.AbiError)


def refused_peer(suite: Suite) -> None:
    channels: list[factord.Client] = []
    end = time.monotonic() + PLENTY
    # The channels of the cases before may still be on their way out.
    while len(channels) < CHANNELS and time.monotonic() < end:
        try:
            channels.append(suite.attach())
        except factord.AttachError:
            time.sleep(0.01)
    ensure(len(channels) == CHANNELS, f"only {len(channels)} channels")
    _names(refused(factord.RefusedError, suite.channel), "16")
    channels.pop().close()
    end = time.monotonic() + 5.0
    while True:
        try:
            channels.append(suite.attach())
            break
        except factord.AttachError:
            ensure(time.monotonic() < end, "a channel that was closed is not free")
            time.sleep(0.01)
    for channel in channels:
        channel.close()
    _names(suite.fails("stranger", factord.RefusedError), "4711")
    start = time.monotonic()
    suite.fails("silent", factord.AttachDeadlineError)
    took(start, 0.0, 5.0)
    suite.fails("hang-up")
    suite.fails("babble")


def golden_image(suite: Suite) -> None:
    rows = suite.rows("image")
    ensure(len(rows) == 2 * IMAGE_ROWS, f"{len(rows)} rows")
    with suite.channel(suite.impostor("good")) as client:
        table = [(r.id, r.name, r.kind, r.width, r.generation) for r in client.models()]
        expected = [(0, "regression", "linear", 3, 7), (1, "classification", "logistic", 3, 8)]
        ensure(table == expected, f"the model table is {table}")
        ensure(client.worker_cores() == [2], f"the workers' CPUs are {client.worker_cores()}")
        ensure(client.ticks_to_ns(10, 30) == 10.0, "20 ticks are not 10 ns")
        versions = [r.fingerprint for r in client.models()]
        for index, row in enumerate(rows):
            model = index // IMAGE_ROWS
            ring = exact(row, client.predict_row(row.x, model, PLENTY))
            local = exact(row, client.predict_local_row(row.x, model))
            for prediction, epoch in ((ring, 41 if index < 4 else 42), (local, 42)):
                who = (prediction.generation, prediction.arm, prediction.fingerprint)
                ensure(who == (7 + model, 0, versions[model]), prediction)
                ensure(prediction.epoch == epoch, f"{prediction}, not of {epoch}")
    with suite.channel(suite.impostor("unentitled")) as client:
        refused(factord.NotFetchedError, client.fetch, 0, 0.1)
        for row in rows[:IMAGE_ROWS]:
            exact(row, client.predict_local_row(row.x, 0))


def half_made_region(suite: Suite) -> None:
    for impostor in ("half-zero", "half-status", "half-models", "half-resp"):
        suite.fails(impostor)


def hostile_regions(suite: Suite) -> None:
    impostors = (
        "unsealed-req unsealed-resp short-resp long-resp short-status three-descriptors "
        "four-descriptors pipe status-magic status-layout models-layout models-count resp-abi "
        "resp-shape resp-slots resp-outputs resp-class resp-client"
    )
    for impostor in impostors.split():
        suite.fails(impostor)


def hostile_answers(suite: Suite) -> None:
    def channel(impostor: str) -> factord.Client:
        return suite.channel(suite.impostor(impostor))

    with channel("resp-echo") as client:
        refused(factord.EchoMismatchError, client.predict_row, GOOD, 0, PLENTY)
    with channel("resp-status") as client:
        # The row that the rest of the answer is for.
        row = suite.rows("image")[0]
        refused(factord.PredictError, client.predict_row, row.x, 0, PLENTY)
    with channel("resp-ahead") as client:
        start = time.monotonic()
        refused(factord.DeadlineError, client.predict_row, GOOD, 0, 0.1)
        took(start, 0.1, PLENTY)
    with channel("epoch-odd") as client:
        start = time.monotonic()
        exact(row, client.predict_row(row.x, 0, PLENTY))
        took(start, 0.0, 5.0)
    with channel("models-wild") as client:
        ensure(len(client.models()) == 10, "models-wild: not ten models")
        for model in range(10):
            refused(factord.PredictError, client.predict_local_row, GOOD, model)
        refused(factord.UnknownModelError, client.predict_local_row, GOOD, NO_MODEL)
    with channel("models-torn") as client:
        start = time.monotonic()
        refused(factord.PredictError, client.predict_local_row, GOOD, 0)
        took(start, 0.0, 5.0)
    with channel("models-check") as client:
        refused(factord.UnknownModelError, client.predict_local_row, GOOD, 0)
    with channel("status-wild") as client:
        listed = [(row.id, row.name, row.kind, row.width, row.generation) for row in client.models()]
        ensure(listed == [(2, "h", "kind 9", 3, 1)], f"status-wild: {client.models()}")
        refused(factord.PredictError, client.predict_local_row, GOOD, 2)
    start = time.monotonic()
    suite.fails("status-odd")
    took(start, 0.0, 5.0)
    request = suite.requests()[0]
    for impostor in (
        "image-short image-long image-other image-kind image-width image-form image-layout image-nan"
    ).split():
        with channel(impostor) as client:
            refused(factord.NotFetchedError, client.fetch, 0, 0.1)
            of_request(
                request, client.predict_local_row(request.row.x, 0, key=request.key)
            )
