"""Factors: the rows of the command line, however the trades come."""

import csv
import gzip
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import factord
from conftest import PROJECT

Table = dict[str, NDArray[Any]]

SETTINGS: list[dict[str, Any]] = [
    {},
    {"window": "5m", "step": "1m", "large": 50_000, "per": "trade"},
    {"window": "200trades", "per": "own-side-order", "large": 100_000},
    {"window": "3e6turnover", "large": 600, "large_by": "quantity", "aggressor": "tick"},
    {"window": "1e5volume", "large": 0.9, "large_by": "quantile", "quantile_last": 500},
    {"window": "30s", "empty": "keep", "aggressor": "orders", "outlier": 0.02, "outliers": "drop"},
    {"session": "09:30-11:30,13:00-15:00", "tz": "Asia/Shanghai", "window": "7m", "step": "1m"},
    {"session": "day", "tz": "America/New_York", "lags": "1,2,5", "means": "3,10"},
]


def generated(count: int = 20_000, symbols: int = 3, seed: int = 11) -> Table:
    """Trades in order of time, with order numbers, auctions, gaps and a few outliers."""
    random = np.random.default_rng(seed)
    steps = random.exponential(2e8, count) * (1 + 900 * (random.random(count) < 2e-3))
    price = np.round(20 + np.cumsum(random.normal(scale=0.005, size=count)), 2)
    price[random.integers(0, count, 5)] *= 1.1
    first = random.integers(1, 40, count) + np.arange(count) // 4
    second = random.integers(1, 40, count) + np.arange(count) // 4
    side = np.where(first > second, "B", "S")
    side[random.random(count) < 0.02] = "N"
    return {
        "ts_ns": 1_675_214_100_000_000_000 + np.cumsum(steps).astype(np.int64),
        "symbol": np.array(["X", "Y", "Z"])[random.integers(0, symbols, count)],
        "price": price,
        "qty": random.integers(0, 40, count) * 100.0,
        "side": side,
        "buy_id": first,
        "sell_id": second,
    }


def by_command_line(path: Path, folder: Path, settings: dict[str, Any]) -> list[dict[str, str]]:
    """The feature table that `factord factors` writes."""
    built = os.environ.get("CARGO_TARGET_DIR", str(PROJECT / "target"))
    binary = os.environ.get("FACTORD_BINARY", f"{built}/release/factord")
    out = folder / "features.csv"
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    subprocess.run(
        [binary, "factors", str(path), "--out", str(out), *flags],
        check=True,
        capture_output=True,
        timeout=120,
    )
    with out.open(newline="") as file:
        return list(csv.DictReader(file))


def equal_to_table(rows: factord.FactorRows, table: list[dict[str, str]]) -> None:
    """Compares bit for bit; a field that is empty is NaN."""
    assert len(rows) == len(table) > 0
    assert list(table[0]) == list(rows.columns())
    for name, column in rows.columns().items():
        written = [row[name] for row in table]
        if column.dtype.kind == "f":
            expected = np.array([float(value) if value else np.nan for value in written])
            assert np.array_equal(np.isnan(column), np.isnan(expected)), name
            known = ~np.isnan(column)
            assert column[known].tobytes() == expected[known].tobytes(), name
        else:
            assert column.astype(str).tolist() == written, name


def joined(parts: list[factord.FactorRows]) -> factord.FactorRows:
    """Rows one after the other."""
    names = parts[0].columns()
    return factord.FactorRows(
        **{name: np.concatenate([part.columns()[name] for part in parts]) for name in names}
    )


def all_rows(factors: factord.Factors, trades: Any) -> factord.FactorRows:
    """The rows of all trades, those at the end among them."""
    return joined([factors.push_many(trades), factors.finish()])


def same(left: factord.FactorRows, right: factord.FactorRows) -> bool:
    """Whether both have the same bits."""
    pairs = zip(left.columns().values(), right.columns().values(), strict=True)
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs)


