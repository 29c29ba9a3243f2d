//! The client: attach to a daemon, then predict through shared memory.
//!
//! After [`Client::attach`] a call makes no system call, takes no lock and allocates nothing while
//! the engine answers; a call that waits checks the socket ten times per second. When the engine
//! dies (its heartbeat stops and its socket hangs up), or hangs up only on this client, the client
//! reattaches with back-off and republishes its unanswered requests; the caller sees an error only
//! after its own deadline. Every answer is delivered once, in the order of submission, and its echo
//! is checked.
//!
//! A client whose request meets a model of the other class, light or heavy, attaches a second
//! channel by itself, as it comes back to an engine: step by step, within the calls' deadlines. It
//! has the same options and counts as any channel. Tickets keep their order over both, so that what
//! was submitted behind a costly request is polled behind it: where that matters, use two clients.
//! A request goes over when the client next polls or waits. Where the daemon grants no second
//! channel, the answer is [`PredictError::WrongClass`]; a second later the client may ask again.
//!
//! [`Client::submit`] returns a ticket, which [`Client::poll`] returns with the answer:
//!
//! ```no_run
//! # use factord_core::client::{AttachOptions, Client};
//! let mut client = Client::attach(&AttachOptions::default())?; // needs a running engine
//! let first = client.submit(0, &[0.5, 0.2, 0.3])?;
//! let second = client.submit(0, &[0.4, 0.2, 0.3])?;
//! assert_eq!(second, first + 1);
//! if let Some((ticket, answer)) = client.poll()? {
//!     println!("{ticket}: {}", answer?.y);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod attachment;
mod batch;
mod each;
mod images;
mod local;
mod models;
mod names;
mod neighbour;
mod pulse;
mod second;
mod subscriber;
mod waiting;
mod watch;

pub use answer::{Answer, AttachOptions, PinError, PredictError, Prediction};
pub use batch::Batch;
pub use factord_eval::{Kind, KindCode};
pub use subscriber::{Begin, Event, Published, Subscriber};

use crate::abi::{self, request, status};
use crate::channel::{self, Attempt, Shape};
use crate::counters::Unsettled;
use crate::idle::IdleStrategy;
use crate::ring::Geometry;
use crate::sys::clock;

use attachment::{Attachment, Taken};
use core::cell::RefCell;
use names::Names;
use pulse::Pulse;
use second::Second;
use std::collections::VecDeque;
use std::path::PathBuf;
use watch::{Beat, RETRY_NS};

pub use crate::channel::AttachError;
pub use crate::counters::ModelRow;

/// Empty looks between two readings of the clock, less one: a mask.
fn clock_mask(strategy: IdleStrategy) -> u32 {
    match strategy {
        // 64: with a pause of some 15 ns each, the clock is read about once a microsecond.
        IdleStrategy::Noop | IdleStrategy::Spin => 63,
        // Nobody knows when the core comes back: each look reads it.
        IdleStrategy::Yield | IdleStrategy::Backoff => 0,
    }
}

/// A channel to the daemon, for one thread at a time: it is `Send` but not `Sync`.
#[derive(Debug)]
pub struct Client {
    options: AttachOptions,
    path: PathBuf,
    geometry: Geometry,
    shape: Shape,
    attachment: Attachment,
    /// Its cell keeps the client to one thread at a time.
    names: RefCell<Names>,
    connected: bool,
    /// The ticket of position `p` is `base + p`.
    base: u64,
    /// Answers taken while waiting for a later one.
    early: VecDeque<(u64, Answer)>,
    /// Tickets whose callers gave up.
    abandoned: VecDeque<u64>,
    flags: u64,
    empty_looks: u32,
    clock_mask: u32,
    beat: Beat,
    pulse: Pulse,
    /// The way back to an engine.
    attempt: Option<Attempt>,
    retry_at_ns: u64,
    retry_pause_ns: u64,
    /// The channel to the workers of the other class.
    second: Second,
}

