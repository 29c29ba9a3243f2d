"""Factors: every column of every window of the golden file, bit for bit, as in C, C++ and Java."""

import math
import struct
from typing import Any

import factord
from conftest import PROJECT

GOLDEN = PROJECT / "clients" / "factors-c" / "tests" / "factors.golden"
NUMBERS: dict[str, Any] = {
    "large": float,
    "outlier": float,
    "multiplier": float,
    "quantile_last": int,
    "orders_max": int,
    "inverse": "true".__eq__,
}
SIDES = {"B": "B", "S": "S", "N": "N", "U": None}
# Of a line of the file, without its head: what a `FactorRow` has after its symbol.
COLUMNS = 10
SHARES = factord.FactorRow._fields[4 : 1 + COLUMNS]


def bits(share: float) -> str:
    """As the file has them; every NaN is one."""
    return "7ff8000000000000" if math.isnan(share) else struct.pack(">d", share).hex()


def line(head: str, row: factord.FactorRow) -> str:
    """A window as a line of the file."""
    whole = [str(number) for number in row[1:4]]
    return " ".join([head, *whole, *(bits(share) for share in row.values(SHARES))])


def feed(factors: factord.Factors, event: list[str]) -> list[factord.FactorRow]:
    """Takes a line that is a trade or the clock."""
    kind, ts_ns, *rest = event
    if kind == "advance":
        return list(factors.advance(int(ts_ns)))
    price, qty, side, buy_id, sell_id, bid, ask = rest
    quote = (float(bid), float(ask)) if (bid, ask) != ("0", "0") else None
    orders = int(buy_id), int(sell_id)
    trade = int(ts_ns), float(price), float(qty), SIDES[side], *orders
    return list(factors.push(*trade, quote=quote) or ())


def found(settings: dict[str, Any], events: list[list[str]]) -> list[str]:
    """The lines of one case."""
    factors = factord.Factors(**settings)
    lines = []
    for number, event in enumerate(events, 1):
        lines += [line(f"row {number}", row) for row in feed(factors, event)]
    now = factors.now()
    assert now is not None
    lines.append(line("now", now))
    lines += [line("row finish", row) for row in factors.finish()]
    counts = " ".join(map(str, factors.counts().values()))
    return [*lines, f"counts {counts}"]


def known(text: str) -> str:
    """A line of the file, as far as Python has its columns."""
    words = text.split()
    head = {"row": 2, "now": 1}.get(words[0])
    return text if head is None else " ".join(words[: head + COLUMNS])


def test_every_column_of_every_window_has_the_bits_of_the_crate() -> None:
    events: list[list[str]] = []
    cases: list[tuple[dict[str, Any], list[str]]] = []
    for text in GOLDEN.read_text().splitlines():
        kind, _, rest = text.partition(" ")
        if kind in ("trade", "advance"):
            events.append(text.split())
        elif kind == "case":
            cases.append(({}, []))
        elif kind == "set":
            name, value = rest.split(" = ")
            cases[-1][0][name] = NUMBERS.get(name, str)(value)
        elif kind != "#":
            cases[-1][1].append(known(text))
    for settings, lines in cases:
        assert found(settings, events) == lines, settings
    assert len(events) > 500
    assert len(cases) >= 10
    assert sum(len(lines) for _, lines in cases) >= 150
