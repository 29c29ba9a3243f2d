//! A canary's step: what its guards have seen, and what follows from it.

use super::divergence::Divergence;
use super::scorer::Scorer;
use super::service::Service;
use super::step_drift::StepDrift;
use factord_core::client::Published;
use factord_eval::status;
use factord_models::store::{Canary, GUARDS, Guard, Hold, TIMED_COUNT_MIN};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is to be done about a step.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// A guard tripped: why.
    Stop(String),
    /// Its hold is over, and the guards hold.
    Step,
}

/// One arm's answers at a step.
#[derive(Clone, Copy, Debug, Default)]
struct ArmFigures {
    answers: u64,
    refused: u64,
    out_of_range: u64,
}

/// A step that is watched.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) canary: Canary,
    candidate: Arc<Scorer>,
    champion: Arc<Scorer>,
    /// The champion's, and the candidate's.
    arms: [ArmFigures; 2],
    /// Of the candidate's answers.
    divergence: Divergence,
    service: Service,
    drift: StepDrift,
    begun: Instant,
}

impl Trial {
    /// Has seen nothing yet of the step that is served.
    pub(super) fn new(canary: Canary, champion: Arc<Scorer>, candidate: Arc<Scorer>) -> Trial {
        let (arms, divergence, service) = Default::default();
        let (drift, begun) = (StepDrift::new(&candidate), Instant::now());
        Trial { canary, candidate, champion, arms, divergence, service, drift, begun }
    }

    /// Adds an answer that the champion or the candidate gave.
    pub(super) fn add(&mut self, is_candidate: bool, answer: &Published<'_>) {
        let record = answer.record;
        let x = &record.features;
        let figures = &mut self.arms[usize::from(is_candidate)];
        figures.answers += 1;
        figures.refused += u64::from(record.status != status::OK);
        figures.out_of_range += u64::from(self.candidate.is_out_of_range(x));
        if is_candidate {
            let champion = self.champion.evaluator.evaluate(x);
            self.divergence.add(&champion, &self.candidate.evaluator.evaluate(x));
            self.drift.add(x, record.status, record.y);
            if let Some(ns) = answer.service_ns {
                self.service.add(ns);
            }
        }
    }

    /// What a guard sees; `None` before there is anything.
    fn figure(&self, guard: Guard) -> Option<f64> {
        let candidate = &self.arms[1];
        let share =
            |count: u64| (candidate.answers > 0).then(|| count as f64 / candidate.answers as f64);
        match guard {
            Guard::Error => share(self.divergence.refused),
            Guard::OutOfRange => share(candidate.out_of_range),
            Guard::Divergence => (self.divergence.count > 0).then_some(self.divergence.mean),
            Guard::Classes => self.divergence.class_share(),
            Guard::Drift => self.drift.psi(),
            Guard::ServiceTime => {
                self.service.median_ns().filter(|_| self.service.count() >= TIMED_COUNT_MIN)
            }
        }
    }

    /// What follows from what was seen, if anything does.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        let answers = self.arms[1].answers;
        if answers < self.canary.guard_count_min() {
            return None;
        }
        for guard in GUARDS {
            // The mean of infinite differences is no number.
            if let (Some(limit), Some(seen)) = (self.canary.guards.limit(guard), self.figure(guard))
                && (seen > limit || seen.is_nan())
            {
                let (candidate, weight) = (self.canary.candidate.short(), self.canary.weight());
                return Some(Verdict::Stop(format!(
                    "guard {guard}: {} is {seen:.6}, and its limit {limit}, of {answers} answers \
                     of {candidate} at {weight} of 256",
                    guard.figure(),
                )));
            }
        }
        let is_over = match self.canary.hold {
            Hold::Requests(count) => answers >= count,
            Hold::Seconds(seconds) => self.begun.elapsed() >= Duration::from_secs(seconds),
        };
        let timed = self.canary.guards.limit(Guard::ServiceTime).is_none()
            || self.service.count() >= TIMED_COUNT_MIN;
        (is_over && timed).then_some(Verdict::Step)
    }

    /// As JSON.
    pub(super) fn json(&self) -> Value {
        let arm = |version: &Scorer, figures: ArmFigures| {
            json!({
                "version": version.version, "answers": figures.answers,
                "refused": figures.refused, "out_of_range": figures.out_of_range,
            })
        };
        let mut guards = Map::new();
        for guard in GUARDS {
            if let Some(limit) = self.canary.guards.limit(guard) {
                let seen = json!({"seen": self.figure(guard), "limit": limit});
                guards.insert(guard.name().to_owned(), seen);
            }
        }
        json!({
            "step": self.canary.step + 1, "steps": self.canary.steps,
            "weight": self.canary.weight(), "hold": self.canary.hold,
            "held_s": self.begun.elapsed().as_secs(),
            "champion": arm(&self.champion, self.arms[0]),
            "candidate": arm(&self.candidate, self.arms[1]),
            "divergence": self.divergence.json(self.candidate.is_classifier),
            "service_ns": self.service.median_ns(), "timed": self.service.count(),
            "guards": guards,
        })
    }
}
