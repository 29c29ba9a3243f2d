"""What the samples of tests/feeds come to, in exact fractions, compared with `factord factors`.

Each sample is read here by what its feed documents, without a line of factord's: python3
.ci/feeds_right.py FACTORD.
"""

import csv
import gzip
import io
import subprocess
import sys
import zipfile
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path

FEEDS = Path(__file__).resolve().parent.parent / "tests" / "feeds"
SECOND = 10**9
WINDOW = 60 * SECOND
LARGE = 50_000
CHINA = timezone(timedelta(hours=8))


def text(name, encoding="utf-8"):
    data = (FEEDS / name).read_bytes()
    if name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            (member,) = archive.namelist()
            data = archive.read(member)
    if name.endswith(".gz"):
        data = gzip.decompress(data)
    return data.decode(encoding)


def named(name, encoding="utf-8"):
    return list(csv.DictReader(io.StringIO(text(name, encoding))))


def bare(name):
    return list(csv.reader(io.StringIO(text(name))))


def day_ns(zone, year, month, day):
    since = datetime(year, month, day, tzinfo=zone) - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (since.days * 86_400 + since.seconds) * SECOND


def clock_ns(hours, minutes, seconds):
    return int((Fraction(hours) * 3600 + Fraction(minutes) * 60 + Fraction(seconds)) * SECOND)


def iso_ns(stamp):
    """2023-07-11T09:30:00.123456Z, and BitMEX's 2020-03-26D09:30:00.123456000."""
    day, clock = stamp.rstrip("Z").replace("D", "T").split("T")
    return day_ns(timezone.utc, *map(int, day.split("-"))) + clock_ns(*clock.split(":"))


def sided(word):
    return {"buy": "B", "sell": "S", "b": "B", "s": "S", "n": "N", "a": "S"}.get(word.lower(), "?")


def trade(ts_ns, symbol, price, qty, side, buy=0, sell=0):
    return ts_ns, symbol, Fraction(price), Fraction(qty), side, int(buy), int(sell)


def binance(rows, symbol, time, price, qty, maker, unit):
    for row in rows:
        side = "S" if row[maker].lower() == "true" else "B"
        yield trade(int(row[time]) * unit, symbol, row[price], row[qty], side)


def notional(rows, stamp):
    for row in rows:
        yield trade(stamp(row["timestamp"]), row["symbol"], row["price"], row["size"],
                    sided(row["side"]))


def seconds_ns(stamp):
    return int(Fraction(stamp) * SECOND)


def okx(rows, symbol):
    for row in rows:
        # Each name may have its Chinese one behind it.
        row = {name.split("/")[0]: value for name, value in row.items()}
        yield trade(int(row["created_time"]) * 10**6, row.get("instrument_name", symbol),
                    row["price"], row["size"], sided(row["side"]))


def bybit_spot():
    for row in named("BTCUSDT_2022-11-10.csv"):
        yield trade(int(row["timestamp"]) * 10**6, "BTCUSDT", row["price"], row["volume"],
                    sided(row["side"]))


def coinbase():
    for row in named("BTC-USD_coinbase.csv"):
        # The side is the maker's.
        side = {"buy": "S", "sell": "B"}[row["side"]]
        yield trade(iso_ns(row["time"]), "BTC-USD", row["price"], row["size"], side)


def kraken():
    for stamp, price, volume in bare("XBTUSD.csv"):
        yield trade(seconds_ns(stamp), "XBTUSD", price, volume, "?")


def tardis():
    for row in named("binance-futures_trades_2024-08-09_BTCUSDT.csv.gz"):
        yield trade(int(row["timestamp"]) * 1000, row["symbol"], row["price"], row["amount"],
                    sided(row["side"]))


def databento(name, stamp, unit):
    for row in named(name):
        if row["action"] == "T":
            yield trade(stamp(row["ts_event"]), row["symbol"], Fraction(row["price"]) / unit,
                        row["size"], sided(row["side"]))


def lobster(name, *day):
    # Midnight in New York in summer is 4 o'clock UTC.
    midnight = day_ns(timezone(timedelta(hours=-4)), *day)
    for stamp, kind, order, size, price, direction in bare(name):
        ts_ns, price = midnight + seconds_ns(stamp), Fraction(price) / 10_000
        if kind == "6":
            yield trade(ts_ns, "AAPL", price, size, "N")
        elif kind == "5" and day >= (2014, 7, 14):
            # The direction of hidden orders is masked: always 1.
            yield trade(ts_ns, "AAPL", price, size, "?")
        elif kind in "45":
            # 1 is an execution of a resting buy order, which a seller started.
            side = "S" if direction == "1" else "B"
            buy, sell = (order, 0) if side == "S" else (0, order)
            yield trade(ts_ns, "AAPL", price, size, side, max(int(buy), 0), max(int(sell), 0))


