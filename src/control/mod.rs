//! The control thread: attach, death of clients, reload, heartbeat. It never touches a ring's
//! slots.
//!
//! One epoll loop with a tick of 10 ms, which is looked for between any two pieces of work. It
//! waits for nothing else: models are read by the loader, lines are written by the log's own
//! thread. Every connection without a channel has a deadline; every channel is charged to its user
//! until nobody holds its rings.

mod accounts;
mod admission;
mod adopt;
mod attach;
mod change;
mod channel_rows;
mod claims;
mod complaints;
mod connection;
mod entry;
mod keeper;
pub mod listener;
mod loader;
mod outlets;
mod places;
mod quota;
mod ready;
mod reload;
mod rights;
mod roster;
mod tick;
mod turns;
mod verbs;
mod version_files;

pub use channel_rows::ChannelRows;
pub use keeper::{Keeper, KeptChannel};
pub use loader::{Ask, Loaded, Loader};
pub use outlets::{Outlets, Station};
pub use quota::Limits;
pub use ready::ReadyModel;
pub use rights::Rights;
pub use roster::{CostLimit, ReloadError, Roster};

use crate::sys::epoll::{Epoll, Interest, Ready};
use accounts::Accounts;
use admission::Lingering;
use complaints::Complaints;
use connection::{Connection, Phase};
use crossbeam::channel::Receiver;
use factord_core::abi::{self, status_region as at};
use factord_core::channel::{HANDSHAKE_DEADLINE, Hello, MESSAGE_LEN, Message, Refusal, Verb};
use factord_core::sync::AtomicU64;
use factord_core::sys::{clock, sched, socket};
use places::{PlaceLimits, Places};
use quota::Quota;
use reload::Reloads;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;
use tracing::{info, warn};
use turns::Turns;
use version_files::VersionFiles;

/// Time between two heartbeats.
const TICK: Duration = Duration::from_millis(10);
/// Between two looks whether the workers have adopted their rows.
// 100 us: a worker takes them between two turns, within microseconds.
const SETTLE_PAUSE_NS: u64 = 100_000;
/// How long messages are read before the listener has its turn again.
const TURNS_NS: u64 = 5_000_000;
/// The listener's key; connections get even keys from 2 on, their processes the odd one after.
const LISTENER: u64 = 0;
/// The loader's key.
const LOADER: u64 = 1;
/// The key of the ends of rings.
const RINGS: u64 = u64::MAX;

/// What the rest of the daemon asks of the control thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directive {
    /// Read the models again.
    Reload,
    /// Close every connection and end.
    Stop,
}

/// What the control thread is made of.
pub struct Parts {
    /// The listening control socket.
    pub listener: OwnedFd,
    /// What the main thread asks for.
    pub directives: Receiver<Directive>,
    /// The STATUS region, for those who only read it.
    pub status: OwnedFd,
    /// The MODELS region, as above.
    pub models: OwnedFd,
    /// The CHANNELS region, as above.
    pub channels: OwnedFd,
    /// The workers' taps, as above; none where they are off.
    pub taps: Vec<OwnedFd>,
    /// What CHANNELS shows.
    pub rows: ChannelRows,
    /// What CHANNELS showed of the engine before: its clients' names.
    pub names_before: HashMap<u64, String>,
    /// Where channels are kept for the next engine.
    pub keeper: Keeper,
    /// Where models go.
    pub outlets: Outlets,
    /// Models that are being served.
    pub roster: Roster,
    /// Who reads models.
    pub loader: Loader,
    /// Moves as long as the control thread does.
    pub pulse: Arc<AtomicU64>,
    /// Limits for each user.
    pub limits: Limits,
    /// Who may do what.
    pub rights: Rights,
    /// The daemon's epoch.
    pub epoch: u64,
}

/// The control thread's state.
pub struct Control {
    parts: Parts,
    epoll: Epoll,
    connections: HashMap<u64, Connection>,
    next_key: u64,
    accounts: Accounts,
    places: Places,
    turns: Turns,
    lingering: Lingering,
    complaints: Complaints,
    seen_turns: Vec<u64>,
    /// Lanes of each worker.
    lane_counts: Vec<usize>,
    channel_count: u64,
    lock_refused: bool,
    reloads: Reloads,
    artifact_files: VersionFiles,
    image_files: VersionFiles,
    next_tick_ns: u64,
    stopping: bool,
    /// Ticks since the start.
    tick_count: u64,
    /// The tick until which the system's refusals are not written again.
    quiet_until_tick: u64,
    /// Given up for a moment to accept and turn away a client when descriptors have run out.
    spare: Option<OwnedFd>,
}

