//! The factors as their definitions say them: all trades kept, every window added up from scratch.

use factord_factors::{Cut, Empty, Per, Settings, Side, Trade, Unit};
use std::collections::HashMap;

/// One row: start, end, trades, then volume, turnover, buy, sell, large buy, large sell,
/// unclassified.
#[derive(Clone, Debug)]
pub(crate) struct NaiveRow {
    pub(crate) times: (i64, i64),
    pub(crate) trades: u64,
    pub(crate) values: [f64; 7],
    /// Which trades, by index.
    pub(crate) range: std::ops::Range<usize>,
}

/// A step: its times, and the trades in it by index.
#[derive(Clone, Debug)]
struct Step {
    start_ns: i64,
    end_ns: i64,
    trades: std::ops::Range<usize>,
}

/// The steps of a list of trades, by the definition of each unit.
fn steps(trades: &[Trade], settings: &Settings) -> Vec<Step> {
    let step = settings.window.step;
    let mut steps: Vec<Step> = Vec::new();
    if settings.window.unit == Unit::Time {
        let step = step as i64;
        let number = |trade: &Trade| trade.ts_ns.div_euclid(step);
        let (Some(first), Some(last)) = (trades.first(), trades.last()) else { return steps };
        for n in number(first)..=number(last) {
            let from = trades.partition_point(|trade| number(trade) < n);
            let to = trades.partition_point(|trade| number(trade) <= n);
            steps.push(Step { start_ns: n * step, end_ns: (n + 1) * step, trades: from..to });
        }
        return steps;
    }
    let mut from = 0;
    let mut filled = 0.0;
    for (index, trade) in trades.iter().enumerate() {
        filled += match settings.window.unit {
            Unit::Trades => 1.0,
            Unit::Volume => trade.qty,
            _ => trade.price * trade.qty,
        };
        if filled >= step * (1.0 - 1e-12) {
            let (start_ns, end_ns) = (trades[from].ts_ns, trade.ts_ns);
            steps.push(Step { start_ns, end_ns, trades: from..index + 1 });
            (from, filled) = (index + 1, 0.0);
        }
    }
    steps
}

fn size(trade: &Trade, settings: &Settings) -> f64 {
    let by_quantity = matches!(settings.large.by, Cut::Quantity(_));
    if by_quantity { trade.qty } else { trade.price * trade.qty }
}

/// The number of the order that a trade belongs to on a side; `None` when it does not count there.
fn order(trade: &Trade, index: usize, side: Side, per: Per) -> Option<(bool, u64)> {
    let id = if side == Side::Buy { trade.buy_id } else { trade.sell_id };
    let alone = (false, index as u64);
    match per {
        Per::Trade => (trade.side == side).then_some(alone),
        Per::AggressingOrder if trade.side != side => None,
        _ if id == 0 => Some(alone),
        _ => Some((true, id)),
    }
}

/// Turnover of large units of a side in `window`, with all that is known at its close.
fn large(
    trades: &[Trade],
    window: &std::ops::Range<usize>,
    side: Side,
    settings: &Settings,
) -> f64 {
    let (Cut::Turnover(cut) | Cut::Quantity(cut)) = settings.large.by else { return f64::NAN };
    let per = settings.large.per;
    let mut totals: HashMap<(bool, u64), f64> = HashMap::new();
    for (index, trade) in trades[..window.end].iter().enumerate() {
        if let Some(order) = order(trade, index, side, per) {
            *totals.entry(order).or_default() += size(trade, settings);
        }
    }
    let is_large = |index: &usize| {
        order(&trades[*index], *index, side, per)
            .is_some_and(|order| totals[&order] >= cut * (1.0 - 1e-12))
    };
    // A fold from 0: the sum of nothing would be -0.
    window.clone().filter(is_large).fold(0.0, |sum, i| sum + trades[i].price * trades[i].qty)
}

/// All rows of trades whose flag says the aggressor. Quantiles are not modelled.
pub(crate) fn rows(trades: &[Trade], settings: &Settings) -> Vec<NaiveRow> {
    let steps = steps(trades, settings);
    let in_window = (settings.window.length / settings.window.step).round() as usize;
    let mut rows = Vec::new();
    for window in steps.windows(in_window) {
        let (first, last) = (&window[0], &window[in_window - 1]);
        let range = first.trades.start..last.trades.end;
        let sum = |of: &dyn Fn(&Trade) -> bool, what: &dyn Fn(&Trade) -> f64| -> f64 {
            trades[range.clone()].iter().filter(|t| of(t)).map(what).fold(0.0, |a, b| a + b)
        };
        let all = |_: &Trade| true;
        let turnover = |trade: &Trade| trade.price * trade.qty;
        let total = sum(&all, &turnover);
        let buy = sum(&|t| t.side == Side::Buy, &turnover);
        let sell = sum(&|t| t.side == Side::Sell, &turnover);
        let rest = sum(&|t| matches!(t.side, Side::None | Side::Unknown), &turnover);
        let values = [
            sum(&all, &|trade| trade.qty),
            total,
            buy / (buy + sell),
            sell / (buy + sell),
            large(trades, &range, Side::Buy, settings) / total,
            large(trades, &range, Side::Sell, settings) / total,
            rest / total,
        ];
        let defined = values[2..6].iter().all(|value| value.is_finite());
        if defined || settings.empty == Empty::Keep {
            let times = (first.start_ns, last.end_ns);
            rows.push(NaiveRow { times, trades: range.len() as u64, values, range });
        }
    }
    rows
}
