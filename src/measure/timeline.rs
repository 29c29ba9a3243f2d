//! The rounds of one run in the order they were made, and what may be concluded from them.
//!
//! A candidate is compared with the floors before and after it. Where those two differ by more than
//! a tenth, the machine moved meanwhile, and the pair is dropped. Nanoseconds come from rounds
//! whose floors were fast; a slow plateau of a shared machine says nothing about the ring.

use super::floor::Waiting;
use super::{Sample, median, quantile};
use hdrhistogram::Histogram;

/// Rounds whose floor takes longer are on a slow plateau, nanoseconds.
// 150: on the machines seen so far, plateaus lie near 45, 100 and 440 ns.
pub const FAST_FLOOR_NS: f64 = 150.0;
/// How much the floor may move around a candidate.
const STEADY: f64 = 0.1;
/// Fewer fast rounds than this say too little: then all rounds are used.
const FAST_COUNT_MIN: usize = 3;

/// What a round measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Only the cache lines.
    Floor,
    /// The ring with the linear model.
    Linear,
    /// The ring with the logistic model.
    Logistic,
    /// Predictions a second through a full ring.
    Batch,
    /// The ring with this many idle channels.
    Channels(usize),
    /// The ring next to a thread that wakes and does nothing.
    Wakes,
    /// The ring next to a thread that wakes and swaps a model.
    Swaps,
}

impl Subject {
    /// A word for reports.
    pub fn name(self) -> String {
        match self {
            Subject::Floor => "floor".to_owned(),
            Subject::Linear => "linear".to_owned(),
            Subject::Logistic => "logistic".to_owned(),
            Subject::Batch => "batch".to_owned(),
            Subject::Channels(count) => format!("channels-{count}"),
            Subject::Wakes => "wakes".to_owned(),
            Subject::Swaps => "swaps".to_owned(),
        }
    }
}

/// One round.
#[derive(Clone, Debug)]
pub struct Round {
    /// What it measured.
    pub subject: Subject,
    /// Seconds since the start of the run.
    pub at_s: f64,
    /// Median round trip in nanoseconds; for batches, predictions a second.
    pub value: f64,
    /// 99th percentile of single round trips, nanoseconds; 0 for batches.
    pub p99_ns: f64,
    /// How the floor waited.
    pub waiting: Option<Waiting>,
    /// Single round trips: nanoseconds and count.
    singles: Vec<(u64, u64)>,
}

/// All rounds.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    rounds: Vec<Round>,
}

/// The middle of the pairs' ratios.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// NaN when no pair was steady.
    pub median: f64,
    /// The first and third quartiles.
    pub quartiles: (f64, f64),
    /// Pairs whose floor held still.
    pub used: usize,
    /// All pairs.
    pub pairs: usize,
}

/// What one subject's rounds came to.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// The median of the rounds' medians, in the rounds' unit; NaN without rounds.
    pub middle: f64,
    /// The best round: the least time, or the highest rate.
    pub best: f64,
    /// Single round trips of the rounds used, nanoseconds.
    pub singles: Histogram<u64>,
    /// Rounds used.
    pub used: usize,
    /// All rounds.
    pub rounds: usize,
    /// Whether rounds with a slow floor had to be used.
    pub slow: bool,
}

/// A round with the floors around it.
#[derive(Clone, Copy, Debug)]
struct Pair<'t> {
    round: &'t Round,
    floors: Option<(&'t Round, &'t Round)>,
}

impl Pair<'_> {
    fn steady(&self) -> bool {
        self.floors.is_some_and(|(before, after)| (after.value / before.value - 1.0).abs() < STEADY)
    }

    /// Without a floor nothing speaks against a round.
    fn fast(&self) -> bool {
        self.floors.is_none_or(|(before, after)| before.value.max(after.value) < FAST_FLOOR_NS)
    }
}

impl Timeline {
    /// Adds a round of round trips.
    pub fn trips(
        &mut self,
        subject: Subject,
        at_s: f64,
        sample: &Sample,
        waiting: Option<Waiting>,
    ) {
        let p99_ns = sample.quantile_ns(0.99) as f64;
        let recorded = sample.singles.iter_recorded();
        let singles = recorded.map(|step| (step.value_iterated_to(), step.count_at_value()));
        let (value, singles) = (sample.p50_ns(), singles.collect());
        self.rounds.push(Round { subject, at_s, value, p99_ns, waiting, singles });
    }

