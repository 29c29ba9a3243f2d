//! What becomes of an evaluation: it is published, counted and, where there is a tap, kept for it.

use super::Lane;
use crate::abi::{self, request, status};
use crate::ring::Response;
use crate::sys::clock;
use crate::worker::rows::Identity;
use crate::worker::tally::Tally;
use crate::worker::tap::Tap;
use factord_eval::evaluator::Evaluation;

#[inline]
pub(super) fn is_stamped(meta: u64) -> bool {
    meta & request::FLAG_STAMP != 0
}

/// The clock, read only when somebody wants to know.
#[inline]
pub(super) fn clock_if(wanted: bool) -> u64 {
    if wanted { clock::tsc() } else { 0 }
}

/// The answer to a request, with the two times if it asks for them.
#[inline]
fn response(
    meta: u64,
    echo: u64,
    evaluation: &Evaluation,
    identity: Identity,
    times: (u64, u64),
) -> Response {
    let (t_received, t_done) = if is_stamped(meta) { times } else { (0, 0) };
    Response {
        y: evaluation.y,
        second: evaluation.second,
        verdict: abi::verdict(evaluation.status, identity.arm, identity.generation),
        echo,
        fingerprint: identity.fingerprint,
        t_received,
        t_done,
    }
}

impl Lane {
    /// Publishes the answer to a request of three features.
    #[inline(always)]
    pub(super) fn publish(
        &mut self,
        sequence: u64,
        (meta, key, bits): (u64, u64, [u64; 3]),
        evaluation: &Evaluation,
        identity: Identity,
        times: (u64, u64),
    ) -> Response {
        let echo = abi::echo(sequence, meta, key, bits.into_iter());
        let response = response(meta, echo, evaluation, identity, times);
        self.responses.push(sequence, &response);
        response
    }

    /// Keeps the answer to a request of three features for the tap.
    #[inline(always)]
    pub(super) fn keep(
        &self,
        (meta, key, [x0, x1, x2]): (u64, u64, [u64; 3]),
        response: &Response,
        tap: &mut Tap,
    ) {
        let answer = (response.verdict, key, response.y);
        tap.keep_triple((meta, self.client_id), answer, x0, x1, x2);
    }

    /// Goes on behind `count` predictions that were published and not timed.
    #[inline(always)]
    pub(super) fn pass(&mut self, count: usize, tally: &mut Tally) {
        self.requests.advance(count as u64);
        tally.skip(count as u32);
        tally.answered(status::OK, count as u64);
    }

    /// Publishes and counts the answer to the next request, and goes on behind it.
    #[inline]
    pub(super) fn finish<const TAPPED: bool>(
        &mut self,
        (meta, key): (u64, u64),
        bits: impl Iterator<Item = u64> + Clone,
        (evaluation, identity): (Evaluation, Identity),
        (sampled, t_received): (bool, u64),
        (tally, tap): (&mut Tally, &mut Tap),
    ) {
        let sequence = self.requests.position();
        let echo = abi::echo(sequence, meta, key, bits.clone());
        let t_done = clock_if(sampled || is_stamped(meta));
        let response = response(meta, echo, &evaluation, identity, (t_received, t_done));
        self.responses.push(sequence, &response);
        self.requests.advance(1);
        tally.answered(evaluation.status, 1);
        if sampled {
            tally.sample(t_done.wrapping_sub(t_received));
        }
        if TAPPED {
            let request = (meta, self.client_id, self.feature_count);
            tap.keep(request, (response.verdict, key, response.y), bits);
            if sampled {
                tap.timed(t_done.wrapping_sub(t_received));
            }
        }
    }
}
