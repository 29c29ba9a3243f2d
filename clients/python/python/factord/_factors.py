"""Windows of trades: one as a tuple with names, many as arrays."""

import math
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from factord._tables import Columns, note


class FactorRow(NamedTuple):
    """One window of one symbol.

    >>> row = factord.FactorRow("X", 0, 60, 2, 40.0, 400.0, 0.75, 0.25, 0.5, 0.0, 0.0)
    >>> row.features
    (0.75, 0.5, 0.0)
    """

    symbol: str
    """Which symbol; "" where the trades name none."""
    start_ns: int
    """When it starts: the first moment of a window by time, else the first trade's time."""
    end_ns: int
    """When it ends: the first moment after a window by time, else the last trade's time."""
    trades: int
    """Trades, auctions among them."""
    volume: float
    """Quantity traded."""
    turnover: float
    """The sum of price times quantity."""
    buy_rate: float
    """Turnover that buyers started / turnover with an aggressor; NaN without any."""
    sell_rate: float
    """Turnover that sellers started / turnover with an aggressor; NaN without any."""
    large_buy: float
    """Turnover of large buys / turnover; NaN without any."""
    large_sell: float
    """Turnover of large sells / turnover; NaN without any."""
    unclassified: float
    """Turnover without an aggressor, auctions among it / turnover; NaN without any."""
    vwap: float = math.nan
    """The volume-weighted mean price; NaN without a trade, as the next two."""
    first: float = math.nan
    """The price of the first trade."""
    last: float = math.nan
    """The price of the last trade."""
    log_return: float = math.nan
    """The logarithm of `last` over that of the window before; NaN for the first of a session."""
    past: Mapping[str, float] = MappingProxyType({})
    """What `lags` and `means` of the factors add, by name; NaN where a session has too few windows."""

    @property
    def features(self) -> tuple[float, float, float]:
        """What the models take: buy rate, large buy rate, large sell rate."""
        return self.buy_rate, self.large_buy, self.large_sell

    def values(self, names: Iterable[str]) -> tuple[float, ...]:
        """The numbers of these columns, in order: what a model of these features takes.

        >>> row = factord.FactorRow("X", 0, 60, 2, 40.0, 400.0, 0.75, 0.25, 0.5, 0.0, 0.0)
        >>> row.values(["large_buy", "buy_rate"])
        (0.5, 0.75)
        """
        return tuple(self.past[name] if name in self.past else getattr(self, name) for name in names)


_OWN = FactorRow._fields[:-1]
"""The columns that every table of windows has."""


