//! What the control thread hands to a worker and gets back: lanes, at quiescent points.
//!
//! The worker looks at one word a sweep; only when it has changed does it touch the queues.

use super::lane::Lane;
use crate::sync::{AtomicU64, Ordering};
use crossbeam::queue::ArrayQueue;
use crossbeam::utils::CachePadded;
use std::sync::Arc;

/// A change to the worker's lanes.
#[derive(Debug)]
pub(super) enum Change {
    Attach(Lane),
    Detach(u64),
}

#[derive(Debug)]
struct Shared {
    rings: CachePadded<AtomicU64>,
    stop: CachePadded<AtomicU64>,
    changes: ArrayQueue<Change>,
    returns: ArrayQueue<Lane>,
}

/// The control thread's side.
#[derive(Clone, Debug)]
pub struct Handle {
    shared: Arc<Shared>,
}

/// The worker's side.
#[derive(Debug)]
pub struct Mailbox {
    shared: Arc<Shared>,
    seen: u64,
}

/// Makes both sides, for at most `lane_count_max` lanes.
pub fn mailbox(lane_count_max: usize) -> (Handle, Mailbox) {
    let shared = Arc::new(Shared {
        rings: CachePadded::new(AtomicU64::new(0)),
        stop: CachePadded::new(AtomicU64::new(0)),
        // Each lane is attached once and detached once, so twice the lanes never fills.
        changes: ArrayQueue::new(2 * lane_count_max.max(1)),
        returns: ArrayQueue::new(lane_count_max.max(1)),
    });
    (Handle { shared: shared.clone() }, Mailbox { shared, seen: 0 })
}

impl Handle {
    /// Hands over a lane; returns whether there was room. A lane without room is dropped.
    pub fn attach(&self, lane: Lane) -> bool {
        self.change(Change::Attach(lane))
    }

    /// Asks for a lane back; tells whether that was taken.
    pub fn detach(&self, client_id: u64) -> bool {
        self.change(Change::Detach(client_id))
    }

    fn change(&self, change: Change) -> bool {
        let taken = self.shared.changes.push(change).is_ok();
        self.ring();
        taken
    }

    /// Makes the worker look at what has changed: its lanes, its models.
    pub fn ring(&self) {
        // SYNC(mailbox.rings): pairs with the Acquire load in `Mailbox::rang`.
        self.shared.rings.fetch_add(1, Ordering::Release);
    }

    /// Asks the worker to end.
    pub fn stop(&self) {
        // Relaxed: ordered by the Release in `ring`.
        self.shared.stop.store(1, Ordering::Relaxed);
        self.ring();
    }

    /// Takes a lane that the worker no longer serves.
    pub fn take_returned(&self) -> Option<Lane> {
        self.shared.returns.pop()
    }
}

impl Mailbox {
    /// Whether the control thread rang since the last time.
    #[inline]
    pub(super) fn rang(&mut self) -> bool {
        // SYNC(mailbox.rings): pairs with the Release add in `Handle::ring`.
        let rings = self.shared.rings.load(Ordering::Acquire);
        let rang = rings != self.seen;
        self.seen = rings;
        rang
    }

    /// Takes the next change.
    pub(super) fn take_change(&self) -> Option<Change> {
        self.shared.changes.pop()
    }

    /// Gives a lane back. The queue has room for every lane there can be.
    pub(super) fn give_back(&self, lane: Lane) {
        let overflow = self.shared.returns.push(lane);
        debug_assert!(overflow.is_ok());
    }

    /// Whether the worker should end.
    pub(super) fn stopped(&self) -> bool {
        // Relaxed: ordered by the Acquire in `rang`.
        self.shared.stop.load(Ordering::Relaxed) != 0
    }
}
