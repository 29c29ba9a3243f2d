//! The reader that tools use.

use super::snapshot::{
    Histogram, LocalCounters, ModelRow, ModelTable, Snapshot, State, Unsettled, WorkerCounters,
};
use crate::abi::{self, status_region as at};
use crate::idle::IdleStrategy;
use crate::region::View;
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

    /// The model table, unless it is being written at this moment.
    pub fn table_now(&self) -> Option<ModelTable> {
        // SYNC(status.rows): pairs with the Release store in `StatusWriter::write_models`. The load
        // is Relaxed with a fence, since the mapping is read-only.
        let sequence = self.models_sequence();
        fence(Ordering::Acquire);
        if !sequence.is_multiple_of(2) {
            return None;
        }
        let rows = (0..abi::MODEL_COUNT_MAX).filter_map(|id| self.row(id)).collect();
        // SYNC(status.models): pairs with the Release fence in `StatusWriter::write_models`.
        fence(Ordering::Acquire);
        (self.models_sequence() == sequence).then_some(ModelTable { rows, sequence })
    }

    fn row(&self, id: usize) -> Option<ModelRow> {
        let start = at::ROWS + id * at::ROW_WORDS;
        let generation = u32::try_from(self.word(start + at::ROW_GENERATION)).ok()?;
        let shape = self.word(start + at::ROW_SHAPE);
        let width = (shape >> 32) as usize;
        if generation == 0 || !(1..=abi::FEATURE_COUNT_MAX).contains(&width) {
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
            kind: KindCode(shape as u32),
            width,
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
            local: self.local(),
            tsc_hz,
            models: self.models(),
            workers: (0..worker_count).map(|index| self.worker(index, tsc_hz)).collect(),
        }
    }
}
