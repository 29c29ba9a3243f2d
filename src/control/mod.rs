//! The control thread: attach, death of clients, reload, heartbeat. It never touches a ring's
//! slots.
//!
//! One epoll loop with a tick of 10 ms, which is looked for between any two pieces of work. It
//! waits for nothing else: models are read by the loader, lines are written by the log's own
//! thread. Every connection that has not got a channel yet has a deadline; every channel is charged
//! to its user until the worker has given its lane back.

mod attach;
mod claims;
pub mod listener;
mod loader;
mod peer;
mod quota;
mod reload;
mod roster;
mod tick;

pub use loader::{Loaded, Loader};
pub use quota::Limits;
pub use roster::{Outlets, ReloadError, Roster};

use crate::abi::{self, status_region as at};
use crate::channel::{HANDSHAKE_DEADLINE, MESSAGE_LEN, Message, Refusal, Verb};
use crate::counters::set;
use crate::sync::AtomicU64;
use crate::sys::epoll::{Epoll, Interest, Ready};
use crate::sys::{clock, sched, socket};
use crossbeam::channel::Receiver;
use peer::{Peer, Phase};
use quota::Quota;
use reload::Reloads;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;
use tracing::{info, warn};

/// Time between two heartbeats.
const TICK: Duration = Duration::from_millis(10);
/// Connections at once, of all users.
// 1,024: three times the default quota of one user; each takes two descriptors at most.
const CONNECTION_COUNT_MAX: usize = 1024;
/// The listener's key; connections get even keys from 2 on, their processes the odd one after.
const LISTENER: u64 = 0;
/// The loader's key.
const LOADER: u64 = 1;

/// What the rest of the daemon asks of the control thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Read the models again.
    Reload,
    /// Close every connection and end.
    Stop,
}

/// What the control thread is made of.
pub struct Parts {
    /// The listening control socket.
    pub listener: OwnedFd,
    /// Orders from the main thread.
    pub orders: Receiver<Order>,
    /// The STATUS region, for those who only read it.
    pub status: OwnedFd,
    /// The MODELS region, likewise.
    pub models: OwnedFd,
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
    /// Users that may attach.
    pub allow_uids: Vec<u32>,
    /// The daemon's epoch.
    pub epoch: u64,
}

