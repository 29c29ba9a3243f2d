//! What a canary is: a candidate, its steps, how long each is held, and what stops it.

use super::{Digest, Split, StoreError, WEIGHT_SUM, check_arms};
use crate::file::Artifact;
use core::fmt;
use serde::{Deserialize, Serialize};

/// The most steps.
pub const STEP_COUNT_MAX: usize = 16;

/// Answers of the candidate before guards judge it, or all of a shorter hold.
// 100: one answer is then one in a hundred.
pub const GUARD_COUNT_MIN: u64 = 100;

/// Timed answers of the candidate before the guard on service time judges it, or a step is over.
// 8: the worker times one answer in 64, so some 512 answers.
pub const TIMED_COUNT_MIN: u64 = 8;

/// How a candidate gets a name's requests, step by step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// The version that is to become champion.
    pub candidate: Digest,
    /// What it is compared with, and what serves again if a guard stops it.
    pub champion: Digest,
    /// The candidate's share at each step, in 1/256: growing, up to 256.
    pub steps: Vec<u16>,
    /// The step that is served, from 0.
    pub step: u16,
    /// How long each step is held.
    pub hold: Hold,
    /// What stops it.
    pub guards: Guards,
}

/// How long a step is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Hold {
    /// Until the candidate has given so many answers.
    Requests(u64),
    /// For so many seconds, and until it has given [`GUARD_COUNT_MIN`] answers.
    Seconds(u64),
}

/// A number of 0 or more.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Limit(f64);

// NaN is none.
impl Eq for Limit {}

impl Limit {
    /// The number.
    pub fn value(self) -> f64 {
        self.0
    }
}

impl From<Limit> for f64 {
    fn from(limit: Limit) -> f64 {
        limit.0
    }
}

impl TryFrom<f64> for Limit {
    type Error = String;

    fn try_from(value: f64) -> Result<Limit, String> {
        let is_sound = value.is_finite() && value >= 0.0;
        is_sound.then_some(Limit(value)).ok_or_else(|| format!("a limit is 0 or more, not {value}"))
    }
}

/// What a guard watches, of the candidate's answers at one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The share that it refused and the champion would have answered.
    Error,
    /// The share with a feature outside the range of the candidate's training.
    OutOfRange,
    /// The mean absolute difference from the champion's outputs, in their unit.
    Divergence,
    /// The share whose class is not the champion's.
    Classes,
    /// The median of the nanoseconds from seeing a request to publishing its answer.
    ServiceTime,
    /// The greatest population stability index of its inputs and outputs beside its training rows.
    Drift,
}

/// All guards.
pub const GUARDS: [Guard; 6] = [
    Guard::Error,
    Guard::OutOfRange,
    Guard::Divergence,
    Guard::Classes,
    Guard::ServiceTime,
    Guard::Drift,
];

impl Guard {
    /// What it is called, as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Guard::Error => "error",
            Guard::OutOfRange => "out-of-range",
            Guard::Divergence => "divergence",
            Guard::Classes => "classes",
            Guard::ServiceTime => "service-time",
            Guard::Drift => "drift",
        }
    }

    /// What its figure is.
    pub fn figure(self) -> &'static str {
        match self {
            Guard::Error => "the share of requests that it refused and the champion answers",
            Guard::OutOfRange => "the share of inputs outside the range of its training",
            Guard::Divergence => "the mean absolute difference from the champion",
            Guard::Classes => "the share of classes that are not the champion's",
            Guard::ServiceTime => "the median of its last service times in nanoseconds",
            Guard::Drift => "the greatest population stability index of its inputs and outputs",
        }
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The limits, each of which may be left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guards {
    /// Of [`Guard::Error`], 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Limit>,
    /// Of [`Guard::OutOfRange`], 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_range: Option<Limit>,
    /// Of [`Guard::Divergence`], in the unit of the output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub divergence: Option<Limit>,
    /// Of [`Guard::Classes`], 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Limit>,
    /// Of [`Guard::ServiceTime`], in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_time_ns: Option<Limit>,
    /// Of [`Guard::Drift`]; 0.1 and 0.25 are the usual bands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Limit>,
}

impl Guards {
    /// The limit of a guard, if it is set.
    pub fn limit(&self, guard: Guard) -> Option<f64> {
        let limit = match guard {
            Guard::Error => self.error,
            Guard::OutOfRange => self.out_of_range,
            Guard::Divergence => self.divergence,
            Guard::Classes => self.classes,
            Guard::ServiceTime => self.service_time_ns,
            Guard::Drift => self.drift,
        };
        limit.map(Limit::value)
    }

    /// Sets the limit of a guard.
    pub fn set(&mut self, guard: Guard, limit: Limit) {
        let place = match guard {
            Guard::Error => &mut self.error,
            Guard::OutOfRange => &mut self.out_of_range,
            Guard::Divergence => &mut self.divergence,
            Guard::Classes => &mut self.classes,
            Guard::ServiceTime => &mut self.service_time_ns,
            Guard::Drift => &mut self.drift,
        };
        *place = Some(limit);
    }
}

impl Canary {
    /// The candidate's share at the step that is served, in 1/256.
    pub fn weight(&self) -> u16 {
        self.steps.get(usize::from(self.step)).copied().unwrap_or(0)
    }