def by_numbers(side, buy, sell):
    return side if side in "BSN" or buy == sell else "B" if buy > sell else "S"


def wind():
    for row in named("000001.SZ_wind.csv", "gbk"):
        if row["成交代码"] == "C":
            continue
        day, clock = row["自然日"], row["时间"].zfill(9)
        ts_ns = day_ns(CHINA, int(day[:4]), int(day[4:6]), int(day[6:]))
        ts_ns += clock_ns(clock[:2], clock[2:4], f"{clock[4:6]}.{clock[6:]}")
        buy, sell = int(row["叫买序号"]), int(row["叫卖序号"])
        side = by_numbers(sided(row["BS标志"].strip()), buy, sell)
        yield trade(ts_ns, row["万得代码"], Fraction(row["成交价格"]) / 10_000, row["成交数量"],
                    side, buy, sell)


def shanghai():
    midnight = day_ns(CHINA, 2023, 2, 1)
    for row in named("20230201_mdl_4_24_0.csv"):
        yield trade(midnight + clock_ns(*row["TradTime"].split(":")), row["SecurityID"],
                    row["TradPrice"], row["TradVolume"], sided(row["TradeBSFlag"]),
                    row["TradeBuyNo"], row["TradeSellNo"])


def shenzhen():
    for row in named("mdl_6_36_0_000001.csv"):
        if row["ExecType"] == "70":
            stamp = row["TransactTime"]
            ts_ns = day_ns(CHINA, int(stamp[:4]), int(stamp[4:6]), int(stamp[6:8]))
            ts_ns += clock_ns(stamp[8:10], stamp[10:12], f"{stamp[12:14]}.{stamp[14:]}")
            buy, sell = int(row["BidApplSeqNum"]), int(row["OfferApplSeqNum"])
            yield trade(ts_ns, row["SecurityID"], row["LastPx"], row["LastQty"],
                        by_numbers("?", buy, sell), buy, sell)


def kdb():
    for row in named("trade.csv"):
        ts_ns = day_ns(timezone.utc, *map(int, row["date"].split(".")))
        yield trade(ts_ns + clock_ns(*row["time"].split(":")), row["sym"], row["price"],
                    row["size"], sided(row["side"]))


INVERSE_100 = ["--inverse", "--multiplier", "100"]
INVERSE_10 = ["--inverse", "--multiplier", "10"]
INVERSE_1 = ["--inverse", "--multiplier", "1"]
SWAP = ["--multiplier", "0.01"]

# The sample, the flags that it needs, its trades, and what one contract is worth.
SAMPLES = [
    ("BTCUSDT-trades-2025-01-02.zip", [],
     binance(bare("BTCUSDT-trades-2025-01-02.zip"), "BTCUSDT", 4, 1, 2, 5, 1000), None),
    ("ETHUSDT-aggTrades-2024-12-30.csv", [],
     binance(bare("ETHUSDT-aggTrades-2024-12-30.csv"), "ETHUSDT", 5, 1, 2, 6, 10**6), None),
    ("BTCUSDT-trades-2024-08-09.csv", [],
     binance(named("BTCUSDT-trades-2024-08-09.csv"), "BTCUSDT", "time", "price", "qty",
             "is_buyer_maker", 10**6), None),
    ("SOLUSDT-aggTrades-2024-08-09.csv", [],
     binance(named("SOLUSDT-aggTrades-2024-08-09.csv"), "SOLUSDT", "transact_time", "price",
             "quantity", "is_buyer_maker", 10**6), None),
    ("BTCUSD_PERP-trades-2024-08-09.csv", INVERSE_100,
     binance(named("BTCUSD_PERP-trades-2024-08-09.csv"), "BTCUSD_PERP", "time", "price", "qty",
             "is_buyer_maker", 10**6), ("inverse", 100)),
    ("ETHUSD_PERP-aggTrades-2024-08-09.csv", INVERSE_10,
     binance(named("ETHUSD_PERP-aggTrades-2024-08-09.csv"), "ETHUSD_PERP", "transact_time",
             "price", "quantity", "is_buyer_maker", 10**6), ("inverse", 10)),
    ("BTCUSDT2020-03-26.csv", ["--order", "newest-first"],
     reversed(list(notional(named("BTCUSDT2020-03-26.csv"), seconds_ns))), None),
    ("BTCUSD2021-05-04.csv", INVERSE_1,
     notional(named("BTCUSD2021-05-04.csv"), seconds_ns), ("inverse", 1)),
    ("BTCUSDT_2022-11-10.csv", [], bybit_spot(), None),
    ("bitmex-20200326.csv", INVERSE_1,
     notional(named("bitmex-20200326.csv"), iso_ns), ("inverse", 1)),
    ("BTC-USDT-trades-2022-05-01.csv", ["--symbol", "BTC-USDT"],
     okx(named("BTC-USDT-trades-2022-05-01.csv", "gbk"), "BTC-USDT"), None),
    ("BTC-USDT-SWAP-trades-2024-08-09.csv", SWAP,
     okx(named("BTC-USDT-SWAP-trades-2024-08-09.csv"), None), ("linear", Fraction(1, 100))),
    ("BTC-USD_coinbase.csv", ["--preset", "coinbase", "--symbol", "BTC-USD"], coinbase(), None),
    ("XBTUSD.csv", ["--preset", "kraken", "--multiplier", "1"], kraken(), None),
    ("binance-futures_trades_2024-08-09_BTCUSDT.csv.gz", [], tardis(), None),
    ("glbx-mdp3-20230929.trades.csv", [],
     databento("glbx-mdp3-20230929.trades.csv", iso_ns, 1), None),
    ("glbx-mdp3-20230929.mbo.csv", [],
     databento("glbx-mdp3-20230929.mbo.csv", int, 10**9), None),
    *((name, ["--preset", "lobster"], lobster(name, year, month, day), None)
      for name, year, month, day in [
          ("AAPL_2012-06-21_34200000_57600000_message_1.csv", 2012, 6, 21),
          ("AAPL_2015-06-22_34200000_57600000_message_1.csv", 2015, 6, 22)]),
    ("000001.SZ_wind.csv", [], wind(), None),
    ("20230201_mdl_4_24_0.csv", [], shanghai(), None),
    ("mdl_6_36_0_000001.csv", [], shenzhen(), None),
    ("trade.csv", [], kdb(), None),
]