@pytest.mark.parametrize("settings", SETTINGS)
def test_rows_are_those_of_the_command_line_bit_for_bit(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    trades = generated()
    path = tmp_path / "trades.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(trades)
        writer.writerows(zip(*(column.tolist() for column in trades.values()), strict=True))
    factors = factord.Factors(**settings)
    table = by_command_line(path, tmp_path, settings)
    equal_to_table(all_rows(factors, trades), table)


@pytest.mark.parametrize("settings", SETTINGS)
def test_one_trade_at_a_time_has_the_rows_of_a_table(settings: dict[str, Any]) -> None:
    trades = generated()
    table, single = factord.Factors(**settings), factord.Factors(**settings)
    many = table.push_many(trades)
    rows: list[factord.FactorRow] = []
    names = ("ts_ns", "price", "qty", "side", "buy_id", "sell_id", "symbol")
    for *trade, symbol in zip(*(trades[name].tolist() for name in names), strict=True):
        rows += single.push(*trade, symbol=symbol) or ()
    assert len(many) == len(rows) > 0
    assert [str(row) for row in many] == [str(row) for row in rows]
    assert single.counts() == table.counts()
    assert single.counts()["trades"] > 10_000
    assert single.symbols == table.symbols
    for symbol in single.symbols:
        assert str(single.now(symbol)) == str(table.now(symbol))
    assert same(single.finish(), table.finish())


def test_every_kind_of_table_has_the_same_rows() -> None:
    pandas = pytest.importorskip("pandas")
    pyarrow = pytest.importorskip("pyarrow")
    trades = generated()
    expected = all_rows(factord.Factors(), trades)
    frame = pandas.DataFrame(trades)
    table = pyarrow.table(trades)
    cut = pyarrow.concat_tables([table.slice(0, 777), table.slice(777)])
    coded = table.set_column(
        table.column_names.index("side"), "side", table.column("side").dictionary_encode()
    )
    strided = {name: np.repeat(column, 2)[::2] for name, column in trades.items()}
    times = frame.assign(ts_ns=pandas.to_datetime(frame.ts_ns, utc=True))
    categories = frame.astype({"side": "category", "symbol": "category"})
    lists = {name: column.tolist() for name, column in trades.items()}
    kinds: list[Any] = [frame, times, categories, table, cut, coded, strided, lists]
    kinds += [cut.to_batches()[0]] if len(cut.to_batches()) == 1 else []
    for kind in kinds:
        assert same(all_rows(factord.Factors(), kind), expected), type(kind)


def test_pieces_of_a_table_have_the_rows_of_the_whole() -> None:
    trades = generated()
    whole = all_rows(factord.Factors(), trades)
    factors = factord.Factors()
    cuts = [0, 1, 1, 5_000, 12_345, 20_000]
    parts = [
        factors.push_many({name: column[at:end] for name, column in trades.items()})
        for at, end in zip(cuts, cuts[1:], strict=False)
    ]
    assert same(joined([*parts, factors.finish()]), whole)


def test_columns_that_are_left_out_are_unknown() -> None:
    trades = generated(symbols=1)
    bare = {name: trades[name] for name in ("ts_ns", "price", "qty")}
    factors = factord.Factors(per="trade", aggressor="auto")
    rows = all_rows(factors, bare)
    assert set(rows.symbol) == {""}
    assert factors.counts()["by_tick"] > 0 == factors.counts()["by_flag"]
    quoted = {**bare, "bid": trades["price"] - 0.01, "ask": trades["price"]}
    factors = factord.Factors(per="trade")
    assert (all_rows(factors, quoted).buy_rate == 1.0).all()
    assert factors.counts()["by_quote"] > 0
    factors.push(2**61, 10.0, 5.0, quote=(10.0, 10.01))
    row = factors.now()
    assert row is not None and row.sell_rate == 1.0


def test_no_object_is_made_for_a_trade_or_a_row() -> None:
    trades = generated(200_000)
    factors = factord.Factors("5trades")
    factors.push_many(trades)
    before = sys.getallocatedblocks()
    rows = factors.push_many({**trades, "ts_ns": trades["ts_ns"] + 2**55})
    assert sys.getallocatedblocks() - before < 2_000
    assert len(rows) > 30_000
    table = rows.columns()
    assert all(isinstance(column, np.ndarray) for column in table.values())
    assert rows.features.shape == (len(rows), 3)
    assert rows[7:9][1] == rows[8]
    assert rows[-1].symbol in ("X", "Y", "Z")


def test_a_window_closes_by_the_clock_too() -> None:
    factors = factord.Factors("1s")
    assert factors.now() is None
    assert factors.push(10, 5.0, 100.0, "B") is None
    row = factors.now()
    assert row is not None and (row.trades, row.features) == (1, (1.0, 0.0, 0.0))
    assert len(factors.advance(999_999_999)) == 0
    closed = factors.advance(1_000_000_000)
    assert (closed.end_ns.tolist(), closed.turnover.tolist()) == ([1_000_000_000], [500.0])
    assert len(factors.finish()) == 0
    assert factors.window == "1s" and "1s" in repr(factors)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"window": "sixty"}, "`sixty` is not a window"),
        ({"window": "60s", "step": "7s"}, "not a whole number of steps"),
        ({"window": "60s", "step": "7trades"}, "in the unit of the window"),
        ({"large": -1}, "must be above 0"),
        ({"large_by": "size"}, "large_by is"),
        ({"large_by": "quantile"}, "the quantile 200000"),
        ({"per": "day"}, "unknown unit `day`"),
        ({"aggressor": "guess"}, "unknown rule `guess`"),
        ({"empty": "maybe"}, "empty is"),
        ({"outliers": "maybe"}, "outliers is"),
        ({"orders_max": 1}, "1 orders per side"),
    ],
)
def test_settings_that_cannot_be_used_are_named(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(factord.SettingsError, match=says):
        factord.Factors(**settings)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"price": None}, ValueError, "no column price"),
        ({"price": np.ones(3)}, ValueError, "price has 3 values for 100 trades"),
        ({"side": ["B"]}, ValueError, "side has 1 values"),
        ({"side": ["?"] * 100}, ValueError, "side holds '\\?'"),
        ({"side": np.ones(100)}, TypeError, "side holds 1.0"),
        ({"ts_ns": np.ones(100)}, TypeError, "ts_ns are of type float64"),
        ({"buy_id": np.full(100, -1)}, ValueError, "buy_id holds -1"),
        ({"buy_id": np.full(100, 0.5)}, ValueError, "no order numbers"),
        ({"qty": ["1"] * 100}, TypeError, "qty are of type"),
        ({"qty": np.ones((100, 1))}, ValueError, "qty has 2 dimensions"),
        ({"bid": np.ones(100)}, ValueError, "give both, or none"),
    ],
)
def test_trades_that_cannot_be_read_are_named_and_change_nothing(
    change: dict[str, Any], error: type[Exception], says: str
) -> None:
    trades: dict[str, Any] = {**generated(100), **change}
    trades = {name: column for name, column in trades.items() if column is not None}
    factors = factord.Factors()
    with pytest.raises(error, match=says):
        factors.push_many(trades)
    assert factors.counts()["trades"] == 0
    with pytest.raises(TypeError, match="give a dictionary"):
        factors.push_many(17)
    with pytest.raises(ValueError, match="side is"):
        factors.push(0, 1.0, 1.0, "?")


