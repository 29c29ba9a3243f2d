//! A lane: the worker's end of one channel, and the service of the requests that wait in it.

use super::models::{Answer, ModelSet};
use super::tally::Tally;
use crate::abi::{self, request};
use crate::region::Mapping;
use crate::ring::{Geometry, Look, RequestConsumer, Response, ResponseProducer};
use crate::sys::clock;

/// Requests answered for one lane before the next lane's turn.
// 32: at some 10 ns a pipelined request, a full lane delays the others by a third of a microsecond.
const BATCH: usize = 32;

/// Protocol violations after which a lane is detached.
const VIOLATIONS_MAX: u32 = 64;

/// The worker's end of one channel.
#[derive(Debug)]
pub struct Lane {
    client_id: u64,
    feature_count: usize,
    requests: RequestConsumer<Mapping>,
    responses: ResponseProducer<Mapping>,
    violations: u32,
}

/// What came of one look at a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Served {
    /// This many requests were answered.
    Count(usize),
    /// The client broke the protocol once too often.
    Broken,
}

impl Lane {
    /// Makes the worker's end from the daemon's mappings: `req` read-only, `resp` writable.
    pub fn new(client_id: u64, geometry: Geometry, req: Mapping, resp: Mapping) -> Lane {
        Lane {
            client_id,
            feature_count: geometry.feature_count(),
            requests: RequestConsumer::new(req, geometry),
            responses: ResponseProducer::new(resp, geometry),
            violations: 0,
        }
    }

    /// The daemon's number of the client.
    pub fn client_id(&self) -> u64 {
        self.client_id
    }

    /// Tells whether the client broke the protocol so often that it was detached.
    pub fn broken(&self) -> bool {
        self.violations >= VIOLATIONS_MAX
    }

    /// Answers the requests that wait, at most a batch of them.
    #[inline]
    pub(super) fn serve(
        &mut self,
        models: &ModelSet,
        epoch: u64,
        scratch: &mut [f64],
        tally: &mut Tally,
    ) -> Served {
        for count in 0..BATCH {
            match self.requests.look() {
                Look::Ready => self.answer(models, epoch, scratch, tally),
                Look::Empty => return Served::Count(count),
                Look::Violation => return self.violation(count, tally),
            }
        }
        Served::Count(BATCH)
    }

    #[inline]
    fn answer(&mut self, models: &ModelSet, epoch: u64, scratch: &mut [f64], tally: &mut Tally) {
        let sampled = tally.samples_next();
        let early_ns = if sampled { clock::tsc() } else { 0 };
        let sequence = self.requests.position();
        let (meta, answer, echo) = if self.feature_count == 3 {
            let (meta, bits) = self.requests.read_triple();
            let answer = models.answer_triple(meta & request::MODEL_MASK, bits);
            (meta, answer, abi::echo(sequence, meta, bits.into_iter()))
        } else {
            self.answer_wide(sequence, models, scratch)
        };
        // The slot has been read: the position may move before the answer is published, since the
        // client reuses the slot only after that.
        self.requests.advance();
        let stamped = meta & request::FLAG_STAMP != 0;
        let t_received = match (stamped, sampled) {
            (false, _) => 0,
            (true, true) => early_ns,
            (true, false) => clock::tsc(),
        };
        let t_done = if stamped || sampled { clock::tsc() } else { 0 };
        self.responses.push(
            sequence,
            &Response {
                y: answer.y,
                second: answer.second,
                verdict: abi::verdict(answer.status, 0, answer.generation),
                echo,
                epoch,
                t_received,
                t_done: if stamped { t_done } else { 0 },
            },
        );
        tally.answered(answer.status);
        if sampled {
            tally.sample(t_done.wrapping_sub(early_ns));
        }
    }

    #[inline(never)]
    fn answer_wide(
        &self,
        sequence: u64,
        models: &ModelSet,
        scratch: &mut [f64],
    ) -> (u64, Answer, u64) {
        // NB: `scratch` has room for the widest request, and a lane's width is checked at attach.
        let len = self.feature_count.min(scratch.len());
        let x = &mut scratch[..len];
        let meta = self.requests.read(x);
        let answer = models.answer(meta & request::MODEL_MASK, x);
        (meta, answer, abi::echo(sequence, meta, x.iter().map(|value| value.to_bits())))
    }

    #[cold]
    fn violation(&mut self, count: usize, tally: &mut Tally) -> Served {
        self.violations += 1;
        tally.violation();
        if self.broken() { Served::Broken } else { Served::Count(count) }
    }
}
