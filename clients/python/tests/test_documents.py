"""What the documents show is what happens: examples, docstrings, the README, the stubs."""

import doctest
import inspect
import os
import subprocess
import sys
from enum import IntEnum
from pathlib import Path

import numpy as np
import pytest

import factord
from conftest import PROJECT, Engine

HERE = PROJECT / "clients" / "python"


@pytest.fixture(autouse=True)
def surroundings(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples find the daemon by the environment and artifacts from the project's root."""
    monkeypatch.setenv("FACTORD_SOCKET", str(engine.socket))
    monkeypatch.chdir(PROJECT)


def run_examples(name: str, text: str) -> int:
    """Runs the interactive examples of a text; returns how many there were."""
    test = doctest.DocTestParser().get_doctest(
        text, {"factord": factord, "np": np}, name, name, 0
    )
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    report: list[str] = []
    failed = runner.run(test, out=report.append).failed
    assert failed == 0, "".join(report)
    return len(test.examples)


def test_the_examples_of_the_docstrings_hold() -> None:
    count = run_examples("factord", factord.__doc__ or "")
    for name in factord.__all__:
        value = getattr(factord, name)
        assert value.__doc__, f"{name} has no docstring"
        count += run_examples(name, value.__doc__)
        if not isinstance(value, type) or issubclass(value, (factord.FactordError, IntEnum)):
            continue
        for member, inner in vars(value).items():
            # A slot's text stands in the source.
            if member.startswith("_") or inspect.ismemberdescriptor(inner):
                continue
            text = inspect.getdoc(inner)
            assert text, f"{name}.{member} has no docstring"
            count += run_examples(f"{name}.{member}", text)
    assert count >= 15


def test_the_examples_of_the_readme_hold() -> None:
    assert run_examples("README", (HERE / "README.md").read_text()) >= 10


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("basic", [], "0.500053855850386 by generation 1"),
        ("ping", ["100"], "round trip: p50 "),
        ("batch", ["models/regression.fmodel"], "offline: the same bits"),
        ("factors", [], "as a table: the same bits"),
    ],
)
def test_the_example_programs_run(name: str, arguments: list[str], says: str) -> None:
    done = subprocess.run(
        [sys.executable, str(HERE / "examples" / f"{name}.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ,
    )
    assert done.returncode == 0, done.stderr
    assert says in done.stdout


def test_the_package_is_typed() -> None:
    assert (Path(factord.__file__).parent / "py.typed").exists()
