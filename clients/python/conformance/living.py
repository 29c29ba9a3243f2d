"""Cases about an engine that stands still, dies, comes back, or changes its models."""

import time

import numpy as np

import factord
from suite import PLENTY, Row, Suite, double, ensure, exact, refused, taken, took


def deadline(suite: Suite) -> None:
    rows = suite.rows("regression")
    with suite.channel() as client:
        suite.conduct("stop")
        start = time.monotonic()
        refused(factord.DeadlineError, client.predict_row, rows[0].x, "regression", 0.05)
        took(start, 0.05, 5.0)
        suite.conduct("continue")
        exact(rows[1], client.predict_row(rows[1].x, "regression", PLENTY))
        ensure(client.poll() is None, "the late answer was kept")


def engine_killed(suite: Suite) -> None:
    rows = suite.rows("regression")
    with suite.channel() as client:
        first = exact(rows[0], client.predict_row(rows[0].x, deadline=PLENTY))
        suite.conduct("kill")
        start = time.monotonic()
        refused(factord.NotConnectedError, client.predict_row, rows[0].x, "regression", 1.0)
        took(start, 1.0, PLENTY)
        suite.conduct("start")
        second = exact(rows[1], client.predict_row(rows[1].x, deadline=PLENTY))
        ensure(second.epoch > first.epoch, f"epoch {second.epoch} after {first.epoch}")
        suite.conduct("stop")
        tickets = [client.submit_row(row.x) for row in rows[2:7]]
        suite.conduct("kill")
        suite.conduct("start")
        for row, ticket in zip(rows[2:7], tickets, strict=True):
            found, prediction = taken(client)
            ensure(found == ticket, f"answer {found} instead of {ticket}")
            exact(row, prediction)
            ensure(prediction.epoch > second.epoch, f"{prediction.epoch} after {second.epoch}")


def _all_right(rows: list[Row], inputs: np.ndarray, answers: factord.Predictions) -> None:
    expected = np.array([double(row.y.hex()) for row in rows])
    expected = np.resize(expected, len(inputs))
    ensure(bool(answers.ok.all()), f"{(~answers.ok).sum()} rows have no answer")
    wrong = (answers.y.view(np.uint64) != expected.view(np.uint64)).sum()
    ensure(wrong == 0, f"{wrong} rows have a wrong answer")


def batch_across_kill(suite: Suite) -> None:
    rows = suite.rows("regression")
    inputs = np.resize(np.array([row.x for row in rows]), (1_000_000, 3))
    with suite.channel() as client:
        for _ in range(10):
            suite.conduct("restart-after", "20000")
            answers = client.predict_many(inputs, "regression", 30.0)
            _all_right(rows, inputs, answers)
            if len(np.unique(answers.epoch)) == 2:
                break
        else:
            ensure(False, "no kill fell into a batch")
        suite.conduct("kill")
        start = time.monotonic()
        refused(factord.NotConnectedError, client.predict_many, inputs[:1000], "regression", 0.5)
        took(start, 0.5, PLENTY)
        suite.conduct("start")
        answers = client.predict_many(inputs[:1000], "regression", PLENTY)
        _all_right(rows, inputs[:1000], answers)


def model_swapped(suite: Suite) -> None:
    variants = {name: suite.rows(f"swing-{name}")[0] for name in ("a", "b")}
    with suite.channel() as client:

        def swap(name: str, known: dict[int, Row]) -> int:
            generation = int(suite.conduct("swap", name))
            known[generation] = variants[name]
            return generation

        known: dict[int, Row] = {}
        latest = swap("a", known)
        x = variants["a"].x
        for name in ("b", "a"):
            # What may still answer for a moment, and what must in the end.
            before, latest = latest, swap(name, known)
            ensure(latest > before, f"generation {latest} after {before}")
            end = time.monotonic() + PLENTY
            while True:
                prediction = client.predict_row(x, "swing", PLENTY)
                ensure(prediction.generation in known, f"{prediction} of {sorted(known)}")
                exact(known[prediction.generation], prediction)
                if prediction.generation == latest:
                    break
                ensure(time.monotonic() < end, f"generation {latest} never answered")
            table = {row.name: row.generation for row in client.models()}
            ensure(table["swing"] == latest, f"the table says {table['swing']}, not {latest}")
            local = exact(variants[name], client.predict_local_row(x, "swing"))
            ensure(local.generation == latest, local)
