//! The HTTP sidecar, a recorder and a pilot as children: started, watched, started again.
//!
//! The child ends on the end of its stdin, which is a pipe that only this process holds: an engine
//! killed by SIGKILL leaves no orphan on the port; one that is stopped goes by the kernel's hand.
//! Its first line on stdout says that it is ready, and an empty line once a second that it moves. A
//! child that gives no sign is killed, and started again like one that ended.

use super::{Event, ServeError};
use crate::config::{ModelSource, ServeConfig};
use crossbeam::channel::Sender;
use factord_core::sys::socket;
use factord_models::store;
use serde::Deserialize;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tracing::warn;

/// A child that ended sooner after its start than this is started again only after a pause.
const SHORT_LIFE: Duration = Duration::from_secs(1);
/// That pause: an operator notices a second, a port that is taken needs time.
const PAUSE: Duration = Duration::from_millis(500);

/// One look for a sign of life.
const LOOK: Duration = Duration::from_millis(250);
/// Looks without a sign after which a child that was ready is taken for dead.
// 20: 5 s, five signs. Looks are counted and not the time, which also passes while both processes
// are stopped.
const SILENT_LOOKS_MAX: u32 = 20;
/// The same for one that starts, which may have to wait for an address.
const STARTING_LOOKS_MAX: u32 = 80;
/// Bytes of the line that says where the child listens.
const READY_LEN_MAX: usize = 256;
/// What it may take to finish what it does: the daemon ends within two seconds.
const GRACE: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
struct Ready {
    ready: String,
}

/// The child that runs now; `None` once it must not be started again.
pub(super) type Current = Arc<Mutex<Option<Child>>>;

/// Set once the daemon's end has begun: no child is started again then.
pub(super) type Over = Arc<OnceLock<()>>;

/// What is started as a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Http,
    Recorder,
    Pilot,
}

impl Kind {
    /// What people call it.
    fn name(self) -> &'static str {
        match self {
            Kind::Http => "the HTTP sidecar",
            Kind::Recorder => "the recorder",
            Kind::Pilot => "the pilot",
        }
    }

    /// Its sub-command with all flags but those that every child gets.
    fn words(self, config: &ServeConfig) -> Vec<OsString> {
        let mut words: Vec<OsString> = Vec::new();
        let mut say = |word: &dyn AsRef<OsStr>| words.push(word.as_ref().to_owned());
        let store = match &config.models {
            ModelSource::Dir(path) if store::is_store(path) => Some(path),
            _ => None,
        };
        match (self, &config.record) {
            (Kind::Http, _) => say(&"http"),
            (Kind::Recorder, folder) => {
                say(&"record");
                folder.iter().for_each(|folder| say(folder));
                if config.audit_local {
                    ["--audit-local", "allow"].iter().for_each(|word| say(word));
                }
            }
            (Kind::Pilot, _) => say(&"pilot"),
        }
        if let Some(store) = store.filter(|_| self != Kind::Http) {
            say(&"--store");
            say(store);
        }
        words
    }

    /// Why the daemon ends with a child that never was ready.
    fn failure(self, status: ExitStatus) -> ServeError {
        let (code, status) = (status.code(), status.to_string());
        let companion = |flag| {
            let (what, status) = (self.name(), status.clone());
            ServeError::Companion { what, flag, status, code }
        };
        match self {
            Kind::Http => ServeError::Sidecar { status, code },
            Kind::Recorder => companion("--record"),
            Kind::Pilot => companion("--pilot"),
        }
    }
}

/// A supervised child; ended when dropped.
#[derive(Debug)]
pub(super) struct Sidecar {
    current: Current,
    thread: Option<thread::JoinHandle<()>>,
}

impl Sidecar {
    /// Starts the child and the thread that watches it.
    pub(super) fn start(
        kind: Kind,
        config: &ServeConfig,
        socket: &Path,
        events: &Sender<Event>,
        over: &Over,
    ) -> io::Result<Sidecar> {
        let program = std::env::current_exe()?;
        let (listen, socket) = (config.listen, socket.to_owned());
        let (words, log_level) = (kind.words(config), config.log_level.name());
        let spawn = move |listen: SocketAddr| {
            let mut command = Command::new(&program);
            command.arg("--socket").arg(&socket).args(&words);
            if kind == Kind::Http {
                command.args(["--listen", &listen.to_string()]);
            }
            command
                .args(["--supervised", "--log-level", log_level])
                // The flags say everything; a file that this process did not read says nothing.
                .env_remove("FACTORD_CONFIG")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
        };
        let current = Arc::new(Mutex::new(Some(spawn(listen)?)));
        let (shared, events) = (Arc::clone(&current), events.clone());
        let over = Arc::clone(over);
        let thread = thread::Builder::new()
            .name("factord-sidecar".to_owned())
            .spawn(move || watch(kind, &shared, listen, &spawn, (&events, &over)))?;
        Ok(Sidecar { current, thread: Some(thread) })
    }

    /// The child that runs now.
    pub(super) fn current(&self) -> Current {
        Arc::clone(&self.current)
    }
}

