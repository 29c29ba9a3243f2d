"""Real daemons for the tests: each in a folder of its own, gone whatever happens."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
START_SECONDS = 30.0


def wait_until(what: str, is_so: Callable[[], bool], seconds: float = START_SECONDS) -> None:
    """Asks every few milliseconds until it is so."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.005)


def binary() -> str:
    """The command line."""
    built = os.environ.get("CARGO_TARGET_DIR", str(PROJECT / "target"))
    return os.environ.get("FACTORD_BINARY", f"{built}/release/factord")


class Engine:
    """One daemon at one socket; killed and started at will."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.folder = folder
        self.socket = folder / "factord.sock"
        self.flags = flags
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and waits until it is ready."""
        out = self.folder / "out"
        # Backing off, so that the tests' own processes get the cores too.
        command = [binary(), "serve", "--no-http", "--socket", str(self.socket), "--idle", "backoff"]
        with out.open("wb") as sink, (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([*command, *self.flags], stdout=sink, stderr=log)
        wait_until("the daemon is ready", lambda: self._alive() and b" is ready" in out.read_bytes())

    def _alive(self) -> bool:
        assert self.process is not None
        ended = self.process.poll()
        assert ended is None, f"the daemon ended: {ended}, {(self.folder / 'log').read_text()}"
        return True

    def send(self, number: signal.Signals) -> None:
        """Sends a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> None:
        """SIGSTOP, and the wait until every thread stands still."""
        assert self.process is not None
        self.send(signal.SIGSTOP)
        tasks = Path(f"/proc/{self.process.pid}/task")

        def still() -> bool:
            stats = [(task / "stat").read_text() for task in tasks.iterdir()]
            return all(stat.rsplit(") ", 1)[1].startswith("T") for stat in stats)

        wait_until("the daemon stands still", still)

    def go_on(self) -> None:
        """SIGCONT."""
        self.send(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, and the wait that frees what it held."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def own_engine(tmp_path: Path) -> Iterator[Engine]:
    """A daemon that the test may kill."""
    engine = Engine(tmp_path)
    engine.start()
    try:
        yield engine
    finally:
        engine.kill()


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A daemon that all tests share."""
    shared = Engine(tmp_path_factory.mktemp("engine"))
    shared.start()
    try:
        yield shared
    finally:
        shared.kill()


@pytest.fixture(scope="session")
def models() -> Path:
    """The artifacts that ship."""
    return PROJECT / "models"
