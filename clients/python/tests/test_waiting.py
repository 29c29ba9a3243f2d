"""Waits end: by an answer, by the deadline, by Ctrl-C, whatever becomes of the engine."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import factord
from conftest import Engine, wait_until

SECONDS = 30.0
ROW = (0.5, 0.2, 0.3)


def test_a_deadline_is_kept_and_the_late_answer_dropped(own_engine: Engine) -> None:
    with factord.Client(own_engine.socket) as client:
        own_engine.stop()
        for call in (
            lambda: client.predict(*ROW, deadline=0.1),
            lambda: client.predict_many(np.ones((10_000, 3)), deadline=0.1),
        ):
            start = time.monotonic()
            with pytest.raises(TimeoutError):
                call()
            assert 0.1 <= time.monotonic() - start < SECONDS
        own_engine.go_on()
        for rate in np.linspace(0.0, 1.0, 300):
            assert client.predict(rate, 0.2, 0.3, deadline=SECONDS).y == (
                client.predict_local(rate, 0.2, 0.3).y
            )
        assert client.poll() is None


def test_a_full_ring_is_told_from_a_slow_engine(own_engine: Engine) -> None:
    with factord.Client(own_engine.socket, slot_count=2) as client:
        own_engine.stop()
        tickets = [client.submit(*ROW), client.submit(*ROW)]
        with pytest.raises(factord.BackPressureError):
            client.predict(*ROW, deadline=0.05)
        own_engine.go_on()
        taken: list[int] = []

        def take() -> bool:
            if (answer := client.poll()) is not None:
                taken.append(answer[0])
            return taken == tickets

        wait_until("both are answered", take)


def test_a_dead_engine_is_an_error_by_the_deadline(own_engine: Engine) -> None:
    with factord.Client(own_engine.socket) as client:
        own_engine.kill()
        start = time.monotonic()
        with pytest.raises(factord.NotConnectedError):
            client.predict(*ROW, deadline=0.5)
        with pytest.raises(ConnectionError):
            client.predict_many(np.ones((100, 3)), deadline=0.5)
        assert 1.0 <= time.monotonic() - start < SECONDS
        own_engine.start()
        assert client.predict(*ROW, deadline=SECONDS).y == 0.500053855850386


def test_a_batch_lives_through_the_engines_death(own_engine: Engine) -> None:
    rows = np.random.default_rng(19).random((3_000_000, 3))
    with factord.Client(own_engine.socket) as client:
        expected = client.predict_local_many(rows)
        first_epoch = client.epoch
        died = threading.Event()

        def kill_and_start() -> None:
            time.sleep(0.02)
            own_engine.kill()
            died.set()
            time.sleep(0.1)
            own_engine.start()

        for _ in range(10):
            died.clear()
            thread = threading.Thread(target=kill_and_start)
            thread.start()
            answers = client.predict_many(rows, deadline=60.0)
            thread.join()
            assert died.is_set()
            assert answers.ok.all()
            assert answers.y.tobytes() == expected.y.tobytes()
            if len(np.unique(answers.epoch)) > 1:
                break
        else:
            raise AssertionError("no death fell into a batch")
        assert answers.epoch[-1] == client.epoch != first_epoch


WAITING = """
import signal, sys, numpy as np, factord
# As in a terminal: what a shell starts in the background ignores Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
what, socket = sys.argv[1:]
client = factord.Client(socket, feature_count=3)
print("attached", flush=True)
sys.stdin.readline()
try:
    print("waiting", flush=True)
    if what == "one":
        client.predict(0.5, 0.2, 0.3, deadline=600.0)
    else:
        client.predict_many(np.ones((100_000, 3)), deadline=600.0)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.stdin.readline()
    print(client.predict(0.5, 0.2, 0.3, deadline=60.0).y, client.poll(), flush=True)
"""


@pytest.mark.parametrize("what", ["one", "many"])
def test_ctrl_c_ends_a_wait_and_the_client_goes_on(own_engine: Engine, what: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITING, what, str(own_engine.socket)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "attached\n"
        own_engine.stop()
        process.stdin.write("go on\n")
        process.stdin.flush()
        assert process.stdout.readline() == "waiting\n"
        # Most likely inside the call by then; a signal before it ends the same.
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "interrupted\n"
        own_engine.go_on()
        process.stdin.write("go on\n")
        process.stdin.flush()
        assert process.stdout.readline() == "0.500053855850386 None\n"
        assert process.wait(60) == 0


def test_other_threads_run_while_a_batch_is_under_way(own_engine: Engine) -> None:
    with factord.Client(own_engine.socket) as client:
        own_engine.stop()
        done = threading.Event()

        def wait() -> None:
            with pytest.raises(factord.DeadlineError):
                client.predict_many(np.ones((1000, 3)), deadline=1.0)
            done.set()

        thread = threading.Thread(target=wait)
        thread.start()
        turns = 0
        while not done.is_set():
            os.sched_yield()
            turns += 1
        thread.join()
        # The interpreter changes threads every 5 ms: far fewer turns would mean it was held.
        assert turns > 100
        own_engine.go_on()
