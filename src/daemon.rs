//! The engine's wiring: order of start, order of stop. It owns the threads.
//!
//! Start: limits, socket, regions, models, worker, control thread, then READY; the HTTP sidecar
//! and the fine calibration of the clock come after, since neither is needed to answer. Stop:
//! sidecar, control thread, worker, socket path.

mod sidecar;
mod worker_thread;

use crate::abi::{self, models_region, state, status_region as at};
use crate::channel;
use crate::config::{CoreList, ServeConfig};
use crate::control::listener::{ListenError, Listener};
use crate::control::{Control, Limits, Order, Outlets, Parts, ReloadError, Roster};
use crate::counters::{StatusWriter, set};
use crate::idle::IdleStrategy;
use crate::model::cell::cell;
use crate::region::{Access, Region};
use crate::sys::{clock, sched};
use crate::worker::{self, ModelSet, Tally, Worker};
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use sidecar::Sidecar;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use thiserror::Error;
use tracing::{info, warn};

/// Lanes the worker has room for: every connection the control thread accepts.
const LANE_COUNT_MAX: usize = 1024;

/// Why the daemon could not start, or ended.
#[derive(Debug, Error)]
pub enum ServeError {
    /// No control socket.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A model failed its check.
    #[error(transparent)]
    Models(#[from] ReloadError),
    /// No memory for the daemon's own regions.
    #[error("no memory for the shared regions: {0}; free some, or raise the limit")]
    Memory(io::Error),
    /// The CPU cannot be used.
    #[error(
        "CPU {core} is not among the CPUs this process may use ({allowed:?}): choose another --core"
    )]
    Core {
        /// As asked for.
        core: usize,
        /// What is allowed.
        allowed: Vec<usize>,
    },
    /// The HTTP sidecar could not start.
    #[error(
        "the HTTP sidecar ended before it was ready ({status}): choose another --listen, or use --no-http"
    )]
    Sidecar {
        /// How it ended.
        status: String,
        /// Its exit code, when it had one.
        code: Option<i32>,
    },
    /// A thread ended that must not.
    #[error("the {thread} thread ended: {reason}")]
    Thread {
        /// Which one.
        thread: &'static str,
        /// Why.
        reason: String,
    },
    /// The system refused.
    #[error("cannot start: {0}")]
    Io(#[from] io::Error),
}

/// What the main thread waits for.
#[derive(Debug)]
enum Event {
    Signal(i32),
    Ended(&'static str, String),
    HttpReady(String),
    HttpFailed(ServeError),
}

/// Runs the daemon until a signal ends it.
///
/// # Errors
///
/// [`ServeError`].
pub fn run(config: &ServeConfig) -> Result<(), ServeError> {
    // Signals first, so that one that comes during the start is not lost.
    let (events, inbox) = unbounded();
    watch_signals(&events)?;
    if let Err(error) = sched::raise_descriptor_limit() {
        warn!("the limit of open descriptors stays as it is: {error}");
    }
    let place = Place::choose(config)?;
    let (listener, socket) = listen(config)?;
    let engine = Engine::start(config, &place, socket, &events)?;
    let mut sidecar = None;
    if config.http {
        sidecar = Some(Sidecar::start(config, listener.path(), &events)?);
    } else {
        announce(&engine, &listener, &place, None);
    }
    notify(&[sd_notify::NotifyState::Ready]);
    let result = attend(&inbox, &engine, &listener, &place);
    notify(&[sd_notify::NotifyState::Stopping]);
    drop(sidecar);
    engine.stop();
    drop(listener);
    result
}

/// Where the worker runs and how it waits.
struct Place {
    /// One worker each; empty when not even one CPU is known.
    cores: Vec<usize>,
    idle: IdleStrategy,
    /// CPUs for everything else.
    others: Vec<usize>,
}

impl Place {
    fn choose(config: &ServeConfig) -> Result<Place, ServeError> {
        let allowed = sched::allowed_cpus()?;
        let asked = config.cores.as_ref().map(CoreList::as_slice);
        if let Some(&core) = asked.into_iter().flatten().find(|core| !allowed.contains(core)) {
            return Err(ServeError::Core { core, allowed });
        }
        let cores =
            asked.map_or_else(|| allowed.last().copied().into_iter().collect(), <[_]>::to_vec);
        // With no CPU left to anybody else, workers that spin would keep everybody waiting.
        let crowded = allowed.iter().all(|cpu| cores.contains(cpu));
        let usual = if crowded { IdleStrategy::Yield } else { IdleStrategy::Spin };
        let idle = config.idle.unwrap_or(usual);
        let others =
            allowed.iter().copied().filter(|cpu| crowded || !cores.contains(cpu)).collect();
        Ok(Place { cores, idle, others })
    }
}

/// Takes the socket that the service manager passed, or makes one.
fn listen(config: &ServeConfig) -> Result<(Listener, OwnedFd), ServeError> {
    let path = channel::socket_path(config.socket.as_deref());
    if let Some(socket) = worker_thread::inherited_socket()? {
        return Ok((Listener::inherited(path), socket));
    }
    Ok(Listener::open(path)?)
}

/// The running threads and what they share.
struct Engine {
    orders: Sender<Order>,
    status: StatusWriter,
    workers: Vec<(worker::Handle, thread::JoinHandle<()>)>,
    control_thread: thread::JoinHandle<()>,
    models: String,
}

impl Engine {
    fn start(
        config: &ServeConfig,
        place: &Place,
        socket: OwnedFd,
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
        let mut roster = Roster::new(config.models.clone());
        let models = roster.reload(&mut outlets)?;

        let (orders, order_inbox) = unbounded();
        let mut allow_uids = config.allow_uids.clone();
        allow_uids.extend([0, sched::user_id()]);
        let control = Control::new(Parts {
            listener: socket,
            orders: order_inbox,
            status: status_region,
            models: models_region,
            outlets,
            roster,
            limits: Limits {
                channels_per_uid: config.channels_per_uid,
                bytes_per_uid: config.bytes_per_uid,
            },
            allow_uids,
            epoch: started_ns,
        })?;
        // NB: threads inherit affinity, so everything but the worker is moved off its core first.
        if let Err(error) = sched::allow_cpus(&place.others) {
            warn!("side threads share the worker's CPU: {error}");
        }
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
        Ok(Engine { orders, status, workers: threads, control_thread, models })
    }

