//! [`Later`]: predictions that wait for the window they are about.

use super::tally::{Said, Tally};
use super::{EvaluateError, Job};
use crate::calendar::Session;
use crate::table::Place;
use crate::target::{Target, Trail};
use std::collections::{HashMap, VecDeque};

/// Outcome and label of a prediction whose window is in no table.
const UNKNOWN: (f64, f64) = (f64::NAN, f64::NAN);

/// One symbol's windows, the oldest first.
#[derive(Debug, Default)]
struct Track {
    session: Session,
    waiting: VecDeque<Said>,
    trail: Trail,
}

/// The windows of all symbols that wait for the one `horizon` later in their session.
#[derive(Debug)]
pub(super) struct Later<'a> {
    job: &'a Job<'a>,
    tracks: HashMap<String, Track>,
}

impl<'a> Later<'a> {
    pub(super) fn new(job: &'a Job<'a>) -> Later<'a> {
        Later { job, tracks: HashMap::new() }
    }

    /// Takes the next window of a symbol with its outcome, which is that of the prediction
    /// `horizon` windows before.
    pub(super) fn add(
        &mut self,
        symbol: &str,
        said: Said,
        mut outcome: (f64, f64),
        tally: &mut Tally<'_>,
        place: impl FnOnce() -> Place,
    ) -> Result<(), EvaluateError> {
        if !self.tracks.contains_key(symbol) {
            self.tracks.insert(symbol.to_owned(), Track::default());
        }
        let track = self.tracks.get_mut(symbol).expect("it was put there if it was not");
        // A table without these columns was refused when it was opened.
        let found = said.start_ns.unwrap_or_default();
        let end_ns = said.end_ns.unwrap_or_default();
        if let Some((before, _)) = track.session.window().filter(|last| found < last.0) {
            let (place, symbol) = (place().to_string(), symbol.to_owned());
            return Err(EvaluateError::Backwards { place, symbol, before, found });
        }
        let goes_on = self.job.sessions.take(&mut track.session, (found, end_ns));
        if !goes_on {
            track.waiting.drain(..).for_each(|said| tally.add(&said, symbol, UNKNOWN));
        }
        if let Target::Return(windows) = *self.job.target {
            outcome.0 = track.trail.next(goes_on, outcome.0, windows);
            if let Some(cut) = self.job.cut {
                let label = f64::from(u8::from(outcome.0 > cut));
                outcome.1 = if outcome.0.is_finite() { label } else { f64::NAN };
            }
        }
        track.waiting.push_back(said);
        if track.waiting.len() > self.job.horizon
            && let Some(earlier) = track.waiting.pop_front()
        {
            tally.add(&earlier, symbol, outcome);
        }
        Ok(())
    }

    /// Counts what still waits: its outcome is in no table.
    pub(super) fn end(self, tally: &mut Tally<'_>) {
        for (symbol, track) in self.tracks {
            track.waiting.iter().for_each(|said| tally.add(said, &symbol, UNKNOWN));
        }
    }
}
