//! [`Role`]: what a column holds.

use super::number::TimeUnit;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Skip,
    Time(TimeUnit),
    Symbol,
    Price,
    Qty,
    Side,
    BuyerMaker,
    BuyId,
    SellId,
    Bid,
    Ask,
    /// LOBSTER: what kind of message.
    Kind,
    /// LOBSTER: the number of the order that was there.
    RestingId,
    /// LOBSTER: the side of the order that was there.
    RestingSide,
}

impl Role {
    /// What is looked for, for messages.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Role::Skip | Role::Symbol => "text",
            Role::Time(_) => "a time",
            Role::Price | Role::Qty | Role::Bid | Role::Ask => "a number",
            Role::Side => "an aggressor: B, S, N, or nothing",
            Role::BuyerMaker => "true or false",
            Role::BuyId | Role::SellId | Role::RestingId => "an order number",
            Role::Kind => "a kind of message",
            Role::RestingSide => "a direction: 1 or -1",
        }
    }
}
