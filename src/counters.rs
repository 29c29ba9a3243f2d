//! Single-writer counters and histograms in the STATUS region, and the reader that tools use.
//!
//! The worker owns its block, the control thread owns everything else; each word has one writer,
//! so a count is a load and a store, never a locked instruction. Readers need nothing but the
//! mapping: the daemon does not know that they look.

use crate::abi::{self, status_region as at};
use crate::channel::{self, AttachError};
use crate::idle::IdleStrategy;
use crate::model::Kind;
use crate::region::{Mapping, Region};
use crate::sync::{AtomicU64, Ordering, fence};
use crate::sys::clock;
use std::path::Path;
use std::sync::Arc;

/// Adds to a word that this thread alone writes.
#[inline]
pub fn add(word: &AtomicU64, count: u64) {
    // Relaxed: one writer; readers need no order among counters.
    word.store(word.load(Ordering::Relaxed).wrapping_add(count), Ordering::Relaxed);
}

/// Sets a word that readers need no order for.
#[inline]
pub fn set(word: &AtomicU64, value: u64) {
    // Relaxed: a single word, complete in itself.
    word.store(value, Ordering::Relaxed);
}

#[inline]
fn get(word: &AtomicU64) -> u64 {
    // Relaxed: as in `add`.
    word.load(Ordering::Relaxed)
}

/// The index of the histogram count for a value: exact up to 15, then eight counts an octave
/// (12.5 % wide), the last count for everything from 2^40 on.
#[inline]
pub fn bucket_index(value: u64) -> usize {
    if value < 16 {
        return value as usize;
    }
    let octave = 63 - value.leading_zeros() as usize;
    let within = (value >> (octave - 3)) as usize & 7;
    (16 + (octave - 4) * 8 + within).min(at::HISTOGRAM_COUNTS - 1)
}

/// The largest value that falls into the count at `index`.
pub fn bucket_upper(index: usize) -> u64 {
    if index < 16 {
        return index as u64;
    }
    let octave = 4 + (index - 16) / 8;
    let within = ((index - 16) % 8) as u64;
    (1u64 << octave) + ((within + 1) << (octave - 3)) - 1
}

/// The daemon's own view of STATUS.
#[derive(Clone, Debug)]
pub struct StatusWriter {
    region: Arc<Region>,
}

impl StatusWriter {
    /// Writes through the daemon's mapping of STATUS.
    pub fn new(region: Arc<Region>) -> StatusWriter {
        StatusWriter { region }
    }

    /// A word of the region, by an index of [`crate::abi::status_region`].
    pub fn word(&self, index: usize) -> &AtomicU64 {
        &self.region.mapping().words()[index]
    }

    /// Adds one to a word that the control thread owns.
    pub fn count(&self, index: usize) {
        add(self.word(index), 1);
    }

    /// Replaces all model rows; readers that look meanwhile look again.
    pub fn write_models(&self, rows: &[ModelRow]) {
        let sequence = get(self.word(at::MODELS_SEQUENCE));
        set(self.word(at::MODELS_SEQUENCE), sequence.wrapping_add(1));
        // SYNC(status.models): pairs with the Acquire fence in `Observer::models`; the odd sequence is seen
        // before any word of the rows changes.
        fence(Ordering::Release);
        for id in 0..abi::MODEL_COUNT_MAX {
            let row = rows.iter().find(|row| usize::from(row.id) == id);
            let start = at::ROWS + id * at::ROW_WORDS;
            for (offset, word) in row.map_or([0; at::ROW_WORDS], row_words).into_iter().enumerate()
            {
                set(self.word(start + offset), word);
            }
        }
        // SYNC(status.rows): pairs with the Acquire load in `Observer::models`; publishes the rows.
        self.word(at::MODELS_SEQUENCE).store(sequence.wrapping_add(2), Ordering::Release);
    }
}

