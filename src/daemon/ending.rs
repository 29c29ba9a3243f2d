//! The end of the daemon: signals, and the last resort when a thread does not get to its end.
//!
//! The usual end takes milliseconds. A thread that hangs, in a disk or in a debugger, must not keep
//! the process: what others would stumble over is removed then, and the process ends at once.

use super::Event;
use super::sidecar::{Over, Sidecar};
use crate::control::listener::{Listener, Place};
use crate::log;
use crate::sys::process;
use crossbeam::channel::Sender;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tracing::error;

/// How long the usual end may take. An operator is promised two seconds.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How long the last resort may take, should the file system hang as well.
const CLEAN_UP_LIMIT: Duration = Duration::from_millis(100);
/// EX_SOFTWARE: a thread that does not end is a mistake somewhere.
const EXIT_CODE: i32 = 70;

/// What must not stay behind, whatever happens.
#[derive(Debug, Default)]
pub(super) struct Ending {
    socket: OnceLock<Place>,
    children: Mutex<Vec<super::sidecar::Current>>,
    armed: Over,
}

impl Ending {
    /// Remembers the socket's path.
    pub(super) fn will_remove(&self, listener: &Listener) {
        if let Some(place) = listener.place() {
            self.socket.get_or_init(|| place);
        }
    }

    /// Remembers a child.
    pub(super) fn will_kill(&self, child: &Sidecar) {
        self.children.lock().unwrap_or_else(PoisonError::into_inner).push(child.current());
    }

    /// Is set when the end begins.
    pub(super) fn over(&self) -> Over {
        Arc::clone(&self.armed)
    }

    /// Ends the process 1.5 s from now, unless it has ended by then.
    pub(super) fn arm(self: &Arc<Self>) {
        if self.armed.set(()).is_err() {
            return;
        }
        let ending = Arc::clone(self);
        let wait = move || {
            thread::sleep(PATIENCE);
            ending.end_now();
        };
        if let Err(error) = thread::Builder::new().name("factord-ending".to_owned()).spawn(wait) {
            error!("nothing limits the time that stopping takes: {error}");
        }
    }

    fn end_now(self: Arc<Self>) {
        error!("stopping took longer than {} ms: ended at once", PATIENCE.as_millis());
        let end = Instant::now() + CLEAN_UP_LIMIT;
        let cleaner = thread::spawn(move || {
            if let Some(place) = self.socket.get() {
                place.remove();
            }
            let children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
            children.iter().for_each(super::sidecar::kill);
        });
        while !cleaner.is_finished() && Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
        log::flush();
        process::end_now(EXIT_CODE);
    }
}

/// Forwards the signals that concern the daemon.
pub(super) fn watch_signals(events: &Sender<Event>, ending: &Arc<Ending>) -> io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let (events, ending) = (events.clone(), Arc::clone(ending));
    thread::Builder::new().name("factord-signal".to_owned()).spawn(move || {
        for signal in signals.forever() {
            if signal != SIGHUP {
                // The main thread may hang as well.
                ending.arm();
            }
            if events.send(Event::Signal(signal)).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}
