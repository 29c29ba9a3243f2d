//! The client: attach to a daemon, then predict through shared memory.
//!
//! After [`Client::attach`] a call makes no system call, takes no lock and allocates nothing
//! while the engine lives. When the engine dies the client notices (its heartbeat stands still and
//! its socket hangs up), attaches again with back-off and publishes its unanswered requests once
//! more; the caller sees an error only past its own deadline. Every answer is delivered once, in
//! the order of submission, and its echo is checked.

mod local;
mod session;

use crate::abi::{request, status};
use crate::channel::{self, Refusal};
use crate::idle::{Idle, IdleStrategy};
use crate::ring::{Geometry, Response};
use crate::sys::clock;
use core::cell::Cell;
use core::marker::PhantomData;
use core::time::Duration;
use session::Session;
use std::collections::VecDeque;
use std::path::PathBuf;
use thiserror::Error;

pub use crate::channel::AttachError;
pub use crate::counters::ModelRow;

/// Empty looks between two readings of the clock.
// 64: with a pause of some 15 ns each, the clock is read about once a microsecond.
const LOOKS_PER_CLOCK: u32 = 64;
/// Local evaluations between two looks at the engine.
// 4,096: at some 5 ns each, every 20 us.
const LOCAL_CALLS_PER_LOOK: u64 = 4096;
/// A heartbeat that stands still for so long makes the client ask whether the engine lives.
// 25 ms: the daemon beats every 10 ms.
const HEARTBEAT_STALE_NS: u64 = 25_000_000;
/// Requests pushed, and answers taken, by turns in a batch.
// 16: enough lines under way to hide a transfer, few enough to keep both sides busy.
const BURST: usize = 16;
/// First and longest pause between two attempts to attach again.
const RETRY_NS: core::ops::Range<u64> = 1_000_000..100_000_000;

/// How to attach.
#[derive(Clone, Debug)]
pub struct AttachOptions {
    /// The control socket; `None` looks for it by the rule of [`crate::channel::socket_path`].
    pub socket: Option<PathBuf>,
    /// Shown to operators; at most 31 bytes are kept.
    pub name: String,
    /// Features of every request of this channel, 1 to 1,024.
    pub feature_count: usize,
    /// Slots in each ring: a power of two up to 4,096.
    pub slot_count: usize,
    /// What a waiting call does between two looks.
    pub idle: IdleStrategy,
}

impl Default for AttachOptions {
    fn default() -> AttachOptions {
        AttachOptions {
            socket: None,
            name: "client".to_owned(),
            feature_count: 3,
            slot_count: 64,
            idle: IdleStrategy::Spin,
        }
    }
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PredictError {
    /// A feature is NaN or infinite, or the prediction would be.
    #[error("bad input: every feature, and the prediction, must be a finite number")]
    BadInput,
    /// The daemon serves no model of that id.
    #[error("the daemon serves no such model")]
    UnknownModel,
    /// The request's width is not the model's, or not the channel's.
    #[error("the number of features is not the model's")]
    WidthMismatch,
    /// The ring is full: take answers first.
    #[error("the ring is full: take answers before submitting more")]
    BackPressure,
    /// The deadline passed before the answer came. The answer, should it come later, is dropped.
    #[error("no answer before the deadline")]
    Deadline,
    /// The engine is gone and has not come back yet.
    #[error("not connected to a daemon")]
    NotConnected,
    /// The answer is for other words than those submitted: the request's memory was overwritten.
    #[error("the answer is for other features than those submitted")]
    EchoMismatch,
}

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// Linear: the prediction. Logistic: the probability of class 1.
    pub y: f64,
    /// Linear: 0. Logistic: the class, 0 or 1.
    pub second: f64,
    /// The generation of the model that answered.
    pub generation: u32,
    /// The arm of an experiment; 0 when there is none.
    pub arm: u16,
    /// The epoch of the engine that answered.
    pub epoch: u64,
    /// TSC when the engine saw the request; 0 unless [`Client::stamp`] asked for it.
    pub t_received: u64,
    /// TSC when the engine was about to publish the answer; 0 unless asked for.
    pub t_done: u64,
}

/// What became of one request.
pub type Answer = Result<Prediction, PredictError>;

/// A channel to the daemon, for one thread at a time: it is `Send` and not `Sync`.
#[derive(Debug)]
pub struct Client {
    options: AttachOptions,
    path: PathBuf,
    geometry: Geometry,
    session: Session,
    connected: bool,
    /// The ticket of position `p` is `base + p`.
    base: u64,
    /// Answers taken while waiting for a later one.
    early: VecDeque<(u64, Answer)>,
    /// Tickets whose callers gave up.
    abandoned: VecDeque<u64>,
    flags: u64,
    empty_looks: u32,
    beat: Beat,
    retry_at_ns: u64,
    retry_pause_ns: u64,
    not_sync: PhantomData<Cell<()>>,
}

