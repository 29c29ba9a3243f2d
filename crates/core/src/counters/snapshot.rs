//! What STATUS says, as plain values.

use super::bucket_upper;
use crate::abi;
use crate::idle::IdleStrategy;
use factord_eval::KindCode;
use thiserror::Error;

/// One row of the daemon's model table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRow {
    /// The number that requests carry.
    pub id: u16,
    /// What requests carry to prove that they mean this name.
    pub check: u32,
    /// The model's name, as in `/predict/NAME`; at most 64 bytes.
    pub name: String,
    /// What the champion computes.
    pub kind: KindCode,
    /// Its number of features.
    pub width: usize,
    /// Its number of outputs.
    pub output_count: usize,
    /// Counts the changes of what serves the name, from 1.
    pub generation: u32,
    /// Versions that share its requests, the champion included.
    pub arm_count: u16,
    /// A code of [`crate::abi::class`].
    pub class: u16,
    /// Nanoseconds of one evaluation, as measured when it was loaded.
    pub cost_ns: u64,
    /// SHA-256 of the champion's artifact.
    pub sha256: [u8; 32],
    /// Fingerprints of the further arms; 0 where there is none.
    pub arm_fingerprints: [u64; abi::ARM_COUNT_MAX - 1],
    /// [`abi::split`] of its requests.
    pub split: u64,
}

impl ModelRow {
    /// The champion's [`fingerprint`].
    pub fn fingerprint(&self) -> u64 {
        fingerprint(&self.sha256)
    }
}

/// What rings carry of an artifact: the first eight bytes of its SHA-256, little-endian.
pub fn fingerprint(sha256: &[u8; 32]) -> u64 {
    sha256.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// The daemon's model table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelTable {
    /// One row a model, ids ascending.
    pub rows: Vec<ModelRow>,
    /// Changes with every change of the table.
    pub sequence: u64,
}

/// The model table was half written whenever it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the engine's model table stays half written: the engine died or hangs in an update")]
pub struct Unsettled;

/// What the daemon is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not serving yet.
    Starting,
    /// Answering.
    Serving,
    /// Told to stop.
    Stopping,
    /// A code this version does not know.
    Unknown,
}

impl State {
    /// The word shown to people and machines.
    pub fn name(self) -> &'static str {
        match self {
            State::Starting => "starting",
            State::Serving => "serving",
            State::Stopping => "stopping",
            State::Unknown => "unknown",
        }
    }
}

/// Counts of sampled service times: from the moment the worker saw a request to the moment it was
/// about to publish the answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// One count a bucket; upper bounds by [`bucket_upper`], in ticks.
    pub(super) counts: Vec<u64>,
    pub(super) sum_ticks: u64,
    pub(super) ns_per_tick: f64,
}

impl Histogram {
    /// Number of samples.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The samples that came since an earlier state of the same histogram.
    #[must_use]
    pub fn since(&self, before: &Histogram) -> Histogram {
        let counts = self.counts.iter().zip(&before.counts);
        Histogram {
            counts: counts.map(|(now, before)| now.saturating_sub(*before)).collect(),
            sum_ticks: self.sum_ticks.saturating_sub(before.sum_ticks),
            ns_per_tick: self.ns_per_tick,
        }
    }

    /// Sum of all samples in nanoseconds.
    pub fn sum_ns(&self) -> f64 {
        self.sum_ticks as f64 * self.ns_per_tick
    }

    /// Non-empty buckets: upper bound in nanoseconds, count.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let scale = self.ns_per_tick;
        let filled = self.counts.iter().enumerate().filter(|&(_, &count)| count > 0);
        filled.map(move |(index, &count)| (bucket_upper(index) as f64 * scale, count))
    }

    /// The upper bound in nanoseconds of the bucket that holds the quantile `q`, 0 to 1; 0 when
    /// there are no samples.
    pub fn percentile(&self, q: f64) -> f64 {
        let total = self.count();
        let rank = (q.clamp(0.0, 1.0) * total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (upper_ns, count) in self.buckets() {
            seen += count;
            if seen >= rank {
                return upper_ns;
            }
        }
        0.0
    }
}

/// One worker's counters.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerCounters {
    /// A code of [`crate::abi::class`].
    pub class: u64,
    /// The CPU it is pinned to; `None` when pinning was refused.
    pub core: Option<usize>,
    /// What it does when there is nothing to do.
    pub idle: IdleStrategy,
    /// Sweeps over all channels, to the last 1,024.
    pub sweeps: u64,
    /// Requests answered, whatever the status.
    pub requests: u64,
    /// Answers with status ok.
    pub ok: u64,
    /// Answers with status bad input.
    pub bad_input: u64,
    /// Answers with status unknown model.
    pub unknown_model: u64,
    /// Answers with status width mismatch.
    pub width_mismatch: u64,
    /// Answers with status wrong class.
    pub wrong_class: u64,
    /// Sequences from the future.
    pub violations: u64,
    /// Channels detached for their violations.
    pub detached: u64,
    /// Sampled service times; empty before the daemon serves.
    pub latency: Histogram,
}

/// Evaluations in the clients' own processes, as they count them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LocalCounters {
    /// With status ok.
    pub ok: u64,
    /// With status bad input.
    pub bad_input: u64,
    /// With status unknown model.
    pub unknown_model: u64,
    /// With status width mismatch.
    pub width_mismatch: u64,
}

/// Everything STATUS says, at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Major and minor version of the daemon's layout.
    pub abi: (u16, u16),
    /// Grows with every start of the daemon.
    pub epoch: u64,
    /// What the daemon is doing.
    pub state: State,
    /// The daemon's version.
    pub program_version: String,
    /// Its process id.
    pub pid: u32,
    /// Start, nanoseconds since 1970.
    pub started_unix_ns: u64,
    /// Grows while the worker sweeps.
    pub heartbeat_count: u64,
    /// Nanoseconds since the last heartbeat.
    pub heartbeat_age_ns: u64,
    /// Channels attached now.
    pub channel_count: u64,
    /// Channels ever attached.
    pub attached_total: u64,
    /// Channels ever freed.
    pub freed_total: u64,
    /// Attach attempts refused.
    pub refused_total: u64,
    /// Model reloads adopted.
    pub reloads_total: u64,
    /// Model reloads refused.
    pub reload_failures_total: u64,
    /// Evaluations in the clients' own processes, including past clients, as of a tenth of a second
    /// ago.
    pub local: LocalCounters,
    /// TSC ticks per second; `None` before the daemon serves.
    pub tsc_hz: Option<u64>,
    /// The model table.
    pub models: Result<Vec<ModelRow>, Unsettled>,
    /// One entry a worker.
    pub workers: Vec<WorkerCounters>,
}
