//! The engine's wiring: order of start, order of stop. It owns the threads.
//!
//! Start: CPUs, log, signals, socket, models, regions, worker, control thread, then READY; the HTTP
//! sidecar, recorder, pilot and the fine calibration of the clock come after, since none of them is
//! needed to answer. Stop: sidecar, pilot, control thread, worker, recorder, socket path. The main
//! thread only waits for events: another thread does what may take long, such as reading models,
//! and `ending` makes sure that a signal ends the process whatever the others wait for.

mod banner;
mod ending;
mod engine;
mod kept;
mod manager;
mod sidecar;
mod tap;
mod worker_thread;

use crate::config::{CoreList, ServeConfig};
use crate::control::listener::{ListenError, Listener, Openness};
use crate::control::{Ask, Directive, Keeper, Loaded, Loader, ReloadError};
use crate::log;
use banner::announce;
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, select, unbounded};
use ending::Ending;
use engine::Engine;
use factord_core::abi::class;
use factord_core::channel;
use factord_core::idle::IdleStrategy;
use factord_core::sys::sched;
use kept::Inherited;
use manager::{Manager, Watchdog};
use serde_json::{Value, json};
use sidecar::{Kind, Sidecar};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;
use std::time::Instant;
use thiserror::Error;
use tracing::{info, warn};

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
    /// Descriptors cannot be opened a second time.
    #[error("cannot open /proc/self/fd ({0}): mount /proc, through which clients get their memory")]
    NoProc(io::Error),
    /// The service manager passed something else than the control socket.
    #[error(
        "the service manager passed {0}: one listening Unix socket is needed \
             (ListenSequentialPacket= of a .socket unit), or none"
    )]
    Passed(String),
    /// The CPU is asked for twice.
    #[error("CPU {core} is named by --core and by --heavy-core: a worker has one of its own")]
    SharedCore {
        /// Named twice.
        core: usize,
    },
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
    /// A recorder or a pilot could not start.
    #[error(
        "{what} ended before it was ready ({status}), as it says above; serve starts it for {flag}"
    )]
    Companion {
        /// Which one.
        what: &'static str,
        /// What asked for it.
        flag: &'static str,
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
    ChildFailed(ServeError),
}

/// Runs the daemon until a signal ends it.
///
/// # Errors
///
/// [`ServeError`].
pub fn run(config: &ServeConfig) -> Result<(), ServeError> {
    // NB: before anything opens a descriptor, which could be given the number of a passed one.
    let inherited = kept::inherit()?;
    crate::sys::process::give_large_blocks_back();
    let place = Place::choose(config)?;
    // NB: threads inherit affinity, so every one of them starts off the workers' CPUs.
    let moved = sched::allow_cpus(&place.others);
    log::init(config.log_level);
    if let Err(error) = moved {
        warn!("side threads share the worker's CPU: {error}");
    }
    // Signals early, so that one that comes during the start is not lost.
    let (events, inbox) = unbounded();
    let ending = Arc::new(Ending::default());
    ending::watch_signals(&events, &ending)?;
    if let Err(error) = sched::raise_descriptor_limit() {
        warn!("the limit of open descriptors stays as it is: {error}");
    }
    let Inherited { socket: passed, objects, channels, useless } = inherited;
    let (listener, socket) = listen(config, passed)?;
    ending.will_remove(&listener);
    let desks = worker_thread::desks(&place.workers())?;
    let loader = Loader::start(config.models.clone())?;
    loader.ask(Ask::All(Vec::new()));
    let Some((loaded, reload)) = wait_for_models(&inbox, &loader) else { return Ok(()) };
    let mut keeper = keeper(config);
    useless.iter().for_each(|name| keeper.forget(name));
    let kept = (keeper, objects, channels);
    let socket = (desks, socket);
    let engine = Engine::start(config, &place, socket, (loader, loaded?), kept, &events)?;
    if reload {
        engine.tell(Directive::Reload);
    }
    let start = |kind| -> io::Result<Sidecar> {
        let child = Sidecar::start(kind, config, listener.path(), &events, &ending.over())?;
        ending.will_kill(&child);
        Ok(child)
    };
    let mut sidecar = None;
    if config.http {
        sidecar = Some(start(Kind::Http)?);
    } else {
        announce((engine.models(), engine.example()), listener.path(), &place, None);
    }
    let record = config.record.is_some().then(|| start(Kind::Recorder)).transpose()?;
    let pilot = config.pilot.then(|| start(Kind::Pilot)).transpose()?;
    let mut manager = Manager::find();
    manager.tell("READY=1");
    let result = attend(&inbox, &engine, &listener, &place, &mut manager);
    ending.arm();
    manager.tell("STOPPING=1");
    drop((sidecar, pilot));
    engine.stop();
    // It reads on until nothing is left.
    drop(record);
    drop(listener);
    result
}

/// The way to the service manager's store, if the configuration asks for it.
fn keeper(config: &ServeConfig) -> Keeper {
    if !config.fd_store {
        return Keeper::new(None);
    }
    let manager = manager::connect().unwrap_or_else(|error| {
        warn!("the service manager keeps nothing for the next engine: {error}");
        None
    });
    Keeper::new(manager)
}

