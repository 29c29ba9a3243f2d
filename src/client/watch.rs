//! Noticing a dead engine, and coming back when it does.

use super::session::Session;
use super::{Beat, Client};
use crate::sys::clock;

/// A heartbeat that stands still for so long makes the client ask whether the engine lives.
// 25 ms: the daemon beats every 10 ms.
const HEARTBEAT_STALE_NS: u64 = 25_000_000;
/// First and longest pause between two attempts to attach again.
pub(super) const RETRY_NS: core::ops::Range<u64> = 1_000_000..100_000_000;

impl Client {
    /// Notices a dead engine and attaches again; called about once a microsecond of waiting.
    #[cold]
    pub(super) fn look_after_engine(&mut self) {
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
}