fn row_words(row: &ModelRow) -> [u64; at::ROW_WORDS] {
    let mut words = [0; at::ROW_WORDS];
    let mut name = [0u8; at::ROW_NAME_LEN];
    let len = row.name.len().min(at::ROW_NAME_LEN);
    name[..len].copy_from_slice(&row.name.as_bytes()[..len]);
    for (word, bytes) in words[at::ROW_NAME..].iter_mut().zip(name.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    words[at::ROW_SHAPE] = row.kind as u64 | (row.width as u64) << 32;
    words[at::ROW_GENERATION] = row.generation.into();
    for (word, bytes) in words[at::ROW_SHA256..].iter_mut().zip(row.sha256.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    words
}

/// One row of the daemon's model table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRow {
    /// The id that requests carry.
    pub id: u16,
    /// The model's name, as in `/predict/NAME`; at most 32 bytes.
    pub name: String,
    /// What it computes.
    pub kind: Kind,
    /// Its number of features.
    pub width: usize,
    /// Counts the publications of this model in this epoch, from 1.
    pub generation: u32,
    /// SHA-256 of the artifact.
    pub sha256: [u8; 32],
}

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
    counts: Vec<u64>,
    sum_ticks: u64,
    ns_per_tick: f64,
}

impl Histogram {
    /// Number of samples.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
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
    /// Sequences from the future.
    pub violations: u64,
    /// Channels detached for their violations.
    pub detached: u64,
    /// Sampled service times; empty until the TSC is calibrated.
    pub latency: Histogram,
}

/// Everything STATUS says, at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Major and minor of the layout the daemon speaks.
    pub abi: (u16, u16),
    /// Grows with every start of the daemon.
    pub epoch: u64,
    /// What the daemon is doing.
    pub state: State,
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
    /// Ticks of the TSC a second; `None` until calibrated.
    pub tsc_hz: Option<u64>,
    /// The model table.
    pub models: Vec<ModelRow>,
    /// One entry a worker.
    pub workers: Vec<WorkerCounters>,
}

/// A reader of STATUS.
#[derive(Clone, Debug)]
pub struct Observer {
    mapping: Arc<Mapping>,
}

impl Observer {
    /// Attaches to the daemon for its STATUS alone; uses no channel of the quota, and the daemon
    /// is not needed from then on.
    ///
    /// # Errors
    ///
    /// [`AttachError`] when no daemon listens there or it speaks another ABI.
    pub fn attach(socket: Option<&Path>) -> Result<Observer, AttachError> {
        channel::observe(&channel::socket_path(socket)).map(Observer::new)
    }

    /// Reads through a mapping that was checked at attach.
    pub fn new(mapping: Mapping) -> Observer {
        Observer { mapping: Arc::new(mapping) }
    }

    fn word(&self, index: usize) -> u64 {
        self.mapping.words().get(index).map_or(0, get)
    }

    /// Grows while the worker sweeps; stands still when the engine is stopped or dead.
    #[inline]
    pub fn heartbeat_count(&self) -> u64 {
        self.word(at::HEARTBEAT_COUNT)
    }

    /// Nanoseconds since the last heartbeat.
    pub fn heartbeat_age_ns(&self) -> u64 {
        clock::monotonic_ns().saturating_sub(self.word(at::HEARTBEAT_NS))
    }

    /// Changes whenever the model table does.
    #[inline]
    pub fn models_sequence(&self) -> u64 {
        self.word(at::MODELS_SEQUENCE)
    }

    /// The daemon's state.
    pub fn state(&self) -> State {
        match self.word(at::STATE) {
            abi::state::STARTING => State::Starting,
            abi::state::SERVING => State::Serving,
            abi::state::STOPPING => State::Stopping,
            _ => State::Unknown,
        }
    }

    /// The model table, as it is now. Gives up after a thousand tries, with what it read last,
    /// when the daemon died in the middle of an update.
    pub fn models(&self) -> Vec<ModelRow> {
        let sequence = &self.mapping.words()[at::MODELS_SEQUENCE];
        let mut rows = Vec::new();
        for _ in 0..1000 {
            // SYNC(status.rows): pairs with the Release store in `StatusWriter::write_models`. The
            // load is Relaxed with a fence, since the mapping is read-only.
            let before = get(sequence);
            fence(Ordering::Acquire);
            rows = (0..abi::MODEL_COUNT_MAX).filter_map(|id| self.row(id)).collect();
            // SYNC(status.models): pairs with the Release fence in `StatusWriter::write_models`.
            fence(Ordering::Acquire);
            if before.is_multiple_of(2) && get(sequence) == before {
                break;
            }
            core::hint::spin_loop();
        }
        rows
    }

