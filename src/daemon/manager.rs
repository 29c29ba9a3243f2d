//! The service manager: the notifications that it gets.

use super::engine::Engine;
use std::io::{self, ErrorKind};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};
use tracing::warn;

/// Pause before notifying a manager again whose queue was full.
const PAUSE: Duration = Duration::from_millis(100);
/// A control thread that has not moved for this long is given up; a worker needs to move in each
/// half of the watchdog's interval.
const CONTROL_PATIENCE: Duration = Duration::from_secs(10);

/// The service manager, if there is one. A notification never waits: when the manager's queue is
/// full, it is sent again later.
#[derive(Debug)]
pub(super) struct Manager {
    socket: Option<UnixDatagram>,
    untold: Vec<&'static str>,
}

impl Manager {
    /// Looks for it in NOTIFY_SOCKET.
    pub(super) fn find() -> Manager {
        let socket = match connect() {
            Ok(socket) => socket,
            Err(error) => {
                warn!("the service manager cannot be notified: {error}");
                None
            }
        };
        Manager { socket, untold: Vec::new() }
    }

    /// Tells it a state.
    pub(super) fn tell(&mut self, state: &'static str) {
        if self.socket.is_some() && !self.untold.contains(&state) {
            self.untold.push(state);
        }
        self.tell_all();
    }

    /// Tells what it had no room for; when to try again.
    pub(super) fn try_again(&mut self, now: Instant) -> Option<Instant> {
        self.tell_all();
        (!self.untold.is_empty()).then(|| now + PAUSE)
    }

    fn tell_all(&mut self) {
        let Some(socket) = &self.socket else { return };
        while let Some(state) = self.untold.first() {
            match socket.send(state.as_bytes()) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => warn!("the service manager was not notified of {state}: {error}"),
                Ok(_) => {}
            }
            self.untold.remove(0);
        }
    }
}

/// A way to the manager of NOTIFY_SOCKET, if there is one; nothing sent over it waits.
pub(super) fn connect() -> io::Result<Option<UnixDatagram>> {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(abstract_name) => SocketAddr::from_abstract_name(abstract_name)?,
        None => SocketAddr::from_pathname(&name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(&address)?;
    Ok(Some(socket))
}

/// Whether the threads move, looked at twice in each interval of the manager's watchdog, as
/// sd_watchdog_enabled(3) recommends.
#[derive(Debug)]
pub(super) struct Watchdog {
    pause: Duration,
    due: Instant,
    turns: Vec<u64>,
    pulse: u64,
    pulse_seen: Instant,
}

impl Watchdog {
    /// The watchdog that the manager asks for, if it does.
    pub(super) fn asked_for(engine: &Engine) -> Option<Watchdog> {
        let pause = sd_notify::watchdog_enabled()? / 2;
        let now = Instant::now();
        let (turns, pulse) = (engine.turns(), engine.pulse());
        Some(Watchdog { pause, due: now + pause, turns, pulse, pulse_seen: now })
    }

    /// When to look next.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// Looks; whether every worker has moved since the last time, and the control thread lately.
    pub(super) fn look(&mut self, engine: &Engine, now: Instant) -> bool {
        self.due = now + self.pause;
        let turns = engine.turns();
        let moved = turns.iter().zip(&self.turns).all(|(now, before)| now != before);
        self.turns = turns;
        let pulse = engine.pulse();
        if pulse != self.pulse {
            (self.pulse, self.pulse_seen) = (pulse, now);
        }
        moved && now.duration_since(self.pulse_seen) < CONTROL_PATIENCE
    }
}