/// The control thread's state.
pub struct Control {
    parts: Parts,
    epoll: Epoll,
    peers: HashMap<u64, Peer>,
    next_key: u64,
    quota: Quota,
    seen_turns: Vec<u64>,
    /// Lanes of each worker.
    lane_counts: Vec<usize>,
    channel_count: u64,
    lock_refused: bool,
    reloads: Reloads,
    next_tick_ns: u64,
    stopping: bool,
    /// Ticks since the start.
    tick_count: u64,
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
        let quota = Quota::new(parts.limits);
        let worker_count = parts.outlets.workers.len();
        Ok(Control {
            parts,
            epoll,
            peers: HashMap::new(),
            next_key: 2,
            quota,
            seen_turns: vec![0; worker_count],
            lane_counts: vec![0; worker_count],
            channel_count: 0,
            lock_refused: false,
            reloads: Reloads::default(),
            next_tick_ns: 0,
            stopping: false,
            tick_count: 0,
            spare,
        })
    }

    /// Runs until told to stop.
    ///
    /// # Errors
    ///
    /// The system's error when epoll fails, which ends the daemon.
    pub fn run(mut self) -> io::Result<()> {
        // On two CPUs this thread shares one with clients that spin. Where the system refuses, it
        // waits for the ends of their slices, some milliseconds each.
        let _ = sched::ask_for_short_slices();
        let mut ready = Vec::new();
        // The event loop.
        while !self.tick_when_due() {
            let pause_ns = self.next_tick_ns.saturating_sub(clock::monotonic_ns());
            ready.clear();
            self.epoll.wait(Some(Duration::from_nanos(pause_ns)), &mut ready)?;
            for event in &ready {
                self.serve(event);
                if self.tick_when_due() {
                    break;
                }
            }
        }
        self.give_up_loads();
        Ok(())
    }

    fn serve(&mut self, event: &Ready) {
        match event.key {
            LISTENER => self.accept(),
            LOADER => self.take_loaded(),
            // The client's process ended.
            key if !key.is_multiple_of(2) => self.part(key - 1),
            key if event.readable => self.receive(key),
            key if event.gone => self.part(key),
            _ => {}
        }
    }

    fn accept(&mut self) {
        loop {
            match socket::accept(self.parts.listener.as_fd()) {
                Ok(Some(socket)) => self.welcome(socket),
                Ok(None) => return,
                Err(error) => {
                    warn!("cannot accept a client: {error}");
                    // Turns the first in line away, so that the others' deadlines can pass.
                    self.spare = None;
                    if let Ok(Some(socket)) = socket::accept(self.parts.listener.as_fd()) {
                        self.turn_away(socket.as_fd());
                    }
                    self.spare = self.parts.listener.try_clone().ok();
                    return;
                }
            }
        }
    }

    fn welcome(&mut self, socket: OwnedFd) {
        if self.peers.len() >= CONNECTION_COUNT_MAX {
            return self.turn_away(socket.as_fd());
        }
        let Ok(identity) = socket::peer(socket.as_fd()) else { return };
        let key = self.next_key;
        self.next_key += 2;
        if self.epoll.add(socket.as_fd(), key, Interest::Read).is_err() {
            return;
        }
        self.peers.insert(
            key,
            Peer {
                socket: Some(socket),
                identity,
                phase: Phase::Fresh,
                deadline_ns: deadline(),
                charged_len: None,
                name: String::new(),
            },
        );
    }

    fn receive(&mut self, key: u64) {
        let Some(peer) = self.peers.get(&key) else { return };
        let Some(socket) = &peer.socket else { return };
        let mut buffer = [0; MESSAGE_LEN];
        let received = match socket::receive(socket.as_fd(), &mut buffer) {
            Ok(received) if received.len > 0 => received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            _ => return self.part(key),
        };
        let allowed = self.parts.allow_uids.contains(&peer.identity.uid);
        // The daemon made everything itself: whoever sends a descriptor speaks another protocol.
        let sound = !received.truncated && received.descriptors.is_empty();
        let message = Message::decode(&buffer[..received.len]).filter(|_| sound);
        let refusal = match (&peer.phase, message) {
            _ if !allowed => Refusal::NotAllowed { uid: peer.identity.uid.into() },
            (Phase::Fresh, Some(Message::Hello { abi, .. } | Message::Command { abi, .. }))
                if abi >> 16 != abi::ABI_WORD >> 16 =>
            {
                Refusal::Abi
            }
            (Phase::Fresh, Some(Message::Hello { feature_count, slot_count, nonce, name, .. })) => {
                match self.greet(key, feature_count, slot_count, nonce, &name) {
                    Ok(()) => return,
                    Err(refusal) => refusal,
                }
            }
            (Phase::Fresh, Some(Message::Command { verb, argument, .. })) => {
                return self.command(key, verb, argument);
            }
            (Phase::Mapping { .. }, Some(Message::Mapped)) => match self.mapped(key) {
                Ok(()) => return,
                Err(refusal) => refusal,
            },
            _ => Refusal::NotAHello,
        };
        self.refuse(key, refusal);
    }

    fn refuse(&mut self, key: u64, refusal: Refusal) {
        if let Some(peer) = self.peers.get(&key) {
            info!("refused process {} of user {}: {refusal}", peer.identity.pid, peer.identity.uid);
            if let Some(socket) = &peer.socket {
                self.refuse_on(socket.as_fd(), refusal);
            }
        }
        self.part(key);
    }

    /// Refuses a client that there is no room for.
    fn turn_away(&self, socket: BorrowedFd<'_>) {
        // NB: closing with the greeting unread would reset the connection before the refusal is
        // read at the other end.
        let _ = socket::receive(socket, &mut [0; MESSAGE_LEN]);
        self.refuse_on(socket, Refusal::Busy);
    }

    fn refuse_on(&self, socket: BorrowedFd<'_>, refusal: Refusal) {
        self.parts.outlets.status.count(at::REFUSED_TOTAL);
        let message = Message::Refused { abi: abi::ABI_WORD, refusal };
        // The client may be gone already; then there is nobody to tell.
        let _ = socket::send(socket, &message.encode(), &[]);
    }

    fn command(&mut self, key: u64, verb: u64, argument: u64) {
        let (code, bytes) = match Verb::from_code(verb) {
            Some(Verb::Reload) => return self.ask_for_models(Some(key)),
            Some(Verb::Artifact) => match self.parts.roster.artifact(argument) {
                Some(bytes) => (0, bytes.to_vec()),
                None => (2, format!("no model has id {argument}").into_bytes()),
            },
            None => (3, format!("this daemon knows no verb {verb}").into_bytes()),
        };
        self.reply(key, code, &bytes);
    }

    /// Closes a connection. A channel goes on until the worker has given its lane back.
    fn part(&mut self, key: u64) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        peer.socket = None;
        if let Phase::Serving { worker, claims, .. } = &mut peer.phase {
            claims.count(&self.parts.outlets.status, clock::monotonic_ns());
            let worker = *worker;
            peer.phase = Phase::Leaving { worker };
            self.parts.outlets.workers[worker].1.detach(key);
            return;
        }
        if !matches!(peer.phase, Phase::Leaving { .. })
            && let Some(peer) = self.peers.remove(&key)
            && let Some(len) = peer.charged_len
        {
            self.quota.release(peer.identity.uid, len);
        }
    }

    /// Frees what is left of a channel whose lane the worker gave back.
    fn free(&mut self, key: u64, broken: bool) {
        let Some(mut peer) = self.peers.remove(&key) else { return };
        if let Phase::Serving { claims, .. } = &mut peer.phase {
            claims.count(&self.parts.outlets.status, clock::monotonic_ns());
        }
        let identity = peer.identity;
        if let Some(len) = peer.charged_len {
            self.quota.release(identity.uid, len);
        }
        if broken {
            warn!("detached `{}`, process {}: it broke the ring protocol", peer.name, identity.pid);
        } else {
            info!("freed `{}`, process {}", peer.name, identity.pid);
        }
        if let Phase::Serving { worker, .. } | Phase::Leaving { worker } = peer.phase {
            self.lane_counts[worker] -= 1;
        }
        self.channel_count -= 1;
        let status = &self.parts.outlets.status;
        status.count(at::FREED_TOTAL);
        set(status.word(at::CHANNEL_COUNT), self.channel_count);
    }
}

/// When a connection must have said its next word.
fn deadline() -> u64 {
    clock::monotonic_ns() + HANDSHAKE_DEADLINE.as_nanos() as u64
}
