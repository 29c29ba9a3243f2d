//! What a run came to, and its JSON.

use super::Place;
use super::plan::{CHANNEL_COUNTS, IDLE_COUNT, Plan};
use crate::measure::condition::Condition;
use crate::measure::open_loop::OpenLoopRun;
use crate::measure::stream;
use crate::measure::timeline::{FAST_FLOOR_NS, Measurement, Ratio, Subject, Timeline};
use crate::measure::{median, quantile};
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Everything but the rounds.
#[derive(Default)]
pub(super) struct Facts {
    /// Whether the engine was private to this run.
    pub(super) private: bool,
    /// Milliseconds the private engine took to be ready.
    pub(super) start_ms: Option<f64>,
    /// Nanoseconds a call in process, a round each.
    pub(super) local_linear_ns: Vec<f64>,
    pub(super) local_logistic_ns: Vec<f64>,
    /// Commands of the two duties, and by how many generations the model moved.
    pub(super) wakes: Commands,
    pub(super) swaps: Commands,
    pub(super) swap_generations: u64,
    /// Resident memory of the private engine, seen last.
    pub(super) memory: Vec<Memory>,
    pub(super) growth: Option<Growth>,
    pub(super) open_loop: Option<OpenLoop>,
    pub(super) notes: Vec<String>,
}

/// Commands that the engine carried out while round trips were measured.
#[derive(Default)]
pub(super) struct Commands {
    took_us: Vec<f64>,
    seconds: f64,
}

impl Commands {
    /// Adds those of one round.
    pub(super) fn add(&mut self, took: &[Duration], round: Duration) {
        self.took_us.extend(took.iter().map(|took| took.as_secs_f64() * 1e6));
        self.seconds += round.as_secs_f64();
    }

    /// Their number.
    pub(super) fn count(&self) -> usize {
        self.took_us.len()
    }

    /// Their number in a second of the rounds.
    pub(super) fn per_s(&self) -> f64 {
        self.took_us.len() as f64 / self.seconds
    }

    /// Microseconds from a command to its reply, at the share `q` of them.
    pub(super) fn took_us(&self, q: f64) -> f64 {
        quantile(&mut self.took_us.clone(), q)
    }
}

/// Resident memory with this many idle channels.
pub(super) struct Memory {
    pub(super) channels: usize,
    pub(super) kib: u64,
}

/// Resident memory of the private engine before and after many requests.
pub(super) struct Growth {
    pub(super) requests: u64,
    pub(super) before_kib: u64,
    pub(super) after_kib: u64,
}

impl Growth {
    /// KiB more than before.
    pub(super) fn kib(&self) -> i64 {
        self.after_kib.cast_signed() - self.before_kib.cast_signed()
    }
}

/// A run at a fixed rate.
pub(super) struct OpenLoop {
    /// Requests a second, as asked for.
    pub(super) rate: u64,
    pub(super) run: OpenLoopRun,
}

impl Facts {
    /// Adds a sentence for the reader, once.
    pub(super) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// A run that is over.
pub(super) struct Report {
    pub(super) plan: Plan,
    pub(super) place: Place,
    pub(super) timeline: Timeline,
    pub(super) facts: Facts,
    pub(super) condition: Condition,
    pub(super) seconds: f64,
}

/// Percentiles shown, and their keys.
pub(super) const QUANTILES: [(&str, f64); 4] =
    [("p90_ns", 0.90), ("p99_ns", 0.99), ("p999_ns", 0.999), ("p9999_ns", 0.9999)];

impl Report {
    /// One subject's rounds, summed up.
    pub(super) fn measurement(&self, subject: Subject) -> Measurement {
        self.timeline.measurement(subject)
    }

    /// The ratio of medians to the floor's.
    pub(super) fn p50_ratio(&self, subject: Subject) -> Ratio {
        self.timeline.over_floor(subject, |round| round.value)
    }

    /// The ratio of 99th percentiles to the floor's.
    pub(super) fn p99_ratio(&self, subject: Subject) -> Ratio {
        self.timeline.over_floor(subject, |round| round.p99_ns)
    }

    /// Swaps against wake-ups: the ratios of medians and of 99th percentiles.
    pub(super) fn swap_ratios(&self) -> (Ratio, Ratio) {
        let over = |figure: fn(&crate::measure::timeline::Round) -> f64| {
            self.timeline.over(Subject::Swaps, Subject::Wakes, figure)
        };
        (over(|round| round.value), over(|round| round.p99_ns))
    }

    /// Whether a subject was measured at all.
    pub(super) fn has(&self, subject: Subject) -> bool {
        self.timeline.rounds().iter().any(|round| round.subject == subject)
    }

