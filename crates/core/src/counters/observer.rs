//! The reader that tools use.

use super::snapshot::{
    Histogram, LocalCounters, ModelRow, ModelTable, Snapshot, State, Unsettled, WorkerCounters,
};
use crate::abi::{self, status_region as at};
use crate::idle::IdleStrategy;
use crate::region::View;
use crate::row;
use crate::sync::{Ordering, ReadOnlyWord, fence};
use crate::sys::clock;
use factord_eval::KindCode;
use std::sync::Arc;
use std::thread;

/// Times that the model table is read before it is given up.
// 1,000: an update takes some microseconds, a time slice on a busy CPU a few milliseconds.
const READ_ATTEMPTS: usize = 1000;

/// A reader of STATUS.
#[derive(Clone, Debug)]
pub struct Observer {
    view: Arc<View>,
}

impl Observer {
    /// Reads through a view that was checked at attach.
    pub fn new(view: View) -> Observer {
        Observer { view: Arc::new(view) }
    }

    fn word(&self, index: usize) -> u64 {
        // Relaxed: readers need no order among counters.
        self.view.words().get(index).map_or(0, ReadOnlyWord::load_relaxed)
    }

    /// Grows while the worker sweeps; does not move when the engine is stopped or dead.
    #[inline]
    pub fn heartbeat_count(&self) -> u64 {
        self.word(at::HEARTBEAT_COUNT)
    }

    /// Nanoseconds since the last heartbeat.
    pub fn heartbeat_age_ns(&self) -> u64 {
        clock::monotonic_ns().saturating_sub(self.word(at::HEARTBEAT_NS))
    }

    /// Changes when names come or go; costs one load.
    #[inline]
    pub fn names_sequence(&self) -> u64 {
        let sequence = self.word(at::NAMES_SEQUENCE);
        // SYNC(status.names): pairs with the Release store in `StatusWriter::rows_changed`.
        fence(Ordering::Acquire);
        sequence
    }

    /// Changes with every change of the model table; costs one load.
    #[inline]
    pub fn rows_sequence(&self) -> u64 {
        let sequence = self.word(at::ROWS_SEQUENCE);
        // SYNC(status.table): pairs with the Release store in `StatusWriter::rows_changed`.
        fence(Ordering::Acquire);
        sequence
    }

    /// The epoch of the engine that serves now.
    #[inline]
    pub fn epoch(&self) -> u64 {
        self.word(at::EPOCH)
    }

    /// The CPUs that the workers are pinned to, in their order.
    pub fn worker_cores(&self) -> Vec<Option<usize>> {
        let core = |index: usize| self.word(at::WORKERS + index * at::WORKER_WORDS + at::CORE);
        (0..self.worker_count()).map(|index| (core(index) as usize).checked_sub(1)).collect()
    }

    /// Time stamp counter ticks per second; `None` before the daemon serves.
    pub fn tsc_hz(&self) -> Option<u64> {
        Some(self.word(at::TSC_HZ)).filter(|&hz| hz > 0)
    }

    fn worker_count(&self) -> usize {
        (self.word(at::WORKER_COUNT) as usize).min(abi::WORKER_COUNT_MAX)
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

    /// The model table, as it is now. Models of a kind that this build does not know are listed
    /// too.
    ///
    /// # Errors
    ///
    /// [`Unsettled`] after a thousand tries: the daemon died, or stands still, in the middle of an
    /// update.
    pub fn models(&self) -> Result<Vec<ModelRow>, Unsettled> {
        self.table().map(|table| table.rows)
    }

    /// The model table and its sequence: see [`Observer::models`].
    ///
    /// # Errors
    ///
    /// [`Unsettled`].
    pub fn table(&self) -> Result<ModelTable, Unsettled> {
        for _ in 0..READ_ATTEMPTS {
            if let Some(table) = self.table_now() {
                return Ok(table);
            }
            // The writer may wait for this very CPU.
            thread::yield_now();
        }
        Err(Unsettled)
    }

    /// The model table, unless a row of it is being written at this moment.
    pub fn table_now(&self) -> Option<ModelTable> {
        let sequence = self.rows_sequence();
        let count = (self.word(at::ROW_COUNT) as usize).min(abi::MODEL_COUNT_MAX);
        let rows: Option<Vec<Option<ModelRow>>> =
            (0..count).map(|number| self.row_now(number as u16).ok()).collect();
        let rows = rows?.into_iter().flatten().collect();
        (self.rows_sequence() == sequence).then_some(ModelTable { rows, sequence })
    }

    /// The row at `number`; `None` where nothing is served.
    ///
    /// # Errors
    ///
    /// [`Unsettled`] while it is being written.
    pub fn row_now(&self, number: u16) -> Result<Option<ModelRow>, Unsettled> {
        row(self.view.words(), number)
    }

    /// The number of a name that is served now.
    ///
    /// # Errors
    ///
    /// [`Unsettled`] when it was not found, and a row was being written that may be its own.
    pub fn find(&self, name: &str) -> Result<Option<ModelRow>, Unsettled> {
        let mut wanted = [0; 8];
        let len = name.len().min(8);
        wanted[..len].copy_from_slice(&name.as_bytes()[..len]);
        let wanted = u64::from_le_bytes(wanted);
        let count = (self.word(at::ROW_COUNT) as usize).min(abi::MODEL_COUNT_MAX);
        let mut unsettled = false;
        for number in 0..count as u16 {
            let start = at::ROWS + usize::from(number) * at::ROW_WORDS;
            let settled = self.word(start + at::ROW_SEQUENCE).is_multiple_of(2);
            if settled && self.word(start + at::ROW_NAME) != wanted {
                continue;
            }
            match self.row_now(number) {
                Ok(Some(row)) if row.name == name => return Ok(Some(row)),
                Ok(_) => {}
                Err(Unsettled) => unsettled = true,
            }
        }
        if unsettled { Err(Unsettled) } else { Ok(None) }
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
            class: word(at::CLASS),
            core: (word(at::CORE) as usize).checked_sub(1),
            idle: idle.unwrap_or(IdleStrategy::Spin),
            sweeps: word(at::TURN_COUNT),
            requests: (0..abi::status::COUNT as u16).map(by_status).sum(),
            ok: by_status(abi::status::OK),
            bad_input: by_status(abi::status::BAD_INPUT),
            unknown_model: by_status(abi::status::UNKNOWN_MODEL),
            width_mismatch: by_status(abi::status::WIDTH_MISMATCH),
            wrong_class: by_status(abi::status::WRONG_CLASS),
            violations: word(at::VIOLATIONS),
            detached: word(at::DETACHED),
            latency,
        }
    }

