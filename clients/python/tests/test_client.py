"""What a client gets for what it asks."""

import os
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


def test_the_model_table_names_what_is_served(engine: Engine, models: Path) -> None:
    with factord.Client(engine.socket) as client:
        rows = client.models()
    assert [(row.id, row.name, row.kind, row.width, row.generation) for row in rows] == [
        (0, "regression", "linear", 3, 1),
        (1, "classification", "logistic", 3, 1),
    ]
    for row in rows:
        assert row.sha256 == factord.Model.load(models / f"{row.name}.fmodel").sha256


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
            for column in ("y", "second", "status", "generation", "epoch"):
                assert getattr(ring, column).tobytes() == getattr(local, column).tobytes()
            one = client.predict_local_row(rows[7], model)
            assert one == ring[7]
            assert one == client.predict_row(rows[7], model, SECONDS)
