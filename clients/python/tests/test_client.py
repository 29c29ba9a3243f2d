"""What a client gets for what it asks."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import factord
from conftest import Engine

SECONDS = 10.0
ROW = (0.5, 0.2, 0.3)


def answered(client: factord.Client) -> tuple[int, factord.Prediction]:
    """The next answer, however long it takes."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if (answer := client.poll()) is not None:
            return answer
    raise AssertionError("no answer came")


def test_one_row_is_answered_with_its_origin(engine: Engine) -> None:
    with factord.Client(engine.socket) as client:
        prediction = client.predict(*ROW, deadline=SECONDS)
        assert prediction.y == 0.500053855850386
        assert float(prediction) == prediction.y
        assert prediction.generation == 1
        assert prediction.epoch == client.epoch != 0
        assert (prediction.t_received, prediction.t_done) == (0, 0)
        named = client.predict(
            buy_rate=0.5, large_buy=0.2, large_sell=0.3, model="classification", deadline=SECONDS
        )
        assert 0.0 < named.y < 0.5
        assert named.second == 0.0
        assert client.predict(*ROW, model=1, deadline=SECONDS) == named
        assert client.predict_row(ROW, deadline=SECONDS) == prediction
        assert client.predict_row(np.array(ROW), deadline=SECONDS) == prediction


def test_stamps_come_when_asked_for(engine: Engine) -> None:
    with factord.Client(engine.socket, stamp=True) as client:
        prediction = client.predict(*ROW, deadline=SECONDS)
        assert 0 < prediction.t_received <= prediction.t_done
        spent_ns = client.ticks_to_ns(prediction.t_received, prediction.t_done)
        assert spent_ns is not None
        assert 0.0 <= spent_ns < SECONDS * 1e9
        assert client.ticks_to_ns(prediction.t_done, prediction.t_received) == -spent_ns


def test_the_model_table_names_what_is_served(engine: Engine, models: Path) -> None:
    with factord.Client(engine.socket) as client:
        rows = client.models()
    assert [(row.id, row.name, row.kind, row.width, row.generation) for row in rows] == [
        (0, "regression", "linear", 3, 1),
        (1, "classification", "logistic", 3, 1),
    ]
    for row in rows:
        model = factord.Model.load(models / f"{row.name}.fmodel")
        assert (row.sha256, row.fingerprint) == (model.sha256, model.fingerprint)
        assert (row.output_count, row.arm_count, row.heavy) == (2, 1, False)
        assert row.cost_ns > 0


def test_refusals_are_exceptions_of_their_own(engine: Engine) -> None:
    with factord.Client(engine.socket) as client:
        with pytest.raises(factord.BadInputError):
            client.predict(float("nan"), 0.2, 0.3, deadline=SECONDS)
        with pytest.raises(ValueError, match="finite"):
            client.predict_local(float("inf"), 0.2, 0.3)
        with pytest.raises(factord.UnknownModelError, match="regression, classification"):
            client.predict(*ROW, model="moon")
        with pytest.raises(LookupError):
            client.predict(*ROW, model=15, deadline=SECONDS)
        with pytest.raises(factord.WidthMismatchError):
            client.predict_row([0.5, 0.2])
        with pytest.raises(factord.WidthMismatchError):
            client.submit_row([0.5] * 6)
        with pytest.raises(factord.WidthMismatchError):
            client.predict_many(np.zeros((2, 4)))
        with pytest.raises(ValueError, match="deadline"):
            client.predict(*ROW, deadline=-1.0)
        with pytest.raises(TypeError):
            client.predict("0.5", 0.2, 0.3)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            client.predict(*ROW, model=None)  # type: ignore[arg-type]
        assert client.predict(*ROW, deadline=SECONDS).y == 0.500053855850386


def test_a_channel_of_another_width_says_so(engine: Engine) -> None:
    with factord.Client(engine.socket, feature_count=2) as client:
        assert client.feature_count == 2
        with pytest.raises(factord.WidthMismatchError):
            client.predict(*ROW)
        with pytest.raises(factord.WidthMismatchError):
            client.predict_row([0.5, 0.2], deadline=SECONDS)
        # Evaluated here, the model's width counts and not the channel's.
        assert client.predict_local(*ROW).y == 0.500053855850386


