"""Tables of any origin as Arrow batches, for the compiled half; numbers are not copied."""

import json
import os
import sys
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from factord._native import Table, arrow_stream


class Columns:
    """Arrays of one length as a table that speaks Arrow, in the same memory."""

    def __init__(self, columns: Mapping[str, Any], settings: str | None = None) -> None:
        self._columns = columns
        self._settings = settings

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:
        # Types that were asked for are a wish by the protocol: whoever has it casts.
        columns = {name: _column(values) for name, values in self._columns.items()}
        return arrow_stream(columns, self._settings)


def _column(values: Any) -> NDArray[Any] | list[str]:
    array = np.asarray(values)
    if array.dtype.kind == "M":
        array = array.astype("datetime64[ns]", copy=False).view(np.int64)
    if array.dtype.kind in "UO":
        return [_text(value) for value in array.tolist()]
    if array.dtype.kind in "fiub" and array.dtype.name not in _EXACT:
        array = array.astype(np.float64 if array.dtype.kind in "fb" else np.int64)
    # Side by side and aligned, which most arrays are already.
    return np.require(array, requirements=["C", "A"])


_EXACT = ("float64", "int64", "uint64", "uint32", "uint16", "uint8")
"""Types that pass as they are."""


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None or type(value).__name__ == "NAType" or value != value:
        return ""
    raise TypeError(f"a column of texts holds {value!r}: give text")


def note(settings: Mapping[str, Any] | None) -> str | None:
    """Settings of factors as tables note them."""
    if not settings:
        return None
    texts = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in settings.items()
    }
    return json.dumps({"factors": texts})


def given(table: Any, name: str, settings: str | None, columns: Collection[str]) -> Any:
    """A path as it is, and any other table as Arrow batches, with what messages call it.

    Of what is not Arrow's yet only these columns are looked at, in any case of letters.
    """
    if isinstance(table, (str, os.PathLike)):
        path = os.fspath(table)
        # A file, not the stdin of the command line.
        return f".{os.sep}-" if path == "-" else path
    wanted = {column.lower() for column in columns}
    return Table(_arrow(table, wanted), settings), name


def _has_pyarrow() -> bool:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return False
    return True


def _arrow(table: Any, wanted: set[str]) -> Any:
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(table, pandas.DataFrame):
        frame = table[[name for name in table.columns if str(name).lower() in wanted]]
        if not all(isinstance(dtype, np.dtype) for dtype in frame.dtypes) and _has_pyarrow():
            return frame
        # Read where they are, without pyarrow.
        return Columns({str(name): frame[name].to_numpy() for name in frame.columns})
    if isinstance(table, Mapping):
        return Columns({name: table[name] for name in table if str(name).lower() in wanted})
    if hasattr(table, "__arrow_c_stream__") or hasattr(table, "__arrow_c_array__"):
        return table
    raise TypeError(
        f"a table is a {type(table).__name__}: give a data frame, an Arrow table, a dictionary of "
        "arrays or a path"
    )
