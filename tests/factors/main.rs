//! The factor engine against its definitions, and trade files against the engine.

mod allocations;
mod command;
mod decimals;
mod edges;
mod files;
mod naive;
mod rows;
mod ticks;

use factord_factors::{Engine, Row, Settings, Trade};

/// All rows of the trades, and the engine after its last one.
fn run(trades: &[Trade], settings: &Settings) -> (Vec<Row>, Engine) {
    let mut engine = Engine::new(settings).unwrap();
    let mut rows = Vec::new();
    trades.iter().for_each(|trade| engine.push(trade, &mut |row| rows.push(*row)));
    engine.finish(&mut |row| rows.push(*row));
    (rows, engine)
}
