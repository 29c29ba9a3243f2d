//! What only an engine of the run's own is put through: swaps of its models, and many requests.

use super::super::plan::IDLE_COUNT;
use super::super::report::Growth;
use super::{Run, Stop, failed, go_on};
use crate::measure::RingRounds;
use crate::measure::stream::{self, BatchRounds};
use crate::measure::swap::{Duty, Swapper};
use crate::measure::timeline::Subject;
use signal_hook::iterator::Signals;
use std::time::{Duration, Instant};

/// A round next to the thread that wakes or swaps.
// 25 ms: two of them between two floors, and twenty-five wake-ups each.
const SWAP_ROUND: Duration = Duration::from_millis(25);
/// Requests before the engine's memory is looked at first, and between two looks for a signal.
const REQUESTS_A_STEP: u64 = 1_000_000;
/// On a machine that is too slow for all requests, fewer are sent, and their number is reported.
const GROWTH_PATIENCE: Duration = Duration::from_secs(60);

impl Run {
    /// Round trips beside model swaps, against the same thread waking as often.
    pub(super) fn swap_phase(&mut self, signals: &mut Signals) -> Result<(), Stop> {
        let Some(engine) = self.rig.engine() else {
            self.facts.note("model swaps were not measured: that needs a private engine");
            return Ok(());
        };
        let variants = engine.variants().map_err(|error| failed(&error.to_string()))?;
        let swapper = Swapper::start(variants, self.place.spare.clone())
            .map_err(|error| failed(&error.to_string()))?;
        let _idle = self.attach_idle(IDLE_COUNT)?;
        let mut ring = RingRounds::new(self.attach(64)?, self.models.linear);
        let generation = |ring: &RingRounds| {
            ring.client().models().first().map_or(0, |row| u64::from(row.generation))
        };
        let first = generation(&ring);
        self.floor()?;
        for turn in 0..self.plan.swap_turns {
            self.step("model swaps", signals)?;
            let duties = [(Duty::Wake, Subject::Wakes), (Duty::Swap, Subject::Swaps)];
            for index in 0..2 {
                // By turns the one, then the other goes first.
                let (duty, subject) = duties[(index + turn as usize) % 2];
                swapper.begin(duty);
                let start = Instant::now();
                let measured = self.ring_for(subject, &mut ring, SWAP_ROUND);
                let report = swapper.rest();
                measured?;
                if let Some(error) = report.failure {
                    return Err(error.into());
                }
                let facts = match duty {
                    Duty::Wake => &mut self.facts.wakes,
                    Duty::Swap => &mut self.facts.swaps,
                };
                facts.add(&report.commands, start.elapsed());
            }
            self.floor()?;
        }
        self.facts.swap_generations = generation(&ring) - first;
        Ok(())
    }

    /// What the engine's memory grows by over very many requests.
    pub(super) fn growth_phase(&mut self, signals: &mut Signals) -> Result<(), Stop> {
        if self.rig.engine().is_none() {
            return Ok(());
        }
        self.progress.set_message("memory");
        let client = self.attach(stream::SLOT_COUNT)?;
        let mut batch = BatchRounds::new(client, self.models.linear);
        batch.send(REQUESTS_A_STEP)?;
        let resident_kib = || self.rig.engine().and_then(|engine| engine.resident_kib());
        let Some(before_kib) = resident_kib() else { return Ok(()) };
        let end = Instant::now() + GROWTH_PATIENCE;
        let mut requests = 0;
        while requests < self.plan.growth_requests && Instant::now() < end {
            go_on(signals)?;
            requests += batch.send(REQUESTS_A_STEP)?;
        }
        self.facts.growth =
            resident_kib().map(|after_kib| Growth { requests, before_kib, after_kib });
        Ok(())
    }
}
