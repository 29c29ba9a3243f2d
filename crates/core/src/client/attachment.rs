//! One attachment to one engine: its channel, with both client ends made.

use super::local::Local;
use crate::abi::{request, status};
use crate::channel::{Channel, Connection};
use crate::counters::{ModelTable, Observer, Unsettled};
use crate::region::Mapping;
use crate::ring::{Geometry, RequestProducer, Response, ResponseConsumer};
use factord_eval::evaluator::{Evaluation, Evaluator};

#[derive(Debug)]
pub(super) struct Attachment {
    requests: RequestProducer<Mapping>,
    responses: ResponseConsumer<Mapping>,
    observer: Observer,
    local: Local,
    connection: Connection,
    epoch: u64,
}

impl Attachment {
    pub(super) fn new(channel: Channel, geometry: Geometry) -> Attachment {
        Attachment {
            requests: RequestProducer::new(channel.req, geometry),
            responses: ResponseConsumer::new(channel.resp, geometry),
            observer: Observer::new(channel.status),
            local: Local::new(channel.models),
            connection: channel.connection,
            epoch: channel.welcome.epoch,
        }
    }

    #[inline]
    pub(super) fn in_flight(&self) -> usize {
        (self.requests.position() - self.responses.position()) as usize
    }

    #[inline(always)]
    pub(super) fn push(&mut self, meta: u64, x: &[f64]) -> u64 {
        self.requests.push(meta, x)
    }

    /// The position of the next answer.
    pub(super) fn next_answer(&self) -> u64 {
        self.responses.position()
    }

    /// Counts the answers that are there, at most `limit`.
    #[inline]
    pub(super) fn ready(&self, limit: u64) -> u64 {
        self.responses.ready(limit)
    }

    /// Takes the next answer, with its position and the echo it must carry.
    #[inline(always)]
    pub(super) fn pop(&mut self) -> Option<(u64, Response, u64)> {
        let position = self.responses.position();
        let response = self.responses.pop()?;
        Some((position, response, self.requests.echo(position)))
    }

    /// Publishes every unanswered request of this attachment in `next`, in order, each for the
    /// model that `moved` makes of its number.
    pub(super) fn publish_again(&self, next: &mut Attachment, moved: impl Fn(u16) -> u16) {
        let mut features = vec![0.0; self.requests.feature_count()];
        for position in self.responses.position()..self.requests.position() {
            let meta = self.requests.read_back(position, &mut features);
            let model = moved((meta & request::MODEL_MASK) as u16);
            next.requests.push(meta & !request::MODEL_MASK | u64::from(model), &features);
        }
    }

    /// What `evaluate` makes of the active model in this process, its generation, and how many
    /// local evaluations went well.
    #[inline(always)]
    pub(super) fn with_local<T>(
        &self,
        model: u16,
        evaluate: impl FnOnce(&Evaluator) -> Option<T>,
    ) -> Option<(T, u32, u64)> {
        let (outputs, generation) = self.local.with(model, evaluate)?;
        Some((outputs, generation, self.requests.count_local(status::OK)))
    }

    /// Evaluates in this process and counts in the header that this client owns; returns that
    /// status's count too.
    #[inline]
    pub(super) fn evaluate_local(&mut self, model: u16, x: &[f64]) -> (Evaluation, u64) {
        let evaluation = self.local.evaluate(model, x);
        (evaluation, self.requests.count_local(evaluation.status))
    }

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

    /// The engine's model table, unless it is being written.
    pub(super) fn table_now(&self) -> Option<ModelTable> {
        self.observer.table_now()
    }

    pub(super) fn models_sequence(&self) -> u64 {
        self.observer.models_sequence()
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }
}
