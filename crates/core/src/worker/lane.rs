//! A lane: the worker's end of one channel, and the ways to answer the requests that wait in it.
//!
//! | way | taken for | why |
//! |---|---|---|
//! | `answer_one` | three features, and nothing waits behind it | its outputs stay in registers |
//! | `answer_affine` | three features, linear, logistic models | their model is looked up once |
//! | `answer_other` | three features, any other | the clock is read around this one alone |
//! | `answer_any` | any other number of features | they are read in a loop, into memory |
//!
//! Requests of three features try their ways in this order. One is timed when it asks for time
//! stamps, or is the one in 64 whose service time goes into the histogram; the first two ways leave
//! it to the third, as they do one that gets a refusal instead of a prediction. All ways give the
//! same bits.
//!
//! None gathers eight requests for vector instructions: their features would be loaded from where
//! they had just been stored, by words, and such a load waits for all stores before it, those into
//! lines that the client holds too (measured: a pipelined logistic request took 78 ns that way and
//! takes 30 ns one by one).
//!
//! Each way is compiled twice, with and without a tap: a tap that is off costs one branch a visit.

mod publish;

use super::rows::{Chosen, Identity, Rows};
use super::tally::Tally;
use super::tap::Tap;
use crate::abi::{self, FEATURE_COUNT_MAX};
use crate::region::Mapping;
use crate::ring::{Geometry, Look, RequestConsumer, ResponseProducer};
use crate::sys::clock;
use core::ops::Range;
use factord_eval::eval::Output;
use factord_eval::evaluator::Evaluation;
use publish::{clock_if, is_stamped};

/// Words of requests answered for a wide lane before the next lane's turn.
// One request of 1,024 features, the least that a visit can be.
pub(super) const VISIT_WORDS: usize = FEATURE_COUNT_MAX + REQUEST_WORDS;

/// Nanoseconds of evaluation, as measured when the models were loaded, after which a visit ends.
// 1,000: about what a model of 1,024 features takes, of which one is the least that a visit can be.
pub(super) const VISIT_NS: u32 = 1000;

/// The overhead of a request besides its features, in words that take as long to read.
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
    pub(super) rows: &'w Rows,
    pub(super) scratch: &'w mut [f64],
    pub(super) tally: &'w mut Tally,
    pub(super) tap: &'w mut Tap,
}

/// What came of a visit to a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visit {
    /// This many requests were answered.
    Answered(usize),
    /// The client broke the protocol once too often.
    Broken,
}

impl Lane {
    /// Makes the worker's end from the daemon's mappings, to serve from position `first` on; it
    /// stores only into `resp`.
    pub fn new(
        client_id: u64,
        geometry: Geometry,
        (req, resp): (Mapping, Mapping),
        first: u64,
    ) -> Lane {
        Lane {
            client_id,
            feature_count: geometry.feature_count(),
            requests: RequestConsumer::new(req, geometry, first),
            responses: ResponseProducer::new(resp, geometry, first),
            violations: 0,
        }
    }

    /// The daemon's number of the client.
    pub fn client_id(&self) -> u64 {
        self.client_id
    }

    /// Whether its requests fit one cache line, which makes them cheap.
    pub(super) fn is_narrow(&self) -> bool {
        abi::request_stride_lines(self.feature_count) == 1
    }

    /// Whether the client broke the protocol so often that it was detached.
    pub fn broken(&self) -> bool {
        self.violations >= VIOLATIONS_MAX
    }

    /// Looks whether there is something to do: one load of the next slot's sequence.
    #[inline]
    pub(super) fn look(&self) -> Look {
        self.requests.look()
    }

    /// Answers the one request that is ready, if it is of three features, not to be timed, and has
    /// a prediction; tells whether it did.
    #[inline(always)]
    pub(super) fn answer_one<const TAPPED: bool>(
        &mut self,
        rows: &Rows,
        tally: &mut Tally,
        tap: &mut Tap,
    ) -> bool {
        if self.feature_count != 3 || self.requests.ready_behind(1) > 0 || tally.until_sample() == 0
        {
            return false;
        }
        let request = self.requests.read_triple(0);
        let (meta, key, bits) = request;
        let Some(version) = rows.version(meta, key, &bits).filter(|_| !is_stamped(meta)) else {
            return false;
        };
        let Chosen { evaluator, identity } = version;
        let Some(output) = evaluator.outputs(bits.map(f64::from_bits)) else { return false };
        let evaluation = Evaluation::prediction(output);
        let sequence = self.requests.position();
        let response = self.publish(sequence, request, &evaluation, identity, (0, 0));
        self.pass(1, tally);
        if TAPPED {
            self.keep(request, &response, tap);
            tap.publish();
        }
        true
    }

    /// Answers the requests that wait, at least one and at most `limit` of them, and of wide ones
    /// no more than [`VISIT_WORDS`]. Of costly ones, none begins after [`VISIT_NS`].
    #[inline]
    pub(super) fn answer<const TAPPED: bool>(
        &mut self,
        limit: usize,
        desk: &mut Desk<'_>,
    ) -> Visit {
        if self.feature_count == 3 {
            let ready = 1 + self.requests.ready_behind(limit - 1);
            return self.answer_triples::<TAPPED>(ready, desk);
        }
        let most = VISIT_WORDS / (REQUEST_WORDS + self.feature_count);
        self.answer_each::<TAPPED>(most.min(limit), desk)
    }

