//! The guard's signs of life for the process that watches the sidecar, and an end that nothing
//! delays.

use super::limits::{END_DEADLINE, GUARD_PAUSE, SIGN_PAUSE};
use crate::log;
use crate::sys::process;
use factord_core::sync::{AtomicU64, Ordering};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Counts the turns of the guard's loop, while they are good for something.
#[derive(Clone, Debug)]
pub(super) struct Pulse {
    beats: Arc<AtomicU64>,
    /// The longest that the guard may sleep; `None` when nobody watches.
    pub(super) pause_max: Option<Duration>,
}

impl Pulse {
    /// Says that the guard moves.
    pub(super) fn beat(&self) {
        // Relaxed: a single word, complete in itself.
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    /// Starts the thread that gives signs of life while the guard moves: an empty line on standard
    /// output for the daemon whose child this is, a ping for a service manager that wants one.
    pub(super) fn start(supervised: bool) -> io::Result<Pulse> {
        // NB: a child inherits the daemon's variables, but the service manager does not mean it.
        let interval = if supervised { None } else { sd_notify::watchdog_enabled() };
        // Half the interval, as sd_watchdog_enabled(3) recommends.
        let pause = interval.map_or(SIGN_PAUSE, |interval| interval / 2);
        let beats = Arc::new(AtomicU64::new(0));
        if !supervised && interval.is_none() {
            return Ok(Pulse { beats, pause_max: None });
        }
        let seen = Arc::clone(&beats);
        thread::Builder::new().name("http-signs".to_owned()).spawn(move || {
            let mut seen_beats = 0;
            // Ends with the process, or when nobody reads its signs any more.
            loop {
                thread::sleep(pause);
                // Relaxed: a single word, complete in itself.
                let now_beats = seen.load(Ordering::Relaxed);
                if std::mem::replace(&mut seen_beats, now_beats) == now_beats {
                    continue;
                }
                let told = if supervised {
                    let mut out = io::stdout().lock();
                    out.write_all(b"\n").and_then(|()| out.flush())
                } else {
                    sd_notify::notify(&[sd_notify::NotifyState::Watchdog])
                };
                if let Err(error) = told {
                    return tracing::warn!("the signs of life cannot be sent: {error}");
                }
            }
        })?;
        Ok(Pulse { beats, pause_max: Some((pause / 2).min(GUARD_PAUSE)) })
    }
}

/// Passes SIGTERM and SIGINT on to the guard as a byte, and ends the process itself when that has
/// not led to its end in time. A supervised sidecar leaves them to its parent: a terminal and a
/// service manager send them to both.
pub(super) fn watch_signals(supervised: bool, mut stopper: UnixStream) -> io::Result<()> {
    let (mut signals, caught) = UnixStream::pair()?;
    for signal in [SIGTERM, SIGINT] {
        let end = if supervised { UnixStream::pair()?.1 } else { caught.try_clone()? };
        pipe::register(signal, end).map_err(io::Error::other)?;
    }
    thread::Builder::new().name("http-end".to_owned()).spawn(move || {
        // One end stays here, so that only a signal ends the wait.
        let _caught = caught;
        let mut byte = [0];
        while signals.read(&mut byte).is_err() {}
        // A guard that is gone does not need to be stopped.
        let _ = stopper.write(&byte);
        thread::sleep(END_DEADLINE);
        log::flush();
        process::end_now(0);
    })?;
    Ok(())
}
