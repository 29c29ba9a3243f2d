//! What the control thread hands to a worker and gets back at quiescent points: lanes, and rows of
//! models.
//!
//! The worker looks at one word a turn; only when it has changed does it touch the queues.

use super::lane::Lane;
use super::rows::{Row, Rows};
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

/// An order to put a row at a number; it comes back with the row that was there.
#[derive(Debug)]
pub struct Swap {
    number: u16,
    row: Box<Row>,
}

impl Swap {
    /// Orders `row` for `number`.
    pub fn new(number: u16, row: Row) -> Swap {
        Swap { number, row: Box::new(row) }
    }

    /// The number that it is for.
    pub(super) fn number(&self) -> u16 {
        self.number
    }

    /// Carries the order out on a table.
    #[inline]
    pub fn exchange(&mut self, rows: &mut Rows) {
        rows.exchange(self.number, &mut self.row);
    }
}

/// Orders that may be under way.
// As many as there are names: a reload of all of them is one round.
const SWAP_COUNT_MAX: usize = crate::abi::MODEL_COUNT_MAX;

#[derive(Debug)]
struct Shared {
    rings: CachePadded<AtomicU64>,
    stop: CachePadded<AtomicU64>,
    changes: ArrayQueue<Change>,
    returns: ArrayQueue<Lane>,
    swaps: ArrayQueue<Swap>,
    spent: ArrayQueue<Swap>,
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
        swaps: ArrayQueue::new(SWAP_COUNT_MAX),
        spent: ArrayQueue::new(SWAP_COUNT_MAX),
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

    /// Orders a row. Orders are carried out in their order, and all come back by
    /// [`Handle::take_spent`]: the caller has no more than [`abi::MODEL_COUNT_MAX`] under way.
    ///
    /// # Errors
    ///
    /// The order itself when more are.
    ///
    /// [`abi::MODEL_COUNT_MAX`]: crate::abi::MODEL_COUNT_MAX
    pub fn swap(&self, swap: Swap) -> Result<(), Swap> {
        self.shared.swaps.push(swap)?;
        self.ring();
        Ok(())
    }

    /// Takes an order that was carried out, with the row that it replaced.
    pub fn take_spent(&self) -> Option<Swap> {
        self.shared.spent.pop()
    }

    /// Makes the worker look at what has changed.
    fn ring(&self) {
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

    /// Looks again at the next turn, whether the control thread rings or not.
    pub(super) fn come_back(&mut self) {
        self.seen = self.seen.wrapping_sub(1);
    }

    /// Takes the next change.
    pub(super) fn take_change(&self) -> Option<Change> {
        self.shared.changes.pop()
    }

    /// Takes the next order.
    pub(super) fn take_swap(&self) -> Option<Swap> {
        self.shared.swaps.pop()
    }

    /// Whether more orders wait.
    pub(super) fn has_swaps(&self) -> bool {
        !self.shared.swaps.is_empty()
    }

    /// Gives an order back, done. There is room for all that are under way.
    pub(super) fn give_back_swap(&self, swap: Swap) {
        let overflow = self.shared.spent.push(swap);
        debug_assert!(overflow.is_ok());
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
