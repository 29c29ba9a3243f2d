//! The only folder that makes raw system calls: thin, typed, without policy.

pub mod clock;
#[cfg(feature = "daemon")]
pub(crate) mod endings;
#[cfg(feature = "daemon")]
pub(crate) mod epoll;
#[cfg(feature = "artifact")]
pub(crate) mod files;
#[cfg(feature = "daemon")]
pub(crate) mod hidden;
pub mod memory;
#[cfg(feature = "table")]
pub(crate) mod nameless;
#[cfg(feature = "daemon")]
pub mod process;
pub mod sched;
pub mod socket;
pub mod trust;