    /// Sentences the reader should not miss.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = self.facts.notes.clone();
        let floor = self.measurement(Subject::Floor);
        let left_out = floor.rounds - floor.used;
        if floor.slow {
            notes.push(format!(
                "the floor's median was over {FAST_FLOOR_NS} ns in {} of {} rounds, a slow plateau \
                 of a shared machine: compare ratios, not nanoseconds",
                self.slow_floors(),
                floor.rounds,
            ));
        } else if left_out > 0 {
            notes.push(format!(
                "{left_out} of {} floor rounds were over {FAST_FLOOR_NS} ns, a slow plateau of a \
                 shared machine: nanoseconds are taken from the other rounds",
                floor.rounds,
            ));
        }
        let subjects = [Subject::Linear, Subject::Logistic].into_iter();
        let subjects = subjects.chain(CHANNEL_COUNTS.map(Subject::Channels));
        let slow: Vec<String> = subjects
            .filter(|&subject| self.has(subject) && self.measurement(subject).slow)
            .map(Subject::name)
            .collect();
        if !floor.slow && !slow.is_empty() {
            let names = slow.join(", ");
            notes.push(format!("too few rounds with a fast floor for {names}: all were used"));
        }
        let [fast, slow] = self.timeline.over_floor_by_plateau(Subject::Linear, |r| r.value);
        if fast.used > 0 && slow.used > 0 {
            notes.push(format!(
                "the linear ring's p50 is {:.2} x the floor's where that is fast ({} pairs), and \
                 {:.2} x where it is slow ({} pairs); the ratio of the table is over all of them",
                fast.median, fast.used, slow.median, slow.used
            ));
        }
        if let Some(steal) = self.condition.steal.filter(|&steal| steal >= 0.01) {
            let percent = steal * 100.0;
            notes.push(format!(
                "the hypervisor took {percent:.1} % of the time: it accounts for the \
                    tails"
            ));
        }
        notes
    }

    fn slow_floors(&self) -> usize {
        let floors = self.timeline.rounds().iter().filter(|r| r.subject == Subject::Floor);
        floors.filter(|round| round.value >= FAST_FLOOR_NS).count()
    }

    /// The whole report for a machine.
    pub(super) fn as_json(&self) -> Value {
        let (p50, p99) = self.swap_ratios();
        let mut linear = self.trips_json(Subject::Linear);
        linear["idle_channels"] = json!(IDLE_COUNT);
        let mut logistic = self.trips_json(Subject::Logistic);
        let (over_ns, rounds) = self.timeline.difference_ns(Subject::Logistic, Subject::Linear);
        logistic["over_linear_ns"] = json!(over_ns);
        logistic["over_linear_rounds"] = json!(rounds);
        json!({
            "floor": self.floor_json(),
            "ring": { "linear": linear, "logistic": logistic },
            "throughput": self.throughput_json(),
            "in_process": {
                "linear_ns": middle(&self.facts.local_linear_ns),
                "logistic_ns": middle(&self.facts.local_logistic_ns),
                "rounds": self.facts.local_linear_ns.len(),
            },
            "channels": self.channels_json(),
            "swap": {
                "p50_ratio": p50.median,
                "p50_quartiles": p50.quartiles,
                "p99_ratio": p99.median,
                "p99_quartiles": p99.quartiles,
                "pairs": p50.pairs,
                "pairs_used": p50.used,
                "swaps": self.facts.swaps.count(),
                "swaps_per_s": self.facts.swaps.per_s(),
                "generations": self.facts.swap_generations,
                "reload_p50_us": self.facts.swaps.took_us(0.5),
                "reload_p99_us": self.facts.swaps.took_us(0.99),
                "wakes_per_s": self.facts.wakes.per_s(),
            },
            "open_loop": self.open_loop_json(),
            "engine": {
                "private": self.facts.private,
                "start_ms": self.facts.start_ms,
                "resident_kib": self.facts.memory.iter()
                    .map(|memory| (memory.channels.to_string(), json!(memory.kib)))
                    .collect::<Map<_, _>>(),
                "growth": self.facts.growth.as_ref().map(|growth| json!({
                    "requests": growth.requests,
                    "before_kib": growth.before_kib,
                    "after_kib": growth.after_kib,
                    "kib": growth.kib(),
                })),
            },
            "host": self.condition.as_json(),
            "client_core": self.place.own,
            "worker_core": self.place.worker,
            "round_ms": self.plan.round.as_millis() as u64,
            "seconds": self.seconds,
            "command": std::env::args().collect::<Vec<_>>(),
            "notes": self.notes(),
            "rounds": self.rounds_json(),
        })
    }

    fn floor_json(&self) -> Value {
        let mut floor = self.trips_json(Subject::Floor);
        let polite = self.polite_share();
        floor["polite_share"] = json!(polite);
        floor
    }

    /// In how many of the floor's rounds polite waiting was the better, 0 to 1.
    fn polite_share(&self) -> f64 {
        use crate::measure::floor::Waiting;
        let waits: Vec<_> = self.timeline.rounds().iter().filter_map(|r| r.waiting).collect();
        let polite = waits.iter().filter(|&&waiting| waiting == Waiting::Polite).count();
        polite as f64 / waits.len() as f64
    }

