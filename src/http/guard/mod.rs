//! The front guard: owns the public listener and lets only whole, canonical requests through.
//!
//! One thread and one epoll set serve every connection; nothing here blocks but the wait itself.
//! A request is read against absolute deadlines and hard limits, rebuilt from its parts, and
//! carried over one of a few kept-alive connections to the server behind, which never meets a
//! client. A reply is taken whole before it is written, so that a slow reader holds up nobody
//! but itself. Single predictions are answered without that trip when they can be at once. /health
//! and /metrics have room of their own at every stage.

mod accept;
mod chunks;
mod client;
mod coding;
mod conn;
pub(super) mod head;
pub(super) mod http_reply;
mod link;
mod refusal;
#[cfg(test)]
mod stall_tests;

use super::connection_limits::ConnectionLimits;
use super::direct::Direct;
use super::life::Pulse;
use super::limits::{ANSWER_DEADLINE, HANDLER_COUNT, PUBLIC_IN_FLIGHT_MAX, STOP_DEADLINE};
use super::metrics::Metrics;
use crate::sys::epoll::{Epoll, Interest, Ready};
use crate::sys::hidden::HiddenAddress;
use conn::{Conn, Phase};
use factord_core::sys::socket;
use link::{Errand, Link, LinkError};
use refusal::Refusal;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io::{self, Read};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

const LISTENER_KEY: u64 = 0;
const STOP_KEY: u64 = 1;
const STDIN_KEY: u64 = 2;
const FIRST_KEY: u64 = 16;
// 64 KiB: the largest body but for a batch, in one read.
const SCRATCH_LEN: usize = 64 * 1024;

/// What the guard is made of.
#[derive(Debug)]
pub(super) struct Parts {
    /// The public listener.
    pub(super) listener: TcpListener,
    /// The way to the server behind.
    pub(super) address: HiddenAddress,
    /// Readable when the guard shall end.
    pub(super) stop: UnixStream,
    /// Whether the end of standard input ends the guard too.
    pub(super) supervised: bool,
    /// Connections held at once.
    pub(super) limits: ConnectionLimits,
    /// Where requests are counted.
    pub(super) metrics: Arc<Metrics>,
    /// The guard's own way to predictions.
    pub(super) direct: Direct,
    /// Where the guard says that it moves.
    pub(super) pulse: Pulse,
}

/// The front guard.
#[derive(Debug)]
pub(super) struct Guard {
    epoll: Epoll,
    listener: Option<TcpListener>,
    address: HiddenAddress,
    stop: UnixStream,
    metrics: Arc<Metrics>,
    direct: Direct,
    pulse: Pulse,
    limits: ConnectionLimits,
    conns: HashMap<u64, Conn>,
    links: HashMap<u64, Link>,
    idle_links: Vec<u64>,
    /// When to look after connections and links, soonest first.
    timers: BTreeSet<(Instant, u64)>,
    /// Connections whose next request was read along with the last one: each gets its turn.
    next_up: Vec<u64>,
    /// Connections kept for /health and /metrics, oldest first: keys only grow.
    reserved: BTreeSet<u64>,
    monitor_queue: VecDeque<u64>,
    public_queue: VecDeque<u64>,
    public_in_flight_count: usize,
    batch_count: usize,
    next_key: u64,
    accept_resumes: Option<Instant>,
    stops_by: Option<Instant>,
    scratch: Box<[u8]>,
}

impl Guard {
    /// Starts watching; connections are accepted from [`Guard::run`] on.
    pub(super) fn new(parts: Parts) -> io::Result<Guard> {
        let epoll = Epoll::new()?;
        parts.listener.set_nonblocking(true)?;
        socket::set_no_delay(&parts.listener)?;
        parts.stop.set_nonblocking(true)?;
        epoll.add(&parts.listener, LISTENER_KEY, Interest::Read)?;
        epoll.add(&parts.stop, STOP_KEY, Interest::Read)?;
        if parts.supervised {
            epoll.add(io::stdin(), STDIN_KEY, Interest::Read)?;
        }
        let mut guard = Guard {
            epoll,
            listener: Some(parts.listener),
            address: parts.address,
            stop: parts.stop,
            metrics: parts.metrics,
            direct: parts.direct,
            pulse: parts.pulse,
            limits: parts.limits,
            conns: HashMap::new(),
            links: HashMap::new(),
            idle_links: Vec::new(),
            timers: BTreeSet::new(),
            next_up: Vec::new(),
            reserved: BTreeSet::new(),
            monitor_queue: VecDeque::new(),
            public_queue: VecDeque::new(),
            public_in_flight_count: 0,
            batch_count: 0,
            next_key: FIRST_KEY,
            accept_resumes: None,
            stops_by: None,
            scratch: vec![0; SCRATCH_LEN].into_boxed_slice(),
        };
        for _ in 0..HANDLER_COUNT {
            guard.open_link()?;
        }
        Ok(guard)
    }

