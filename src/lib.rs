//! `factord`: predictions of small models through shared memory.

pub mod abi;
pub mod model;
pub mod ring;
pub mod sync;

#[cfg(not(loom))]
pub mod channel;
#[cfg(not(loom))]
pub mod client;
#[cfg(not(loom))]
pub mod counters;
#[cfg(not(loom))]
pub mod idle;
#[cfg(not(loom))]
pub mod region;
#[cfg(not(loom))]
pub mod sys;
#[cfg(not(loom))]
pub mod worker;
