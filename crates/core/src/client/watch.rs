//! Noticing a dead engine, and coming back when it does.

use super::Client;
use super::attachment::Attachment;
use crate::abi::{request, status};
use crate::channel::{Attempt, Channel};
use crate::sys::clock;

/// A heartbeat that does not move for this long makes the client check whether the engine lives.
// 25 ms: the daemon beats every 10 ms.
const HEARTBEAT_STALE_NS: u64 = 25_000_000;
/// Time between two questions to the socket of an engine whose heart beats.
// 100 ms: nothing beside a call that has waited for so long, and soon enough for a person.
const ASK_NS: u64 = 100_000_000;
/// First and longest pause between two attempts to attach again.
pub(super) const RETRY_NS: core::ops::Range<u64> = 1_000_000..100_000_000;

/// The heartbeat as seen last, when it last moved, and when the socket was last asked.
#[derive(Debug)]
pub(super) struct Beat {
    count: u64,
    moved_at_ns: u64,
    asked_at_ns: u64,
}

impl Beat {
    pub(super) fn new(now_ns: u64) -> Beat {
        Beat { count: 0, moved_at_ns: now_ns, asked_at_ns: now_ns }
    }
}

impl Client {
    /// Notices a dead engine and comes back to a living one, a step a call; called about once a
    /// microsecond of waiting.
    #[cold]
    pub(super) fn look_after_engine(&mut self) {
        let now_ns = clock::monotonic_ns();
        if self.connected {
            let count = self.attachment.heartbeat_count();
            if count != self.beat.count {
                (self.beat.count, self.beat.moved_at_ns) = (count, now_ns);
            }
            let still_ns = now_ns.saturating_sub(self.beat.moved_at_ns);
            // NB: the heart beats on when the daemon hangs up on this client alone.
            let unasked_ns = now_ns.saturating_sub(self.beat.asked_at_ns);
            if still_ns.min(unasked_ns) > HEARTBEAT_STALE_NS || unasked_ns > ASK_NS {
                self.beat.asked_at_ns = now_ns;
                self.connected = !self.attachment.hung_up();
                self.retry_pause_ns = RETRY_NS.start;
                self.retry_at_ns = now_ns;
            }
        }
        if self.connected {
            self.look_after_second(now_ns);
        } else {
            self.attach_again(now_ns);
        }
    }

    /// One step of coming back, which waits for nobody.
    fn attach_again(&mut self, now_ns: u64) {
        // What the dead engine answered is still there; the caller takes it before the next step.
        // But for what the second channel would have answered.
        let next = self.attachment.status_at(self.attachment.next_answer());
        if self.attachment.in_flight() > 0 && next.is_some_and(|next| next != status::WRONG_CLASS) {
            return;
        }
        let attempt = match &mut self.attempt {
            Some(attempt) => attempt,
            None if now_ns < self.retry_at_ns => return,
            none => {
                let options = &self.options;
                let daemon_uid = options.daemon_uid;
                none.insert(Attempt::new(&self.path, daemon_uid, self.shape, &options.name))
            }
        };
        match attempt.step() {
            Ok(None) => return,
            Ok(Some(channel)) => self.adopt(channel),
            Err(_) => {}
        }
        self.attempt = None;
        self.retry_pause_ns = (2 * self.retry_pause_ns).min(RETRY_NS.end);
        self.retry_at_ns = clock::monotonic_ns() + self.retry_pause_ns;
    }

    /// Goes over to a new attachment; not to one whose model table cannot be read.
    fn adopt(&mut self, channel: Channel) {
        let mut next = Attachment::new(channel, self.geometry);
        if next.observer().table_now().is_none() {
            return;
        }
        let first = self.base + self.attachment.next_answer();
        let names = self.names.get_mut();
        names.forget();
        let mut features = vec![0.0; self.geometry.feature_count()];
        for position in self.attachment.unanswered() {
            self.attachment.publish_in(&mut next, position, &mut features, |next, number, old| {
                names.look_up(number, next.observer()) | old & request::FLAG_STAMP
            });
        }
        self.base = first - next.next_answer();
        self.attachment = next;
        // Its requests stand in this ring as well, and go over again where they have to.
        self.second.close();
        self.connected = true;
        self.beat = Beat::new(clock::monotonic_ns());
    }
}