    fn local(&self) -> LocalCounters {
        let by_status = |code: u16| self.word(at::LOCAL_BY_STATUS + usize::from(code));
        LocalCounters {
            ok: by_status(abi::status::OK),
            bad_input: by_status(abi::status::BAD_INPUT),
            unknown_model: by_status(abi::status::UNKNOWN_MODEL),
            width_mismatch: by_status(abi::status::WIDTH_MISMATCH),
        }
    }

    /// Reads everything. Each number is right by itself; numbers of a running daemon may be a few
    /// microseconds apart.
    pub fn snapshot(&self) -> Snapshot {
        let abi_word = self.word(at::ABI);
        let tsc_hz = self.tsc_hz();
        let version = (0..at::PROGRAM_VERSION_LEN / 8)
            .flat_map(|index| self.word(at::PROGRAM_VERSION + index).to_le_bytes());
        Snapshot {
            abi: ((abi_word >> 16) as u16, abi_word as u16),
            epoch: self.word(at::EPOCH),
            state: self.state(),
            program_version: text(version),
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
            local: self.local(),
            tsc_hz,
            models: self.models(),
            workers: (0..self.worker_count()).map(|index| self.worker(index, tsc_hz)).collect(),
        }
    }
}

/// A text up to its first NUL.
pub(super) fn text(bytes: impl Iterator<Item = u8>) -> String {
    let bytes: Vec<u8> = bytes.take_while(|&byte| byte != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The row at a number, by the words of STATUS; `None` where nothing is served.
///
/// # Errors
///
/// [`Unsettled`] while it is being written.
pub(super) fn row(words: &[ReadOnlyWord], number: u16) -> Result<Option<ModelRow>, Unsettled> {
    let start = at::ROWS + usize::from(number) * at::ROW_WORDS;
    let words = words.get(start..start + at::ROW_WORDS).unwrap_or_default();
    row::read(words, |word| model_row(word, number)).ok_or(Unsettled)
}

fn model_row(word: &dyn Fn(usize) -> u64, id: u16) -> Option<ModelRow> {
    let (shape, served) = (word(at::ROW_SHAPE), word(at::ROW_SERVED));
    let (generation, width) = (served as u32, abi::bits(shape, 32, 16) as usize);
    if generation == 0 || !(1..=abi::FEATURE_COUNT_MAX).contains(&width) {
        return None;
    }
    let bytes = |offset: usize, words: usize| {
        (0..words).flat_map(move |index| word(offset + index).to_le_bytes())
    };
    let mut sha256 = [0; 32];
    for (target, byte) in sha256.iter_mut().zip(bytes(at::ROW_SHA256, 4)) {
        *target = byte;
    }
    Some(ModelRow {
        id,
        check: word(at::ROW_CHECK) as u32,
        name: text(bytes(at::ROW_NAME, at::ROW_NAME_LEN / 8)),
        kind: KindCode(shape as u32),
        width,
        output_count: abi::bits(shape, 48, 16) as usize,
        generation,
        arm_count: abi::bits(served, 32, 16) as u16,
        class: abi::bits(served, 48, 16) as u16,
        cost_ns: word(at::ROW_COST_NS),
        sha256,
        arm_fingerprints: core::array::from_fn(|arm| word(at::ROW_ARM_FINGERPRINTS + arm)),
        split: word(at::ROW_SPLIT),
    })
}