    /// Serves until asked to stop, then lets the requests in flight finish.
    pub(super) fn run(&mut self) -> io::Result<()> {
        let mut ready = Vec::new();
        let mut turns = Vec::new();
        // The event loop: ends when stopped and empty, or at the stop's own deadline.
        loop {
            let now = Instant::now();
            if let Some(by) = self.stops_by
                && (self.conns.is_empty() || now >= by)
            {
                return Ok(());
            }
            // With all handlers stuck the sidecar is of no use: whoever watches shall end it.
            if self.links.values().filter(|link| link.overdue).count() < HANDLER_COUNT {
                self.pulse.beat();
            }
            let timeout = self.next_deadline().map(|at| at.saturating_duration_since(now));
            let timeout = timeout.into_iter().chain(self.pulse.pause_max).min();
            let timeout = if self.next_up.is_empty() { timeout } else { Some(Duration::ZERO) };
            self.epoll.wait(timeout, &mut ready)?;
            let now = Instant::now();
            std::mem::swap(&mut turns, &mut self.next_up);
            for event in ready.drain(..) {
                self.on_ready(event, now)?;
            }
            for key in turns.drain(..) {
                self.take_turn(key, now);
            }
            self.expire(now);
            self.resume_accept(now)?;
            self.dispatch(now);
            self.metrics.set_connection_count(self.conns.len());
        }
    }

    fn on_ready(&mut self, event: Ready, now: Instant) -> io::Result<()> {
        match event.key {
            LISTENER_KEY => self.accept(now)?,
            STOP_KEY => {
                let mut byte = [0; 16];
                // Whatever came, and even an end, means stop; the bytes carry nothing.
                let _ = self.stop.read(&mut byte);
                self.begin_stop(now);
            }
            STDIN_KEY => {
                let mut bytes = [0; 256];
                if io::stdin().lock().read(&mut bytes)? == 0 {
                    self.begin_stop(now);
                }
            }
            key if self.links.contains_key(&key) => self.on_link(key, now),
            key if event.gone => self.close(key),
            key => {
                if event.readable {
                    self.read_client(key, now);
                }
                if event.writable {
                    self.write_client(key, now);
                }
            }
        }
        Ok(())
    }

    fn begin_stop(&mut self, now: Instant) {
        if self.stops_by.is_some() {
            return;
        }
        self.stops_by = Some(now + STOP_DEADLINE);
        self.accept_resumes = None;
        self.listener = None;
        let waiting = |conn: &Conn| matches!(conn.phase, Phase::Head | Phase::Linger(_));
        let keys: Vec<u64> =
            self.conns.iter().filter(|(_, conn)| waiting(conn)).map(|(key, _)| *key).collect();
        keys.into_iter().for_each(|key| self.close(key));
    }

    fn next_deadline(&self) -> Option<Instant> {
        let timer = self.timers.first().map(|(at, _)| *at);
        [timer, self.accept_resumes, self.stops_by].into_iter().flatten().min()
    }

    fn expire(&mut self, now: Instant) {
        while let Some(&(at, key)) = self.timers.first()
            && at <= now
        {
            self.timers.pop_first();
            if let Some(link) = self.links.get_mut(&key) {
                // NB: its handler is busy until the reply comes, so the link keeps its place.
                link.overdue = true;
                let waiting = link.errand.as_ref().map(|errand| errand.client);
                self.refuse_waiting(waiting, key, Refusal::Busy, now);
            } else {
                self.expire_client(key, now);
            }
        }
    }

