//! Evaluations in a client's own process: its claims in the header of REQ, added to the daemon's
//! counts.
//!
//! The daemon treats them as untrusted. A client may write anything there, and so no more is taken
//! from it than one evaluation a nanosecond, and nothing when its counts go back.

use factord_core::abi::{req_header, status, status_region as at};
use factord_core::counters::{StatusWriter, add};
use factord_core::region::View;

/// Status codes that are counted.
const CODE_COUNT: usize = status::COUNT;

/// One client's claims.
#[derive(Debug)]
pub(super) struct Claims {
    /// The header of REQ.
    head: View,
    seen: [u64; CODE_COUNT],
    seen_at_ns: u64,
}

impl Claims {
    /// Starts at zero, at a time of CLOCK_MONOTONIC.
    pub(super) fn new(head: View, now_ns: u64) -> Claims {
        Claims { head, seen: [0; CODE_COUNT], seen_at_ns: now_ns }
    }

    /// Goes on from what the client has claimed so far, which the engine before counted.
    pub(super) fn resumed(head: View, now_ns: u64) -> Claims {
        let mut claims = Claims::new(head, now_ns);
        let words = claims.head.words().iter().skip(req_header::LOCAL_BY_STATUS);
        for (word, seen) in words.zip(&mut claims.seen) {
            // Relaxed: a single word, complete in itself.
            *seen = word.load_relaxed();
        }
        claims
    }

    /// Adds what was counted since the last call.
    pub(super) fn count(&mut self, status: &StatusWriter, now_ns: u64) {
        // 1 ns: an evaluation takes several.
        let most = now_ns.saturating_sub(self.seen_at_ns);
        self.seen_at_ns = now_ns;
        let words = self.head.words().iter().skip(req_header::LOCAL_BY_STATUS);
        for (code, (word, seen)) in words.zip(&mut self.seen).enumerate() {
            // Relaxed: a single word, complete in itself.
            let claimed = word.load_relaxed();
            let more = claimed.saturating_sub(*seen).min(most);
            *seen = claimed;
            if more > 0 {
                add(status.word(at::LOCAL_BY_STATUS + code), more);
            }
        }
    }

    /// All that it claimed.
    pub(super) fn total(&self) -> u64 {
        self.seen.iter().fold(0, |sum, &count| sum.wrapping_add(count))
    }
}
