//! What all rivals have in common.

use crate::process::Fault;
use crate::sample::Sample;
use quanta::Clock;
use std::time::Duration;

/// One rival: its far side sleeps but between `wake` and `rest`.
pub trait Rival {
    /// Its name in the table.
    fn name(&self) -> &'static str;
    /// Wakes the far side.
    fn wake(&mut self) -> Result<(), Fault>;
    /// Measures round trips for `length`.
    fn round(&mut self, clock: &Clock, length: Duration) -> Result<Sample, Fault>;
    /// Sends the far side to sleep.
    fn rest(&mut self) -> Result<(), Fault>;
}