impl Control {
    /// Prepares the loop.
    ///
    /// # Errors
    ///
    /// The system's error when no epoll can be made.
    pub fn new(parts: Parts) -> io::Result<Control> {
        let epoll = Epoll::new()?;
        epoll.add(parts.listener.as_fd(), LISTENER, Interest::Read)?;
        epoll.add(parts.loader.fd(), LOADER, Interest::Read)?;
        let spare = parts.listener.try_clone().ok();
        let accounts = Accounts::new(Quota::new(parts.limits));
        if let Some(ends) = accounts.fd() {
            epoll.add(ends, RINGS, Interest::Read)?;
        }
        let worker_count = parts.outlets.stations.len();
        Ok(Control {
            parts,
            epoll,
            connections: HashMap::new(),
            next_key: 2,
            accounts,
            places: Places::new(PlaceLimits::within(sched::descriptor_limit())),
            turns: Turns::default(),
            lingering: Lingering::default(),
            complaints: Complaints::default(),
            seen_turns: vec![0; worker_count],
            lane_counts: vec![0; worker_count],
            channel_count: 0,
            lock_refused: false,
            reloads: Reloads::default(),
            artifact_files: VersionFiles::default(),
            image_files: VersionFiles::default(),
            next_tick_ns: 0,
            stopping: false,
            tick_count: 0,
            quiet_until_tick: 0,
            spare,
        })
    }

    /// Takes the kept channels over, and runs until asked to stop.
    ///
    /// # Errors
    ///
    /// The system's error when epoll fails, which ends the daemon.
    pub fn run(mut self, kept: Vec<KeptChannel>) -> io::Result<()> {
        // On two CPUs this thread shares one with clients that spin. Where the system refuses, it
        // waits for the ends of their slices, some milliseconds each.
        let _ = sched::ask_for_short_slices();
        self.adopt_channels(kept);
        // What the engine was started with.
        self.parts.loader.ask(Ask::Served);
        let mut ready = Vec::new();
        // The event loop.
        while !self.tick_when_due() {
            let pause_ns = self.next_tick_ns.saturating_sub(clock::monotonic_ns());
            let pause_ns = match (self.turns.is_anybody_waiting(), self.parts.outlets.is_busy()) {
                (true, _) => 0,
                (false, true) => pause_ns.min(SETTLE_PAUSE_NS),
                (false, false) => pause_ns,
            };
            ready.clear();
            self.epoll.wait(Some(Duration::from_nanos(pause_ns)), &mut ready)?;
            for event in &ready {
                self.serve(event)?;
                if self.tick_when_due() {
                    break;
                }
            }
            self.take_turns();
            self.settle_load();
        }
        self.give_up_loads();
        Ok(())
    }

    fn serve(&mut self, event: &Ready) -> io::Result<()> {
        match event.key {
            LISTENER if event.gone => {
                return Err(io::Error::other(
                    "another process that holds the control socket shut it \
                    down",
                ));
            }
            LISTENER => self.accept(),
            LOADER => self.take_loaded(),
            RINGS => self.accounts.take_ended(),
            // The client's process ended.
            key if !key.is_multiple_of(2) => self.part(key - 1),
            key if event.gone => self.part(key),
            key => self.queue(key),
        }
        Ok(())
    }

    /// Puts a connection that has something to read in line.
    fn queue(&mut self, key: u64) {
        if let Some(connection) = self.connections.get_mut(&key)
            && !connection.is_waiting
        {
            connection.is_waiting = true;
            self.turns.wait(connection.credentials.uid, key);
        }
    }

    /// Reads messages for some time, each of the user who has had the least of it.
    fn take_turns(&mut self) {
        let start_ns = clock::monotonic_ns();
        let mut now_ns = start_ns;
        while now_ns - start_ns < TURNS_NS
            && let Some((uid, key)) = self.turns.next()
        {
            self.receive(key);
            let end_ns = clock::monotonic_ns();
            self.turns.spend(uid, end_ns - now_ns);
            now_ns = end_ns;
        }
    }

