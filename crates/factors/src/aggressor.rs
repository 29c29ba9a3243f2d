//! [`Classifier`]: who started a trade, and how that was found.

use super::decimal::{is_further, to_middle};
use super::row::Method;
use super::settings::{Aggressor, Outliers};
use super::{Quote, Side, Trade};
use std::cmp::Ordering;

/// Far-off prices in a row after which the price has moved.
const LEVEL_RUN: u32 = 3;

/// What the rules remember of earlier trades.
pub(super) struct Classifier {
    rule: Aggressor,
    outliers: Outliers,
    /// The last price that was not an outlier, and the last different one; 0 before there is one.
    last: f64,
    before: f64,
    /// Outliers in a row.
    run: u32,
}

impl Classifier {
    pub(super) fn new(rule: Aggressor, outliers: Outliers) -> Classifier {
        Classifier { rule, outliers, last: 0.0, before: 0.0, run: 0 }
    }

    /// Whether a price is too far from the last one. The third such price in a row is no longer an
    /// outlier: the price has moved.
    #[inline]
    pub(super) fn is_outlier(&mut self, price: f64) -> bool {
        let far = self.last > 0.0 && is_further(price, self.last, self.outliers.limit);
        if !far {
            self.run = 0;
            return false;
        }
        self.run = (self.run + 1) % LEVEL_RUN;
        self.run != 0
    }

    /// The aggressor of the next trade, and by what it was found. An outlier is classified like
    /// any trade, but later prices are not compared with it.
    #[inline]
    pub(super) fn side(&mut self, trade: &Trade, outlier: bool) -> (Side, Option<Method>) {
        let flagged = matches!(self.rule, Aggressor::Auto | Aggressor::Flag);
        let found = if flagged && trade.side != Side::Unknown {
            (trade.side, (trade.side != Side::None).then_some(Method::Flag))
        } else {
            self.ruled(trade)
        };
        // Selected, not branched on: whether a price changes is a coin toss.
        let changed = trade.price != self.last && !outlier;
        self.before = if changed { self.last } else { self.before };
        self.last = if changed { trade.price } else { self.last };
        found
    }

    /// The aggressor by something else than the flag.
    fn ruled(&self, trade: &Trade) -> (Side, Option<Method>) {
        if trade.side == Side::None {
            return (Side::None, None);
        }
        let orders = || (by_orders(trade), Method::OrderNumbers);
        let quote = || (trade.quote.map_or(Side::Unknown, |q| by_middle(trade, q)), Method::Quote);
        let tick = || (self.tick(trade.price), Method::Tick);
        let first_of = |(side, method): (Side, Method), (other, by): (Side, Method)| {
            if side == Side::Unknown { (other, by) } else { (side, method) }
        };
        let (side, method) = match self.rule {
            Aggressor::Auto => first_of(orders(), first_of(quote(), tick())),
            Aggressor::Flag => (Side::Unknown, Method::Flag),
            Aggressor::OrderNumbers => orders(),
            Aggressor::LeeReady => first_of(quote(), tick()),
            Aggressor::QuoteRule => {
                let side = trade.quote.map_or(Side::Unknown, |quote| by_edges(trade, quote));
                (side, Method::Quote)
            }
            Aggressor::TickRule => tick(),
        };
        (side, (side != Side::Unknown).then_some(method))
    }

    /// The side of the last price change, this price among them.
    fn tick(&self, price: f64) -> Side {
        let (to, from) =
            if price == self.last { (self.last, self.before) } else { (price, self.last) };
        match from == 0.0 {
            true => Side::Unknown,
            false if to > from => Side::Buy,
            false => Side::Sell,
        }
    }
}

/// The later order came to the earlier one.
fn by_orders(trade: &Trade) -> Side {
    let (buy, sell) = (trade.buy_id, trade.sell_id);
    match (buy == 0 || sell == 0, buy.cmp(&sell)) {
        (true, _) | (_, std::cmp::Ordering::Equal) => Side::Unknown,
        (_, std::cmp::Ordering::Greater) => Side::Buy,
        (_, std::cmp::Ordering::Less) => Side::Sell,
    }
}

/// Whether a quote can be: a bid at or below the ask, both above 0.
fn is_quote(quote: Quote) -> bool {
    quote.bid > 0.0 && quote.bid <= quote.ask && quote.ask.is_finite()
}

/// Above the middle of the quote a buy, below it a sell.
fn by_middle(trade: &Trade, quote: Quote) -> Side {
    if !is_quote(quote) {
        return Side::Unknown;
    }
    match to_middle(trade.price, [quote.bid, quote.ask]) {
        Ordering::Greater => Side::Buy,
        Ordering::Equal => Side::Unknown,
        Ordering::Less => Side::Sell,
    }
}

/// At the ask or above a buy, at the bid or below a sell.
fn by_edges(trade: &Trade, quote: Quote) -> Side {
    match (trade.price >= quote.ask, trade.price <= quote.bid) {
        _ if !is_quote(quote) => Side::Unknown,
        (true, false) => Side::Buy,
        (false, true) => Side::Sell,
        _ => Side::Unknown,
    }
}
