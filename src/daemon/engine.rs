//! The running engine: its regions, its models, its threads.

use super::kept::{self, Objects};
use super::worker_thread::Desk;
use super::{Event, Place, ServeError, banner, spawn, tap, worker_thread};
use crate::config::ServeConfig;
use crate::control::{
    ChannelRows, Control, CostLimit, Directive, Keeper, KeptChannel, Limits, Loader, Outlets,
    Parts, ReadyModel, Rights, Roster, Station,
};
use crossbeam::channel::{Sender, unbounded};
use factord_core::abi::{self, channels_region, models_region, state, status_region as at};
use factord_core::counters::{StatusWriter, set};
use factord_core::model::shared;
use factord_core::region::Region;
use factord_core::sync::{AtomicU64, Ordering, read_only};
use factord_core::sys::{clock, sched};
use factord_core::worker::{self, Tally, Worker};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use tracing::warn;

/// The running threads and what they share.
pub(super) struct Engine {
    directives: Sender<Directive>,
    status: StatusWriter,
    workers: Vec<Running>,
    control_thread: JoinHandle<()>,
    pulse: Arc<AtomicU64>,
    models: String,
    example: Option<(String, usize)>,
}

impl Engine {
    /// Puts the models into service and starts the threads.
    pub(super) fn start(
        config: &ServeConfig,
        place: &Place,
        (desks, socket): (Vec<JoinHandle<Desk>>, OwnedFd),
        (loader, served): (Loader, Vec<Arc<ReadyModel>>),
        (mut keeper, objects, kept_channels): (Keeper, Option<Objects>, Vec<KeptChannel>),
        events: &Sender<Event>,
    ) -> Result<Engine, ServeError> {
        let places = place.workers();
        let (started_ns, start) = (clock::unix_ns(), worker_thread::Instants::now());
        let taken_over = objects.is_some();
        let objects = match objects {
            Some(objects) => objects,
            None => make_objects(&mut keeper)?,
        };
        let (status_region, models_region) = (Arc::new(objects.status), Arc::new(objects.models));
        let channels_region = Arc::new(objects.channels);
        let status = StatusWriter::new(Arc::clone(&status_region));
        if taken_over {
            status.clear_workers();
        }
        let rows_before = status.rows();
        write_headers(&status, &models_region, &channels_region, started_ns);
        let workers = places.iter().zip(desks);
        let desks: Vec<_> = workers.map(station_of).collect::<io::Result<_>>()?;
        let (stations, mut mailboxes): (Vec<_>, Vec<_>) = desks.into_iter().unzip();
        set(status.word(at::WORKER_COUNT), mailboxes.len() as u64);
        let mut outlets = outlets(config, stations, &status, &models_region);
        let mut roster = Roster::new(cost_limit(config, place));
        roster.resume(rows_before);
        let example = banner::example(&served);
        let models = roster.adopt(served, &mut outlets)?.served;
        roster.hide_others(&outlets);
        outlets.settle_before_start(|worker, swap| swap.exchange(&mut mailboxes[worker].2));
        let taps = tap::make(config, mailboxes.len(), started_ns)?;
        let pulse = Arc::new(AtomicU64::new(0));
        let (directives, inbox) = unbounded();
        let rows = ChannelRows::new(Arc::clone(&channels_region));
        let control = Control::new(Parts {
            listener: socket,
            directives: inbox,
            status: status_region.read_only().map_err(ServeError::NoProc)?,
            models: models_region.read_only().map_err(ServeError::NoProc)?,
            channels: channels_region.read_only().map_err(ServeError::NoProc)?,
            names_before: rows.take_names(),
            taps: taps
                .iter()
                .map(Region::read_only)
                .collect::<io::Result<_>>()
                .map_err(ServeError::NoProc)?,
            rows,
            keeper,
            outlets,
            roster,
            loader,
            pulse: Arc::clone(&pulse),
            limits: limits(config),
            rights: Rights::new(sched::user_id(), config.grants.clone())
                .with_local(config.audit_local),
            epoch: started_ns,
        })?;
        let control_thread = spawn("control", events, move || {
            control.run(kept_channels).map_err(|error| error.to_string())
        })?;
        let threads = start_workers((config, place), &status_region, mailboxes, taps, events)?;
        worker_thread::calibrate(&status, start)?;
        set(status.word(at::STATE), state::SERVING);
        Ok(Engine { directives, status, workers: threads, control_thread, pulse, models, example })
    }

