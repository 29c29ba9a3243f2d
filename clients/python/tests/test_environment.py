"""The host program's floating-point environment: no bit depends on it, and it stands afterwards."""

import ctypes
import platform
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

import factord
from conftest import Engine

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="MXCSR is x86-64's")

SECONDS = 60.0

STATES = (0x9F80, 0x1FC0, 0x9FC0, 0x3F80, 0x5F80, 0x7F80)
"""MXCSR: FTZ, DAZ, both, as of a library linked with -ffast-math; down, up, to zero."""

DEFAULT = 0x1F80
FLAGS = 0x3F
"""What exceptions leave, of Python's own arithmetic too."""

LIBM = ctypes.CDLL("libm.so.6")

T = TypeVar("T")


def mxcsr(wanted: int | None = None) -> int:
    """What it was, apart from the flags; sets it by glibc's fenv_t, of which it is the end."""
    held = (ctypes.c_uint32 * 8)()
    assert LIBM.fegetenv(held) == 0
    before = held[7]
    if wanted is not None:
        held[7] = wanted
        assert LIBM.fesetenv(held) == 0
    return before & ~FLAGS


def hosted(state: int, work: Callable[[], T]) -> T:
    """Does some work where a host has set MXCSR, which must stand afterwards."""
    mxcsr(state)
    try:
        done = work()
    finally:
        after = mxcsr(DEFAULT)
    assert after == state
    return done


def test_the_state_of_the_host_is_set_and_counts() -> None:
    numbers = np.array([5e-324, 0.1])
    sums = {state: hosted(state, lambda: (numbers * 3.0 + 0.2 * numbers)) for state in STATES}
    plain = numbers * 3.0 + 0.2 * numbers
    assert all(found.tobytes() != plain.tobytes() for found in sums.values())


@pytest.mark.parametrize("state", STATES, ids=hex)
def test_what_is_evaluated_here_has_the_bits_of_the_ring(
    engine: Engine, models: Path, state: int
) -> None:
    rows = np.random.default_rng(23).random((20_000, 3))
    # Probabilities around the least normal number.
    rows[::2, 0] = np.linspace(2.8, 3.0, 10_000)
    # Column by column, so that they are gathered.
    columns = np.asfortranarray(rows)
    for name in ("regression", "classification"):
        path = models / f"{name}.fmodel"
        with factord.Client(engine.socket) as client:
            ring = client.predict_many(rows, name, SECONDS).y
            local = hosted(state, lambda: client.predict_local_many(rows, name)).y
            asked = hosted(state, lambda: client.predict_many(rows, name, SECONDS)).y
            single = [hosted(state, lambda: client.predict_local_row(x, name)) for x in rows[:999]]
        offline = hosted(state, lambda: factord.Model.load(path).predict(columns)).y
        assert local.tobytes() == ring.tobytes() == asked.tobytes()
        assert [answer.y for answer in single] == ring[:999].tolist()
        assert offline.tobytes() == ring.tobytes()


@pytest.mark.parametrize("state", STATES, ids=hex)
def test_factors_have_the_bits_of_any_other_host(state: int) -> None:
    random = np.random.default_rng(29)
    price = np.round(random.normal(10.0, 0.1, 5_000), 2)
    small = np.full(5_000, 1e-40, np.float32)
    table = {
        "ts_ns": np.arange(5_000) * 7_000_000,
        "qty": random.integers(1, 1_000, 5_000) * 0.1,
        "side": np.where(random.random(5_000) < 0.5, "B", "S"),
    }

    def rows() -> list[factord.FactorRow]:
        factors = factord.Factors("0.3s", step="0.1s", large=100, per="trade")
        many = [*factors.push_many({**table, "price": price}), *factors.finish()]
        trade = (36_000_000_000, 10.1, 0.3, "B")
        assert factors.push(*trade) is None
        now = factors.now()
        assert now is not None
        # Subnormal as float32, which a conversion under DAZ would make zeros of.
        tiny = factord.Factors("10s").push_many({**table, "price": small})
        return [*many, now, *tiny]

    found, expected = hosted(state, rows), rows()
    assert len(found) > 300
    assert repr(found) == repr(expected)
    assert 0.0 < expected[-1].turnover < 1e-30
