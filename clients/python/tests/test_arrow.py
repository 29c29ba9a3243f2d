"""Tables pass in and out through Arrow's interface, in the same memory."""

import gc
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.typing import NDArray

import factord
from factord import _rows, _tables, _trades

NAMES = ["buy_rate", "large_buy", "large_sell"]
COUNT = 5_000


@pytest.fixture(scope="module")
def rates() -> dict[str, NDArray[np.float64]]:
    """Columns of their own memory."""
    random = np.random.default_rng(23)
    return {name: random.random(COUNT) for name in NAMES}


def address(array: NDArray[Any]) -> int:
    """Where its first value is."""
    found: int = array.__array_interface__["data"][0]
    return found


def buffers(table: Any, names: list[str]) -> list[int]:
    """Where an Arrow table of one piece has its columns."""
    return [table.column(name).chunk(0).buffers()[1].address for name in names]


def held(form: Any) -> list[int]:
    """Where a table's owner keeps the columns of three features."""
    if isinstance(form, pa.Table):
        return buffers(form, NAMES)
    if isinstance(form, pl.DataFrame):
        return [address(form[name].to_numpy(allow_copy=False)) for name in NAMES]
    return [address(form[name].to_numpy()) for name in NAMES]


class OnlyArray:
    """A batch that speaks `__arrow_c_array__` alone."""

    def __init__(self, batch: Any) -> None:
        self.batch = batch

    def __arrow_c_array__(self, requested_schema: object | None = None) -> Any:
        return self.batch.__arrow_c_array__(requested_schema)


class OnlyStream:
    """A table that speaks `__arrow_c_stream__` alone."""

    def __init__(self, table: Any) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:
        return self.table.__arrow_c_stream__(requested_schema)


def test_columns_that_come_in_are_read_where_they_are(rates: dict[str, Any]) -> None:
    arrow = pa.table(rates)
    forms: dict[str, tuple[Any, Any]] = {
        "Arrow": (arrow, arrow),
        "Polars": (frame := pl.DataFrame(rates), frame),
        "pandas": (pandas := pd.DataFrame(rates, copy=False), pandas),
        "stream": (OnlyStream(arrow), arrow),
        "array": (OnlyArray(arrow.to_batches()[0]), arrow),
    }
    for name, (form, owner) in forms.items():
        expected = held(owner)
        (columns,) = _rows.pieces(form, 3, ())
        assert [address(column) for column in columns] == expected, f"predict: {name}"
        table, _ = _tables.given(form, "table", None, NAMES)
        found = [address(table.values(0, table.names.index(column))) for column in NAMES]
        assert found == expected, f"train: {name}"
    assert len(forms) == 5


def test_trades_that_come_in_are_read_where_they_are() -> None:
    random = np.random.default_rng(29)
    trades: dict[str, Any] = {
        "ts_ns": np.arange(COUNT) * 10**9 + 10**18,
        "price": random.random(COUNT) + 10,
        "qty": random.random(COUNT),
        "buy_id": random.integers(1, 99, COUNT).astype(np.uint64),
        "sell_id": random.integers(1, 99, COUNT).astype(np.uint64),
    }
    words = {"side": random.choice(["B", "S"], COUNT), "symbol": random.choice(["X", "Y"], COUNT)}
    texts: dict[str, Any] = {name: word.tolist() for name, word in words.items()}
    arrow: Any = pa.table({**trades, **texts})
    frame = pl.DataFrame(arrow)
    names = list(trades)
    polars_has = [address(frame[name].to_numpy(allow_copy=False)) for name in names]
    for form, held_at in ((arrow, buffers(arrow, names)), (frame, polars_has)):
        columns = _trades.columns(form)
        assert [address(getattr(columns, name)) for name in names] == held_at
    expected = factord.Factors("60s").push_many({**trades, **words})
    assert len(expected) > 100
    forms: dict[str, Any] = {
        "Arrow": arrow,
        "Polars": frame,
        "Polars of categories": frame.with_columns(pl.col("side", "symbol").cast(pl.Categorical)),
        "pandas": arrow.to_pandas(),
        "DuckDB": duckdb.from_arrow(arrow),
        "pieces": pa.concat_tables([arrow[:99], arrow[99:]]),
        "times": frame.with_columns(pl.col("ts_ns").cast(pl.Datetime("ns"))),
        "numbered": frame.with_columns(pl.col("side").replace_strict({"B": 1, "S": -1})),
    }
    for name, form in forms.items():
        rows = factord.Factors("60s").push_many(form)
        for column, values in rows.columns().items():
            assert values.tobytes() == getattr(expected, column).tobytes(), (name, column)


