//! The HTTP sidecar as a child: started, watched, started again.
//!
//! The child ends on the end of its stdin, which is a pipe that only this process holds: an engine
//! killed by SIGKILL leaves no orphan on the port. Its first line on stdout says where it listens.

use super::{Event, ServeError};
use crate::config::ServeConfig;
use crossbeam::channel::Sender;
use serde::Deserialize;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tracing::warn;

/// A child that ended sooner after its start than this is started again only after a pause.
const SHORT_LIFE: Duration = Duration::from_secs(1);
/// That pause: an operator notices a second, a port that is taken needs time.
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Deserialize)]
struct Ready {
    ready: String,
}

/// The child that runs now; `None` once it must not be started again.
type Current = Arc<Mutex<Option<Child>>>;

/// The supervised sidecar; ended when dropped.
#[derive(Debug)]
pub(super) struct Sidecar {
    current: Current,
    thread: Option<thread::JoinHandle<()>>,
}

impl Sidecar {
    /// Starts the child and the thread that watches it.
    pub(super) fn start(
        config: &ServeConfig,
        socket: &Path,
        events: &Sender<Event>,
    ) -> io::Result<Sidecar> {
        let program = std::env::current_exe()?;
        let (listen, socket) = (config.listen, socket.to_owned());
        let log_level = config.log_level.name();
        let spawn = move |listen: SocketAddr| {
            Command::new(&program)
                .arg("--socket")
                .arg(&socket)
                .args(["http", "--supervised", "--listen", &listen.to_string()])
                .args(["--log-level", log_level])
                // The flags say everything; a file that this process did not read says nothing.
                .env_remove("FACTORD_CONFIG")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
        };
        let current = Arc::new(Mutex::new(Some(spawn(listen)?)));
        let (shared, events) = (Arc::clone(&current), events.clone());
        let thread = thread::Builder::new()
            .name("factord-sidecar".to_owned())
            .spawn(move || watch(&shared, listen, &spawn, &events))?;
        Ok(Sidecar { current, thread: Some(thread) })
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let child = lock(&self.current).take();
        if let Some(mut child) = child {
            // The end of its stdin tells it to finish what it does.
            drop(child.stdin.take());
            if !ends_within(&mut child, Duration::from_secs(2)) {
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
    current: &Current,
    mut listen: SocketAddr,
    spawn: &dyn Fn(SocketAddr) -> io::Result<Child>,
    events: &Sender<Event>,
) {
    let mut was_ready = false;
    // The event loop: each round is one child's life.
    loop {
        let started = Instant::now();
        let stdout = lock(current).as_mut().and_then(|child| child.stdout.take());
        if let Some(url) = stdout.and_then(read_ready) {
            // Port 0 was any free one; from now on it is this one.
            if let Some(bound) = url.strip_prefix("http://").and_then(|a| a.parse().ok()) {
                listen = bound;
            }
            if !was_ready {
                was_ready = true;
                let _ = events.send(Event::HttpReady(url));
            }
        }
        let Some(status) = wait(current) else { return };
        if !was_ready {
            let code = status.code();
            let error = ServeError::Sidecar { status: status.to_string(), code };
            let _ = events.send(Event::HttpFailed(error));
            return;
        }
        warn!("the HTTP sidecar ended ({status}): starting it again");
        if started.elapsed() < SHORT_LIFE {
            thread::sleep(PAUSE);
        }
        let mut slot = lock(current);
        if slot.is_none() {
            return;
        }
        match spawn(listen) {
            Ok(child) => *slot = Some(child),
            Err(error) => {
                warn!("the HTTP sidecar cannot be started: {error}");
                drop(slot);
                thread::sleep(PAUSE);
            }
        }
    }
}

/// Reads the line that says where the child listens; `None` when it ended before.
fn read_ready(stdout: std::process::ChildStdout) -> Option<String> {
    let mut line = String::new();
    let mut reader = BufReader::new(stdout);
    reader.read_line(&mut line).ok()?;
    let ready: Ready = serde_json::from_str(&line).ok()?;
    Some(ready.ready)
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
