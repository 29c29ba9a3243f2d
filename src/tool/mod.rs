//! The sub-commands: one file each, all of them `run(...) -> Result<(), Failure>`.
//!
//! A sub-command prints what was asked for on stdout and what went wrong on stderr; it never
//! ends the process itself: the code travels in [`Failure`] to `main`.

mod failure;

pub use failure::{Failure, print};