    /// Whether the last step is served.
    pub fn is_last(&self) -> bool {
        usize::from(self.step) + 1 == self.steps.len()
    }

    /// Answers of the candidate at a step before its guards judge it.
    pub fn guard_count_min(&self) -> u64 {
        match self.hold {
            Hold::Requests(count) => count.min(GUARD_COUNT_MIN),
            Hold::Seconds(_) => GUARD_COUNT_MIN,
        }
    }

    /// Why it cannot be honoured, whatever is served, if it cannot.
    pub(super) fn own_fault(&self) -> Option<String> {
        let steps = &self.steps;
        if !(1..=STEP_COUNT_MAX).contains(&steps.len()) {
            let count = steps.len();
            return Some(format!("{count} steps are given, and it takes 1 to {STEP_COUNT_MAX}"));
        }
        let is_growing = steps.windows(2).all(|pair| pair[0] < pair[1]);
        if !is_growing || steps.first() == Some(&0) || steps.last() != Some(&WEIGHT_SUM) {
            return Some(format!(
                "its steps are {steps:?}, and have to grow from 1 or more up to {WEIGHT_SUM}, which \
                 is all requests"
            ));
        }
        if usize::from(self.step) >= steps.len() {
            return Some(format!("it is at step {}, and has {}", self.step, steps.len()));
        }
        if matches!(self.hold, Hold::Requests(0) | Hold::Seconds(0)) {
            return Some("its steps are held for nothing".to_owned());
        }
        if self.candidate == self.champion {
            return Some(format!("{} is the champion itself", self.candidate.short()));
        }
        let share =
            |guard: &Guard| !matches!(guard, Guard::Divergence | Guard::ServiceTime | Guard::Drift);
        let above = |guard: &Guard| self.guards.limit(*guard).is_some_and(|limit| limit > 1.0);
        let wrong = GUARDS.into_iter().find(|guard| share(guard) && above(guard))?;
        Some(format!("the limit of its guard {wrong} is a share, 0 to 1"))
    }

    /// Why it cannot be honoured by what serves its name, if it cannot.
    pub(super) fn fault(&self, champion: Digest, split: Option<&Split>) -> Option<String> {
        let shares = match split {
            None => vec![(champion, WEIGHT_SUM)],
            Some(split) => {
                let shares = split.shares(champion);
                shares.iter().map(|arm| (arm.version, arm.weight)).collect()
            }
        };
        let (candidate, weight) = (self.candidate, self.weight());
        let wanted = if weight == WEIGHT_SUM {
            vec![(candidate, WEIGHT_SUM)]
        } else {
            vec![(self.champion, WEIGHT_SUM.saturating_sub(weight)), (candidate, weight)]
        };
        let own = self.own_fault();
        own.or_else(|| (shares != wanted).then(|| "what serves is not its step".to_owned()))
    }
}

/// Looks whether a candidate can be compared with a champion by these guards.
///
/// # Errors
///
/// [`StoreError::Canary`] names the guard, or says what differs of the two.
pub(super) fn check(
    champion: &Artifact,
    candidate: (Digest, &Artifact),
    guards: &Guards,
) -> Result<(), StoreError> {
    let refused = |reason: String| StoreError::Canary { name: champion.name().to_owned(), reason };
    check_arms(champion, &[candidate]).map_err(|error| match error {
        StoreError::Split { reason, .. } => refused(reason),
        other => other,
    })?;
    let (version, candidate) = candidate;
    if guards.out_of_range.is_some() && ranges(candidate).is_none() {
        return Err(refused(format!(
            "the guard {} cannot be honoured: {} says neither the least and greatest value nor the \
             deciles of its training rows",
            Guard::OutOfRange,
            version.short()
        )));
    }
    let training = candidate.facts().and_then(|facts| facts.training.as_ref());
    if guards.drift.is_some() && training.is_none() {
        return Err(refused(format!(
            "the guard {} cannot be honoured: {} does not say the deciles of its training rows",
            Guard::Drift,
            version.short()
        )));
    }
    if guards.classes.is_some() && !candidate.model().is_classifier() {
        return Err(refused(format!(
            "the guard {} cannot be honoured: {} gives values; {} compares those",
            Guard::Classes,
            version.short(),
            Guard::Divergence
        )));
    }
    Ok(())
}

/// The range of each feature in training: from the least to the greatest value, where the artifact
/// says them; else from the first to the last of the edges between ten bins, and as far again on
/// both sides. `None` where it says neither for one of them.
pub fn ranges(artifact: &Artifact) -> Option<Vec<[f64; 2]>> {
    let width = artifact.model().width();
    let training = artifact.facts().and_then(|facts| facts.training.as_ref());
    let range = |feature: usize| {
        let stats = artifact.details().feature_stats.get(feature);
        if let Some([Some(min), Some(max)]) = stats.map(|stats| [stats.min, stats.max]) {
            return Some([min, max]);
        }
        let edges = training?.feature_edges.get(feature)?;
        let (first, last) = (edges.first()?, edges.last()?);
        let span = last - first;
        Some([first - span, last + span])
    };
    (0..width).map(range).collect()
}