    fn trips_json(&self, subject: Subject) -> Value {
        if !self.has(subject) {
            return QUANTILES.iter().fold(
                json!({"p50_ns": null, "p50_ratio": null,
                "p99_ratio": null, "rounds": 0}),
                |mut value, (key, _)| {
                    value[key] = Value::Null;
                    value
                },
            );
        }
        let measured = self.measurement(subject);
        let mut value = json!({
            "p50_ns": measured.middle,
            "best_p50_ns": measured.best,
            "max_ns": measured.singles.max(),
            "count": measured.singles.len(),
            "rounds": measured.rounds,
            "rounds_used": measured.used,
            "slow_floor": measured.slow,
        });
        for (key, q) in QUANTILES {
            value[key] = json!(measured.singles.value_at_quantile(q));
        }
        if subject != Subject::Floor {
            let (p50, p99) = (self.p50_ratio(subject), self.p99_ratio(subject));
            value["p50_ratio"] = json!(p50.median);
            value["p50_quartiles"] = json!(p50.quartiles);
            value["p99_ratio"] = json!(p99.median);
            value["p99_quartiles"] = json!(p99.quartiles);
            value["pairs"] = json!(p50.pairs);
            value["pairs_used"] = json!(p50.used);
            let plateaus = self.timeline.over_floor_by_plateau(subject, |round| round.value);
            for (plateau, ratio) in ["on_fast_floor", "on_slow_floor"].into_iter().zip(plateaus) {
                value[plateau] = json!({"p50_ratio": ratio.median, "pairs_used": ratio.used});
            }
        }
        value
    }

    fn throughput_json(&self) -> Value {
        let measured = self.measurement(Subject::Batch);
        json!({
            "predictions_per_s": measured.middle,
            "best": measured.best,
            "rounds": measured.rounds,
            "rounds_used": measured.used,
            "slots": stream::SLOT_COUNT,
            "rows": stream::ROW_COUNT,
        })
    }

    fn channels_json(&self) -> Value {
        let entry = |count: usize| {
            let subject = Subject::Channels(count);
            let mut value = self.trips_json(subject);
            let (over_ns, rounds) = self.timeline.difference_ns(subject, Subject::Channels(1));
            value["over_one_ns"] = json!(over_ns);
            value["over_one_rounds"] = json!(rounds);
            (count.to_string(), value)
        };
        Value::Object(CHANNEL_COUNTS.into_iter().map(entry).collect())
    }

    fn open_loop_json(&self) -> Value {
        let Some(OpenLoop { rate, run }) = &self.facts.open_loop else { return Value::Null };
        let mut value = json!({
            "rate_per_s": rate,
            "achieved_per_s": run.achieved_per_s,
            "delayed": run.delayed,
            "in_flight_max": run.in_flight_max,
            "p50_ns": run.latencies.value_at_quantile(0.5),
            "max_ns": run.latencies.max(),
            "count": run.latencies.len(),
        });
        for (key, q) in QUANTILES {
            value[key] = json!(run.latencies.value_at_quantile(q));
        }
        value
    }

    fn rounds_json(&self) -> Value {
        let rounds = self.timeline.rounds().iter();
        let entry = |round: &crate::measure::timeline::Round| {
            json!([round.subject.name(), round.at_s, round.value, round.p99_ns])
        };
        json!({
            "columns": ["subject", "at_s", "p50_ns or predictions_per_s", "p99_ns"],
            "rows": rounds.map(entry).collect::<Vec<_>>(),
        })
    }

    /// Every distribution with its name.
    pub(super) fn distributions(&self) -> Vec<(String, Histogram<u64>)> {
        let fixed = [Subject::Floor, Subject::Linear, Subject::Logistic];
        let channels = CHANNEL_COUNTS.map(Subject::Channels);
        let swaps = [Subject::Wakes, Subject::Swaps];
        let subjects = fixed.into_iter().chain(channels).chain(swaps);
        let mut all: Vec<_> = subjects
            .filter(|&subject| self.has(subject))
            .map(|subject| (subject.name(), self.measurement(subject).singles))
            .collect();
        if let Some(open_loop) = &self.facts.open_loop {
            all.push(("open-loop".to_owned(), open_loop.run.latencies.clone()));
        }
        all
    }
}

/// The median and the best of some rounds, nanoseconds.
pub(super) fn middle(rounds: &[f64]) -> f64 {
    median(&mut rounds.to_vec())
}

/// The quartiles of some rounds.
pub(super) fn quartiles(rounds: &[f64]) -> (f64, f64) {
    let mut rounds = rounds.to_vec();
    (quantile(&mut rounds, 0.25), quantile(&mut rounds, 0.75))
}
