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

#[cfg(all(feature = "daemon", not(loom)))]
pub mod config;
#[cfg(all(feature = "daemon", not(loom)))]
pub mod control;
#[cfg(all(feature = "daemon", not(loom)))]
pub mod daemon;
#[cfg(all(feature = "daemon", not(loom)))]
pub mod exit;
#[cfg(all(feature = "daemon", not(loom)))]
pub mod log;
#[cfg(all(feature = "daemon", not(loom)))]
pub mod measure;
#[cfg(all(feature = "daemon", not(loom)))]
pub mod tool;
