"""Trades of any table as arrays, for the compiled half: contiguous, and no object a trade."""

import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from factord._native import Table
from factord._rows import _float64

SIDES = {"B": 0, "S": 1, "N": 2, "U": 3, "": 3}
"""What the compiled half calls who started a trade."""

_WORDS = {
    **{word: SIDES["B"] for word in ("b", "buy", "bid", "1", "+1")},
    **{word: SIDES["S"] for word in ("s", "sell", "ask", "a", "-1")},
    **{word: SIDES["N"] for word in ("n", "none", "auction", "cross")},
    **{word: SIDES["U"] for word in ("u", "unknown", "", "0")},
}
"""All words for it, as `push` and the command line know them."""


class Columns(NamedTuple):
    """What `Factors.push_many` reads; None where a table has no such column."""

    names: list[str]
    symbol: NDArray[np.int64] | None
    ts_ns: NDArray[np.int64]
    price: NDArray[np.float64]
    qty: NDArray[np.float64]
    side: NDArray[np.uint8] | None
    buy_id: NDArray[np.uint64] | None
    sell_id: NDArray[np.uint64] | None
    bid: NDArray[np.float64] | None
    ask: NDArray[np.float64] | None
    simulated: bool
    """Whether side_src says that the trades are simulated, as `factord simulate` writes them."""


def columns(trades: Any) -> Columns:
    """Takes a dictionary of arrays, a data frame or an Arrow table apart."""
    table = _table(trades)
    missing = [name for name in ("ts_ns", "price", "qty") if name not in table]
    if missing:
        raise ValueError(f"the trades have no column {', '.join(missing)}")
    if ("bid" in table) != ("ask" in table):
        raise ValueError("the trades have one of bid and ask: give both, or none")
    symbol, names = _coded(table["symbol"], "symbol") if "symbol" in table else (None, [])
    return Columns(
        names=names,
        symbol=symbol,
        ts_ns=_times(table["ts_ns"]),
        price=_numbers(table["price"], "price"),
        qty=_numbers(table["qty"], "qty"),
        side=_sides(table["side"]) if "side" in table else None,
        buy_id=_ids(table["buy_id"], "buy_id") if "buy_id" in table else None,
        sell_id=_ids(table["sell_id"], "sell_id") if "sell_id" in table else None,
        bid=_numbers(table["bid"], "bid") if "bid" in table else None,
        ask=_numbers(table["ask"], "ask") if "ask" in table else None,
        simulated="side_src" in table and _first(table["side_src"]) == "simulated",
    )


def _first(values: Any) -> str | None:
    """The first text of a column; None where there is none."""
    if isinstance(values, _Column):
        return values.table.first_text(values.at)
    return str(_array(values)[0]) if len(values) else None


def _table(trades: Any) -> Mapping[str, Any]:
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(trades, pandas.DataFrame):
        return {str(name): trades[name] for name in trades.columns}
    if isinstance(trades, Mapping):
        return trades
    if hasattr(trades, "__arrow_c_stream__") or hasattr(trades, "__arrow_c_array__"):
        table = Table(trades)
        return {name: _Column(table, at) for at, name in enumerate(table.names)}
    raise TypeError(
        f"trades are a {type(trades).__name__}: give a dictionary of arrays, a data frame or an "
        "Arrow table"
    )


class _Column(NamedTuple):
    """A column of an Arrow table."""

    table: Table
    at: int

    def array(self) -> NDArray[Any]:
        """Its values: where they are when the table is in one piece, else joined."""
        batches = range(self.table.batch_count)
        pieces = [self.table.values(batch, self.at) for batch in batches]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces or [np.empty(0, np.int64)])


def _is_arrow(values: Any) -> bool:
    return type(values).__module__.partition(".")[0] == "pyarrow"


def _array(values: Any) -> NDArray[Any]:
    """A column as it is, with NaN or NaT for what is missing."""
    if isinstance(values, _Column):
        return values.array()
    if _is_arrow(values):
        import pyarrow as pa

        chunked = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
        array: NDArray[Any] = chunked.to_numpy()
        return array
    dtype = getattr(values, "dtype", None)
    if getattr(dtype, "tz", None) is not None:
        moved: NDArray[Any] = values.to_numpy(dtype="datetime64[ns]")
        return moved
    if dtype is not None and not isinstance(dtype, np.dtype) and hasattr(values, "to_numpy"):
        kept: NDArray[Any] = values.to_numpy()
        if kept.dtype.kind == "O" and getattr(dtype, "kind", "O") in "iuf":
            # Nullable numbers of which some are missing.
            kept = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return kept
    return np.asarray(values)


def _flat(array: NDArray[Any], what: str) -> NDArray[Any]:
    if array.ndim != 1:
        raise ValueError(f"{what} has {array.ndim} dimensions: give one value a trade")
    return np.ascontiguousarray(array)


