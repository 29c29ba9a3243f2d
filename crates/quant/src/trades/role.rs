//! [`Role`]: what a column holds.

use super::number::TimeUnit;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Skip,
    Time(TimeUnit),
    /// The day of a clock.
    Date,
    /// Times of the day as text.
    Clock,
    /// Times of the day as integers, 93000040.
    ClockDigits,
    Symbol,
    Price,
    /// Prices as integers of a small unit.
    PriceUnits,
    Qty,
    Side,
    /// The side of the order that was there, in words: the aggressor is the other.
    MakerSide,
    BuyerMaker,
    BuyId,
    SellId,
    Bid,
    Ask,
    /// What kind of message, where not every one is a trade.
    Kind(Kinds),
    /// LOBSTER: the number of the order that was there.
    RestingId,
    /// LOBSTER: the side of the order that was there.
    RestingSide,
}

/// How messages say what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kinds {
    /// LOBSTER: 1 to 7.
    Lobster,
    /// Databento: T is a trade.
    Databento,
    /// Shenzhen: F, as a byte 70, is a fill; 4, as a byte 52, takes an order back.
    Szse,
    /// Wind: C takes an order back.
    Wind,
}

/// What is no trade, as a kind of LOBSTER's.
pub(super) const NO_TRADE: u8 = b'1';
/// A trade, as a kind of LOBSTER's.
pub(super) const TRADE: u8 = b'4';

impl Kinds {
    /// What a word says, as the kind of LOBSTER's that means the same; `None` if it says nothing.
    pub(super) fn of(self, word: &[u8]) -> Option<u8> {
        match (self, word) {
            (Kinds::Lobster, [kind @ b'1'..=b'7']) => Some(*kind),
            (Kinds::Databento, b"T") | (Kinds::Szse, b"F" | b"70") | (Kinds::Wind, b"0" | b"") => {
                Some(TRADE)
            }
            (Kinds::Databento, [b'A' | b'C' | b'M' | b'R' | b'F' | b'N'])
            | (Kinds::Szse, b"4" | b"52")
            | (Kinds::Wind, b"C") => Some(NO_TRADE),
            _ => None,
        }
    }
}

impl Role {
    /// What is looked for, for messages.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Role::Skip | Role::Symbol => "text",
            Role::Time(unit) => unit.expected(),
            Role::Date => "a day, such as 20230201",
            Role::Clock => "a time of the day, such as 09:30:00.040",
            Role::ClockDigits => "a time of the day, such as 93000040",
            Role::Price | Role::Qty | Role::Bid | Role::Ask => "a number",
            Role::PriceUnits => "an integer, as the first price of the file is",
            Role::Side => "an aggressor: B, S, N, or nothing",
            Role::MakerSide => "a side: buy or sell",
            Role::BuyerMaker => "true or false",
            Role::BuyId | Role::SellId | Role::RestingId => "an order number",
            Role::Kind(_) => "a kind of message",
            Role::RestingSide => "a direction: 1 or -1",
        }
    }

    /// What the column means, for those who ask what was understood.
    pub(super) fn meaning(self) -> &'static str {
        match self {
            Role::Skip => "not read",
            Role::Time(_) => "time",
            Role::Date => "day",
            Role::Clock | Role::ClockDigits => "time of the day",
            Role::Symbol => "symbol",
            Role::Price => "price",
            Role::PriceUnits => "price, in small units",
            Role::Qty => "quantity",
            Role::Side => "aggressor",
            Role::MakerSide => "side of the order that was there; the aggressor is the other",
            Role::BuyerMaker => "true: the seller is the aggressor; false: the buyer",
            Role::BuyId => "number of the buyer's order",
            Role::SellId => "number of the seller's order",
            Role::Bid => "best bid before",
            Role::Ask => "best ask before",
            Role::Kind(_) => "kind of message; what is no trade is passed over",
            Role::RestingId => "number of the order that was there",
            Role::RestingSide => "side of the order that was there; the aggressor is the other",
        }
    }

    /// Whether it is the price.
    pub(super) fn is_price(self) -> bool {
        matches!(self, Role::Price | Role::PriceUnits)
    }

    /// Whether it says when, but for the day.
    pub(super) fn is_time(self) -> bool {
        matches!(self, Role::Time(_) | Role::Clock | Role::ClockDigits)
    }
}
