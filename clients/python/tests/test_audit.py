"""Every answer of a daemon: as a subscriber reads it, and in the files of `factord record`."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

import factord
from conftest import Engine, binary, wait_until

ROW = (0.5, 0.2, 0.3)


@pytest.fixture
def tapped(tmp_path: Path) -> Iterator[Engine]:
    """A daemon with a tap, all of whose answers are given by the engine."""
    engine = Engine(tmp_path, "--tap", "--audit-local", "refuse")
    engine.start()
    try:
        yield engine
    finally:
        engine.kill()


def test_a_subscriber_sees_what_a_client_was_given(tapped: Engine) -> None:
    one = factord.Subscriber("classification", tapped.socket)
    every = factord.Subscriber(socket=tapped.socket)
    with factord.Client(tapped.socket, name="strategy") as client:
        for key in range(1, 20):
            given = [
                client.predict(*ROW, model=name, key=key)
                for name in ("regression", "classification")
            ]
            for subscriber, expected in ((every, given[0]), (every, given[1]), (one, given[1])):
                seen = subscriber.poll(10.0)
                assert seen is not None
                assert (seen.y, seen.key, tuple(seen.features)) == (expected.y, key, ROW)
                assert seen.fingerprint == expected.fingerprint
                assert seen.generation == expected.generation
                assert seen.status == factord.Status.OK
    assert one.poll() is None and one.missed == 0 and one.is_current()


def test_without_a_tap_it_is_said_how_to_have_one(engine: Engine) -> None:
    with pytest.raises(factord.AttachError, match="serve --tap"):
        factord.Subscriber(socket=engine.socket)


def test_a_forked_child_does_not_read_its_parent_s_tap(tapped: Engine) -> None:
    subscriber = factord.Subscriber(socket=tapped.socket)
    child = os.fork()
    if child == 0:
        try:
            subscriber.poll()
        except factord.ForkedError:
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_duckdb_and_pyarrow_read_what_was_recorded(tapped: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    command = [binary(), "--socket", str(tapped.socket), "record", str(folder), "--host", "here"]
    recorder = subprocess.Popen([*command, "--every", "1"], stdout=subprocess.PIPE, text=True)
    assert recorder.stdout is not None
    assert recorder.stdout.readline().startswith("recording epoch ")
    given = {}
    with factord.Client(tapped.socket, name="strategy") as client:
        for key in range(1, 101):
            given[key] = client.predict(key / 128, 0.2, 0.3, key=key)
            client.predict(key / 128, 0.2, 0.3, model="classification", key=key)
            if key == 50:
                wait_until("a file", lambda: any(folder.rglob("*.parquet")))
    time.sleep(0.3)
    recorder.send_signal(signal.SIGTERM)
    assert recorder.wait(30) == 0
    files = sorted(folder.rglob("*.parquet"))
    assert len(files) >= 2
    assert sum(pq.read_table(file).num_rows for file in files) == 200
    where = f"'{folder}/*/*/*.parquet'"
    # Which version answered key 42, and what did it see?
    rows = duckdb.execute(
        f"select host, name, features, y, version, generation, client from read_parquet({where}, "
        "hive_partitioning = true) where key = 42 and name = 'regression'"
    ).fetchall()
    (host, name, features, y, version, generation, asked) = rows[0]
    assert (len(rows), host, name, asked) == (1, "here", "regression", "strategy")
    assert (features, y) == ([42 / 128, 0.2, 0.3], given[42].y)
    assert version == given[42].fingerprint.to_bytes(8, "little").hex()
    assert generation == given[42].generation
    by_name = duckdb.execute(
        f"select name, count(*), min(status), max(status) from read_parquet({where}) "
        "group by name order by name"
    ).fetchall()
    assert by_name == [("classification", 100, "ok", "ok"), ("regression", 100, "ok", "ok")]
    shutil.rmtree(folder)
