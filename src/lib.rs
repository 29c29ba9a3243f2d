//! `factord`: predictions of small models through shared memory.

pub mod client;
pub mod idle;
pub mod model;
