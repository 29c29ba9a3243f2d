//! The layouts of feeds: which columns their files have, by public documentation.
//!
//! docs/feeds.md says for each what its sides mean, and its traps.

use super::number::TimeUnit;
use super::role::{Kinds, Role};

/// A column of a layout: what it holds, its names in headers, where it is without one, and whether
/// there is no trade without it.
pub(super) struct Column {
    pub(super) role: Role,
    pub(super) names: &'static [&'static str],
    pub(super) position: usize,
    pub(super) needed: bool,
}

/// The position of a column that files without a header do not have.
pub(super) const NOWHERE: usize = usize::MAX;

/// What prices are given in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PriceUnit {
    /// Decimals of the quote currency.
    Whole,
    /// Integers of a ten-thousandth.
    TenThousandths,
    /// Integers of a ten-thousandth, or decimals where there is a point.
    TenThousandthsOrWhole,
    /// Integers of 1e-9, or decimals where there is a point.
    BillionthsOrWhole,
}

/// The layout of a feed's files.
pub(super) struct Layout {
    pub(super) name: &'static str,
    /// Whose files they are, in words.
    pub(super) title: &'static str,
    pub(super) columns: &'static [Column],
    /// The columns, besides those needed, by which a header makes itself known; `?` where no header
    /// says enough.
    pub(super) marks: &'static [&'static str],
    pub(super) price: PriceUnit,
    /// How far local times are ahead of UTC, in hours.
    pub(super) ahead_hours: i64,
}

const fn column(role: Role, names: &'static [&'static str], position: usize) -> Column {
    Column { role, names, position, needed: true }
}

const fn optional(role: Role, names: &'static [&'static str], position: usize) -> Column {
    Column { role, names, position, needed: false }
}

const ANY: Role = Role::Time(TimeUnit::Any);
const MAKER: &[&str] = &["is_buyer_maker", "isBuyerMaker", "was_the_buyer_the_maker"];

/// A layout with a header that says enough, prices as they are, and times in UTC.
const fn headed(
    name: &'static str,
    title: &'static str,
    marks: &'static [&'static str],
    columns: &'static [Column],
) -> Layout {
    Layout { name, title, columns, marks, price: PriceUnit::Whole, ahead_hours: 0 }
}

pub(super) static COMMON: Layout = headed(
    "common",
    "the common layout",
    &["ts_ns", "price", "qty"],
    &[
        column(Role::Time(TimeUnit::Nanoseconds), &["ts_ns"], 0),
        optional(Role::Symbol, &["symbol"], 1),
        column(Role::Price, &["price"], 2),
        column(Role::Qty, &["qty"], 3),
        optional(Role::Side, &["side"], 4),
        optional(Role::BuyId, &["buy_id"], 6),
        optional(Role::SellId, &["sell_id"], 7),
        optional(Role::Bid, &["bid"], 9),
        optional(Role::Ask, &["ask"], 10),
    ],
);

pub(super) static BINANCE_TRADES: Layout = headed(
    "binance-trades",
    "Binance, trades",
    &[],
    &[
        column(Role::Price, &["price"], 1),
        column(Role::Qty, &["qty"], 2),
        column(ANY, &["time"], 4),
        column(Role::BuyerMaker, MAKER, 5),
    ],
);

pub(super) static BINANCE_AGG_TRADES: Layout = headed(
    "binance-aggtrades",
    "Binance, aggregate trades",
    &[],
    &[
        column(Role::Price, &["price"], 1),
        column(Role::Qty, &["quantity", "qty"], 2),
        column(ANY, &["transact_time", "timestamp"], 5),
        column(Role::BuyerMaker, MAKER, 6),
    ],
);

/// The columns that Bybit's and BitMEX's files share.
const NOTIONAL: &[Column] = &[
    column(ANY, &["timestamp"], 0),
    column(Role::Symbol, &["symbol"], 1),
    column(Role::Side, &["side"], 2),
    column(Role::Qty, &["size"], 3),
    column(Role::Price, &["price"], 4),
];

pub(super) static BYBIT: Layout =
    headed("bybit", "Bybit, derivatives", &["tickDirection", "trdMatchID"], NOTIONAL);

pub(super) static BITMEX: Layout =
    headed("bitmex", "BitMEX", &["tickDirection", "trdMatchID", "trdType"], NOTIONAL);

pub(super) static BYBIT_SPOT: Layout = headed(
    "bybit-spot",
    "Bybit, spot",
    &["id", "timestamp", "price", "volume", "side"],
    &[
        column(ANY, &["timestamp"], 1),
        column(Role::Price, &["price"], 2),
        column(Role::Qty, &["volume"], 3),
        column(Role::Side, &["side"], 4),
    ],
);

pub(super) static OKX: Layout = headed(
    "okx",
    "OKX",
    &[],
    &[
        column(ANY, &["created_time", "created_time/成交时间"], 5),
        optional(Role::Symbol, &["instrument_name", "instrument_name/交易对名称"], 0),
        column(Role::Price, &["price", "price/价格"], 3),
        column(Role::Qty, &["size", "size/数量"], 4),
        column(Role::Side, &["side", "side/交易方向"], 2),
    ],
);

pub(super) static COINBASE: Layout = headed(
    "coinbase",
    "Coinbase Exchange",
    // Others have the same names, and sides of the other meaning.
    &["?"],
    &[
        column(ANY, &["time"], 0),
        optional(Role::Symbol, &["product_id"], NOWHERE),
        column(Role::Price, &["price"], 2),
        column(Role::Qty, &["size"], 3),
        column(Role::MakerSide, &["side"], 4),
    ],
);

