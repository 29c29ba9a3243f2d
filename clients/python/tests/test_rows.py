"""Rows of every origin get the answers of the same numbers."""

import copy
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.typing import NDArray

import factord
from conftest import Engine
from factord import _rows

NAMES = ["buy_rate", "large_buy", "large_sell"]
COUNT = 10_001
SECONDS = 30.0


@pytest.fixture(scope="module")
def rows() -> NDArray[np.float64]:
    """Numbers that float32 holds as well."""
    random = np.random.default_rng(11).random((COUNT, 3), dtype=np.float32)
    return random.astype(np.float64)


@pytest.fixture(scope="module")
def client(engine: Engine) -> Iterator[factord.Client]:
    """One channel for all of them."""
    with factord.Client(engine.socket) as client:
        yield client


def structures(table: pa.Table) -> pa.StructArray:
    """The table as an array of structures."""
    columns = [table.column(name).combine_chunks() for name in table.column_names]
    return pa.StructArray.from_arrays(columns, names=table.column_names)


def origins(rows: NDArray[np.float64]) -> dict[str, Any]:
    """The same rows in every form that is read."""
    frame = pd.DataFrame(rows, columns=NAMES)
    shuffled = frame[["large_sell", "buy_rate", "large_buy"]].assign(other="text")
    table = pa.table({name: pa.array(column) for name, column in zip(NAMES, rows.T, strict=True)})
    spread = np.zeros((2 * COUNT, 6))
    spread[::2, ::2] = rows
    unaligned = np.zeros(24 * COUNT + 1, dtype=np.uint8)[1:].view(np.float64).reshape(COUNT, 3)
    unaligned[:] = rows
    read_only = rows.copy()
    read_only.flags.writeable = False
    return {
        "rows in a row": rows,
        "columns in a row": np.asfortranarray(rows),
        "strided": spread[::2, ::2],
        "reversed twice": rows[::-1].copy()[::-1],
        "read only": read_only,
        "unaligned": unaligned,
        "big-endian": rows.astype(">f8"),
        "float32": rows.astype(np.float32),
        "lists": rows.tolist(),
        "frame": frame,
        "frame of other order": shuffled,
        "frame without names": pd.DataFrame(rows),
        "frame of vendor's names": frame.set_axis(list(_rows.NAMES[1]), axis="columns"),
        "nullable frame": frame.convert_dtypes(),
        "Arrow frame": frame.astype("float64[pyarrow]"),
        "table": table,
        "table of other order": table.select(["large_sell", "large_buy", "buy_rate"]),
        "table in chunks": pa.concat_tables([table.slice(0, 10), table.slice(10)]),
        "record batch": table.to_batches()[0],
        "float32 table": table.cast(pa.schema([(name, pa.float32()) for name in NAMES])),
        "lists of one length": pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), 3),
        "structures": structures(table),
        "structures in chunks": pa.chunked_array([structures(table)[:9], structures(table)[9:]]),
    }


def test_rows_of_every_origin_have_the_same_answers(
    client: factord.Client, rows: NDArray[np.float64], models: Path
) -> None:
    model = factord.Model.load(models / "classification.fmodel")
    expected = client.predict_many(rows, "classification", SECONDS)
    assert expected.ok.all()
    forms = origins(rows)
    for name, form in forms.items():
        ring = client.predict_many(form, "classification", SECONDS)
        local = client.predict_local_many(form, "classification")
        offline = model.predict(form)
        for answers in (ring, local, offline):
            assert answers.y.tobytes() == expected.y.tobytes(), name
            assert answers.second.tobytes() == expected.second.tobytes(), name
    assert len(forms) == 23


def test_whole_numbers_are_converted_when_nothing_is_lost(client: factord.Client) -> None:
    whole = np.array([[0, 1, 2], [3, 100, 2**31]])
    expected = client.predict_many(whole.astype(np.float64), deadline=SECONDS)
    for kind in (np.int64, np.uint64, np.uint32, np.longdouble):
        answers = client.predict_many(whole.astype(kind), deadline=SECONDS)
        assert answers.y.tobytes() == expected.y.tobytes()
    assert client.predict_many(np.eye(3, dtype=bool), deadline=SECONDS).ok.all()