/// Waits for the models, and returns whether a reload was asked for meanwhile; `None` when a signal
/// ends the daemon first.
fn wait_for_models(inbox: &Receiver<Event>, loader: &Loader) -> Option<(Loaded, bool)> {
    let mut reload = false;
    loop {
        select! {
            recv(loader.loaded()) -> loaded => {
                return Some((loaded.unwrap_or(Err(ReloadError::Panicked)), reload));
            }
            recv(inbox) -> event => match event {
                Ok(Event::Signal(SIGHUP)) => reload = true,
                Ok(Event::Signal(SIGINT | SIGTERM)) => {
                    info!("stopping before the models are read");
                    return None;
                }
                _ => {}
            }
        }
    }
}

/// Where the worker runs and how it waits.
struct Place {
    /// One worker each; empty when not even one CPU is known.
    cores: Vec<usize>,
    /// One worker each for costly models.
    heavy_cores: Vec<usize>,
    idle: IdleStrategy,
    /// CPUs for everything else.
    others: Vec<usize>,
}

impl Place {
    fn choose(config: &ServeConfig) -> Result<Place, ServeError> {
        let allowed = sched::allowed_cpus()?;
        let asked = config.cores.as_ref().map(CoreList::as_slice);
        let heavy_cores =
            config.heavy_cores.as_ref().map_or_else(Vec::new, |cores| cores.as_slice().to_vec());
        let named = || asked.into_iter().flatten().chain(&heavy_cores);
        if let Some(&core) = named().find(|core| !allowed.contains(core)) {
            return Err(ServeError::Core { core, allowed });
        }
        if let Some(&core) = asked.into_iter().flatten().find(|core| heavy_cores.contains(core)) {
            return Err(ServeError::SharedCore { core });
        }
        let left = allowed.iter().rev().find(|core| !heavy_cores.contains(core));
        let cores = asked.map_or_else(|| left.copied().into_iter().collect(), <[_]>::to_vec);
        let is_worker_s = |cpu: &usize| cores.contains(cpu) || heavy_cores.contains(cpu);
        // With no CPU left to anybody else, workers that spin would keep everybody waiting.
        let crowded = allowed.iter().all(is_worker_s);
        let usual = if crowded { IdleStrategy::Yield } else { IdleStrategy::Spin };
        let idle = config.idle.unwrap_or(usual);
        let others = allowed.iter().copied().filter(|cpu| crowded || !is_worker_s(cpu)).collect();
        Ok(Place { cores, heavy_cores, idle, others })
    }

    /// The workers' CPUs and classes; one without a CPU when none is known.
    fn workers(&self) -> Vec<(Option<usize>, u64)> {
        let on = |core: &usize, class: u64| (Some(*core), class);
        let mut workers: Vec<(Option<usize>, u64)> =
            self.cores.iter().map(|core| on(core, class::LIGHT)).collect();
        if workers.is_empty() {
            workers.push((None, class::LIGHT));
        }
        workers.extend(self.heavy_cores.iter().map(|core| on(core, class::HEAVY)));
        workers
    }
}

/// What the daemon chooses where nobody set it, by key; a machine that cannot be asked says less.
pub fn chosen(config: &ServeConfig) -> Vec<(&'static str, Value)> {
    let openness = openness(config);
    let path = channel::socket_path(config.socket.as_deref());
    let mut chosen = vec![
        ("socket", json!(path.display().to_string())),
        ("socket_mode", json!(format!("{:04o}", openness.socket_mode()))),
    ];
    if let Ok(place) = Place::choose(config) {
        let core = match place.cores[..] {
            [one] => json!(one),
            _ => json!(place.cores),
        };
        chosen.push(("core", core));
        chosen.push(("idle", json!(place.idle.name())));
    }
    chosen
}

fn openness(config: &ServeConfig) -> Openness {
    Openness {
        own_directory: config.socket.is_none(),
        to_others: !config.grants.is_empty(),
        mode: config.socket_mode,
        group: config.socket_group,
        // Whoever is told to clients is a user whose directory the daemon may use. What is no user
        // id names nobody.
        trusted_uid: channel::told(None).ok().flatten(),
    }
}

/// Takes the socket that the service manager passed, or makes one.
fn listen(
    config: &ServeConfig,
    passed: Option<OwnedFd>,
) -> Result<(Listener, OwnedFd), ServeError> {
    let path = channel::socket_path(config.socket.as_deref());
    match passed {
        Some(socket) => Ok((Listener::inherited(path), socket)),
        None => Ok(Listener::open(path, &openness(config))?),
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
    manager: &mut Manager,
) -> Result<(), ServeError> {
    let mut watchdog = Watchdog::asked_for(engine);
    // The event loop.
    loop {
        let now = Instant::now();
        // NB: looked at before each event, so that no number of them puts it off.
        if let Some(watchdog) = watchdog.as_mut().filter(|watchdog| watchdog.due() <= now)
            && watchdog.look(engine, now)
        {
            manager.tell("WATCHDOG=1");
        }
        let due = watchdog.as_ref().map(Watchdog::due).into_iter().chain(manager.try_again(now));
        let event = match due.min() {
            Some(due) => inbox.recv_deadline(due),
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match event {
            Ok(Event::Signal(SIGHUP)) => engine.tell(Directive::Reload),
            Ok(Event::Signal(SIGINT | SIGTERM)) => {
                info!("stopping");
                return Ok(());
            }
            Ok(Event::Signal(_)) | Err(RecvTimeoutError::Timeout) => {}
            Ok(Event::Ended(thread, reason)) => return Err(ServeError::Thread { thread, reason }),
            Ok(Event::HttpReady(url)) => {
                announce((engine.models(), engine.example()), listener.path(), place, Some(&url));
            }
            Ok(Event::ChildFailed(error)) => return Err(error),
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}
