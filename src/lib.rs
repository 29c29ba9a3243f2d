//! `factord`: predictions of small models through shared memory, in nanoseconds.
//!
//! A daemon pins one thread to a core and polls rings that its clients write. A client stores a
//! request into a slot, the thread evaluates the model and stores the answer into the slot of the
//! same number on the way back:
//!
//! ```text
//!              client process                              engine process
//!   +----------------------------------+      +--------------------------------------+
//!   | push  sequence|meta|x0|x1|x2     | REQ  |  look, read, evaluate                |
//!   |       ---------------------------+----->|  (worker: no lock, no syscall,       |
//!   | pop   sequence|y|second|status|..| RESP |   no allocation, no clock)           |
//!   |       <--------------------------+------+  push                                |
//!   +----------------------------------+      +--------------------------------------+
//!        STATUS, MODELS: written by the engine, read by everybody, no help needed
//! ```
//!
//! The contract: one writer a region; nothing a peer writes is trusted; the same bits on every
//! path and machine; every answer says which model answered and for which words; an answer is
//! delivered once or its request fails by the caller's own deadline.
//!
//! Clients start at [`client::Client`]. The floors of the house, from the ground: [`abi`],
//! [`sync`], [`idle`]; [`sys`]; [`region`], [`ring`], [`model`], [`factors`]; [`counters`],
//! [`channel`]; [`client`], [`worker`] and the daemon's own modules. A module names only lower
//! floors.

#![cfg_attr(loom, allow(dead_code))]

pub mod abi;
pub mod factors;
pub mod model;
pub mod ring;
pub mod sync;
mod vectors;

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

#[cfg(all(feature = "table", not(loom)))]
pub mod table;
#[cfg(all(feature = "table", not(loom)))]
pub mod trades;

#[cfg(all(feature = "daemon", not(loom)))]
pub mod config;
#[cfg(all(feature = "daemon", not(loom)))]
pub mod control;
#[cfg(all(feature = "daemon", not(loom)))]
pub mod daemon;
#[cfg(all(feature = "daemon", not(loom)))]
pub mod evaluate;
#[cfg(all(feature = "daemon", not(loom)))]
pub mod exit;
#[cfg(all(feature = "daemon", not(loom)))]
pub mod http;
#[cfg(all(feature = "daemon", not(loom)))]
pub mod log;
#[cfg(all(feature = "daemon", not(loom)))]
pub mod measure;
#[cfg(all(feature = "daemon", not(loom)))]
pub mod plot;
#[cfg(all(feature = "daemon", not(loom)))]
pub mod score;
#[cfg(all(feature = "train", not(loom)))]
pub mod simulate;
#[cfg(all(feature = "daemon", not(loom)))]
pub mod tool;
#[cfg(all(feature = "train", not(loom)))]
pub mod train;