class FactorRows:
    """Windows in the order in which they closed: NumPy arrays of one length.

    As a sequence it holds a `FactorRow` a window; `columns()` is what pandas and Arrow make a
    table of.

    >>> factors = factord.Factors("1trades", large=15, per="trade")
    >>> rows = factors.push_many({"ts_ns": [1, 2], "price": [1.0, 2.0], "qty": [10.0, 10.0],
    ...     "side": ["B", "S"], "symbol": ["X", "Y"]})
    >>> rows.symbol, rows.features
    (array(['X', 'Y'], dtype='<U1'), array([[1., 0., 0.],
           [0., 0., 1.]]))
    >>> rows[1].turnover
    20.0
    """

    __slots__ = (*FactorRow._fields, "_settings")

    symbol: NDArray[np.str_]
    """Which symbol."""
    start_ns: NDArray[np.int64]
    """When each starts."""
    end_ns: NDArray[np.int64]
    """When each ends."""
    trades: NDArray[np.int64]
    """Trades of each."""
    volume: NDArray[np.float64]
    """Quantity of each."""
    turnover: NDArray[np.float64]
    """Turnover of each."""
    buy_rate: NDArray[np.float64]
    """See `FactorRow`."""
    sell_rate: NDArray[np.float64]
    """See `FactorRow`."""
    large_buy: NDArray[np.float64]
    """See `FactorRow`."""
    large_sell: NDArray[np.float64]
    """See `FactorRow`."""
    unclassified: NDArray[np.float64]
    """See `FactorRow`."""
    vwap: NDArray[np.float64]
    """See `FactorRow`."""
    first: NDArray[np.float64]
    """See `FactorRow`."""
    last: NDArray[np.float64]
    """See `FactorRow`."""
    log_return: NDArray[np.float64]
    """See `FactorRow`."""
    past: dict[str, NDArray[np.float64]]
    """What `lags` and `means` of the factors add, by name."""

    def __init__(self, **columns: NDArray[Any]) -> None:
        self._settings: dict[str, str] = {}
        for name in _OWN:
            setattr(self, name, columns.pop(name))
        self.past = columns

    @property
    def features(self) -> NDArray[np.float64]:
        """What the models take, as an array of shape (n, 3): buy rate, large buy and sell rate."""
        return np.column_stack((self.buy_rate, self.large_buy, self.large_sell))

    def columns(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, in the order of a feature table."""
        return {name: getattr(self, name) for name in _OWN} | self.past

    @property
    def settings(self) -> dict[str, Any]:
        """The settings they were made with, as `Factors.settings` has them."""
        return dict(self._settings)

    def table(self) -> Any:
        """The windows as pyarrow's table, which states the settings they were made with.

        `pyarrow.parquet.write_table` keeps them, and `factord train`, `score` and `replay` compare
        them with those of a model.

        >>> rows = factord.Factors("2trades", per="trade").finish()
        >>> rows.table().schema.metadata[b"factord.factors"][:21]
        b'{"factors": {"aggress'
        """
        import pyarrow as pa

        return pa.table(self)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:
        """The windows as an Arrow table that states its settings, numbers in the same memory:
        `polars.DataFrame(rows)`, `pyarrow.table(rows)`, `duckdb.sql("from rows")`."""
        return Columns(self.columns(), note(self._settings)).__arrow_c_stream__(requested_schema)

    # NB: no subclass of Sequence, which Polars would take apart row by row.
    def __iter__(self) -> Iterator[FactorRow]:
        return (self[row] for row in range(len(self)))

    def __len__(self) -> int:
        return len(self.start_ns)

    @overload
    def __getitem__(self, index: int) -> FactorRow: ...
    @overload
    def __getitem__(self, index: slice) -> "FactorRows": ...
    def __getitem__(self, index: int | slice) -> "FactorRow | FactorRows":
        """One window as a `FactorRow`, or some as `FactorRows`."""
        if isinstance(index, slice):
            columns = {name: column[index] for name, column in self.columns().items()}
            some = FactorRows(**columns)
            some._settings = self._settings
            return some
        own = [getattr(self, name)[index].item() for name in _OWN]
        past = {name: column[index].item() for name, column in self.past.items()}
        return FactorRow._make([*own, past])

    def __repr__(self) -> str:
        text = f"<factord.FactorRows: {len(self)} windows of {len(set(self.symbol))} symbols"
        if len(self):
            first, last = self.start_ns.min(), self.end_ns.max()
            times = [str(np.datetime64(int(time), "ns"))[:19] for time in (first, last)]
            text += f", {times[0]} to {times[1]} UTC"
        if "window" in self._settings:
            text += f", windows of {self._settings['window']}"
        return text + ">"


def row(
    symbol: str, start_ns: int, end_ns: int, trades: int, shares: list[float], past: list[str]
) -> FactorRow:
    """Called by the compiled half; `past` names the last of the shares, the first of them its own."""
    own = len(_OWN) - 4
    added = dict(zip(past[1:], shares[own:], strict=True))
    return FactorRow._make([symbol, start_ns, end_ns, trades, *shares[:own], added])


def rows(
    names: list[str],
    codes: NDArray[np.int64],
    start_ns: NDArray[np.int64],
    end_ns: NDArray[np.int64],
    trades: NDArray[np.int64],
    shares: list[NDArray[np.float64]],
    past: list[str],
    settings: dict[str, str],
) -> FactorRows:
    """Called by the compiled half, with symbols as numbers into their names."""
    symbol = np.array(names, dtype=np.str_)[codes] if names else np.empty(0, dtype="<U1")
    values = [symbol, start_ns, end_ns, trades, *shares]
    columns = dict(zip((*_OWN, *past[1:]), values, strict=True))
    made = FactorRows(**columns)
    made._settings = settings
    return made
