//! The running engine: its regions, its models, its threads.

use super::{Event, Place, ServeError, spawn, worker_thread};
use crate::config::ServeConfig;
use crate::control::{Control, Directive, Limits, Loader, Outlets, Parts, Rights, Roster};
use crossbeam::channel::{Sender, unbounded};
use factord_core::abi::{self, models_region, state, status_region as at};
use factord_core::counters::{StatusWriter, set};
use factord_core::model::cell::cell;
use factord_core::region::Region;
use factord_core::sync::{AtomicU64, Ordering};
use factord_core::sys::{clock, sched};
use factord_core::worker::{self, ModelSet, Tally, Worker};
use factord_models::catalogue::LoadedModel;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;
use tracing::warn;

/// Lanes the worker has room for: every connection the control thread accepts.
const LANE_COUNT_MAX: usize = 1024;

/// The running threads and what they share.
pub(super) struct Engine {
    directives: Sender<Directive>,
    status: StatusWriter,
    workers: Vec<(worker::Handle, thread::JoinHandle<()>)>,
    control_thread: thread::JoinHandle<()>,
    pulse: Arc<AtomicU64>,
    models: String,
}

impl Engine {
    /// Puts the models into service and starts the threads.
    pub(super) fn start(
        config: &ServeConfig,
        place: &Place,
        socket: OwnedFd,
        loader: Loader,
        served: Vec<Arc<LoadedModel>>,
        events: &Sender<Event>,
    ) -> Result<Engine, ServeError> {
        let (started_ns, start) = (clock::unix_ns(), worker_thread::Instants::now());
        let status_region = make_region("factord-status", at::LINES)?;
        let models_region = make_region("factord-models", models_region::LINES)?;
        let status = StatusWriter::new(Arc::clone(&status_region));
        write_header(&status, started_ns);
        let words = models_region.mapping().words();
        set(&words[models_region::MAGIC], abi::MAGIC);
        set(&words[models_region::ABI], abi::ABI_WORD);
        set(&words[models_region::LAYOUT_HASH], abi::LAYOUT_HASH);
        set(&words[models_region::MODEL_COUNT], abi::MODEL_COUNT_MAX as u64);

        let mut workers = Vec::new();
        let mut outlet_workers = Vec::new();
        for index in 0..place.cores.len().max(1) {
            let (publisher, reader) = cell(ModelSet::default());
            let (handle, mailbox) = worker::mailbox(LANE_COUNT_MAX);
            let block = || Tally::new(Arc::clone(&status_region), index);
            let worker = Worker::new(LANE_COUNT_MAX, mailbox, reader, block(), started_ns);
            outlet_workers.push((publisher, handle.clone()));
            workers.push((handle, worker, block()));
        }
        set(status.word(at::WORKER_COUNT), workers.len() as u64);
        let mut outlets = Outlets {
            workers: outlet_workers,
            status: status.clone(),
            models: Arc::clone(&models_region),
        };
        let mut roster = Roster::default();
        let models = roster.adopt(served, &mut outlets)?.served;
        let pulse = Arc::new(AtomicU64::new(0));

        let (directives, inbox) = unbounded();
        let control = Control::new(Parts {
            listener: socket,
            directives: inbox,
            status: status_region.read_only().map_err(ServeError::NoProc)?,
            models: models_region.read_only().map_err(ServeError::NoProc)?,
            outlets,
            roster,
            loader,
            pulse: Arc::clone(&pulse),
            limits: Limits {
                channels_per_uid: config.channels_per_uid,
                bytes_per_uid: config.bytes_per_uid,
            },
            rights: Rights::new(sched::user_id(), &config.allow_uids, &config.operator_uids),
            epoch: started_ns,
        })?;
        let control_thread =
            spawn("control", events, move || control.run().map_err(|error| error.to_string()))?;
        let mut threads = Vec::new();
        for (index, (handle, worker, placard)) in workers.into_iter().enumerate() {
            let core = place.cores.get(index).copied();
            let thread = worker_thread::start(worker, core, place.idle, placard, events)?;
            threads.push((handle, thread));
        }
        worker_thread::calibrate(&status, start)?;
        set(status.word(at::STATE), state::SERVING);
        Ok(Engine { directives, status, workers: threads, control_thread, pulse, models })
    }

    /// The models at the start, a line each.
    pub(super) fn models(&self) -> &str {
        &self.models
    }

    /// Asks something of the control thread.
    pub(super) fn tell(&self, directive: Directive) {
        // A thread that is gone needs to be told nothing.
        let _ = self.directives.send(directive);
    }

    /// Turns of each worker, which move as long as it does.
    pub(super) fn turns(&self) -> Vec<u64> {
        (0..self.workers.len()).map(|worker| self.status.turn_count(worker)).collect()
    }

    /// What moves as long as the control thread does.
    pub(super) fn pulse(&self) -> u64 {
        // Relaxed: a count that only has to move.
        self.pulse.load(Ordering::Relaxed)
    }

    /// Ends the threads and waits for them.
    pub(super) fn stop(self) {
        set(self.status.word(at::STATE), state::STOPPING);
        self.tell(Directive::Stop);
        let _ = self.control_thread.join();
        for (worker, thread) in self.workers {
            worker.stop();
            let _ = thread.join();
        }
    }
}

fn make_region(name: &str, lines: usize) -> Result<Arc<Region>, ServeError> {
    let region = Region::create(name, lines).map_err(ServeError::Memory)?;
    region.seal_write().map_err(ServeError::Memory)?;
    region.mapping().populate().map_err(ServeError::Memory)?;
    if let Err(error) = region.mapping().lock() {
        warn!("{name} cannot be locked in memory ({error}): serving anyway");
    }
    Ok(Arc::new(region))
}

fn write_header(status: &StatusWriter, started_ns: u64) {
    let header = [
        (at::MAGIC, abi::MAGIC),
        (at::ABI, abi::ABI_WORD),
        (at::LAYOUT_HASH, abi::LAYOUT_HASH),
        (at::EPOCH, started_ns),
        (at::STATE, state::STARTING),
        (at::PID, std::process::id().into()),
        (at::STARTED_UNIX_NS, started_ns),
        (at::HEARTBEAT_NS, clock::monotonic_ns()),
    ];
    for (index, value) in header {
        set(status.word(index), value);
    }
}
