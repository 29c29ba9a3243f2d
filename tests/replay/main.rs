//! The way from simulated trades to served predictions: `factord simulate` and `factord replay`.

#[allow(dead_code, reason = "the command line's tests use all of it")]
#[path = "../cli/support.rs"]
mod support;

mod engine;
mod faults;
mod life;
mod packed;
mod simulate;
mod windows;