def test_pipelined_answers_come_in_order_with_their_tickets(engine: Engine) -> None:
    rates = np.random.default_rng(3).random(500)
    with factord.Client(engine.socket, slot_count=16) as client:
        expected = client.predict_local_many(np.column_stack([rates, rates, rates])).y
        waiting: list[int] = []
        taken = 0
        for rate in rates:
            if len(waiting) == 16:
                with pytest.raises(factord.BackPressureError):
                    client.submit(rate, rate, rate)
                ticket, prediction = answered(client)
                assert (ticket, prediction.y) == (waiting.pop(0), expected[taken])
                taken += 1
            waiting.append(client.submit(rate, rate, rate))
        while waiting:
            ticket, prediction = answered(client)
            assert (ticket, prediction.y) == (waiting.pop(0), expected[taken])
            taken += 1
        assert taken == 500
        assert client.poll() is None


def test_a_refused_request_names_its_ticket(engine: Engine) -> None:
    with factord.Client(engine.socket) as client:
        ticket = client.submit(float("nan"), 0.2, 0.3)
        with pytest.raises(factord.BadInputError) as refused:
            answered(client)
        assert refused.value.ticket == ticket


def test_waiting_for_one_answer_keeps_those_of_earlier_tickets(engine: Engine) -> None:
    with factord.Client(engine.socket) as client:
        early = [client.submit(rate, 0.2, 0.3) for rate in (0.1, 0.2)]
        assert client.predict(*ROW, deadline=SECONDS).y == 0.500053855850386
        assert len(client.predict_many(np.ones((100, 3)), deadline=SECONDS)) == 100
        assert [answered(client)[0] for _ in early] == early


def test_a_closed_client_refuses(engine: Engine) -> None:
    client = factord.Client(engine.socket)
    client.close()
    client.close()
    with pytest.raises(factord.ClosedError):
        client.predict(*ROW)
    with client, pytest.raises(ValueError, match="closed"):
        client.models()


def test_attaching_says_why_not(tmp_path: Path, engine: Engine) -> None:
    with pytest.raises(factord.UnreachableError, match="nobody.sock"):
        factord.Client(tmp_path / "nobody.sock")
    with pytest.raises(ConnectionError):
        factord.Client(str(tmp_path / "nobody.sock"))
    with pytest.raises(factord.RefusedError):
        factord.Client(engine.socket, slot_count=3)
    with pytest.raises(ValueError, match="backoff"):
        factord.Client(engine.socket, idle="sleepily")


