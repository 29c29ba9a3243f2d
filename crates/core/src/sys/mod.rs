//! The raw system calls of a client and a worker: thin, typed, without policy.

pub mod clock;
pub mod memory;
pub mod sched;
pub mod socket;
pub mod trust;