/// Kills the child, however its watcher fares.
pub(super) fn kill(current: &Current) {
    // Held for no longer than a child takes to start; a watcher that hangs with it is left alone.
    if let Ok(mut slot) = current.try_lock()
        && let Some(child) = slot.as_mut()
    {
        // It may have ended by itself.
        let _ = child.kill();
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let child = lock(&self.current).take();
        if let Some(mut child) = child {
            // The end of its stdin tells it to finish what it does.
            drop(child.stdin.take());
            if !ends_within(&mut child, GRACE) {
                // It may have ended between the two calls.
                let _ = child.kill();
                let _ = child.wait();
            }
        }
        if let Some(thread) = self.thread.take() {
            // The watcher has nothing to report any more.
            let _ = thread.join();
        }
    }
}

fn lock(current: &Current) -> std::sync::MutexGuard<'_, Option<Child>> {
    current.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ends_within(child: &mut Child, patience: Duration) -> bool {
    let end = Instant::now() + patience;
    while Instant::now() < end {
        if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
            return true;
        }
        thread::sleep(Duration::from_millis(5));
    }
    false
}

/// Reads what the child says until it ends, then starts the next one.
fn watch(
    kind: Kind,
    current: &Current,
    mut listen: SocketAddr,
    spawn: &dyn Fn(SocketAddr) -> io::Result<Child>,
    (events, over): (&Sender<Event>, &Over),
) {
    let (what, mut was_ready) = (kind.name(), false);
    // The event loop: each round is one child's life.
    loop {
        let started = Instant::now();
        let stdout = lock(current).as_mut().and_then(|child| child.stdout.take());
        let on_ready = |url: String| {
            // Port 0 was any free one; from now on it is this one.
            if let Some(bound) = url.strip_prefix("http://").and_then(|a| a.parse().ok()) {
                listen = bound;
            }
            if !std::mem::replace(&mut was_ready, true) && kind == Kind::Http {
                let _ = events.send(Event::HttpReady(url));
            }
        };
        if let Some(stdout) = stdout
            && listen_to(stdout, on_ready) == Ending::Silent
            && let Some(child) = lock(current).as_mut()
        {
            warn!("{what} gives no sign of life: ending it");
            // It may have ended by itself meanwhile.
            let _ = child.kill();
        }
        let Some(status) = wait(current) else { return };
        if !was_ready {
            let _ = events.send(Event::ChildFailed(kind.failure(status)));
            return;
        }
        if over.get().is_some() {
            return;
        }
        warn!("{what} ended ({status}): starting it again");
        if started.elapsed() < SHORT_LIFE {
            thread::sleep(PAUSE);
        }
        let mut slot = lock(current);
        if slot.is_none() || over.get().is_some() {
            return;
        }
        match spawn(listen) {
            Ok(child) => *slot = Some(child),
            Err(error) => {
                warn!("{what} cannot be started: {error}");
                drop(slot);
                thread::sleep(PAUSE);
            }
        }
    }
}

/// Why nothing more is read from a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// It closed its output, as it does when it ends.
    Closed,
    /// No sign of life came for too long.
    Silent,
}

/// Reads a child's signs of life until they end; its first line goes to `on_ready`.
fn listen_to(mut stdout: ChildStdout, on_ready: impl FnOnce(String)) -> Ending {
    let mut on_ready = Some(on_ready);
    let mut line = Vec::new();
    let mut silent_looks = 0;
    loop {
        let looks_max = if on_ready.is_some() { STARTING_LOOKS_MAX } else { SILENT_LOOKS_MAX };
        if silent_looks >= looks_max {
            return Ending::Silent;
        }
        silent_looks += 1;
        let mut bytes = [0; 64];
        let len = match socket::wait_readable(stdout.as_fd(), LOOK) {
            Ok(false) => continue,
            Ok(true) => stdout.read(&mut bytes),
            Err(error) => Err(error),
        };
        match len {
            Ok(0) | Err(_) => return Ending::Closed,
            Ok(_) if on_ready.is_none() => silent_looks = 0,
            Ok(len) => line.extend_from_slice(&bytes[..len]),
        }
        if let Some(end) = line.iter().position(|byte| *byte == b'\n') {
            // An empty one is a sign of life alone.
            if end > 0
                && let Some(on_ready) = on_ready.take()
                && let Ok(Ready { ready }) = serde_json::from_slice(&line[..end])
            {
                on_ready(ready);
            }
            (silent_looks, line) = (0, Vec::new());
        } else if line.len() > READY_LEN_MAX {
            return Ending::Silent;
        }
    }
}

/// Waits for the child's end; `None` when it must not be started again.
fn wait(current: &Current) -> Option<ExitStatus> {
    // Ends with the child, or when the daemon takes it out to stop it.
    loop {
        {
            let mut slot = lock(current);
            if let Ok(Some(status)) = slot.as_mut()?.try_wait() {
                return Some(status);
            }
        }
        thread::sleep(Duration::from_millis(20));
    }
}