    fn stop(self) {
        set(self.status.word(at::STATE), state::STOPPING);
        // A thread that is gone needs no order.
        let _ = self.orders.send(Order::Stop);
        let _ = self.control_thread.join();
        for (worker, thread) in self.workers {
            worker.stop();
            let _ = thread.join();
        }
    }
}

fn make_region(name: &str, lines: usize) -> Result<Arc<Region>, ServeError> {
    let region = Region::create(name, lines, Access::Write).map_err(ServeError::Memory)?;
    region.seal_write().map_err(ServeError::Memory)?;
    region.mapping().populate().map_err(ServeError::Memory)?;
    if let Err(error) = region.mapping().lock() {
        warn!("{name} cannot be locked in memory ({error}): serving all the same");
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

/// Starts a thread that reports its end.
fn spawn(
    name: &'static str,
    events: &Sender<Event>,
    body: impl FnOnce() -> Result<(), String> + Send + 'static,
) -> io::Result<thread::JoinHandle<()>> {
    let events = events.clone();
    thread::Builder::new().name(format!("factord-{name}")).spawn(move || {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
        let reason = match result {
            Ok(Ok(())) => "it was done".to_owned(),
            Ok(Err(reason)) => reason,
            Err(_) => "it panicked".to_owned(),
        };
        // The main thread is gone only when the process is about to end.
        let _ = events.send(Event::Ended(name, reason));
    })
}

/// Waits for what ends the daemon and passes on what does not.
fn attend(
    inbox: &Receiver<Event>,
    engine: &Engine,
    listener: &Listener,
    place: &Place,
) -> Result<(), ServeError> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let watchdog = sd_notify::watchdog_enabled();
    // Half the interval, as sd_watchdog_enabled(3) recommends.
    let pause = watchdog.map_or(Duration::from_secs(3600), |interval| interval / 2);
    let mut seen_beats = 0;
    // The event loop.
    loop {
        match inbox.recv_timeout(pause) {
            Ok(Event::Signal(SIGHUP)) => {
                let _ = engine.orders.send(Order::Reload);
            }
            Ok(Event::Signal(SIGINT | SIGTERM)) => {
                info!("stopping");
                return Ok(());
            }
            Ok(Event::Signal(_)) => {}
            Ok(Event::Ended(thread, reason)) => return Err(ServeError::Thread { thread, reason }),
            Ok(Event::HttpReady(url)) => announce(engine, listener, place, Some(&url)),
            Ok(Event::HttpFailed(error)) => return Err(error),
            Err(RecvTimeoutError::Timeout) => {
                // Relaxed: a single word, complete in itself.
                let beats =
                    engine.status.word(at::HEARTBEAT_COUNT).load(crate::sync::Ordering::Relaxed);
                if beats != seen_beats && watchdog.is_some() {
                    notify(&[sd_notify::NotifyState::Watchdog]);
                }
                seen_beats = beats;
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

fn notify(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!("the service manager was not told: {error}");
    }
}

/// Forwards the signals that concern the daemon.
fn watch_signals(events: &Sender<Event>) -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let events = events.clone();
    thread::Builder::new().name("factord-signal".to_owned()).spawn(move || {
        for signal in signals.forever() {
            if events.send(Event::Signal(signal)).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

/// Says on stdout what is ready and where.
fn announce(engine: &Engine, listener: &Listener, place: &Place, url: Option<&str>) {
    use std::io::Write as _;
    let mut text = format!("factord {} is ready\n", env!("CARGO_PKG_VERSION"));
    text += &format!("  socket  {}\n", listener.path().display());
    text += &format!("  http    {}\n", url.unwrap_or("off (--no-http)"));
    for (index, line) in engine.models.lines().enumerate() {
        text += &format!("  {}  {line}\n", if index == 0 { "models" } else { "      " });
    }
    let cores: Vec<String> = place.cores.iter().map(|core| format!("CPU {core}")).collect();
    let name = if cores.len() > 1 { "workers" } else { "worker " };
    text += &format!("  {name} {}, idle strategy {}\n", cores.join(", "), place.idle);
    text += "Ctrl-C ends it; try: factord predict regression 0.5 0.2 0.3\n";
    // Whoever read stdout may be gone; the daemon serves all the same.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}
