"""Feature rows of any origin as float64 arrays, without copying what is float64 already.

Called by the compiled half. What comes out is a list of pieces, in order: an array of whole rows, or
a list of arrays, one a feature. Strides are as they are; the compiled half gathers.
"""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from factord._native import Table

if TYPE_CHECKING:
    import pandas as pd

Column = NDArray[np.float64]
Piece = Column | list[Column]

NAMES = (
    ("buy_rate", "large_buy", "large_sell"),
    ("S_LI_INITIATIVEBUYRATE", "S_LI_LARGEBUYRATE", "S_LI_LARGESELLRATE"),
)
"""What the columns of three features are called in this package and by the vendor."""


def pieces(rows: Any, width: int, names: Sequence[Sequence[str]]) -> list[Piece]:
    """Takes rows apart; `names` are looked for in a table before `NAMES`."""
    candidates = [*names, *(NAMES if width == 3 else ())]
    # Looked up, not imported: who has no data frame needs no pandas.
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(rows, pandas.DataFrame):
        return _frame(rows, width, candidates)
    table = _arrow(rows, width, candidates)
    if table is not None:
        return table
    return [_matrix(rows)]


def _matrix(rows: Any) -> Column:
    array = _float64(np.asarray(rows), "rows")
    if array.ndim != 2:
        raise ValueError(
            f"rows have {array.ndim} dimensions: give an array of shape (n, features), "
            "for a single row `row.reshape(1, -1)`"
        )
    return array


def _float64(array: NDArray[Any], what: str) -> Column:
    """Converts numbers of other types, when float64 holds every one of them exactly."""
    if array.dtype == np.float64 and array.dtype.isnative and array.flags.aligned:
        return array
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{what} are of type {array.dtype}: convert them to float64 first")
    converted = array.astype(np.float64)
    exact = array.dtype.itemsize <= 4 or array.dtype.kind == "f" and array.dtype.itemsize == 8
    if not exact:
        back = converted.astype(array.dtype)
        if not ((back == array) | (back != back)).all():
            raise ValueError(
                f"{what} are of type {array.dtype}, and float64 does not hold them exactly: "
                "convert them to float64 first"
            )
    return converted


def _chosen(present: Sequence[Any], width: int, candidates: Iterable[Sequence[str]]) -> list[int]:
    """The columns to read: those with the names of one candidate, or else the first ones."""
    for names in candidates:
        found = [name for name in names if name in present]
        if len(found) == len(names):
            return [list(present).index(name) for name in names]
        if found:
            missing = ", ".join(name for name in names if name not in present)
            raise ValueError(
                f"the table has {', '.join(found)} but not {missing}: name all columns, or none"
            )
    return list(range(min(width, len(present))))


def _frame(
    frame: "pd.DataFrame", width: int, candidates: Iterable[Sequence[str]]
) -> list[Piece]:
    from pandas.api.types import is_numeric_dtype

    columns = []
    for index in _chosen(list(frame.columns), width, candidates):
        series = frame.iloc[:, index]
        what = f"values of column {frame.columns[index]!r}"
        if isinstance(series.dtype, np.dtype):
            array = series.to_numpy(copy=False)
        elif not is_numeric_dtype(series.dtype):
            raise TypeError(f"{what} are of type {series.dtype}: convert them to float64 first")
        elif series.hasnans:
            # Nullable and Arrow columns: a missing value is a bad input.
            array = series.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            array = series.to_numpy()
        columns.append(_float64(array, what))
    return [columns]


def _arrow(rows: Any, width: int, candidates: Iterable[Sequence[str]]) -> list[Piece] | None:
    """What Arrow knows as a table, or as whole rows; None for anything else."""
    pa = sys.modules.get("pyarrow")
    if pa is not None and isinstance(rows, pa.ChunkedArray):
        return [piece for chunk in rows.chunks for piece in _array(chunk)]
    if pa is not None and isinstance(rows, pa.Array):
        return _array(rows)
    if hasattr(rows, "__arrow_c_stream__") or hasattr(rows, "__arrow_c_array__"):
        return _batches(Table(rows), width, candidates)
    return None


def _array(array: Any) -> list[Piece]:
    """Rows that stand in one Arrow array: lists of one length, or structures."""
    import pyarrow as pa

    if pa.types.is_fixed_size_list(array.type) and array.null_count == 0:
        values = _values(array.flatten(), "rows")
        return [values.reshape(-1, array.type.list_size)]
    if pa.types.is_struct(array.type) and array.null_count == 0:
        names = [field.name for field in array.type]
        order = _chosen(names, len(names), NAMES)
        fields = array.flatten()
        return [[_values(fields[index], f"values of {names[index]!r}") for index in order]]
    raise TypeError(
        f"rows are an Arrow array of {array.type}: give a table, or an array of structures or of "
        "lists of one length, without nulls"
    )


def _batches(table: Table, width: int, candidates: Iterable[Sequence[str]]) -> list[Piece]:
    names = table.names
    order = _chosen(names, width, candidates)
    return [
        [
            _float64(table.values(batch, index), f"values of column {names[index]!r}")
            for index in order
        ]
        for batch in range(table.batch_count)
    ] or [[np.empty(0) for _ in order]]


def _values(array: Any, what: str) -> Column:
    """Arrow numbers: without nulls where they are; a null is a bad input, NaN in a copy."""
    return _float64(array.to_numpy(zero_copy_only=False), what)