/// The heartbeat as seen last, and when it last moved.
#[derive(Debug, Default)]
struct Beat {
    count: u64,
    moved_at_ns: u64,
}

impl Client {
    /// Attaches to the daemon.
    ///
    /// # Errors
    ///
    /// [`AttachError`] when no daemon listens, it refuses, or it speaks another ABI.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use factord::client::{AttachOptions, Client};
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
        let geometry = Geometry::new(options.feature_count, options.slot_count).ok_or(
            AttachError::Refused(Refusal::Geometry {
                feature_count: options.feature_count as u64,
                slot_count: options.slot_count as u64,
            }),
        )?;
        let session = Session::open(&path, geometry, &options.name)?;
        Ok(Client {
            options: options.clone(),
            path,
            geometry,
            session,
            connected: true,
            base: 0,
            early: VecDeque::with_capacity(geometry.slot_count()),
            abandoned: VecDeque::with_capacity(geometry.slot_count()),
            flags: 0,
            empty_looks: 0,
            beat: Beat { count: 0, moved_at_ns: clock::monotonic_ns() },
            retry_at_ns: 0,
            retry_pause_ns: RETRY_NS.start,
            not_sync: PhantomData,
        })
    }

    /// Asks for the engine's time stamps with every later request, or no longer.
    pub fn stamp(&mut self, wanted: bool) {
        self.flags = if wanted { request::FLAG_STAMP } else { 0 };
    }

    /// Predicts one row and waits for the answer, at most until `deadline` from now.
    ///
    /// # Errors
    ///
    /// [`PredictError`]; `Deadline` or, when the engine is gone, `NotConnected` past the deadline.
    #[inline]
    pub fn predict(&mut self, model: u16, x: &[f64], deadline: Duration) -> Answer {
        let ticket = match self.submit(model, x) {
            Err(PredictError::BackPressure | PredictError::NotConnected) => {
                return self.predict_late(model, x, deadline);
            }
            other => other?,
        };
        self.wait_for(ticket, deadline)
    }

    /// Waits for room in the ring, then predicts.
    #[cold]
    fn predict_late(&mut self, model: u16, x: &[f64], deadline: Duration) -> Answer {
        let end_ns = clock::monotonic_ns().saturating_add(deadline.as_nanos() as u64);
        let mut idle = Idle::new(self.options.idle);
        loop {
            match self.submit(model, x) {
                Ok(ticket) => {
                    let left_ns = end_ns.saturating_sub(clock::monotonic_ns());
                    return self.wait_for(ticket, Duration::from_nanos(left_ns));
                }
                Err(PredictError::BackPressure | PredictError::NotConnected) => {}
                Err(other) => return Err(other),
            }
            // Only answers that nobody waits for may be dropped to make room.
            if let Some(entry) = self.take_next() {
                self.early.push_back(entry);
            }
            if clock::monotonic_ns() >= end_ns {
                return Err(if self.connected {
                    PredictError::BackPressure
                } else {
                    PredictError::NotConnected
                });
            }
            self.look_after_engine();
            idle.wait();
        }
    }

    fn wait_for(&mut self, ticket: u64, deadline: Duration) -> Answer {
        let mut idle = Idle::new(self.options.idle);
        let mut end_ns = 0;
        let mut looks = 0u32;
        loop {
            if let Some((taken, answer)) = self.take_next() {
                if taken == ticket {
                    return answer;
                }
                self.early.push_back((taken, answer));
                continue;
            }
            looks += 1;
            if looks.is_multiple_of(LOOKS_PER_CLOCK) {
                let now_ns = clock::monotonic_ns();
                if end_ns == 0 {
                    // The first reading comes about a microsecond after the start.
                    end_ns = now_ns.saturating_add(deadline.as_nanos() as u64);
                }
                if now_ns >= end_ns {
                    self.abandoned.push_back(ticket);
                    return Err(if self.connected {
                        PredictError::Deadline
                    } else {
                        PredictError::NotConnected
                    });
                }
                self.look_after_engine();
            }
            idle.wait();
        }
    }

    /// Publishes a request without waiting and returns its ticket; tickets count up from 1.
    ///
    /// # Errors
    ///
    /// `WidthMismatch` when `x` has not the channel's number of features, `BackPressure` when as
    /// many requests are under way as the ring has slots, `NotConnected` when the engine is gone.
    #[inline]
    pub fn submit(&mut self, model: u16, x: &[f64]) -> Result<u64, PredictError> {
        if x.len() != self.geometry.feature_count() {
            return Err(PredictError::WidthMismatch);
        }
        if !self.has_room() {
            return Err(PredictError::BackPressure);
        }
        if !self.connected {
            self.look_after_engine();
            if !self.connected {
                return Err(PredictError::NotConnected);
            }
        }
        Ok(self.base + self.session.push(u64::from(model) | self.flags, x))
    }

    /// Takes the next answer, in the order of submission, without waiting; `None` when the next
    /// one is not there yet.
    ///
    /// # Errors
    ///
    /// `NotConnected` while the engine is gone; requests under way are kept and published again
    /// once it is back, so polling on is right.
    #[inline]
    pub fn poll(&mut self) -> Result<Option<(u64, Answer)>, PredictError> {
        if let Some(entry) = self.early.pop_front() {
            return Ok(Some(entry));
        }
        if let Some(entry) = self.take_next() {
            return Ok(Some(entry));
        }
        self.empty_looks = self.empty_looks.wrapping_add(1);
        if self.empty_looks.is_multiple_of(LOOKS_PER_CLOCK) || !self.connected {
            self.look_after_engine();
        }
        if self.connected { Ok(None) } else { Err(PredictError::NotConnected) }
    }

    /// Predicts many rows through a full ring: `rows` is row-major with the channel's number of
    /// features a row, and `answers` receives one entry a row, in order. `deadline` is for the
    /// whole call; rows without an answer by then read `Deadline` or `NotConnected`.
    ///
    /// # Errors
    ///
    /// `WidthMismatch` when `rows` is not `answers.len()` whole rows; otherwise the first error of
    /// the missing rows. Bad rows are no error of the call: their entries say so.
    pub fn predict_batch(
        &mut self,
        model: u16,
        rows: &[f64],
        answers: &mut [Answer],
        deadline: Duration,
    ) -> Result<(), PredictError> {
        let width = self.geometry.feature_count();
        if rows.len() != answers.len() * width {
            return Err(PredictError::WidthMismatch);
        }
        let end_ns = clock::monotonic_ns().saturating_add(deadline.as_nanos() as u64);
        let mut idle = Idle::new(self.options.idle);
        let mut looks = 0u32;
        let (mut submitted, mut taken) = (0, 0);
        let mut first_ticket = 0;
        while taken < answers.len() {
            let before = (submitted, taken);
            for row in rows[submitted * width..].chunks_exact(width).take(BURST) {
                if !self.has_room() || !self.connected {
                    break;
                }
                let meta = u64::from(model) | self.flags;
                let position = self.session.push_ahead(meta, row, self.geometry.slot_count());
                if submitted == 0 {
                    first_ticket = self.base + position;
                }
                submitted += 1;
            }
            for _ in 0..self.session.ready(BURST as u64) {
                let Some((ticket, answer)) = self.take_next() else { break };
                if submitted > 0 && ticket >= first_ticket {
                    answers[taken] = answer;
                    taken += 1;
                } else {
                    self.early.push_back((ticket, answer));
                }
            }
            if before != (submitted, taken) {
                idle.reset();
                continue;
            }
            looks += 1;
            if looks.is_multiple_of(LOOKS_PER_CLOCK) {
                if clock::monotonic_ns() >= end_ns {
                    return Err(self.give_up(
                        first_ticket,
                        &mut answers[taken..],
                        taken,
                        submitted,
                    ));
                }
                self.look_after_engine();
            }
            idle.wait();
        }
        Ok(())
    }

    #[cold]
    fn give_up(
        &mut self,
        first_ticket: u64,
        missing: &mut [Answer],
        taken: usize,
        submitted: usize,
    ) -> PredictError {
        let error =
            if self.connected { PredictError::Deadline } else { PredictError::NotConnected };
        missing.fill(Err(error));
        self.abandoned.extend((taken..submitted).map(|row| first_ticket + row as u64));
        error
    }

    /// Evaluates the daemon's active model in this process: the same bits as through the ring,
    /// without moving a cache line. Hot swaps are seen at once, answers name generation and epoch,
    /// and the daemon learns how many there were. The engine still owns the models: while it is
    /// gone, the last ones it published go on answering under its epoch.
    ///
    /// `x` may have any width: the model's counts, not the channel's.
    ///
    /// # Errors
    ///
    /// `BadInput`, `UnknownModel` or `WidthMismatch`.
    #[inline]
    pub fn predict_local(&mut self, model: u16, x: &[f64]) -> Answer {
        if let Some((y, generation, count)) =
            self.session.with_local(model, |evaluator| evaluator.linear(x))
        {
            if count.is_multiple_of(LOCAL_CALLS_PER_LOOK) {
                self.look_after_engine();
            }
            return Ok(self.local_prediction(y, 0.0, generation));
        }
        self.predict_local_any(model, x)
    }

    // Out of line, so that the linear form stays small where it is called.
    #[inline(never)]
    fn predict_local_any(&mut self, model: u16, x: &[f64]) -> Answer {
        if let Some((output, generation, count)) =
            self.session.with_local(model, |evaluator| evaluator.logistic(x))
        {
            if count.is_multiple_of(LOCAL_CALLS_PER_LOOK) {
                self.look_after_engine();
            }
            return Ok(self.local_prediction(output.y, output.second, generation));
        }
        let (answer, count) = self.session.answer_local(model, x);
        if count.is_multiple_of(LOCAL_CALLS_PER_LOOK) {
            self.look_after_engine();
        }
        if answer.status != status::OK {
            return Err(refusal(answer.status));
        }
        let (y, second) = (f64::from_bits(answer.y), f64::from_bits(answer.second));
        Ok(self.local_prediction(y, second, answer.generation))
    }

    #[inline]
    fn local_prediction(&self, y: f64, second: f64, generation: u32) -> Prediction {
        let epoch = self.session.epoch();
        Prediction { y, second, generation, arm: 0, epoch, t_received: 0, t_done: 0 }
    }

    #[inline]
    fn has_room(&self) -> bool {
        self.session.in_flight() + self.early.len() < self.geometry.slot_count()
    }

    /// Takes the next answer that somebody waits for.
    #[inline]
    fn take_next(&mut self) -> Option<(u64, Answer)> {
        loop {
            let (position, response, echo) = self.session.pop()?;
            let ticket = self.base + position;
            if self.abandoned.front() == Some(&ticket) {
                self.abandoned.pop_front();
                continue;
            }
            return Some((ticket, answer(&response, echo)));
        }
    }

    /// Notices a dead engine and attaches again; called about once a microsecond of waiting.
    #[cold]
    fn look_after_engine(&mut self) {
        let now_ns = clock::monotonic_ns();
        if self.connected {
            let count = self.session.heartbeat_count();
            if count != self.beat.count {
                self.beat = Beat { count, moved_at_ns: now_ns };
            } else if now_ns.saturating_sub(self.beat.moved_at_ns) > HEARTBEAT_STALE_NS {
                // Asked again only after another stale interval.
                self.beat.moved_at_ns = now_ns;
                self.connected = !self.session.hung_up();
                self.retry_pause_ns = RETRY_NS.start;
                self.retry_at_ns = now_ns;
            }
        }
        if !self.connected && now_ns >= self.retry_at_ns {
            self.attach_again();
            self.retry_pause_ns = (2 * self.retry_pause_ns).min(RETRY_NS.end);
            self.retry_at_ns = clock::monotonic_ns() + self.retry_pause_ns;
        }
    }

    fn attach_again(&mut self) {
        // What the dead engine answered is still there; the caller takes it before the next try.
        if self.session.ready(1) > 0 {
            return;
        }
        let Ok(mut next) = Session::open(&self.path, self.geometry, &self.options.name) else {
            return;
        };
        let first = self.base + self.session.next_answer();
        self.session.publish_again(&mut next);
        self.base = first - next.next_answer();
        self.session = next;
        self.connected = true;
        self.beat = Beat { count: 0, moved_at_ns: clock::monotonic_ns() };
    }

    /// The daemon's model table, as it is now.
    pub fn models(&self) -> Vec<ModelRow> {
        self.session.models()
    }

    /// Changes whenever the model table does; costs one load.
    pub fn models_sequence(&self) -> u64 {
        self.session.models_sequence()
    }

    /// The row of one model by name.
    pub fn model(&self, name: &str) -> Option<ModelRow> {
        self.models().into_iter().find(|row| row.name == name)
    }

    /// The epoch of the engine this channel is attached to.
    pub fn epoch(&self) -> u64 {
        self.session.epoch()
    }

    /// Features of every request of this channel.
    pub fn feature_count(&self) -> usize {
        self.geometry.feature_count()
    }

    /// Slots of each ring: the most requests that can be under way.
    pub fn slot_count(&self) -> usize {
        self.geometry.slot_count()
    }

    /// Tells whether the engine was there when last looked for.
    pub fn connected(&self) -> bool {
        self.connected
    }
}

#[inline]
fn answer(response: &Response, echo: u64) -> Answer {
    if response.echo != echo {
        return Err(PredictError::EchoMismatch);
    }
    match response.status() {
        status::OK => Ok(Prediction {
            y: f64::from_bits(response.y),
            second: f64::from_bits(response.second),
            generation: response.generation(),
            arm: response.arm(),
            epoch: response.epoch,
            t_received: response.t_received,
            t_done: response.t_done,
        }),
        other => Err(refusal(other)),
    }
}

fn refusal(code: u16) -> PredictError {
    match code {
        status::UNKNOWN_MODEL => PredictError::UnknownModel,
        status::WIDTH_MISMATCH => PredictError::WidthMismatch,
        _ => PredictError::BadInput,
    }
}