    fn row(&self, id: usize) -> Option<ModelRow> {
        let start = at::ROWS + id * at::ROW_WORDS;
        let generation = u32::try_from(self.word(start + at::ROW_GENERATION)).ok()?;
        let shape = self.word(start + at::ROW_SHAPE);
        let kind = Kind::from_code(shape as u32)?;
        if generation == 0 {
            return None;
        }
        let bytes = |offset: usize, words: usize| {
            (0..words).flat_map(move |index| self.word(start + offset + index).to_le_bytes())
        };
        let name: Vec<u8> =
            bytes(at::ROW_NAME, at::ROW_NAME_LEN / 8).take_while(|&b| b != 0).collect();
        let mut sha256 = [0; 32];
        for (target, byte) in sha256.iter_mut().zip(bytes(at::ROW_SHA256, 4)) {
            *target = byte;
        }
        Some(ModelRow {
            id: u16::try_from(id).ok()?,
            name: String::from_utf8_lossy(&name).into_owned(),
            kind,
            width: (shape >> 32) as usize,
            generation,
            sha256,
        })
    }

    fn worker(&self, index: usize, tsc_hz: Option<u64>) -> WorkerCounters {
        let start = at::WORKERS + index * at::WORKER_WORDS;
        let word = |offset: usize| self.word(start + offset);
        let latency = tsc_hz.map_or_else(Histogram::default, |hz| Histogram {
            counts: (0..at::HISTOGRAM_COUNTS).map(|i| word(at::HISTOGRAM + i)).collect(),
            sum_ticks: word(at::SAMPLE_SUM_TICKS),
            ns_per_tick: 1e9 / hz as f64,
        });
        let by_status = |code: u16| word(at::BY_STATUS + usize::from(code));
        let idle = IdleStrategy::ALL.get(word(at::IDLE) as usize).copied();
        WorkerCounters {
            core: (word(at::CORE) as usize).checked_sub(1),
            idle: idle.unwrap_or(IdleStrategy::Spin),
            sweeps: word(at::TURN_COUNT),
            requests: (0..4).map(by_status).sum(),
            ok: by_status(abi::status::OK),
            bad_input: by_status(abi::status::BAD_INPUT),
            unknown_model: by_status(abi::status::UNKNOWN_MODEL),
            width_mismatch: by_status(abi::status::WIDTH_MISMATCH),
            violations: word(at::VIOLATIONS),
            detached: word(at::DETACHED),
            latency,
        }
    }

    /// Reads everything. Each number is right by itself; numbers of a running daemon may be a few
    /// microseconds apart.
    pub fn snapshot(&self) -> Snapshot {
        let abi_word = self.word(at::ABI);
        let tsc_hz = Some(self.word(at::TSC_HZ)).filter(|&hz| hz > 0);
        let worker_count = (self.word(at::WORKER_COUNT) as usize).min(abi::WORKER_COUNT_MAX);
        Snapshot {
            abi: ((abi_word >> 16) as u16, abi_word as u16),
            epoch: self.word(at::EPOCH),
            state: self.state(),
            pid: self.word(at::PID) as u32,
            started_unix_ns: self.word(at::STARTED_UNIX_NS),
            heartbeat_count: self.heartbeat_count(),
            heartbeat_age_ns: self.heartbeat_age_ns(),
            channel_count: self.word(at::CHANNEL_COUNT),
            attached_total: self.word(at::ATTACHED_TOTAL),
            freed_total: self.word(at::FREED_TOTAL),
            refused_total: self.word(at::REFUSED_TOTAL),
            reloads_total: self.word(at::RELOADS_TOTAL),
            reload_failures_total: self.word(at::RELOAD_FAILURES_TOTAL),
            tsc_hz,
            models: self.models(),
            workers: (0..worker_count).map(|index| self.worker(index, tsc_hz)).collect(),
        }
    }
}