impl Client {
    /// Attaches to the daemon.
    ///
    /// # Errors
    ///
    /// [`AttachError`] when no daemon listens, or it refuses, or it speaks a different ABI.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use factord_core::client::{AttachOptions, Client};
    /// use std::time::Duration;
    ///
    /// let mut client = Client::attach(&AttachOptions::default())?;
    /// let model = client.model("regression").expect("served by default").id;
    /// let answer = client.predict(model, &[0.5, 0.2, 0.3], Duration::from_millis(10))?;
    /// println!("{}", answer.y);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn attach(options: &AttachOptions) -> Result<Client, AttachError> {
        let path = channel::socket_path(options.socket.as_deref());
        let count = |number: usize| number as u64;
        let shape = Shape::of_greeting(
            count(options.feature_count),
            count(options.slot_count),
            count(options.output_count),
            if options.heavy { abi::class::HEAVY } else { abi::class::LIGHT },
        )
        .map_err(AttachError::Refused)?;
        let AttachOptions { daemon_uid, name, wait, .. } = options;
        let channel = channel::attach_within(&path, *daemon_uid, shape, name, *wait)?;
        let geometry = shape.geometry;
        let attachment = Attachment::new(channel, geometry);
        let table = attachment.table().map_err(|Unsettled| AttachError::Unsettled)?;
        if !options.quiet {
            neighbour::mention(&attachment.observer().worker_cores());
        }
        Ok(Client {
            options: options.clone(),
            path,
            geometry,
            shape,
            attachment,
            names: RefCell::new(Names::new(&table)),
            connected: true,
            base: 0,
            early: VecDeque::with_capacity(geometry.slot_count()),
            abandoned: VecDeque::with_capacity(geometry.slot_count()),
            flags: 0,
            empty_looks: 0,
            clock_mask: clock_mask(options.idle),
            beat: Beat::new(clock::monotonic_ns()),
            pulse: Pulse::default(),
            attempt: None,
            retry_at_ns: 0,
            retry_pause_ns: RETRY_NS.start,
            second: Second::new(shape),
        })
    }

    /// Turns the engine's time stamps on or off for later requests.
    pub fn stamp(&mut self, wanted: bool) {
        self.flags = if wanted { request::FLAG_STAMP } else { 0 };
    }

    /// Publishes a request without waiting and returns its ticket; tickets count up from 1.
    ///
    /// # Errors
    ///
    /// `WidthMismatch` when `x` does not have the channel's number of features, `BackPressure` when
    /// as many requests are in flight as the ring has slots, `NotConnected` when the engine is
    /// gone.
    #[inline(always)]
    pub fn submit(&mut self, model: u16, x: &[f64]) -> Result<u64, PredictError> {
        self.submit_keyed(model, 0, x)
    }

    /// The same for a unit, such as a symbol, an order or a strategy: all requests of one `key` go
    /// to the same arm of a divided name, and outcomes are joined by it. 0 is no unit; the features
    /// choose the arm then.
    ///
    /// # Errors
    ///
    /// As for [`Client::submit`].
    #[inline(always)]
    pub fn submit_keyed(&mut self, model: u16, key: u64, x: &[f64]) -> Result<u64, PredictError> {
        if x.len() != self.geometry.feature_count() {
            return Err(PredictError::WidthMismatch);
        }
        if !self.connected || !self.has_room() {
            self.make_way()?;
        }
        let meta = self.meta_of(model) | self.flags;
        Ok(self.base + self.attachment.push(model, meta, key, x))
    }

    /// Makes a request possible: by reattaching, and by dropping answers that nobody waits for.
    #[cold]
    fn make_way(&mut self) -> Result<(), PredictError> {
        if !self.connected {
            self.look_after_engine();
        }
        while !self.has_room() && !self.abandoned.is_empty() {
            let Some(entry) = self.take_next() else { break };
            self.early.push_back(entry);
        }
        if !self.has_room() {
            return Err(PredictError::BackPressure);
        }
        if self.connected { Ok(()) } else { Err(PredictError::NotConnected) }
    }

    /// What a request for a model with the client's number carries, without flags.
    #[inline(always)]
    fn meta_of(&mut self, model: u16) -> u64 {
        match self.names.get_mut().meta(model, self.attachment.names_sequence()) {
            Some(meta) => meta,
            None => self.names.get_mut().look_up(model, self.attachment.observer()),
        }
    }

    /// The outcome of a request whose answer was taken.
    #[inline(always)]
    fn accept(&mut self, taken: &Taken) -> Answer {
        // NB: what is wrong comes first, in a register, and the prediction is put together where it
        // is used: handed on whole it passes through memory, and waits there for its own stores.
        let mut fault = answer::fault(&taken.response, taken.echo);
        if fault.is_none() && self.names.get_mut().are_pinned() {
            fault = self.fault_of_pin(taken.position, taken.response.fingerprint);
        }
        match fault {
            None => Ok(answer::prediction(&taken.response, taken.epoch)),
            Some(error) => Err(error),
        }
    }

    #[cold]
    fn fault_of_pin(&mut self, position: u64, fingerprint: u64) -> Option<PredictError> {
        let number = self.attachment.number(position);
        let accepts = self.names.get_mut().accepts(number, fingerprint);
        (!accepts).then_some(PredictError::OtherVersion)
    }

    /// Takes the next answer, in the order of submission, without waiting; `None` when the next
    /// one is not there yet.
    ///
    /// # Errors
    ///
    /// `NotConnected` while the engine is gone; requests in flight are kept and republished once it
    /// is back, so keep polling.
    #[inline]
    pub fn poll(&mut self) -> Result<Option<(u64, Answer)>, PredictError> {
        if let Some(entry) = self.early.pop_front() {
            return Ok(Some(entry));
        }
        if let Some(entry) = self.take_next() {
            return Ok(Some(entry));
        }
        self.empty_looks = self.empty_looks.wrapping_add(1);
        if self.empty_looks & self.clock_mask == 0 || !self.connected || self.second.is_opening() {
            self.look_after_engine();
        }
        if self.connected { Ok(None) } else { Err(PredictError::NotConnected) }
    }

    /// Takes the answers that are there, in the order of submission, without waiting: as many as
    /// `taken` has places. Returns how many; what stands behind them is left as it was.
    ///
    /// # Errors
    ///
    /// As for [`Client::poll`], when there is none.
    pub fn poll_many(&mut self, taken: &mut [(u64, Answer)]) -> Result<usize, PredictError> {
        let mut count = 0;
        while let Some(place) = taken.get_mut(count) {
            match self.early.pop_front().or_else(|| self.take_next()) {
                Some(entry) => *place = entry,
                None => break,
            }
            count += 1;
        }
        if count == 0
            && let Some(place) = taken.first_mut()
            && let Some(entry) = self.poll()?
        {
            *place = entry;
            count = 1;
        }
        Ok(count)
    }

    #[inline]
    fn has_room(&self) -> bool {
        self.attachment.in_flight() + self.early.len() < self.geometry.slot_count()
    }

    /// Takes the next answer, from the second channel where it comes from there.
    #[inline(always)]
    fn pop(&mut self) -> Option<Taken> {
        // NB: looked at first, so that what is taken need not pass through memory to be handed on.
        let found = self.attachment.find()?;
        if self.attachment.status(found)? == status::WRONG_CLASS {
            return self.pop_second();
        }
        self.attachment.take(found)
    }

    /// Takes the next answer that somebody waits for.
    #[inline(always)]
    fn take_next(&mut self) -> Option<(u64, Answer)> {
        // NB: a daemon that lies may answer what nobody has asked yet.
        while self.attachment.in_flight() > 0 {
            let taken = self.pop()?;
            let ticket = self.base + taken.position;
            if self.abandoned.front() == Some(&ticket) {
                self.abandoned.pop_front();
                continue;
            }
            return Some((ticket, self.accept(&taken)));
        }
        None
    }

    /// The epoch of the engine that serves this channel now.
    pub fn epoch(&self) -> u64 {
        self.attachment.epoch()
    }

    /// Requests whose answers were not taken yet.
    pub fn in_flight(&self) -> usize {
        self.attachment.in_flight()
    }

    /// The CPUs that the daemon's workers are pinned to, in their order; a client that spins on one
    /// of them takes turns with the worker.
    pub fn worker_cores(&self) -> Vec<Option<usize>> {
        self.attachment.observer().worker_cores()
    }

    /// Nanoseconds between two time stamps of answers, or from `earlier` to `later` of any two
    /// readings of the time stamp counter; `None` before the daemon knows its rate.
    pub fn ticks_to_ns(&self, earlier: u64, later: u64) -> Option<f64> {
        let hz = self.attachment.observer().tsc_hz()?;
        Some(later.wrapping_sub(earlier) as i64 as f64 * 1e9 / hz as f64)
    }

    /// Features of every request of this channel.
    pub fn feature_count(&self) -> usize {
        self.geometry.feature_count()
    }

    /// Slots of each ring: the maximum number of requests in flight.
    pub fn slot_count(&self) -> usize {
        self.geometry.slot_count()
    }

    /// Whether the engine was there at the last look.
    pub fn connected(&self) -> bool {
        self.connected
    }
}