    /// Adds a round that gave a rate.
    pub fn rate(&mut self, subject: Subject, at_s: f64, value: f64) {
        let singles = Vec::new();
        self.rounds.push(Round { subject, at_s, value, p99_ns: 0.0, waiting: None, singles });
    }

    /// All rounds, in order.
    pub fn rounds(&self) -> &[Round] {
        &self.rounds
    }

    fn pairs(&self, subject: Subject) -> Vec<Pair<'_>> {
        let is_floor = |round: &&Round| round.subject == Subject::Floor;
        let rounds = self.rounds.iter().enumerate();
        rounds
            .filter(|(_, round)| round.subject == subject)
            .map(|(index, round)| {
                let before = self.rounds[..index].iter().rev().find(is_floor);
                let after = self.rounds[index + 1..].iter().find(is_floor);
                // A floor is its own neighbour.
                let floors = if subject == Subject::Floor {
                    Some((round, round))
                } else {
                    before.zip(after)
                };
                Pair { round, floors }
            })
            .collect()
    }

    /// The rounds of a subject that nanoseconds may be taken from, and whether slow ones are among
    /// them.
    fn telling(&self, subject: Subject) -> (Vec<Pair<'_>>, bool) {
        let all = self.pairs(subject);
        let fast: Vec<_> = all.iter().copied().filter(Pair::fast).collect();
        if fast.len() >= FAST_COUNT_MIN.min(all.len()) { (fast, false) } else { (all, true) }
    }

    /// Sums a subject's rounds up.
    pub fn measurement(&self, subject: Subject) -> Measurement {
        let (pairs, slow) = self.telling(subject);
        let mut singles = Histogram::new(3).expect("three digits are within the library's limits");
        for &(value, count) in pairs.iter().flat_map(|pair| &pair.round.singles) {
            // An auto-resizing histogram takes every value.
            let _ = singles.record_n(value, count);
        }
        let values = || pairs.iter().map(|pair| pair.round.value);
        let best = if subject == Subject::Batch {
            values().fold(f64::NAN, f64::max)
        } else {
            values().fold(f64::NAN, f64::min)
        };
        let rounds = self.rounds.iter().filter(|round| round.subject == subject).count();
        let middle = median(&mut values().collect::<Vec<_>>());
        Measurement { middle, best, singles, used: pairs.len(), rounds, slow }
    }

    /// A subject over the floors around it, by `figure`.
    pub fn over_floor(&self, subject: Subject, figure: impl Fn(&Round) -> f64) -> Ratio {
        over_floor(&self.pairs(subject), figure)
    }

    /// The same apart for pairs with fast floors and for the others: plateaus differ in what a
    /// transfer costs, and so in what anything else adds to it.
    pub fn over_floor_by_plateau(
        &self,
        subject: Subject,
        figure: impl Fn(&Round) -> f64,
    ) -> [Ratio; 2] {
        [true, false].map(|fast| {
            let mut pairs = self.pairs(subject);
            pairs.retain(|pair| pair.fast() == fast);
            over_floor(&pairs, &figure)
        })
    }

    /// One subject over another, round by round, by `figure`. The n-th rounds of both belong
    /// together; the floors around each must have held still.
    pub fn over(&self, one: Subject, other: Subject, figure: impl Fn(&Round) -> f64) -> Ratio {
        let both: Vec<_> = self.pairs(one).into_iter().zip(self.pairs(other)).collect();
        let steady = both.iter().filter(|(one, other)| one.steady() && other.steady());
        let ratios = steady.map(|(one, other)| figure(one.round) / figure(other.round));
        ratio(ratios.collect(), both.len())
    }

    /// The median of what one subject takes longer than another, round by round, nanoseconds, from
    /// rounds with fast and steady floors; and their number.
    pub fn difference_ns(&self, one: Subject, other: Subject) -> (f64, usize) {
        let both = self.pairs(one).into_iter().zip(self.pairs(other));
        let telling = |pair: &Pair<'_>| pair.fast() && (pair.floors.is_none() || pair.steady());
        let mut differences: Vec<f64> = both
            .filter(|(one, other)| telling(one) && telling(other))
            .map(|(one, other)| one.round.value - other.round.value)
            .collect();
        (median(&mut differences), differences.len())
    }
}

