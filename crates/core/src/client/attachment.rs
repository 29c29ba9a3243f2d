//! One attachment to one engine: its channel, with both client ends made.

use super::local::{Local, Reached};
use crate::abi::{self, status};
use crate::channel::{Channel, Connection};
use crate::counters::{ModelTable, Observer, Unsettled};
use crate::region::Mapping;
use crate::ring::{Found, Geometry, RequestProducer, Response, ResponseConsumer};
use core::ops::Range;
use factord_eval::evaluator::Evaluator;

#[derive(Debug)]
pub(super) struct Attachment {
    requests: RequestProducer<Mapping>,
    responses: ResponseConsumer<Mapping>,
    /// The client's number that each slot's request is for.
    numbers: Box<[u16]>,
    observer: Observer,
    local: Local,
    connection: Connection,
}

/// An answer as it was taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) position: u64,
    pub(super) response: Response,
    /// What the response's echo must be.
    pub(super) echo: u64,
    /// Of the engine that answered.
    pub(super) epoch: u64,
}

impl Attachment {
    pub(super) fn new(channel: Channel, geometry: Geometry) -> Attachment {
        Attachment {
            requests: RequestProducer::new(channel.req, geometry),
            responses: ResponseConsumer::new(channel.resp, geometry),
            numbers: vec![0; geometry.slot_count()].into_boxed_slice(),
            observer: Observer::new(channel.status),
            local: Local::new(channel.models),
            connection: channel.connection,
        }
    }

    #[inline]
    pub(super) fn in_flight(&self) -> usize {
        (self.requests.position() - self.responses.position()) as usize
    }

    #[inline(always)]
    pub(super) fn push(&mut self, number: u16, meta: u64, key: u64, x: &[f64]) -> u64 {
        let position = self.requests.push(meta, key, x);
        let place = position as usize & (self.numbers.len() - 1);
        if let Some(place) = self.numbers.get_mut(place) {
            *place = number;
        }
        position
    }

    /// The client's number that the request of `position` was for; valid until the request's slot
    /// is reused.
    pub(super) fn number(&self, position: u64) -> u16 {
        let place = position as usize & (self.numbers.len() - 1);
        self.numbers.get(place).copied().unwrap_or(0)
    }

    /// The position of the next answer.
    #[inline(always)]
    pub(super) fn next_answer(&self) -> u64 {
        self.responses.position()
    }

    /// Counts the answers that are there, at most `limit`.
    #[inline]
    pub(super) fn ready(&self, limit: u64) -> u64 {
        self.responses.ready(limit)
    }

    /// The next answer, if it is there.
    #[inline(always)]
    pub(super) fn find(&self) -> Option<Found> {
        self.responses.find(self.responses.position())
    }

    /// The status of an answer that is there.
    #[inline(always)]
    pub(super) fn status(&self, found: Found) -> Option<u16> {
        self.responses.status(found)
    }

    /// Takes the next answer, which was found.
    #[inline(always)]
    pub(super) fn take(&mut self, found: Found) -> Option<Taken> {
        let position = self.responses.position();
        let response = self.responses.take(found)?;
        let (epoch, echo) = (self.responses.epoch_of(position), self.requests.echo(position));
        Some(Taken { position, response, echo, epoch })
    }

    /// Takes the next answer.
    pub(super) fn pop(&mut self) -> Option<Taken> {
        self.take(self.find()?)
    }

    /// Puts the answer that was taken last back.
    pub(super) fn put_back(&mut self) {
        self.responses.put_back();
    }

    /// The status of the answer to a position that was not taken yet, if it is there.
    pub(super) fn status_at(&self, position: u64) -> Option<u16> {
        self.status(self.responses.find(position)?)
    }

    /// The positions of the requests whose answers were not taken.
    pub(super) fn unanswered(&self) -> Range<u64> {
        self.responses.position()..self.requests.position()
    }

    /// Publishes an unanswered request of this attachment in `next` as well; `meta` says what it
    /// carries there, by the client's number and the flags. `features` has room for one row.
    pub(super) fn publish_in(
        &self,
        next: &mut Attachment,
        position: u64,
        features: &mut [f64],
        meta: impl FnOnce(&Attachment, u16, u64) -> u64,
    ) {
        let (old, key) = self.requests.read_back(position, features);
        let number = self.number(position);
        let bits = features.iter().map(|value| value.to_bits());
        let is_own = abi::echo(position, old, key, bits) == self.requests.echo(position);
        let meta = meta(next, number, old);
        let again = next.push(number, meta, key, features);
        if !is_own {
            // Whoever wrote over it: the answer is not for what the caller submitted.
            next.requests.disown(again);
        }
    }

    /// What `evaluate` makes of a version in this process that was used before.
    #[inline(always)]
    pub(super) fn with_local<T>(
        &self,
        number: u16,
        meta: u64,
        evaluate: impl FnOnce(&Evaluator) -> Option<T>,
    ) -> Option<(T, u32, u64)> {
        self.local.with(number, meta, evaluate)
    }

    /// Evaluates in this process, if the version is here.
    pub(super) fn evaluate_local(
        &mut self,
        number: u16,
        meta: u64,
        key: u64,
        x: &[f64],
    ) -> Reached {
        let engine = (&self.connection, self.observer.epoch());
        self.local.evaluate(engine, number, meta, key, x)
    }

    /// Whether a name's champion and arms are in this process, after a step towards it; `None` when
    /// nothing is served under it.
    pub(super) fn fetch(&mut self, number: u16, meta: u64) -> Option<bool> {
        self.local.fetch((&self.connection, self.observer.epoch()), number, meta)
    }

    /// Whether the next step of [`Attachment::fetch`] waits for nobody.
    pub(super) fn is_checking(&self) -> bool {
        self.local.is_checking()
    }

    /// Counts one evaluation in this process, in the header that this client owns; returns that
    /// status's count.
    #[inline(always)]
    pub(super) fn count_local(&self, status: u16) -> u64 {
        self.requests.count_local(status)
    }

    /// As [`Attachment::count_local`] for a prediction.
    #[inline(always)]
    pub(super) fn count_local_ok(&self) -> u64 {
        self.requests.count_local(status::OK)
    }

    pub(super) fn observer(&self) -> &Observer {
        &self.observer
    }

    #[inline(always)]
    pub(super) fn heartbeat_count(&self) -> u64 {
        self.observer.heartbeat_count()
    }

    pub(super) fn hung_up(&self) -> bool {
        self.connection.hung_up()
    }

    /// The engine's model table; waits while it is being written.
    pub(super) fn table(&self) -> Result<ModelTable, Unsettled> {
        self.observer.table()
    }

    #[inline(always)]
    pub(super) fn names_sequence(&self) -> u64 {
        self.observer.names_sequence()
    }

    #[inline(always)]
    pub(super) fn epoch(&self) -> u64 {
        self.observer.epoch()
    }
}
