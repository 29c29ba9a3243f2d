//! What a run measures with: the clock, the floor, and the engine that makes room for it.

use super::engine::Engine;
use super::floor::{Floor, FloorError, Waiting};
use super::{Sample, Stopwatch};
use std::time::Duration;

/// Clock, floor and engine of one run.
#[derive(Debug)]
pub struct Rig {
    /// Times everything.
    pub stopwatch: Stopwatch,
    /// Length of a round.
    pub length: Duration,
    // NB: dropped in this order; the floor's process needs nothing of the engine.
    floor: Option<Floor>,
    engine: Option<Engine>,
}

impl Rig {
    /// Puts a run together. Without `floor` only the candidates are measured; without `engine` the
    /// floor's second process shares its core with the worker.
    pub fn new(length: Duration, floor: Option<Floor>, engine: Option<Engine>) -> Rig {
        Rig { stopwatch: Stopwatch::default(), length, floor, engine }
    }

    /// The private engine, if there is one.
    pub fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()
    }

    /// Measures both kinds of waiting, half a round each, and returns the better; `None` when there
    /// is no floor to measure.
    ///
    /// # Errors
    ///
    /// [`FloorError`]. The engine goes on in any case.
    pub fn floor_round(&mut self) -> Result<Option<(Waiting, Sample)>, FloorError> {
        let Some(floor) = &mut self.floor else { return Ok(None) };
        if let Some(engine) = &self.engine {
            engine.halt()?;
        }
        let half = self.length / 2;
        let rounds = floor
            .round(&self.stopwatch, half, Waiting::Polite)
            .and_then(|polite| Ok((polite, floor.round(&self.stopwatch, half, Waiting::Bare)?)));
        if let Some(engine) = &self.engine {
            engine.go_on()?;
        }
        let (polite, bare) = rounds?;
        Ok(Some(if polite.p50_ns() <= bare.p50_ns() {
            (Waiting::Polite, polite)
        } else {
            (Waiting::Bare, bare)
        }))
    }
}