    fn receive(&mut self, key: u64) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        connection.is_waiting = false;
        let Some(socket) = &connection.socket else { return };
        if socket::hung_up(socket.as_fd()) {
            // Nothing is made for somebody who has gone meanwhile.
            return self.part(key);
        }
        let mut buffer = [0; MESSAGE_LEN];
        let received = match socket::receive(socket.as_fd(), &mut buffer) {
            Ok(received) if received.len > 0 => received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            _ => return self.part(key),
        };
        let uid = connection.credentials.uid;
        let mut files = received.descriptors;
        // All else the daemon made itself: whoever sends a descriptor speaks another protocol.
        let takes = |message: &Message| usize::from(verbs::takes_a_file(message));
        let sound = |message: &Message| !received.truncated && files.len() <= takes(message);
        let message = Message::decode(&buffer[..received.len]).filter(sound);
        let refusal = match (&connection.phase, message) {
            (
                Phase::Fresh,
                Some(Message::Hello(Hello { abi, .. }) | Message::Command { abi, .. }),
            ) if abi >> 16 != abi::ABI_WORD >> 16 => Refusal::Abi,
            // Also a MAPPED: its client cannot have mapped what it has not read, and descriptors on
            // their way count against this process.
            (Phase::Fresh | Phase::Mapping { .. }, Some(_))
                if connection.was_sent_descriptors && socket::is_unread(socket.as_fd()) =>
            {
                Refusal::TooMany { used: 1, limit: 1 }
            }
            (Phase::Fresh, Some(Message::Command { verb, .. }))
                if connection.rights & verbs::needed_for(verb) == 0 =>
            {
                Refusal::NotPermitted { uid: uid.into() }
            }
            (Phase::Fresh, Some(Message::Hello(hello))) => match self.greet_or_hold(key, hello) {
                Ok(()) => return,
                Err(refusal) => refusal,
            },
            (Phase::Fresh, Some(Message::Command { verb, argument, name, more, .. })) => {
                return self.command(key, (verb, argument, more), &name, files.pop());
            }
            (Phase::Serving { .. }, Some(Message::Command { verb, argument, .. }))
                if Verb::from_code(verb) == Some(Verb::Image) =>
            {
                return self.reply_with_image(key, argument);
            }
            (Phase::Mapping { .. }, Some(Message::Mapped)) => match self.mapped(key) {
                Ok(()) => return,
                Err(refusal) => refusal,
            },
            _ => Refusal::NotAHello,
        };
        self.refuse(key, refusal);
    }

    /// Closes a connection. A channel goes on until the worker has given its lane back.
    fn part(&mut self, key: u64) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        if let Phase::Serving { worker, claims, .. } = &mut connection.phase {
            connection.socket = None;
            claims.count(&self.parts.outlets.status, clock::monotonic_ns());
            let worker = *worker;
            connection.phase = Phase::Leaving { worker };
            self.parts.outlets.stations[worker].handle.detach(key);
            return;
        }
        if !matches!(connection.phase, Phase::Leaving { .. }) {
            self.leave(key);
        }
    }

    /// Frees what is left of a channel whose lane the worker gave back.
    fn free(&mut self, key: u64, broken: bool) {
        let Some(mut connection) = self.connections.remove(&key) else { return };
        if let Phase::Serving { claims, .. } = &mut connection.phase {
            claims.count(&self.parts.outlets.status, clock::monotonic_ns());
        }
        let credentials = connection.credentials;
        self.accounts.close(key);
        if broken {
            warn!(
                "detached `{}`, process {}: it broke the ring protocol",
                connection.name, credentials.pid
            );
        } else {
            info!("freed `{}`, process {}", connection.name, credentials.pid);
        }
        if let Phase::Serving { worker, .. } | Phase::Leaving { worker } = connection.phase {
            self.lane_counts[worker] -= 1;
        }
        self.channel_count -= 1;
        self.parts.rows.clear(key);
        self.parts.keeper.forget_channel(key);
        self.parts.outlets.status.count(at::FREED_TOTAL);
        self.show_channel_count();
    }
}

/// When a connection must have said its next word.
fn deadline() -> u64 {
    clock::monotonic_ns() + HANDSHAKE_DEADLINE.as_nanos() as u64
}