def test_trades_out_of_order_or_of_another_unit_are_refused_and_change_nothing() -> None:
    trades = generated(100)
    for change, says in [
        ({"ts_ns": trades["ts_ns"][::-1].copy()}, r'row \d+: the time of "." goes back from'),
        ({"price": np.where(np.arange(100) == 7, np.nan, trades["price"])}, "row 7: price is NaN"),
        ({"qty": np.full(100, np.inf)}, "row 0: qty is inf"),
        ({"ts_ns": np.arange(100) + 1_675_214_700_940}, "these are milliseconds, multiply them"),
        ({"ts_ns": np.arange(100) + 1_675_214_700}, "these are seconds, multiply them"),
    ]:
        factors = factord.Factors()
        with pytest.raises(ValueError, match=says):
            factors.push_many({**trades, **change})
        assert factors.counts()["trades"] == 0
    factors = factord.Factors()
    factors.push_many(trades)
    with pytest.raises(ValueError, match="row 0: the time of"):
        factors.push_many(trades)
    backwards = {**trades, "ts_ns": trades["ts_ns"][::-1].copy()}
    factors.push_many(backwards, late="take")
    with pytest.raises(ValueError, match="late is"):
        factors.push_many(trades, late="drop")


def test_sides_have_the_same_words_one_at_a_time_and_in_tables() -> None:
    words: dict[str, list[str | int]] = {
        "buy": ["B", "b", "Buy", " bid ", "1", 1],
        "sell": ["S", "s", "SELL", "ask", "A", "-1", -1],
        "none": ["N", "none", "auction"],
        "unknown": ["", "U", "unknown", "0", 0],
    }
    for kind, ways in words.items():
        for word in ways:
            one = factord.Factors("1trades", empty="keep", aggressor="flag", per="trade")
            row = (one.push(0, 1.0, 1.0, word) or [])[0]
            many = factord.Factors("1trades", empty="keep", aggressor="flag", per="trade")
            rows = many.push_many({"ts_ns": [0], "price": [1.0], "qty": [1.0], "side": [word]})
            assert repr(rows[0]) == repr(row), word
            assert (row.buy_rate == 1.0, row.sell_rate == 1.0) == (kind == "buy", kind == "sell")
    pd = pytest.importorskip("pandas")
    pa = pytest.importorskip("pyarrow")

    trades: dict[str, Any] = {"ts_ns": [0, 1], "price": [1.0] * 2, "qty": [1.0] * 2}
    for side in (np.array([1, -1]), pd.Series([1, -1]), pa.array([1, -1])):
        rows = factord.Factors("2trades", per="trade").push_many({**trades, "side": side})
        assert rows.buy_rate.tolist() == [0.5]
    with pytest.raises(ValueError, match="side holds 2"):
        factord.Factors().push_many({**trades, "side": np.array([1, 2])})


