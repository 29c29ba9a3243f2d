//! `factord`: predictions of small models through shared memory.

pub mod client;
#[cfg(feature = "daemon")]
pub mod exit;
pub mod idle;
pub mod model;
#[cfg(feature = "daemon")]
pub mod tool;
