"""Cases about the answers of a daemon that lives."""

import numpy as np

import factord
from suite import (
    GOOD,
    NO_MODEL,
    PLENTY,
    SLOTS,
    Suite,
    bits,
    ensure,
    exact,
    refused,
    still_answers,
    taken,
)


def _golden(suite: Suite, model: str) -> None:
    with suite.channel() as client:
        for row in suite.rows(model):
            a, b, c = row.x
            prediction = exact(row, client.predict(a, b, c, model, PLENTY))
            ensure(prediction.generation >= 1, prediction)


def golden_regression(suite: Suite) -> None:
    _golden(suite, "regression")


def golden_classification(suite: Suite) -> None:
    _golden(suite, "classification")


def bad_input(suite: Suite) -> None:
    with suite.channel() as client:
        for model in ("regression", "classification"):
            for x in suite.bad_rows():
                refused(factord.BadInputError, client.predict_row, x, model, PLENTY)
        still_answers(suite, client)


def unknown_model(suite: Suite) -> None:
    with suite.channel() as client:
        refused(factord.UnknownModelError, client.predict_row, GOOD, NO_MODEL, PLENTY)
        refused(factord.UnknownModelError, client.predict_row, GOOD, "no-such-model", PLENTY)
        still_answers(suite, client)


def width_mismatch(suite: Suite) -> None:
    with suite.channel() as client:
        refused(factord.WidthMismatchError, client.predict_row, GOOD, "wide", PLENTY)
        refused(factord.WidthMismatchError, client.predict_row, GOOD[:2], "regression", PLENTY)
        refused(factord.WidthMismatchError, client.submit_row, GOOD[:2], "regression")
        refused(factord.WidthMismatchError, client.predict_many, np.zeros((1, 2)))
        still_answers(suite, client)
        ensure(client.poll() is None, "something was published")


def back_pressure(suite: Suite) -> None:
    rows = suite.rows("regression")
    with suite.channel() as client:
        suite.conduct("stop")
        tickets = [client.submit_row(row.x) for row in rows[:SLOTS]]
        for _ in range(2):
            refused(factord.BackPressureError, client.submit_row, rows[SLOTS].x)
        suite.conduct("continue")
        for row, ticket in zip(rows[:SLOTS], tickets, strict=True):
            found, prediction = taken(client)
            ensure(found == ticket, f"answer {found} instead of {ticket}")
            exact(row, prediction)
        last = rows[SLOTS]
        ticket = client.submit_row(last.x)
        found, prediction = taken(client)
        ensure(found == ticket, f"answer {found} instead of {ticket}")
        exact(last, prediction)


def pipelined_order(suite: Suite) -> None:
    with suite.channel() as client:
        in_order(suite, client, ("regression", "classification"), 10_000)


def in_order(suite: Suite, client: factord.Client, names: tuple[str, str], count: int) -> None:
    """So many requests, rows of two models by turns, with a full ring under way."""
    golden = [(name, suite.rows(name)) for name in names]
    requests = [
        (golden[i % 2][0], golden[i % 2][1][i % len(golden[i % 2][1])]) for i in range(count)
    ]
    tickets: list[int] = []
    for index in range(count):
        while len(tickets) < min(count, index + client.slot_count):
            model, row = requests[len(tickets)]
            try:
                tickets.append(client.submit_row(row.x, model))
            except factord.NotConnectedError:
                # It is coming back.
                if len(tickets) > index:
                    break
        ticket, prediction = taken(client)
        ensure(ticket == tickets[index], f"answer {ticket} instead of {tickets[index]}")
        exact(requests[index][1], prediction)
    ensure(client.poll() is None, "one answer too many")


def batch_golden(suite: Suite) -> None:
    rows, bad = suite.rows("regression"), suite.bad_rows()
    with suite.channel() as client:
        inputs = np.array([row.x for row in rows] + bad)
        answers = client.predict_many(inputs, "regression", PLENTY)
        ensure(len(answers) == len(rows) + len(bad), f"{len(answers)} answers")
        for row, y, second in zip(rows, answers.y, answers.second, strict=False):
            ensure((bits(y), bits(second)) == (row.y, row.second), f"{y} for {row}")
        ensure(bool(answers.ok[: len(rows)].all()), "a good row was refused")
        ensure(
            bool((answers.status[len(rows) :] == factord.Status.BAD_INPUT).all()),
            f"bad rows read {answers.status[len(rows) :]}",
        )
        ensure(len(client.predict_many(np.empty((0, 3)), deadline=0.0)) == 0, "an empty batch")


def local_equals_ring(suite: Suite) -> None:
    with suite.channel() as client:
        for model in ("regression", "classification"):
            version = next(row.fingerprint for row in client.models() if row.name == model)
            for row in suite.rows(model):
                a, b, c = row.x
                ring = exact(row, client.predict(a, b, c, model, PLENTY))
                local = exact(row, client.predict_local(a, b, c, model))
                ensure(ring.generation == local.generation, f"{ring}, {local}")
                for prediction in (ring, local):
                    who = (prediction.arm, prediction.fingerprint)
                    ensure(who == (0, version), f"{prediction}, not of {version}")
            for x in suite.bad_rows():
                refused(factord.BadInputError, client.predict_local_row, x, model)
        refused(factord.UnknownModelError, client.predict_local_row, GOOD, NO_MODEL)


def wide(suite: Suite) -> None:
    with suite.channel(feature_count=1000, slot_count=16) as client:
        for model in ("wide", "wide-logistic"):
            rows = suite.rows(model)
            client.fetch(model, PLENTY)
            for row in rows:
                ring = exact(row, client.predict_row(row.x, model, PLENTY))
                local = exact(row, client.predict_local_row(np.array(row.x), model))
                ensure(ring.fingerprint == local.fingerprint != 0, f"{ring}, {local}")
            # Columns in a row, too: a thousand of them.
            inputs = np.asfortranarray([row.x for row in rows])
            for answers in (
                client.predict_many(inputs, model, PLENTY),
                client.predict_local_many(inputs, model),
            ):
                for row, prediction in zip(rows, answers, strict=True):
                    exact(row, prediction)
        refused(factord.WidthMismatchError, client.predict_row, [0.5] * 1000, "regression", PLENTY)
    with suite.channel() as client:
        for model in ("wide", "wide-logistic"):
            row = suite.rows(model)[0]
            try:
                exact(row, client.predict_local_row(row.x, model))
            except factord.NotFetchedError:
                client.fetch(model, PLENTY)
            exact(row, client.predict_local_row(row.x, model))