    /// Hands queued requests to idle links: health and metrics first, the rest within its share.
    fn dispatch(&mut self, now: Instant) {
        while let Some(key) = self.idle_link() {
            let Some((client, public)) = self.next_queued() else { return };
            let Some(conn) = self.conns.get_mut(&client) else { continue };
            let phase = std::mem::replace(&mut conn.phase, Phase::Forwarded { link: key });
            let Phase::Queued { request, head } = phase else {
                conn.phase = phase;
                continue;
            };
            let keep_alive = head.keep_alive && !conn.reserved && self.stops_by.is_none();
            let errand = Errand { client, method: head.method, keep_alive, public };
            self.idle_links.pop();
            self.public_in_flight_count += usize::from(public);
            // That of /health and /metrics runs from the whole request, as their promise does.
            let deadline = if public { now + ANSWER_DEADLINE } else { conn.deadline };
            // The link's own deadline comes first; this one is for the client, should it fail.
            self.set_client_deadline(client, now + ANSWER_DEADLINE * 2);
            if let Some(link) = self.links.get_mut(&key) {
                link.start(errand, request, deadline);
                self.timers.insert((deadline, key));
            }
            self.on_link(key, now);
        }
    }

    fn next_queued(&mut self) -> Option<(u64, bool)> {
        if let Some(key) = self.monitor_queue.pop_front() {
            return Some((key, false));
        }
        if self.public_in_flight_count >= PUBLIC_IN_FLIGHT_MAX {
            return None;
        }
        self.public_queue.pop_front().map(|key| (key, true))
    }

    fn idle_link(&mut self) -> Option<u64> {
        if self.idle_links.is_empty() && self.links.len() < HANDLER_COUNT {
            // A failure shows as a request that is refused at its deadline.
            let _ = self.open_link();
        }
        self.idle_links.last().copied()
    }

    fn open_link(&mut self) -> io::Result<()> {
        let link = Link::new(self.address.connect()?);
        let key = self.take_key();
        self.epoll.add(&link.stream, key, Interest::Read)?;
        self.links.insert(key, link);
        self.idle_links.push(key);
        Ok(())
    }

    fn on_link(&mut self, key: u64, now: Instant) {
        let Some(link) = self.links.get_mut(&key) else { return };
        let reply = match link.advance(&mut self.scratch) {
            Ok(Some(reply)) => reply,
            Ok(None) => {
                if link.sync_interest(&self.epoll, key).is_err() {
                    self.drop_link(key, Refusal::NoAnswer, now);
                }
                return;
            }
            Err(error) => {
                self.report_link(&error);
                self.drop_link(key, Refusal::NoAnswer, now);
                return;
            }
        };
        if link.sync_interest(&self.epoll, key).is_err() {
            self.drop_link(key, Refusal::NoAnswer, now);
            return;
        }
        let errand = link.errand.take();
        link.overdue = false;
        self.timers.remove(&(link.deadline, key));
        self.idle_links.push(key);
        if let Some(errand) = errand {
            self.public_in_flight_count -= usize::from(errand.public);
            self.deliver(errand.client, key, reply, errand.keep_alive, now);
        }
    }

    fn report_link(&self, error: &LinkError) {
        tracing::error!("http: {error}");
    }

    /// Gives up a link that broke; whoever waits for its reply gets `refusal`.
    fn drop_link(&mut self, key: u64, refusal: Refusal, now: Instant) {
        let Some(link) = self.links.remove(&key) else { return };
        self.idle_links.retain(|idle| *idle != key);
        self.timers.remove(&(link.deadline, key));
        let Some(errand) = link.errand else { return };
        self.public_in_flight_count -= usize::from(errand.public);
        self.refuse_waiting(Some(errand.client), key, refusal, now);
    }

    /// Refuses a client that still waits for the reply over `link`.
    fn refuse_waiting(&mut self, client: Option<u64>, link: u64, refusal: Refusal, now: Instant) {
        let waits =
            |conn: &Conn| matches!(conn.phase, Phase::Forwarded { link: asked } if asked == link);
        if let Some(client) = client
            && self.conns.get(&client).is_some_and(waits)
        {
            self.refuse(client, refusal, now);
        }
    }

    fn take_key(&mut self) -> u64 {
        let key = self.next_key;
        self.next_key += 1;
        key
    }
}