@pytest.fixture
def rows() -> factord.FactorRows:
    """Windows of two symbols."""
    random = np.random.default_rng(31)
    return factord.Factors("10trades", per="trade").push_many(
        {
            "ts_ns": np.arange(COUNT) + 10**18,
            "price": random.random(COUNT) + 10,
            "qty": random.random(COUNT),
            "side": random.choice(["B", "S"], COUNT),
            "symbol": random.choice(["X", "Y"], COUNT),
        }
    )


def first(query: str, rows: Any) -> Any:
    """The first row of what DuckDB makes of `rows`, which it finds by that name."""
    relation: Any = duckdb.sql(query)
    return relation.limit(1).fetchall()[0]


def test_windows_go_out_in_the_same_memory(rows: factord.FactorRows) -> None:
    numbers = [name for name in rows.columns() if name != "symbol"]
    assert len(numbers) == 14
    expected = [address(getattr(rows, name)) for name in numbers]
    arrow = pa.table(rows)
    assert buffers(arrow, numbers) == expected
    polars = pl.DataFrame(rows)
    assert [address(polars[name].to_numpy(allow_copy=False)) for name in numbers] == expected
    pandas = pd.DataFrame(rows.columns(), copy=False)
    assert [address(pandas[name].to_numpy()) for name in numbers] == expected
    split = arrow.to_pandas(split_blocks=True)
    assert [address(split[name].to_numpy()) for name in numbers] == expected
    counted = first("select count(*), sum(trades), min(symbol) from rows", rows)
    assert counted == (len(rows), int(rows.trades.sum()), "X")
    assert polars.columns == arrow.column_names == list(pandas.columns) == list(rows.columns())
    assert polars["symbol"].to_list() == rows.symbol.tolist() == arrow["symbol"].to_pylist()
    assert polars.schema["symbol"] == pl.String and polars.schema["start_ns"] == pl.Int64


class Watched:
    """A table on its way into another library, whose batches are looked at as they are handed over."""

    def __init__(self, table: Any) -> None:
        self.table = table
        self.seen: list[Any] = []

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:
        reader: Any = pa.RecordBatchReader.from_stream(self.table)
        self.seen = list(reader)
        passed: Any = pa.RecordBatchReader.from_batches(reader.schema, self.seen)
        return passed.__arrow_c_stream__(requested_schema)


def test_duckdb_is_handed_the_same_memory_and_what_it_gives_is_read_in_place(
    rows: factord.FactorRows,
) -> None:
    # Where DuckDB keeps what it has read, it does not say: the batches that it pulls are compared.
    watched = Watched(rows)
    (total,) = first("select sum(trades) from rows", watched)
    assert total == int(rows.trades.sum())
    (batch,) = watched.seen
    numbers = [name for name in rows.columns() if name != "symbol"]
    found = [batch.column(name).buffers()[1].address for name in numbers]
    assert found == [address(getattr(rows, name)) for name in numbers]
    # A result is DuckDB's own memory, made anew for each reader: one reader's batches are kept.
    relation: Any = duckdb.sql("select buy_rate, large_buy, large_sell from rows")
    given: Any = pa.table(relation)
    (columns,) = _rows.pieces(OnlyStream(given), 3, ())
    assert [address(column) for column in columns] == buffers(given, NAMES)


