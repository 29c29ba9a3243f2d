//! A lane: the worker's end of one channel, and the service of the requests that wait in it.

use super::models::ModelSet;
use super::tally::Tally;
use crate::abi::{self, FEATURE_COUNT_MAX, request};
use crate::model::eval::Output;
use crate::model::evaluator::Evaluation;
use crate::model::simd::{Level, VECTOR_LEN};
use crate::region::Mapping;
use crate::ring::{Geometry, Look, RequestConsumer, Response, ResponseProducer};
use crate::sys::clock;

/// Words of requests answered for a wide lane before the next lane's turn.
// One request of 1,024 features, the least that a visit can be.
pub(super) const VISIT_WORDS: usize = FEATURE_COUNT_MAX + REQUEST_WORDS;

/// Words as long to read as a request takes beside its features.
const REQUEST_WORDS: usize = 32;

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

/// What every lane is served with.
pub(super) struct Desk<'w> {
    pub(super) models: &'w ModelSet,
    pub(super) level: Level,
    pub(super) epoch: u64,
    pub(super) scratch: &'w mut [f64],
    pub(super) tally: &'w mut Tally,
}

#[inline]
fn response(answer: &Evaluation, echo: u64, epoch: u64, stamps: (u64, u64)) -> Response {
    Response {
        y: answer.y,
        second: answer.second,
        verdict: abi::verdict(answer.status, 0, answer.generation),
        echo,
        epoch,
        t_received: stamps.0,
        t_done: stamps.1,
    }
}

