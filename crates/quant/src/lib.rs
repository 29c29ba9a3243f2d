//! The quant's day: tables and trades in files, simulated order flow, training, scoring,
//! evaluation, drawings.
//!
//! The floors, from the ground: [`table`], [`plot`], [`simulate`]; [`trades`], [`score`],
//! [`evaluate`], [`train`].

pub mod evaluate;
pub mod plot;
pub mod score;
pub mod simulate;
pub mod table;
pub mod trades;
pub mod train;
