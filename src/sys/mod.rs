//! The daemon's own raw system calls: thin, typed, without policy.

pub(crate) mod endings;
pub(crate) mod epoll;
pub(crate) mod hidden;
pub mod process;
