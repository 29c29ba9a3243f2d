//! Factors against their definitions, and trade files against factors from memory.

mod allocations;
mod command;
mod decimals;
mod edges;
mod files;
mod naive;
mod prices;
mod rows;
mod sessions;
mod strangers;
mod ticks;

use factord_factors::{Factors, Row, Settings, Trade};

/// All rows of the trades, and the factors after the last one.
fn run(trades: &[Trade], settings: &Settings) -> (Vec<Row>, Factors) {
    let mut factors = Factors::new(settings).unwrap();
    let mut rows = Vec::new();
    trades.iter().for_each(|trade| factors.push(trade, &mut |row| rows.push(*row)));
    factors.finish(&mut |row| rows.push(*row));
    (rows, factors)
}