fn over_floor(pairs: &[Pair<'_>], figure: impl Fn(&Round) -> f64) -> Ratio {
    let ratios = pairs.iter().filter(|pair| pair.steady()).filter_map(|pair| {
        let (before, after) = pair.floors?;
        Some(figure(pair.round) / ((figure(before) + figure(after)) / 2.0))
    });
    ratio(ratios.collect(), pairs.len())
}

fn ratio(mut ratios: Vec<f64>, pairs: usize) -> Ratio {
    Ratio {
        median: median(&mut ratios),
        quartiles: (quantile(&mut ratios, 0.25), quantile(&mut ratios, 0.75)),
        used: ratios.len(),
        pairs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(rounds: &[(Subject, f64)]) -> Timeline {
        let mut timeline = Timeline::default();
        for &(subject, value) in rounds {
            timeline.rate(subject, 0.0, value);
        }
        timeline
    }

    use Subject::{Channels, Floor, Linear};

    #[test]
    fn a_pair_whose_floor_moved_gives_no_ratio() {
        let timeline = timeline(&[
            (Floor, 100.0),
            (Linear, 204.0),
            (Floor, 104.0),
            (Linear, 999.0),
            (Floor, 150.0),
            (Linear, 300.0),
            (Floor, 150.0),
        ]);
        let ratio = timeline.over_floor(Linear, |round| round.value);
        assert_eq!((ratio.median, ratio.used, ratio.pairs), (2.0, 2, 3));
    }

    #[test]
    fn nanoseconds_come_from_rounds_with_fast_floors() {
        let mut rounds = vec![(Floor, 100.0)];
        for (linear, floor) in [(110.0, 100.0), (120.0, 100.0), (130.0, 100.0), (600.0, 400.0)] {
            rounds.extend([(Linear, linear), (Floor, floor)]);
        }
        let measured = timeline(&rounds).measurement(Linear);
        assert_eq!(
            (measured.middle, measured.best, measured.used, measured.rounds),
            (120.0, 110.0, 3, 4)
        );
        assert!(!measured.slow);
        assert!(timeline(&rounds[6..]).measurement(Linear).slow, "the only round is a slow one");
    }

    #[test]
    fn plateaus_have_ratios_of_their_own() {
        let timeline = timeline(&[
            (Floor, 100.0),
            (Linear, 170.0),
            (Floor, 100.0),
            (Linear, 999.0),
            (Floor, 400.0),
            (Linear, 500.0),
            (Floor, 400.0),
        ]);
        let [fast, slow] = timeline.over_floor_by_plateau(Linear, |round| round.value);
        assert_eq!((fast.median, fast.used, fast.pairs), (1.7, 1, 1));
        assert_eq!((slow.median, slow.used, slow.pairs), (1.25, 1, 2));
    }

    #[test]
    fn differences_are_taken_within_one_turn() {
        let timeline = timeline(&[
            (Floor, 100.0),
            (Channels(1), 80.0),
            (Floor, 100.0),
            (Channels(64), 90.0),
            (Floor, 100.0),
            (Channels(1), 200.0),
            (Floor, 100.0),
            (Channels(64), 215.0),
            (Floor, 100.0),
            (Channels(1), 90.0),
            (Floor, 400.0),
            (Channels(64), 500.0),
            (Floor, 400.0),
        ]);
        assert_eq!(timeline.difference_ns(Channels(64), Channels(1)), (12.5, 2));
        let ratio = timeline.over(Channels(64), Channels(1), |round| round.value);
        assert_eq!((ratio.used, ratio.pairs), (2, 3));
    }

    #[test]
    fn without_a_floor_every_round_counts() {
        let measured =
            timeline(&[(Linear, 900.0), (Linear, 1000.0), (Linear, 1100.0)]).measurement(Linear);
        assert_eq!((measured.middle, measured.used, measured.slow), (1000.0, 3, false));
    }
}
