//! The core of `factord`: predictions of small models through shared memory, in nanoseconds.
//!
//! A daemon pins one thread to a core and polls rings that its clients write. A client stores a
//! request in a slot of one ring; the thread evaluates the model and stores the answer in the slot
//! with the same number of the other ring:
//!
//! ```text
//!              client process                              engine process
//!   +----------------------------------+      +--------------------------------------+
//!   | push  sequence|meta|key|x0|x1|.. | REQ  |  look, read, evaluate                |
//!   |       ---------------------------+----->|  (worker: no lock, no syscall,       |
//!   | pop   sequence|y|second|status|..| RESP |   no allocation, no clock)           |
//!   |       <--------------------------+------+  push                                |
//!   +----------------------------------+      +--------------------------------------+
//!        STATUS, MODELS: written by the engine, read by everybody, no help needed
//! ```
//!
//! The contract: one writer per region; nothing that a peer writes is trusted; the same bits on
//! every path and machine; every answer says which model gave it and for which request; an answer
//! is delivered once, or its request fails by the caller's own deadline.
//!
//! Clients start at [`client::Client`]. A module names only lower floors, from the ground: [`abi`],
//! [`sync`], [`idle`]; [`sys`]; [`region`], [`ring`], [`tap`], [`row`], [`model`];
//! [`counters`]; [`channel`]; [`client`], [`worker`].

#![cfg_attr(loom, allow(dead_code))]

pub mod abi;
pub mod model;
pub mod ring;
pub mod row;
pub mod sync;
pub mod tap;

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