def _numbers(values: Any, what: str) -> NDArray[np.float64]:
    return _flat(_float64(_array(values), what), what)


def _times(values: Any) -> NDArray[np.int64]:
    array = _array(values)
    if array.dtype.kind == "M":
        array = array.astype("datetime64[ns]").view(np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"ts_ns are of type {array.dtype}: give integers, nanoseconds since 1970")
    if array.dtype == np.uint64 and array.size and array.max() > np.uint64(2**63 - 1):
        raise ValueError("ts_ns are beyond 2^63 - 1")
    return _flat(array.astype(np.int64, copy=False), "ts_ns")


def _ids(values: Any, what: str) -> NDArray[np.uint64]:
    array = _array(values)
    if array.dtype.kind == "f":
        # As pandas reads integers of which some are missing.
        array = np.where(np.isnan(array), 0.0, array)
        if array.size and not (np.abs(array).max() < 2**53 and (array == np.trunc(array)).all()):
            raise ValueError(f"{what} are floats that are no order numbers: give integers")
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{what} are of type {array.dtype}: give integers, 0 for none")
    if array.dtype.kind == "i" and array.size and array.min() < 0:
        raise ValueError(f"{what} holds {array.min()}: order numbers are 0 or more")
    return _flat(array.astype(np.uint64, copy=False), what)


def _coded(values: Any, what: str) -> tuple[NDArray[np.int64], list[str]]:
    """Texts as numbers into a list of the different ones; -1 for what is missing."""
    pandas = sys.modules.get("pandas")
    if isinstance(values, _Column):
        return values.table.texts(values.at)
    if _is_arrow(values):
        import pyarrow as pa

        chunked = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
        if not pa.types.is_dictionary(chunked.type):
            chunked = chunked.dictionary_encode()
        parts: list[Any] = [chunk for chunk in chunked.unify_dictionaries().chunks]
        if not parts:
            return np.empty(0, dtype=np.int64), []
        indices = [part.indices.fill_null(-1).to_numpy(zero_copy_only=False) for part in parts]
        codes, words = np.concatenate(indices), parts[0].dictionary.to_pylist()
    elif pandas is not None and isinstance(values, pandas.Series):
        codes, found = pandas.factorize(values)
        words = list(found)
    else:
        array = _flat(np.asarray(values), what)
        # Runs of one text, as symbols have, are looked at once.
        starts = np.flatnonzero(np.append(True, array[1:] != array[:-1])[: len(array)])
        found, runs = np.unique(array[starts], return_inverse=True)
        codes = np.repeat(runs, np.diff(np.append(starts, len(array))))
        words = found.tolist()
    if not all(isinstance(word, str) for word in words):
        strange = next(word for word in words if not isinstance(word, str))
        raise TypeError(f"{what} holds {strange!r}: give text")
    return _flat(codes.astype(np.int64, copy=False), what), words


def _sides(values: Any) -> NDArray[np.uint8]:
    if isinstance(values, np.ndarray) and values.dtype.kind == "U":
        # Comparing is some times faster than sorting.
        numbers = np.full(values.shape, len(SIDES), dtype=np.uint8)
        for word, number in SIDES.items():
            numbers[values == word] = number
        if not (numbers == len(SIDES)).any():
            return _flat(numbers, "side")
    if _is_integers(values):
        return _numbered_sides(_array(values))
    codes, words = _coded(values, "side")
    plain = [word.strip().lower() for word in words]
    strange = [word for word, known in zip(words, plain) if known not in _WORDS]
    if strange:
        raise ValueError(
            f"side holds {strange[0]!r}: use B, buy or 1, S, sell or -1, N or none, or nothing "
            "where it is unknown"
        )
    # The last entry is for what is missing, which is number -1.
    numbers = np.array([*(_WORDS[word] for word in plain), SIDES[""]], dtype=np.uint8)
    return np.ascontiguousarray(numbers[codes])


def _is_integers(values: Any) -> bool:
    if isinstance(values, _Column):
        return values.table.is_integer(values.at)
    if _is_arrow(values):
        import pyarrow as pa

        return bool(pa.types.is_integer(values.type))
    if isinstance(values, (list, tuple)):
        return bool(values) and isinstance(values[0], int)
    return getattr(getattr(values, "dtype", None), "kind", None) in ("i", "u")


def _numbered_sides(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.dtype.kind == "f":
        # As integers of which some are missing are read.
        array = np.nan_to_num(array)
    numbers = np.full(array.shape, len(SIDES), dtype=np.uint8)
    for number, side in ((1, "B"), (-1, "S"), (0, "U")):
        numbers[array == number] = SIDES[side]
    strange = array[numbers == len(SIDES)]
    if strange.size:
        raise ValueError(f"side holds {strange[0]}: use 1, -1, or 0 where it is unknown")
    return _flat(numbers, "side")