def test_nothing_is_copied_that_is_float64(rows: NDArray[np.float64]) -> None:
    def read(form: Any) -> list[NDArray[np.float64]]:
        pieces = _rows.pieces(form, 3, ())
        columns = [[piece] if isinstance(piece, np.ndarray) else piece for piece in pieces]
        return [array for piece in columns for array in piece]

    frame = pd.DataFrame(rows, columns=NAMES, copy=False)
    columns = [np.ascontiguousarray(column) for column in rows.T]
    table = pa.table({name: pa.array(column) for name, column in zip(NAMES, columns, strict=True)})
    lists = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), 3)
    values = lists.flatten().to_numpy()
    assert all(np.shares_memory(array, rows) for array in read(rows))
    assert all(np.shares_memory(array, rows) for array in read(frame))
    assert all(
        np.shares_memory(array, table.column(name).chunk(0).to_numpy())
        for array, name in zip(read(table), NAMES, strict=True)
    )
    assert all(np.shares_memory(array, values) for array in read(lists))


def test_a_row_with_a_missing_value_is_refused_alone(client: factord.Client) -> None:
    columns: dict[str, list[float | None]] = {name: [0.5, None, 0.5] for name in NAMES}
    for form in (pa.table(columns), pd.DataFrame(columns, dtype="Float64")):
        predictions = client.predict_many(form, deadline=SECONDS)
        assert predictions.status.tolist() == [0, factord.Status.BAD_INPUT, 0]
        assert np.isnan(predictions.y).tolist() == [False, True, False]
        with pytest.raises(factord.BadInputError):
            predictions[1]


def test_what_are_no_rows_is_refused(client: factord.Client) -> None:
    frame = pd.DataFrame(np.zeros((2, 3)), columns=NAMES)
    refused: list[tuple[Any, type[Exception], str]] = [
        (np.zeros(3), ValueError, "reshape"),
        (np.zeros((2, 2)), factord.WidthMismatchError, "rows of 2 features where 3 are needed"),
        (np.full((2, 3), 2**53 + 1), ValueError, "int64"),
        (np.full((2, 3), np.longdouble(1) / 3), ValueError, "longdouble|float128"),
        (np.zeros((2, 3), dtype=complex), TypeError, "complex128"),
        (np.zeros((2, 3), dtype=object), TypeError, "object"),
        ([["a", "b", "c"]], TypeError, "convert"),
        (frame.rename(columns={"large_buy": "x"}), ValueError, "but not large_buy"),
        (frame[NAMES[:2]].set_axis(["a", "b"], axis="columns"), factord.WidthMismatchError, "2"),
        (frame.assign(large_buy="x"), TypeError, "large_buy"),
        (pa.array([1.0, 2.0]), TypeError, "Arrow array of double"),
        (None, TypeError, "object"),
    ]
    for form, error, part in refused:
        with pytest.raises(error, match=part):
            client.predict_many(form)
    assert client.predict_many(frame, deadline=SECONDS).ok.all()


def test_no_rows_have_no_answers(client: factord.Client, models: Path) -> None:
    model = factord.Model.load(models / "regression.fmodel")
    table = pa.table({name: pa.array([], pa.float64()) for name in NAMES})
    for form in (np.zeros((0, 3)), pd.DataFrame(columns=NAMES, dtype=float), table):
        assert len(client.predict_many(form)) == 0
        assert len(model.predict(form)) == 0


def test_predictions_are_a_sequence_and_an_array(
    client: factord.Client, rows: NDArray[np.float64]
) -> None:
    predictions = client.predict_many(rows, deadline=SECONDS)
    assert len(predictions) == COUNT
    assert np.asarray(predictions) is predictions.y
    assert np.array(predictions, dtype=np.float32).dtype == np.float32
    assert predictions[-1].y == predictions.y[-1]
    assert [one.y for one in predictions[2:5]] == predictions.y[2:5].tolist()
    assert predictions[0] == client.predict_row(rows[0], deadline=SECONDS)
    assert "10001 answered" in repr(predictions)
    with pytest.raises(IndexError):
        predictions[COUNT]


def test_answers_travel_to_other_processes(
    client: factord.Client, rows: NDArray[np.float64]
) -> None:
    predictions = client.predict_many(rows[:10], deadline=SECONDS)
    arrived = pickle.loads(pickle.dumps(predictions))
    assert list(arrived) == list(predictions)
    assert copy.copy(predictions[3]) == predictions[3]
