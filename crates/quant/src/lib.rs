//! The quant's day: tables and trades in files, simulated order flow, training, scoring,
//! evaluation, drawings, audit files, drift.
//!
//! The floors, from the ground: [`content`]; [`table`], [`plot`], [`simulate`], [`audit`],
//! [`drift`]; [`stated`], [`target`], [`calendar`], [`skill`]; [`features`]; [`trades`],
//! [`score`], [`evaluate`], [`train`]; [`inspect`].

pub mod audit;
pub mod calendar;
pub mod content;
pub mod drift;
pub mod evaluate;
pub mod features;
pub mod inspect;
pub mod plot;
pub mod score;
pub mod simulate;
pub mod skill;
pub mod stated;
pub mod table;
pub mod target;
pub mod trades;
pub mod train;
