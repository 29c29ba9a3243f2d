//! The only folder that makes raw system calls: thin, typed, without policy.

pub mod clock;
pub(crate) mod epoll;
pub mod memory;
pub mod sched;
pub mod socket;