pub(super) static KRAKEN: Layout = headed(
    "kraken",
    "Kraken",
    // Three names that others have, too.
    &["?"],
    &[
        column(ANY, &["time", "timestamp"], 0),
        column(Role::Price, &["price"], 1),
        column(Role::Qty, &["volume"], 2),
        optional(Role::Side, &["side"], NOWHERE),
    ],
);

pub(super) static TARDIS: Layout = headed(
    "tardis",
    "Tardis, trades",
    &["exchange", "local_timestamp", "amount"],
    &[
        column(ANY, &["timestamp"], 2),
        column(Role::Symbol, &["symbol"], 1),
        column(Role::Side, &["side"], 5),
        column(Role::Price, &["price"], 6),
        column(Role::Qty, &["amount"], 7),
    ],
);

pub(super) static DATABENTO: Layout = Layout {
    price: PriceUnit::BillionthsOrWhole,
    ..headed(
        "databento",
        "Databento",
        &["ts_event", "action"],
        &[
            column(ANY, &["ts_event"], 1),
            column(Role::Kind(Kinds::Databento), &["action"], 5),
            column(Role::Side, &["side"], 6),
            column(Role::Price, &["price"], 8),
            column(Role::Qty, &["size"], 9),
            optional(Role::Symbol, &["symbol"], 13),
        ],
    )
};

pub(super) static LOBSTER: Layout = Layout {
    price: PriceUnit::TenThousandths,
    ..headed(
        "lobster",
        "LOBSTER, messages",
        &["?"],
        &[
            column(Role::Time(TimeUnit::Seconds), &["time"], 0),
            column(Role::Kind(Kinds::Lobster), &["type"], 1),
            column(Role::RestingId, &["order id"], 2),
            column(Role::Qty, &["size"], 3),
            column(Role::Price, &["price"], 4),
            column(Role::RestingSide, &["direction"], 5),
        ],
    )
};

pub(super) static WIND: Layout = Layout {
    price: PriceUnit::TenThousandthsOrWhole,
    ahead_hours: 8,
    ..headed(
        "wind-l2",
        "Wind, level 2 transactions",
        &["自然日", "成交编号", "叫买序号"],
        &[
            column(Role::Date, &["自然日"], 2),
            column(Role::ClockDigits, &["时间"], 3),
            column(Role::Symbol, &["万得代码"], 0),
            column(Role::Kind(Kinds::Wind), &["成交代码"], 5),
            column(Role::Side, &["BS标志"], 7),
            column(Role::Price, &["成交价格"], 8),
            column(Role::Qty, &["成交数量"], 9),
            column(Role::SellId, &["叫卖序号"], 10),
            column(Role::BuyId, &["叫买序号"], 11),
        ],
    )
};

pub(super) static SSE: Layout = Layout {
    ahead_hours: 8,
    ..headed(
        "sse-l2",
        "Shanghai, level 2 transactions",
        &["TradTime", "TradeBSFlag"],
        &[
            column(ANY, &["TradTime"], 4),
            optional(Role::Date, &["TradDate", "TradeDate"], NOWHERE),
            column(Role::Symbol, &["SecurityID"], 3),
            column(Role::Price, &["TradPrice"], 5),
            column(Role::Qty, &["TradVolume"], 6),
            column(Role::BuyId, &["TradeBuyNo"], 8),
            column(Role::SellId, &["TradeSellNo"], 9),
            column(Role::Side, &["TradeBSFlag"], 10),
        ],
    )
};

pub(super) static SZSE: Layout = Layout {
    ahead_hours: 8,
    ..headed(
        "szse-l2",
        "Shenzhen, level 2 transactions",
        &["BidApplSeqNum", "OfferApplSeqNum", "LastPx"],
        &[
            column(ANY, &["TransactTime"], 10),
            optional(Role::Date, &["TradDate", "TradeDate"], NOWHERE),
            column(Role::Symbol, &["SecurityID"], 5),
            column(Role::Price, &["LastPx"], 7),
            column(Role::Qty, &["LastQty"], 8),
            column(Role::Kind(Kinds::Szse), &["ExecType"], 9),
            column(Role::BuyId, &["BidApplSeqNum"], 3),
            column(Role::SellId, &["OfferApplSeqNum"], 4),
        ],
    )
};

pub(super) static KDB: Layout = headed(
    "kdb",
    "a trade table of kdb+",
    &["time", "sym", "price", "size"],
    &[
        column(ANY, &["time"], 0),
        optional(Role::Date, &["date"], NOWHERE),
        column(Role::Symbol, &["sym"], 1),
        column(Role::Price, &["price"], 2),
        column(Role::Qty, &["size"], 3),
        optional(Role::Side, &["side"], 4),
        optional(Role::Bid, &["bid"], NOWHERE),
        optional(Role::Ask, &["ask"], NOWHERE),
    ],
);

/// Names that leave no doubt, for files of nobody's; what a side means there, nobody says.
pub(super) static PLAIN: Layout = headed(
    "plain",
    "columns that say what they hold",
    &[],
    &[
        column(ANY, &["ts", "time", "timestamp", "datetime"], 0),
        optional(Role::Symbol, &["symbol", "sym", "ticker"], NOWHERE),
        column(Role::Price, &["price"], 1),
        column(Role::Qty, &["qty", "quantity", "size", "volume", "amount"], 2),
        optional(Role::BuyerMaker, MAKER, NOWHERE),
        optional(Role::BuyId, &["buy_id"], NOWHERE),
        optional(Role::SellId, &["sell_id"], NOWHERE),
        optional(Role::Bid, &["bid"], NOWHERE),
        optional(Role::Ask, &["ask"], NOWHERE),
    ],
);