def test_contracts_have_the_turnover_they_are_worth() -> None:
    inverse = factord.Factors("2trades", inverse=True, multiplier=100.0, large=1e9)
    inverse.push(0, 60_000.0, 10.0, "B")
    rows = inverse.push(1, 50_000.0, 30.0, "S")
    assert rows is not None and (rows[0].turnover, rows[0].buy_rate) == (4_000.0, 0.25)
    with pytest.raises(factord.SettingsError, match="a multiplier of 0"):
        factord.Factors(multiplier=0.0)


def test_factors_of_other_windows_than_a_models_are_refused_by_name(models: Path) -> None:
    golden = factord.Model.load(PROJECT / "tests" / "models" / "golden_2.fmodel")
    assert (golden.settings["window"], golden.horizon) == ("300s", 3)
    with pytest.raises(factord.SettingsError, match="window: the model was trained on 300s, these"):
        factord.Factors("60s").check(golden)
    with pytest.raises(factord.SettingsError, match="step: the model was trained on 60s, these"):
        factord.Factors("5m").check(golden)
    with pytest.raises(factord.SettingsError, match="large_by: .* turnover, .* quantity"):
        factord.Factors("5m", step="1m", large_by="quantity").check(golden)
    factord.Factors("5m", step="60s").check(golden)
    first = factord.Model.load(models / "regression.fmodel")
    assert (first.settings, first.horizon) == ({}, None)
    factord.Factors("5m").check(first)