def by_ticks(trades):
    """Sides that nobody says, by the last change of price of the symbol."""
    last, change = {}, {}
    for ts_ns, symbol, price, qty, side, buy, sell in trades:
        before = last.get(symbol, price)
        if price != before:
            change[symbol] = "B" if price > before else "S"
        last[symbol] = price
        yield ts_ns, symbol, price, qty, change.get(symbol, "?") if side == "?" else side


def windows(trades, worth):
    """The columns of each window that has trades, and one with an aggressor."""
    sums = {}
    for ts_ns, symbol, price, qty, side in by_ticks(trades):
        turnover = price * qty
        if worth is not None:
            kind, multiplier = worth
            turnover = qty * multiplier if kind == "inverse" else price * qty * multiplier
        window = sums.setdefault((symbol, ts_ns // WINDOW * WINDOW), [Fraction(0)] * 8)
        for at, value in enumerate([
                1, qty, turnover, turnover * (side == "B"), turnover * (side == "S"),
                turnover * (side == "B" and turnover >= LARGE),
                turnover * (side == "S" and turnover >= LARGE), turnover * (side in "N?")]):
            window[at] += value
    rows = {}
    for key, (count, volume, turnover, buy, sell, large_buy, large_sell, rest) in sums.items():
        if buy + sell > 0:
            rows[key] = [count, volume, turnover, buy / (buy + sell), sell / (buy + sell),
                         large_buy / turnover, large_sell / turnover, rest / turnover]
    return rows


NAMES = ["trades", "volume", "turnover", "buy_rate", "sell_rate", "large_buy", "large_sell",
         "unclassified"]


def found(factord, name, flags):
    command = [factord, "factors", name, *flags, "--per", "trade", "--large", str(LARGE), "--out",
               "-"]
    ran = subprocess.run(command, cwd=FEEDS, capture_output=True, text=True, timeout=60)
    if ran.returncode != 0:
        sys.exit(f"{' '.join(command)}: {ran.stderr}")
    rows = csv.DictReader(io.StringIO(ran.stdout))
    return {(row["symbol"], int(row["start_ns"])): [row[name] for name in NAMES] for row in rows}


def main():
    factord = str(Path(sys.argv[1]).resolve())
    compared = 0
    for name, flags, trades, worth in SAMPLES:
        right, mine = windows(trades, worth), found(factord, name, flags)
        if not right or right.keys() != mine.keys():
            sys.exit(f"{name}: the windows are {sorted(mine)}, right {sorted(right)}")
        for key, values in right.items():
            for column, value, text_of in zip(NAMES, values, mine[key]):
                if abs(Fraction(text_of) - value) > abs(value) / 10**14:
                    sys.exit(f"{name}: {key}: {column} is {text_of}, right {float(value)!r}")
                compared += 1
        print(f"{name:48} {len(right)} windows")
    missing = {path.name for path in FEEDS.iterdir()} - {sample[0] for sample in SAMPLES}
    if missing:
        sys.exit(f"samples that nothing is compared with: {sorted(missing)}")
    print(f"{compared} values of {len(SAMPLES)} samples are right")


main()