    /// Answers `ready` requests of three features.
    #[inline(never)]
    fn answer_triples<const TAPPED: bool>(&mut self, ready: usize, desk: &mut Desk<'_>) -> Visit {
        let (mut left, mut spent_ns) = (ready, 0u32);
        while left > 0 && spent_ns < VISIT_NS {
            left -= self.answer_affine::<TAPPED>(left, desk);
            if left > 0 {
                spent_ns = spent_ns.saturating_add(self.answer_other::<TAPPED>(desk));
                left -= 1;
            }
        }
        Visit::Answered(ready - left)
    }

    /// Answers requests for linear and logistic models, up to the first of another kind or the
    /// first that is to be timed; returns how many of `ready` there were.
    #[inline]
    fn answer_affine<const TAPPED: bool>(&mut self, ready: usize, desk: &mut Desk<'_>) -> usize {
        let limit = desk.tally.until_sample().min(ready);
        let mut count = 0;
        while count < limit {
            let request = self.requests.read_triple(count);
            let (meta, key, bits) = request;
            if is_stamped(meta) {
                break;
            }
            let Some(version) = desk.rows.version(meta, key, &bits) else { break };
            // What was looked up is the next one's too, if that is for the same name.
            let end = if version.is_alone() { limit } else { count + 1 };
            let Chosen { evaluator, identity } = version;
            let range = count..end;
            let answered = if let Some(line) = evaluator.line() {
                let predict = |x| line.predict(x).map(|y| Output { y, second: 0.0 });
                self.answer_run::<TAPPED>(request, range, (predict, identity), desk.tap)
            } else {
                let predict = |x: [f64; 3]| evaluator.logistic(&x);
                self.answer_run::<TAPPED>(request, range, (predict, identity), desk.tap)
            };
            if answered == 0 {
                break;
            }
            count += answered;
        }
        self.pass(count, desk.tally);
        count
    }

    /// Answers requests for one model, up to the first for another or one that has no
    /// prediction; returns how many. They stand at `range` behind the current one, and the first
    /// of them was read.
    #[inline(always)]
    fn answer_run<const TAPPED: bool>(
        &mut self,
        mut request: (u64, u64, [u64; 3]),
        range: Range<usize>,
        (predict, identity): (impl Fn([f64; 3]) -> Option<Output>, Identity),
        tap: &mut Tap,
    ) -> usize {
        let first = self.requests.position();
        let meta = request.0;
        let mut at = range.start;
        while let Some(output) = predict(request.2.map(f64::from_bits)) {
            let evaluation = Evaluation::prediction(output);
            let sequence = first + at as u64;
            let response = self.publish(sequence, request, &evaluation, identity, (0, 0));
            if TAPPED {
                self.keep(request, &response, tap);
            }
            at += 1;
            if at == range.end {
                break;
            }
            request = self.requests.read_triple(at);
            if request.0 != meta {
                break;
            }
        }
        at - range.start
    }

    /// Answers the next request of three features; what evaluating it was measured to take, in
    /// nanoseconds.
    #[inline(never)]
    fn answer_other<const TAPPED: bool>(&mut self, desk: &mut Desk<'_>) -> u32 {
        let (meta, key, bits) = self.requests.read_triple(0);
        let sampled = desk.tally.samples(1);
        let t_received = clock_if(sampled || is_stamped(meta));
        let (answer, cost_ns) = desk.rows.evaluate_triple(meta, key, &bits);
        self.finish::<TAPPED>(
            (meta, key),
            bits.into_iter(),
            answer,
            (sampled, t_received),
            (desk.tally, desk.tap),
        );
        cost_ns
    }

    /// Answers one request after the other, of any number of features.
    #[inline(never)]
    fn answer_each<const TAPPED: bool>(&mut self, limit: usize, desk: &mut Desk<'_>) -> Visit {
        let (mut count, mut spent_ns) = (0, 0u32);
        while count < limit && spent_ns < VISIT_NS {
            match self.requests.look() {
                Look::Ready => spent_ns = spent_ns.saturating_add(self.answer_any::<TAPPED>(desk)),
                Look::Empty => break,
                Look::Violation => return self.violation(desk.tally),
            }
            count += 1;
        }
        Visit::Answered(count)
    }

    /// Answers the next request; what evaluating it was measured to take, in nanoseconds.
    fn answer_any<const TAPPED: bool>(&mut self, desk: &mut Desk<'_>) -> u32 {
        let sampled = desk.tally.samples(1);
        let early = clock_if(sampled);
        // NB: `scratch` has room for the widest request, and a lane's width is checked at attach.
        let len = self.feature_count.min(desk.scratch.len());
        let x = &mut desk.scratch[..len];
        let (meta, key) = self.requests.read(x);
        let t_received = if is_stamped(meta) && !sampled { clock::tsc() } else { early };
        let (answer, cost_ns) = desk.rows.evaluate(meta, key, x);
        let bits = x.iter().map(|value| value.to_bits());
        self.finish::<TAPPED>(
            (meta, key),
            bits,
            answer,
            (sampled, t_received),
            (desk.tally, desk.tap),
        );
        cost_ns
    }

    #[cold]
    pub(super) fn violation(&mut self, tally: &mut Tally) -> Visit {
        self.violations += 1;
        tally.violation();
        if self.broken() { Visit::Broken } else { Visit::Answered(0) }
    }
}
