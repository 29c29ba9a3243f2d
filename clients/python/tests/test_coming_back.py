"""Engines that come back with other numbers, or not at all: what calls say, and when."""

import os
import shutil
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import factord
from conftest import Engine, wait_until

SECONDS = 60.0
ROW = (0.5, 0.2, 0.3)


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder of models, as an engine serves it."""
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def hold(shelf: Path, models: Path, **files: str) -> None:
    """Serves artifacts under other names; nothing else is left on the shelf."""
    for old in shelf.iterdir():
        old.unlink()
    for name, source in files.items():
        shutil.copy(models / source, shelf / f"{name}.fmodel")


def test_the_table_s_sequence_changes_with_its_rows(
    tmp_path: Path, shelf: Path, models: Path
) -> None:
    hold(shelf, models, regression="regression.fmodel")
    engine = Engine(tmp_path, "--models", str(shelf))
    engine.start()
    try:
        with factord.Client(engine.socket) as client:
            before = client.rows_sequence
            assert [row.name for row in client.models()] == ["regression"]
            assert client.rows_sequence == before
            both = {name: f"{name}.fmodel" for name in ("regression", "classification")}
            hold(shelf, models, **both)
            engine.send(signal.SIGHUP)
            wait_until("the rows change", lambda: client.rows_sequence != before)
            wait_until("a name comes", lambda: len(client.models()) == 2)
    finally:
        engine.kill()


def test_a_batch_across_a_restart_is_one_name_s(
    tmp_path: Path, shelf: Path, models: Path
) -> None:
    """By a restart `classification` goes, and its number with it."""
    hold(shelf, models, regression="regression.fmodel", classification="classification.fmodel")
    engine = Engine(tmp_path, "--models", str(shelf))
    engine.start()
    try:
        rows = np.random.default_rng(7).random((200_000, 3))
        with factord.Client(engine.socket) as client:
            numbers = {model.name: model.id for model in client.models()}
            expected = client.predict_local_many(rows, "classification").y
            for names in (["regression"], ["regression", "classification"]) * 3:

                def restart(names: list[str] = names) -> None:
                    time.sleep(0.05)
                    engine.kill()
                    hold(shelf, models, **{name: f"{name}.fmodel" for name in names})
                    engine.start()

                thread = threading.Thread(target=restart)
                thread.start()
                for number in (numbers["classification"], "classification"):
                    try:
                        answers = client.predict_many(rows, number, SECONDS)
                    except factord.UnknownModelError:
                        continue
                    told = set(answers.status.tolist())
                    assert told <= {factord.Status.OK, factord.Status.UNKNOWN_MODEL}
                    assert (answers.y[answers.ok] == expected[answers.ok]).all()
                thread.join()
                wait_until("the client is back", lambda: _is_back(client))
                assert {m.name: m.id for m in client.models()} == {n: numbers[n] for n in names}
            one = client.predict_row(rows[0], model="classification", deadline=SECONDS)
            assert one.y == expected[0]
            local = client.predict_local_row(rows[0], model=numbers["classification"])
            assert local.y == expected[0]
    finally:
        engine.kill()


def _is_back(client: factord.Client) -> bool:
    try:
        client.poll()
    except factord.NotConnectedError:
        return False
    return client.predict(*ROW, deadline=SECONDS).epoch == client.epoch


def test_calls_that_do_not_wait_return_at_once_while_the_engine_is_silent(
    own_engine: Engine,
) -> None:
    with factord.Client(own_engine.socket) as client:
        expected = client.predict(*ROW, deadline=SECONDS).y
        killed = time.monotonic()
        own_engine.kill()
        own_engine.start()
        own_engine.stop()
        late = []
        for _ in range(50):
            start = time.monotonic()
            with pytest.raises(factord.PredictError):
                client.predict(*ROW, deadline=0.01)
            late.append(time.monotonic() - start - 0.01)
            for call in (lambda: client.submit(*ROW), client.poll):
                start = time.monotonic()
                try:
                    call()
                except factord.PredictError:
                    pass
                late.append(time.monotonic() - start)
            start = time.monotonic()
            try:
                assert client.predict_local(*ROW).y == expected
            except factord.NotConnectedError:
                # Not before a second after the last heartbeat, which came a little earlier.
                assert start - killed > 0.5
            late.append(time.monotonic() - start)
        wait_until("the heartbeat is old", lambda: time.monotonic() > killed + 1.5)
        # Not every call reads the clock.
        with pytest.raises(factord.NotConnectedError):
            for _ in range(100):
                client.predict_local(*ROW)
        assert min(late) >= 0.0 and max(late) < 0.5, max(late)
        own_engine.go_on()


def test_a_client_waits_for_a_daemon_as_long_as_it_is_told(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    start = time.monotonic()
    with pytest.raises(factord.UnreachableError):
        factord.Client(engine.socket, wait=0.3)
    assert 0.3 <= time.monotonic() - start < 5.0
    with pytest.raises(ValueError, match="wait is -1"):
        factord.Client(engine.socket, wait=-1.0)
    thread = threading.Timer(0.2, engine.start)
    thread.start()
    try:
        with factord.Client(engine.socket, wait=SECONDS) as client:
            assert client.predict(*ROW, deadline=SECONDS).y == 0.500053855850386
    finally:
        thread.join()
        engine.kill()


def test_a_forked_child_replaces_its_parents_client(engine: Engine) -> None:
    client = factord.Client(engine.socket)
    expected = client.predict(*ROW, deadline=SECONDS)
    child = os.fork()
    if child == 0:
        status = 3
        try:
            # The new one may lie where the parent's did, which goes with the name.
            client = factord.Client(engine.socket)
            right = [client.predict(*ROW, deadline=SECONDS) == expected for _ in range(1000)]
            client.close()
            status = 0 if all(right) else 2
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    child = os.fork()
    if child == 0:
        status = 3
        try:
            client.close()
            del client
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert client.predict(*ROW, deadline=SECONDS) == expected
    client.close()


def test_a_daemon_in_a_folder_that_others_may_write_is_refused(tmp_path: Path) -> None:
    if not str(tmp_path).startswith("/tmp/"):
        pytest.skip("the rule is about /tmp")
    folder = tmp_path / "open"
    folder.mkdir(mode=0o700)
    engine = Engine(folder)
    engine.start()
    try:
        folder.chmod(0o777)
        with pytest.raises(factord.UntrustedError, match="FACTORD_DAEMON_UID") as refused:
            factord.Client(engine.socket, daemon_uid=os.getuid())
        assert str(folder) in str(refused.value)
        assert isinstance(refused.value, PermissionError)
        folder.chmod(0o711)
        with factord.Client(engine.socket) as client:
            assert client.predict(*ROW, deadline=SECONDS).y == 0.500053855850386
    finally:
        engine.kill()
