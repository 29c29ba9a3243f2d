//! [`Later`]: predictions that wait for the window they are about.

use super::tally::{Said, Tally};
use super::{EvaluateError, Job};
use crate::table::Place;
use crate::target::{Target, Trail};
use std::collections::{HashMap, VecDeque};

/// Outcome and label of a prediction whose window is in no table.
const UNKNOWN: (f64, f64) = (f64::NAN, f64::NAN);

/// One symbol's windows, the oldest first, and when the last of them started and ended.
#[derive(Debug, Default)]
struct Session {
    last: Option<(i64, i64)>,
    waiting: VecDeque<Said>,
    trail: Trail,
}

/// The windows of all symbols that wait for the one `horizon` later in their session.
#[derive(Debug)]
pub(super) struct Later<'a> {
    job: &'a Job<'a>,
    sessions: HashMap<String, Session>,
}

impl<'a> Later<'a> {
    pub(super) fn new(job: &'a Job<'a>) -> Later<'a> {
        Later { job, sessions: HashMap::new() }
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
        if !self.sessions.contains_key(symbol) {
            self.sessions.insert(symbol.to_owned(), Session::default());
        }
        let session = self.sessions.get_mut(symbol).expect("it was put there if it was not");
        // A table without these columns was refused when it was opened.
        let found = said.start_ns.unwrap_or_default();
        let end_ns = said.end_ns.unwrap_or_default();
        if let Some((before, _)) = session.last.filter(|last| found < last.0) {
            let (place, symbol) = (place().to_string(), symbol.to_owned());
            return Err(EvaluateError::Backwards { place, symbol, before, found });
        }
        let pause_ns = self.job.pause_ns;
        let goes_on = |last| factord_factors::goes_on(last, found, pause_ns);
        let goes_on = session.last.is_some_and(goes_on);
        if !goes_on {
            session.waiting.drain(..).for_each(|said| tally.add(&said, symbol, UNKNOWN));
        }
        if let Target::Return(windows) = *self.job.target {
            outcome.0 = session.trail.next(goes_on, outcome.0, windows);
            if let Some(cut) = self.job.cut {
                let label = f64::from(u8::from(outcome.0 > cut));
                outcome.1 = if outcome.0.is_finite() { label } else { f64::NAN };
            }
        }
        session.last = Some((found, end_ns));
        session.waiting.push_back(said);
        if session.waiting.len() > self.job.horizon
            && let Some(earlier) = session.waiting.pop_front()
        {
            tally.add(&earlier, symbol, outcome);
        }
        Ok(())
    }

    /// Counts what still waits: its outcome is in no table.
    pub(super) fn end(self, tally: &mut Tally<'_>) {
        for (symbol, session) in self.sessions {
            session.waiting.iter().for_each(|said| tally.add(said, &symbol, UNKNOWN));
        }
    }
}