def test_predictions_go_out_in_the_same_memory(rows: factord.FactorRows, models: Path) -> None:
    predictions = factord.Model.load(models / "regression.fmodel").predict(rows)
    names = list(predictions.columns())
    assert names == ["y", "second", "status", "generation", "arm", "fingerprint", "epoch"]
    expected = [address(getattr(predictions, name)) for name in names]
    arrow, polars = pa.table(predictions), pl.DataFrame(predictions)
    assert buffers(arrow, names) == expected
    assert [address(polars[name].to_numpy(allow_copy=False)) for name in names] == expected
    assert polars.schema["status"] == pl.UInt8 and polars.schema["fingerprint"] == pl.UInt64
    (mean,) = first("select avg(y) from rows", predictions)
    assert mean == pytest.approx(predictions.y.mean(), rel=1e-12)
    assert "mean " in repr(predictions)


def test_memory_outlives_its_first_owner(rows: factord.FactorRows) -> None:
    expected = rows.buy_rate.tolist()
    polars, (column, *_) = pl.DataFrame(rows), _rows.pieces(pa.table(rows), 3, ())[0]
    del rows
    gc.collect()
    # What is freed would be given out again here.
    filler = [np.full(len(expected), 7.0) for _ in range(50)]
    assert polars["buy_rate"].to_list() == column.tolist() == expected
    assert len(filler) == 50


def test_a_stream_may_be_asked_for_again_or_left_unread(rows: factord.FactorRows) -> None:
    for _ in range(100):
        rows.__arrow_c_stream__()
    # The first window of a session has no return, and NaN equals nothing.
    again = [pa.table(rows).drop_columns(["log_return"]) for _ in range(2)]
    assert again[0].equals(again[1])
    strided = rows[::3]
    assert pl.DataFrame(strided)["buy_rate"].to_list() == rows.buy_rate[::3].tolist()
    assert pa.table(rows[:0]).num_rows == 0
    stream = rows.__arrow_c_stream__()
    reader = pa.RecordBatchReader.from_stream(OneStream(stream))
    assert reader.read_all().num_rows == len(rows)
    # A capsule that was emptied is refused.
    with pytest.raises(ValueError, match="already released|released"):
        _rows.pieces(OneStream(stream), 3, ())


class OneStream:
    """Gives the same capsule whenever it is asked."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:
        return self.capsule


def test_what_speaks_arrow_and_is_no_table_is_refused(models: Path) -> None:
    model = factord.Model.load(models / "regression.fmodel")

    class Broken:
        def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:
            return "no capsule"

    rates = pl.DataFrame({name: [0.5, None] for name in NAMES})
    assert model.predict(rates).status.tolist() == [0, factord.Status.BAD_INPUT]
    assert model.predict(duckdb.sql("select 0.5::double a, 0.2::double b, 0.1::double c")).ok.all()
    refused: list[tuple[Any, type[Exception], str]] = [
        (pl.Series([0.5]), TypeError, "give a table"),
        (Broken(), TypeError, "PyCapsule"),
        (pl.DataFrame({name: ["x"] for name in NAMES}), TypeError, "buy_rate.*Utf8.*float64"),
        (rates.rename({"buy_rate": "x"}), ValueError, "but not buy_rate"),
    ]
    for form, error, part in refused:
        with pytest.raises(error, match=part):
            model.predict(form)


def test_nothing_of_it_needs_pyarrow() -> None:
    program = """
import sys
sys.modules["pyarrow"] = None
import numpy as np, polars as pl, factord
trades = pl.DataFrame({"ts_ns": np.arange(9_000) * 10**9 + 10**18, "price": np.full(9_000, 10.0),
    "qty": np.arange(9_000) % 7 + 1.0, "side": ["B", "S", "S"] * 3_000, "symbol": ["X"] * 9_000})
rows = factord.Factors("7trades", per="trade").push_many(trades)
model = factord.train(pl.DataFrame(rows), only="linear", folds=0)
predictions = pl.DataFrame(model.predict(pl.DataFrame(rows)))
import pandas as pd
frame = pd.DataFrame(rows.columns()).assign(symbol=pd.Series(["X"] * len(rows), dtype=object))
again = factord.train(frame, only="linear", folds=0)
print(len(rows), predictions.height, predictions["status"].sum(), model.width,
    again.weights.tobytes() == model.weights.tobytes())
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True,
        text=True, check=False)
    assert done.stdout.split() == ["1285", "1285", "0", "3", "True"], done.stderr