def test_the_environment_names_the_socket(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACTORD_SOCKET", str(engine.socket))
    for idle in ("noop", "spin", "yield", "backoff"):
        with factord.Client(idle=idle) as client:
            assert client.connected
            assert client.predict(*ROW, deadline=SECONDS).y == 0.500053855850386


def test_a_client_inside_another_threads_call_refuses(own_engine: Engine) -> None:
    with factord.Client(own_engine.socket) as client:
        own_engine.stop()
        outcome: list[str] = []

        def wait() -> None:
            try:
                client.predict(*ROW, deadline=SECONDS)
                outcome.append("answered")
            except factord.DeadlineError:
                outcome.append("late")

        thread = threading.Thread(target=wait)
        thread.start()
        # The interpreter is let go, or this thread would not run until the deadline.
        end = time.monotonic() + SECONDS
        refused = False
        while not refused and not outcome and time.monotonic() < end:
            try:
                client.models()
            except factord.InUseError:
                refused = True
        assert refused
        own_engine.go_on()
        thread.join()
        assert outcome == ["answered"]
        assert client.predict(*ROW, deadline=SECONDS).y == 0.500053855850386


def test_a_forked_child_makes_a_client_of_its_own(engine: Engine) -> None:
    with factord.Client(engine.socket) as client:
        expected = client.predict(*ROW, deadline=SECONDS)
        child = os.fork()
        if child == 0:
            try:
                try:
                    client.predict(*ROW)
                    os._exit(1)
                except factord.ForkedError:
                    pass
                with factord.Client(engine.socket) as own:
                    os._exit(0 if own.predict(*ROW, deadline=SECONDS) == expected else 2)
            finally:
                os._exit(3)
        assert os.waitpid(child, 0)[1] == 0
        assert client.predict(*ROW, deadline=SECONDS) == expected


def test_evaluation_here_gives_the_bits_of_the_ring(engine: Engine) -> None:
    rows = np.random.default_rng(5).normal(size=(2000, 3))
    with factord.Client(engine.socket) as client:
        for model in ("regression", "classification"):
            ring = client.predict_many(rows, model, SECONDS)
            local = client.predict_local_many(rows, model)
            for column in (
                *("y", "second", "status"),
                *("generation", "arm", "fingerprint", "epoch"),
            ):
                assert getattr(ring, column).tobytes() == getattr(local, column).tobytes()
            one = client.predict_local_row(rows[7], model)
            assert one == ring[7]
            assert one == client.predict_row(rows[7], model, SECONDS)


def test_an_answer_names_the_artifact_and_any_unit_of_an_undivided_name_gets_it(
    engine: Engine,
) -> None:
    with factord.Client(engine.socket) as client:
        version = client.models()[0].fingerprint
        expected = client.predict(*ROW, deadline=SECONDS)
        assert (expected.fingerprint, expected.arm) == (version, 0)
        for key in (0, 1, 2**64 - 1):
            assert client.predict(*ROW, deadline=SECONDS, key=key) == expected
            assert client.predict_row(ROW, deadline=SECONDS, key=key) == expected
            assert client.predict_local(*ROW, key=key) == expected
            assert client.predict_local_row(ROW, key=key) == expected
            many = client.predict_many(np.array([ROW, ROW]), deadline=SECONDS, key=key)
            assert list(many) == [expected, expected]
            assert list(client.predict_local_many(np.array([ROW]), key=key)) == [expected]
            tickets = [client.submit(*ROW, key=key), client.submit_row(ROW, key=key)]
            assert [answered(client) for _ in tickets] == [(t, expected) for t in tickets]
        for key in (-1, 2**64):
            with pytest.raises(OverflowError):
                client.predict(*ROW, key=key)


def test_a_pinned_number_takes_the_answers_of_its_artifact_alone(engine: Engine) -> None:
    with factord.Client(engine.socket) as client:
        row = client.models()[0]
        pinned = client.pin("regression", row.sha256)
        assert pinned == client.pin("regression", row.sha256.upper()) != row.id
        expected = client.predict(*ROW, deadline=SECONDS)
        assert client.predict(*ROW, model=pinned, deadline=SECONDS) == expected
        assert client.predict_local(*ROW, model=pinned) == expected
        other = client.pin("regression", "07" * 32)
        with pytest.raises(factord.OtherVersionError):
            client.predict(*ROW, model=other, deadline=SECONDS)
        with pytest.raises(factord.OtherVersionError):
            client.predict_local(*ROW, model=other)
        for many in (
            client.predict_many(np.array([ROW]), other, SECONDS),
            client.predict_local_many(np.array([ROW]), other),
        ):
            assert many.status[0] == factord.Status.OTHER_VERSION
            with pytest.raises(factord.OtherVersionError):
                many[0]
        # The name itself takes any.
        assert client.predict(*ROW, deadline=SECONDS) == expected
        with pytest.raises(factord.UnknownModelError, match="moon"):
            client.pin("moon", row.sha256)
        for wrong in ("", "07", "0g" * 32, "07" * 33, row.sha256[:-1]):
            with pytest.raises(ValueError, match="64 hexadecimal digits"):
                client.pin("regression", wrong)


def test_one_row_goes_to_several_models_at_once(engine: Engine) -> None:
    with factord.Client(engine.socket) as client:
        names = ["regression", "classification"]
        expected = [client.predict(*ROW, model=name, deadline=SECONDS) for name in names]
        assert list(client.predict_each(ROW, names, SECONDS)) == expected
        mixed = client.predict_each(np.array(ROW), [1, 15, "regression"], SECONDS)
        assert mixed.status.tolist() == [0, factord.Status.UNKNOWN_MODEL, 0]
        assert (mixed[0], mixed[2]) == (expected[1], expected[0])
        assert len(client.predict_each(ROW, [])) == 0
        with pytest.raises(factord.UnknownModelError, match="moon"):
            client.predict_each(ROW, ["moon"])
        with pytest.raises(factord.WidthMismatchError):
            client.predict_each(ROW[:2], names)
        with pytest.raises(TypeError):
            client.predict_each(ROW, [None])  # type: ignore[list-item]


def test_many_answers_are_taken_at_once(own_engine: Engine) -> None:
    with factord.Client(own_engine.socket, slot_count=16) as client:
        own_engine.stop()
        assert client.in_flight == 0
        bad = (float("nan"), 0.2, 0.3)
        tickets = [client.submit(*row) for row in (ROW, bad, ROW)]
        assert client.in_flight == 3
        assert [len(part) for part in client.poll_many()] == [0, 0]
        own_engine.go_on()
        taken: list[int] = []
        status: list[int] = []
        end = time.monotonic() + SECONDS
        while len(taken) < 3 and time.monotonic() < end:
            found, predictions = client.poll_many(2)
            assert len(found) == len(predictions) <= 2
            taken += found.tolist()
            status += predictions.status.tolist()
        assert taken == tickets
        assert status == [factord.Status.OK, factord.Status.BAD_INPUT, factord.Status.OK]
        assert client.in_flight == 0
        assert [len(part) for part in client.poll_many(0)] == [0, 0]


def test_parameters_are_fetched_or_it_says_that_they_are_not(engine: Engine) -> None:
    with factord.Client(engine.socket) as client:
        client.fetch(deadline=SECONDS)
        client.fetch("classification", SECONDS)
        with pytest.raises(factord.UnknownModelError):
            client.fetch(15, SECONDS)
        with pytest.raises(factord.UnknownModelError, match="moon"):
            client.fetch("moon")


def test_a_channel_has_a_class_and_room_for_outputs(engine: Engine) -> None:
    with factord.Client(engine.socket, output_count=64) as client:
        assert client.predict(*ROW, deadline=SECONDS).y == 0.500053855850386
    for outputs in (1, 65):
        with pytest.raises(factord.RefusedError, match=f"{outputs} outputs"):
            factord.Client(engine.socket, output_count=outputs)
    with pytest.raises(factord.RefusedError, match="heavy-core"):
        factord.Client(engine.socket, heavy=True)


def test_a_client_on_a_workers_cpu_says_so_once_unless_it_is_quiet(tmp_path: Path) -> None:
    cpu = min(os.sched_getaffinity(0))
    shared = Engine(tmp_path, "--core", str(cpu))
    shared.start()
    try:
        with factord.Client(shared.socket) as client:
            assert client.worker_cores() == [cpu]
        program = (
            "import os, sys, factord\n"
            f"os.sched_setaffinity(0, {{{cpu}}})\n"
            "quiet = sys.argv[1] == 'quiet'\n"
            f"two = [factord.Client({str(shared.socket)!r}, idle='backoff', quiet=quiet, wait=5)"
            " for _ in range(2)]\n"
        )

        def said(word: str, environment: dict[str, str]) -> str:
            return subprocess.run(
                [sys.executable, "-c", program, word],
                env={**os.environ, **environment},
                stderr=subprocess.PIPE,
                text=True,
                check=True,
            ).stderr

        assert said("loud", {}).count(f"can only run on CPU {cpu}, which a worker polls") == 1
        assert said("quiet", {}) == ""
        assert said("loud", {"FACTORD_QUIET": "1"}) == ""
    finally:
        shared.kill()


def test_errors_name_keywords_and_a_client_shows_how_it_stands(
    engine: Engine, tmp_path: Path
) -> None:
    with pytest.raises(factord.UnreachableError, match="name its socket with `socket`") as caught:
        factord.Client(tmp_path / "none.sock")
    assert "--" not in str(caught.value)
    client = factord.Client(engine.socket)
    assert repr(client) == "<factord.Client: 3 features, 256 slots, connected>"
    client.close()
    assert repr(client) == "<factord.Client: 3 features, 256 slots, closed>"