def test_settings_travel_from_the_factors_into_a_model_and_back(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    for settings in SETTINGS:
        factors = factord.Factors(**settings)
        again = factord.Factors(**factors.settings)
        assert again.settings == factors.settings
    rows = factord.Factors("2m", per="trade", large=20_000).push_many(generated())
    table = rows[: len(rows) - 1].table()
    parquet.write_table(table, tmp_path / "rows.parquet")
    binary = os.environ.get("FACTORD_BINARY", str(PROJECT / "target" / "release" / "factord"))
    command = [binary, "train", str(tmp_path / "rows.parquet"), "--folds", "0"]
    subprocess.run([*command, "--out", str(tmp_path)], check=True, capture_output=True)
    model = factord.Model.load(tmp_path / "regression.fmodel")
    made = factord.Factors(**model.settings)
    made.check(model)
    assert model.settings == factord.Factors("2m", per="trade", large=20_000).settings
    with pytest.raises(factord.SettingsError, match="window"):
        factord.Factors("60s").check(model)


def test_that_trades_are_simulated_goes_with_their_windows_and_models() -> None:
    trades: dict[str, Any] = dict(generated())
    count = len(trades["ts_ns"])
    half = {name: values[: count // 2] for name, values in trades.items()}
    rest = {name: values[count // 2 :] for name, values in trades.items()}

    windows = factord.Factors("2m", per="trade", large=20_000)
    rows = windows.push_many({**trades, "side_src": np.full(count, "simulated")})
    model = factord.train(rows, folds=0).regression
    assert model.data == factord.Model(bytes(model)).data == "simulated"
    assert "data" not in {**windows.settings, **model.settings}
    assert factord.train(rows.table(), folds=0).regression.data == "simulated"
    # A day after, so that both can be of one training.
    day = trades["ts_ns"][-1] - trades["ts_ns"][0] + 86_400 * 10**9
    after = {**trades, "ts_ns": trades["ts_ns"] + day}
    for source in ("flag", None):
        real = factord.Factors("2m", per="trade", large=20_000)
        said = {} if source is None else {"side_src": np.full(count, source)}
        other = real.push_many({**after, **said})
        assert factord.train(other, folds=0).regression.data is None
        assert factord.train([rows, other], folds=0).regression.data == "partly simulated"
    mixed = factord.Factors("2m", per="trade", large=20_000)
    mixed.push_many({**half, "side_src": np.full(count // 2, "simulated")})
    later = mixed.push_many(rest)
    assert factord.train(later, folds=0).regression.data == "partly simulated"


def test_a_day_of_a_real_stock_has_the_rows_of_the_command_line(tmp_path: Path) -> None:
    shared = Path(os.environ.get("FACTORD_SHARED", PROJECT.parent / "shared"))
    path = shared / "ticks" / "600519.SH_20230201.csv.gz"
    if not path.exists():
        assert os.environ.get("CI") != "true", f"{path} is missing"
        pytest.skip(f"{path} is missing")
    with gzip.open(path, "rt", newline="") as file:
        records = list(csv.DictReader(file))
    kinds = {"ts_ns": np.int64, "price": np.float64, "qty": np.float64, "side": np.str_}
    kinds |= {"buy_id": np.uint64, "sell_id": np.uint64, "symbol": np.str_}
    trades = {
        name: np.array([record[name] for record in records]).astype(kind)
        for name, kind in kinds.items()
    }
    assert len(records) == 27_135
    for settings in SETTINGS:
        rows = all_rows(factord.Factors(**settings), trades)
        equal_to_table(rows, by_command_line(path, tmp_path, settings))


def test_factors_and_windows_show_what_they_are() -> None:
    factors = factord.Factors("60s", large=50_000, per="trade")
    rows = factors.push_many(
        {
            "ts_ns": [10**18, 10**18 + 60 * 10**9],
            "price": [1.0, 1.0],
            "qty": [1.0, 1.0],
            "side": ["B", "S"],
        }
    )
    assert repr(factors) == (
        "<factord.Factors: windows of 60s, large from 50000 by turnover per trade, 1 symbols>"
    )
    assert repr(rows) == (
        "<factord.FactorRows: 1 windows of 1 symbols, 2001-09-09T01:46:00 to 2001-09-09T01:47:00 UTC, "
        "windows of 60s>"
    )
    assert repr(rows[:0]) == "<factord.FactorRows: 0 windows of 0 symbols, windows of 60s>"