/// A prediction without time stamps.
#[inline]
fn plain(
    sequence: u64,
    meta: u64,
    bits: [u64; 3],
    output: Output,
    generation: u32,
    epoch: u64,
) -> Response {
    Response {
        y: output.y.to_bits(),
        second: output.second.to_bits(),
        verdict: abi::verdict(abi::status::OK, 0, generation),
        echo: abi::echo(sequence, meta, bits.into_iter()),
        epoch,
        t_received: 0,
        t_done: 0,
    }
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
    /// Makes the worker's end from the daemon's mappings; it stores into `resp` alone.
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

    /// Tells whether its requests fit one cache line, which makes them cheap.
    pub(super) fn is_narrow(&self) -> bool {
        abi::request_stride_lines(self.feature_count) == 1
    }

    /// Tells whether the client broke the protocol so often that it was detached.
    pub fn broken(&self) -> bool {
        self.violations >= VIOLATIONS_MAX
    }

    /// Looks whether there is something to do: one load of the next slot's sequence.
    #[inline]
    pub(super) fn look(&self) -> Look {
        self.requests.look()
    }

    /// Answers the one request that is ready, if it is of three features, not to be timed, and has
    /// an answer; tells whether it did.
    #[inline(always)]
    pub(super) fn answer_one(&mut self, models: &ModelSet, epoch: u64, tally: &mut Tally) -> bool {
        if self.feature_count != 3 || self.requests.ready_behind(1) > 0 || tally.until_sample() == 0
        {
            return false;
        }
        let (meta, bits) = self.requests.read_triple(0);
        let Some(row) = models.evaluator(meta).filter(|_| meta & request::FLAG_STAMP == 0) else {
            return false;
        };
        let Some(output) = row.outputs(bits.map(f64::from_bits)) else { return false };
        let sequence = self.requests.position();
        let response = plain(sequence, meta, bits, output, row.generation(), epoch);
        self.responses.push(sequence, &response);
        self.requests.advance(1);
        tally.skip(1);
        tally.answered(abi::status::OK, 1);
        true
    }

    /// Answers the requests that wait, at most `limit` of them, which is above 0, and of wide ones
    /// no more than [`VISIT_WORDS`].
    #[inline]
    pub(super) fn serve(&mut self, limit: usize, desk: &mut Desk<'_>) -> Served {
        match self.requests.look() {
            Look::Ready if self.feature_count == 3 => {
                let ready = 1 + self.requests.ready_behind(limit - 1);
                self.answer_run(ready, desk)
            }
            Look::Ready => {
                let visit = VISIT_WORDS / (REQUEST_WORDS + self.feature_count);
                self.serve_wide(visit.min(limit), desk)
            }
            Look::Empty => Served::Count(0),
            Look::Violation => self.violation(desk.tally),
        }
    }

    /// Answers `ready` requests of three features.
    #[inline(never)]
    fn answer_run(&mut self, ready: usize, desk: &mut Desk<'_>) -> Served {
        let mut left = ready;
        while left > 0 {
            left -= self.answer_linear(left, desk);
            left -= self.answer_others(left, desk);
        }
        Served::Count(ready)
    }

    /// Answers requests for linear models, up to the first of another kind or the first that is to
    /// be timed; returns how many of `ready` there were.
    #[inline]
    fn answer_linear(&mut self, ready: usize, desk: &mut Desk<'_>) -> usize {
        let limit = desk.tally.until_sample().min(ready);
        let first = self.requests.position();
        let mut count = 0;
        while count < limit {
            let (meta, bits) = self.requests.read_triple(count);
            if meta & request::FLAG_STAMP != 0 {
                break;
            }
            let Some(row) = desk.models.evaluator(meta) else { break };
            let Some(y) = row.linear(&bits.map(f64::from_bits)) else { break };
            let sequence = first + count as u64;
            let response = plain(
                sequence,
                meta,
                bits,
                Output { y, second: 0.0 },
                row.generation(),
                desk.epoch,
            );
            self.responses.push(sequence, &response);
            count += 1;
        }
        self.requests.advance(count as u64);
        desk.tally.skip(count as u32);
        desk.tally.answered(abi::status::OK, count as u64);
        count
    }

    /// Answers the first of `ready` requests alone when it is to be timed, and else those that
    /// follow it too; returns how many.
    #[inline]
    fn answer_others(&mut self, ready: usize, desk: &mut Desk<'_>) -> usize {
        if ready == 0 {
            return 0;
        }
        let (meta, bits) = self.requests.read_triple(0);
        if desk.tally.samples(1) || meta & request::FLAG_STAMP != 0 {
            self.answer_any(meta, bits, desk);
            return 1;
        }
        self.answer_many(ready, desk)
    }

    /// Answers one request of three features, whatever it asks for.
    #[inline(never)]
    fn answer_any(&mut self, meta: u64, bits: [u64; 3], desk: &mut Desk<'_>) {
        let stamped = meta & request::FLAG_STAMP != 0;
        let sampled = desk.tally.sample_is_due();
        let t_received = if stamped || sampled { clock::tsc() } else { 0 };
        let answer = desk.models.evaluate_triple(meta, bits);
        let sequence = self.requests.position();
        let echo = abi::echo(sequence, meta, bits.into_iter());
        self.requests.advance(1);
        self.publish(sequence, &answer, echo, stamped, (t_received, sampled), desk);
    }

    /// Publishes an answer and counts it; reads the clock when the request or the sample wants it.
    #[inline]
    fn publish(
        &mut self,
        sequence: u64,
        answer: &Evaluation,
        echo: u64,
        stamped: bool,
        (t_received, sampled): (u64, bool),
        desk: &mut Desk<'_>,
    ) {
        let t_done = if stamped || sampled { clock::tsc() } else { 0 };
        let stamps = if stamped { (t_received, t_done) } else { (0, 0) };
        self.responses.push(sequence, &response(answer, echo, desk.epoch, stamps));
        desk.tally.answered(answer.status, 1);
        if sampled {
            desk.tally.sample(t_done.wrapping_sub(t_received));
        }
    }

    /// Answers the first of `ready` requests of three features, at most [`VECTOR_LEN`], at once.
    #[inline(never)]
    fn answer_many(&mut self, ready: usize, desk: &mut Desk<'_>) -> usize {
        let count = ready.min(VECTOR_LEN);
        let first = self.requests.position();
        let mut metas = [0; VECTOR_LEN];
        let mut bits = [[0; 3]; VECTOR_LEN];
        let mut flags = 0;
        for (ahead, (meta, bits)) in metas.iter_mut().zip(&mut bits).take(count).enumerate() {
            (*meta, *bits) = self.requests.read_triple(ahead);
            flags |= *meta;
        }
        self.requests.advance(count as u64);
        // The first one has been counted.
        let sampled = desk.tally.samples(count as u32 - 1);
        let timed = sampled || flags & request::FLAG_STAMP != 0;
        let t_received = if timed { clock::tsc() } else { 0 };
        let answers = desk.models.evaluate_vector(desk.level, &metas, &bits, count);
        let t_done = if timed { clock::tsc() } else { 0 };
        let mut ok_count = 0;
        for (ahead, answer) in answers.iter().take(count).enumerate() {
            let sequence = first + ahead as u64;
            let (meta, bits) = (metas[ahead], bits[ahead]);
            let echo = abi::echo(sequence, meta, bits.into_iter());
            let stamped = meta & request::FLAG_STAMP != 0;
            let stamps = if stamped { (t_received, t_done) } else { (0, 0) };
            self.responses.push(sequence, &response(answer, echo, desk.epoch, stamps));
            if answer.status == abi::status::OK {
                ok_count += 1;
            } else {
                desk.tally.answered(answer.status, 1);
            }
        }
        desk.tally.answered(abi::status::OK, ok_count);
        if sampled {
            desk.tally.sample(t_done.wrapping_sub(t_received));
        }
        count
    }

    #[inline(never)]
    fn serve_wide(&mut self, limit: usize, desk: &mut Desk<'_>) -> Served {
        let mut count = 0;
        while count < limit {
            match self.requests.look() {
                Look::Ready => self.answer_wide(desk),
                Look::Empty => break,
                Look::Violation => return self.violation(desk.tally),
            }
            count += 1;
        }
        Served::Count(count)
    }

    fn answer_wide(&mut self, desk: &mut Desk<'_>) {
        let sampled = desk.tally.samples(1);
        let early = if sampled { clock::tsc() } else { 0 };
        // NB: `scratch` has room for the widest request, and a lane's width is checked at attach.
        let len = self.feature_count.min(desk.scratch.len());
        let x = &mut desk.scratch[..len];
        let meta = self.requests.read(x);
        let stamped = meta & request::FLAG_STAMP != 0;
        let t_received = if stamped && !sampled { clock::tsc() } else { early };
        let answer = desk.models.evaluate(meta, x);
        let sequence = self.requests.position();
        let echo = abi::echo(sequence, meta, x.iter().map(|value| value.to_bits()));
        self.requests.advance(1);
        self.publish(sequence, &answer, echo, stamped, (t_received, sampled), desk);
    }

    #[cold]
    fn violation(&mut self, tally: &mut Tally) -> Served {
        self.violations += 1;
        tally.violation();
        if self.broken() { Served::Broken } else { Served::Count(0) }
    }
}