    /// A model that was served at the start, by its name and width.
    pub(super) fn example(&self) -> Option<(&str, usize)> {
        self.example.as_ref().map(|(name, width)| (name.as_str(), *width))
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

/// What one user may hold.
fn limits(config: &ServeConfig) -> Limits {
    let &ServeConfig { channels_per_uid, bytes_per_uid, .. } = config;
    Limits { channels_per_uid, bytes_per_uid }
}

/// A worker that runs.
type Running = (worker::Handle, JoinHandle<()>);

/// Starts the workers' threads, each with its tap if there are taps.
fn start_workers(
    (config, place): (&ServeConfig, &Place),
    status: &Arc<Region>,
    desks: Vec<Desk>,
    taps: Vec<Region>,
    events: &Sender<Event>,
) -> Result<Vec<Running>, ServeError> {
    let places = place.workers();
    let mut taps = taps.into_iter().map(|tap| tap::writer(config, tap));
    let mut threads = Vec::new();
    for (index, (handle, mailbox, rows)) in desks.into_iter().enumerate() {
        let tally = || Tally::new(Arc::clone(status), index);
        let worker = Worker::new(worker_thread::LANE_COUNT_MAX, mailbox, rows, tally());
        let worker = worker.with_tap(taps.next().unwrap_or_default());
        let thread = worker_thread::start(worker, places[index], place.idle, tally(), events)?;
        threads.push((handle, thread));
    }
    Ok(threads)
}

/// Where models are published.
fn outlets(
    config: &ServeConfig,
    stations: Vec<Station>,
    status: &StatusWriter,
    models: &Arc<Region>,
) -> Outlets {
    if !config.audit_local {
        // Of the engine before; its clients have them mapped.
        let words = models.mapping().words();
        let published = |&entry: &usize| shared::published(read_only(words), entry) != 0;
        let entries = (0..abi::MODEL_COUNT_MAX).filter(published);
        entries.for_each(|entry| shared::withdraw(words, entry));
    }
    Outlets::new(stations, status.clone(), Arc::clone(models), config.audit_local)
}

/// What models may cost on the workers of this daemon.
fn cost_limit(config: &ServeConfig, place: &Place) -> CostLimit {
    let has_heavy = !place.heavy_cores.is_empty();
    CostLimit { light_ns: config.max_cost_ns, has_heavy }
}

/// Makes the regions that all clients share, and has them kept for the next engine.
fn make_objects(keeper: &mut Keeper) -> Result<Objects, ServeError> {
    let mut make = |name: &'static str, lines, reserved| -> io::Result<Region> {
        let file = format!("factord-{name}");
        let region = Region::create_sparse(&file, lines)?;
        region.reserve(0..reserved)?;
        if keeper.keeps() {
            // NB: the next engine has to map it for writing.
            keeper.keep(name, region.fd())?;
        } else {
            region.seal_write()?;
        }
        if let Err(error) = region.mapping().lock() {
            warn!("{file} cannot be locked in memory ({error}): serving anyway");
        }
        Ok(region)
    };
    let mut make_all = || -> io::Result<Objects> {
        let status = make(kept::STATUS, at::LINES, at::LINES)?;
        // The rest is written by the control thread alone, which may wait for a page.
        status.mapping().populate_lines(at::WORKERS / abi::LINE_WORDS..at::LINES)?;
        // Entries get their memory with their names.
        let header = models_region::ENTRIES / abi::LINE_WORDS;
        let models = make(kept::MODELS, models_region::LINES, header)?;
        let channels = make(kept::CHANNELS, channels_region::LINES, channels_region::LINES)?;
        Ok(Objects { status, models, channels })
    };
    make_all().map_err(ServeError::Memory)
}

/// What the control thread has of a worker of this place, and what the worker has.
fn station_of(
    (&(_, class), desk): (&(Option<usize>, u64), JoinHandle<Desk>),
) -> io::Result<(Station, Desk)> {
    let desk = desk.join().map_err(|_| io::Error::other("no memory for a worker"))?;
    Ok((Station::new(desk.0.clone(), class), desk))
}

/// Writes the headers of what all clients share.
fn write_headers(status: &StatusWriter, models: &Region, channels: &Region, started_ns: u64) {
    write_header(status, started_ns);
    write_object(models, abi::MODELS_HASH, abi::MODEL_COUNT_MAX as u64);
    write_object(channels, abi::CHANNELS_HASH, abi::CHANNEL_COUNT_MAX as u64);
}

/// Writes the header of a region of rows.
fn write_object(region: &Region, layout_hash: u64, row_count: u64) {
    // MODELS and CHANNELS have their first four words alike.
    let header = [
        (models_region::MAGIC, abi::MAGIC),
        (models_region::ABI, abi::ABI_WORD),
        (models_region::LAYOUT_HASH, layout_hash),
        (models_region::MODEL_COUNT, row_count),
    ];
    for (index, value) in header {
        set(&region.mapping().words()[index], value);
    }
}

const _: () = assert!(models_region::MODEL_COUNT == channels_region::ROW_COUNT);

fn write_header(status: &StatusWriter, started_ns: u64) {
    let header = [
        (at::MAGIC, abi::MAGIC),
        (at::ABI, abi::ABI_WORD),
        (at::LAYOUT_HASH, abi::STATUS_HASH),
        (at::EPOCH, started_ns),
        (at::STATE, state::STARTING),
        (at::PID, std::process::id().into()),
        (at::STARTED_UNIX_NS, started_ns),
        (at::HEARTBEAT_NS, clock::monotonic_ns()),
    ];
    for (index, value) in header {
        set(status.word(index), value);
    }
    status.write_version(env!("CARGO_PKG_VERSION"));
}
