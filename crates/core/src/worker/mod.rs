//! The worker: one pinned thread that sweeps over its lanes and answers what waits there.
//!
//! Per message it never allocates, locks, logs, formats, makes a system call or panics, and it
//! reads the time stamp counter only when a request asks for it or for one message in 64. Lanes
//! come and go, and models are swapped, between two sweeps: that is the quiescent point.

mod lane;
mod mailbox;
mod rows;
mod tally;
mod tap;

pub use lane::Lane;
pub use mailbox::{Handle, Mailbox, Swap, mailbox};
pub use rows::{Row, Rows};
pub use tally::Tally;
pub use tap::Tap;

use crate::abi::FEATURE_COUNT_MAX;
use crate::idle::{Idle, IdleStrategy};
use crate::ring::Look;
use lane::{Desk, Visit};
use mailbox::Change;
use std::hint::black_box;
use std::mem::MaybeUninit;

/// Other lanes looked at between two looks at the busy one.
// 4: about as long as a pause, which the looks replace.
const COLD_LOOKS: usize = 4;

/// The most requests answered for a narrow lane before the next lane's turn.
// 32: at some 10 ns a pipelined request, a full lane delays the others by a third of a microsecond.
const VISIT_REQUESTS: usize = 32;

/// Narrow requests answered in a round over all lanes; with more busy lanes than that, one a lane.
// 1,024: some 20 us, and a full visit to each of 32 busy lanes.
const ROUND_REQUESTS: usize = 1024;

/// Rows exchanged between two turns.
// 32: some microseconds, of which the first few are the change of a single name.
const SWAPS_A_TURN: usize = 32;

/// Bytes of the stack that are touched before the first request.
// 64 KiB: many times what answering takes.
const STACK_LEN: usize = 64 << 10;

/// Everything a worker owns.
pub struct Worker {
    /// The narrow ones first.
    lanes: Vec<Lane>,
    narrow_count: usize,
    mailbox: Mailbox,
    rows: Rows,
    tally: Tally,
    tap: Tap,
    scratch: Box<[f64; FEATURE_COUNT_MAX]>,
    /// The lane that was busy last.
    hot: usize,
    /// The lane looked at last among the others.
    cold: usize,
    /// Narrow lanes that had requests in this round.
    busy: usize,
    /// Requests answered for a narrow lane before the next lane's turn.
    visit_requests: usize,
}

impl Worker {
    /// Makes a worker with room for `lane_count_max` lanes; it allocates nothing after that. It
    /// begins with `rows`.
    pub fn new(lane_count_max: usize, mailbox: Mailbox, rows: Rows, tally: Tally) -> Worker {
        Worker {
            lanes: Vec::with_capacity(lane_count_max),
            narrow_count: 0,
            mailbox,
            rows,
            tally,
            tap: Tap::default(),
            scratch: Box::new([0.0; FEATURE_COUNT_MAX]),
            hot: 0,
            cold: 0,
            busy: 0,
            visit_requests: VISIT_REQUESTS,
        }
    }

    /// The same with a tap to write to.
    #[must_use]
    pub fn with_tap(mut self, tap: Tap) -> Worker {
        self.tap = tap;
        self
    }

    /// Touches what the first requests will need, so that no page of it is missing then.
    #[cold]
    fn touch(&mut self) {
        self.lanes.spare_capacity_mut().fill_with(MaybeUninit::zeroed);
        black_box(&mut self.lanes);
        self.scratch.fill(1.0);
        black_box(&mut self.scratch);
        black_box([0u8; STACK_LEN]);
    }

    /// Runs the duty cycle until the control thread says stop.
    pub fn run(mut self, strategy: IdleStrategy) {
        self.touch();
        let mut idle = Idle::new(strategy);
        let sleeps = matches!(strategy, IdleStrategy::Yield | IdleStrategy::Backoff);
        // The event loop.
        loop {
            if self.mailbox.rang() && self.take_changes() {
                return;
            }
            if self.turn() == 0 {
                if sleeps {
                    self.tally.publish();
                }
                idle.wait();
            } else {
                idle.reset();
            }
        }
    }

    /// One turn: the lane that was busy last, then the next few of the others, up to the first wide
    /// one that had requests. Returns how many requests were answered.
    ///
    /// A busy client so waits for a few looks at most, however many idle lanes there are. Each turn
    /// is of bounded work: narrow lanes share [`ROUND_REQUESTS`] a round, one wide lane has
    /// [`lane::VISIT_WORDS`], and before it all narrow lanes are looked at. A wide lane that was
    /// busy last has every other turn, so that the other lanes have the rest.
    #[inline]
    fn turn(&mut self) -> usize {
        self.tally.turn();
        let mut answered = 0;
        if self.hot < self.narrow_count {
            answered = self.serve_unless_quiet(self.hot);
        } else if self.tally.turns().is_multiple_of(2) {
            answered = self.serve_unless_quiet(self.hot);
            if answered > 0 {
                return answered;
            }
        }
        for _ in 0..COLD_LOOKS.min(self.lanes.len()) {
            self.cold += 1;
            if self.cold >= self.lanes.len() {
                self.cold = 0;
                self.share_round();
            }
            let count = self.serve_unless_quiet(self.cold);
            if count > 0 {
                self.hot = self.cold;
                answered += count;
                if self.cold >= self.narrow_count {
                    break;
                }
                self.busy += 1;
            }
        }
        answered
    }

    /// Shares the next round among as many narrow lanes as were busy in the last one.
    #[inline]
    fn share_round(&mut self) {
        self.visit_requests = if self.busy * VISIT_REQUESTS <= ROUND_REQUESTS {
            VISIT_REQUESTS
        } else {
            ROUND_REQUESTS / self.busy
        };
        self.busy = 0;
    }

    #[inline]
    fn serve_unless_quiet(&mut self, index: usize) -> usize {
        match self.lanes.get(index).map(Lane::look) {
            None | Some(Look::Empty) => 0,
            Some(look) => self.serve(index, look),
        }
    }

    #[inline(never)]
    fn serve(&mut self, index: usize, look: Look) -> usize {
        if self.tap.is_on() {
            self.attend_tapped(index, look)
        } else {
            self.attend::<false>(index, look)
        }
    }

    // Out of line, so that the way without a tap keeps its registers.
    #[inline(never)]
    fn attend_tapped(&mut self, index: usize, look: Look) -> usize {
        self.attend::<true>(index, look)
    }

    #[inline(always)]
    fn attend<const TAPPED: bool>(&mut self, index: usize, look: Look) -> usize {
        let Some(lane) = self.lanes.get_mut(index) else { return 0 };
        let (rows, tally, tap) = (&self.rows, &mut self.tally, &mut self.tap);
        // A desk is set up only for what takes another way.
        if look == Look::Ready && lane.answer_one::<TAPPED>(rows, tally, tap) {
            return 1;
        }
        if index < self.narrow_count {
            return self.visit::<TAPPED>(index, look, self.visit_requests.max(1));
        }
        // NB: a narrow lane that is given back leaves this one at `index`, or, were it the last,
        // nothing.
        self.sweep_narrow();
        self.visit::<TAPPED>(index, look, VISIT_REQUESTS)
    }

    /// Looks at all narrow lanes.
    fn sweep_narrow(&mut self) {
        self.tally.long_turn();
        let mut index = 0;
        while index < self.narrow_count {
            self.serve_unless_quiet(index);
            index += 1;
        }
    }

    /// Visits a lane after a look that found something: answers at most `limit` requests.
    #[inline]
    fn visit<const TAPPED: bool>(&mut self, index: usize, look: Look, limit: usize) -> usize {
        let Some(lane) = self.lanes.get_mut(index) else { return 0 };
        let rows = &self.rows;
        let (scratch, tally, tap) = (self.scratch.as_mut_slice(), &mut self.tally, &mut self.tap);
        let visit = match look {
            Look::Ready => lane.answer::<TAPPED>(limit, &mut Desk { rows, scratch, tally, tap }),
            Look::Empty => Visit::Answered(0),
            Look::Violation => lane.violation(tally),
        };
        if TAPPED {
            self.tap.publish();
        }
        match visit {
            Visit::Answered(count) => count,
            Visit::Broken => {
                self.tally.detached();
                self.release(index);
                0
            }
        }
    }

    /// Exchanges rows, takes and gives back lanes; returns whether to stop.
    #[cold]
    fn take_changes(&mut self) -> bool {
        // The rest waits for the next turn.
        for _ in 0..SWAPS_A_TURN {
            let Some(mut swap) = self.mailbox.take_swap() else { break };
            swap.exchange(&mut self.rows);
            if self.tap.is_on() {
                let (check, fingerprints) = self.rows.served(swap.number());
                self.tap.version(swap.number(), check, fingerprints);
            }
            self.mailbox.give_back_swap(swap);
        }
        if self.mailbox.has_swaps() {
            self.mailbox.come_back();
        }
        while let Some(change) = self.mailbox.take_change() {
            match change {
                Change::Attach(lane) if self.lanes.len() < self.lanes.capacity() => {
                    let narrow = lane.is_narrow();
                    self.lanes.push(lane);
                    if narrow {
                        let last = self.lanes.len() - 1;
                        self.lanes.swap(self.narrow_count, last);
                        self.narrow_count += 1;
                    }
                }
                // No room: the lane goes straight back, and its client is told.
                Change::Attach(lane) => self.mailbox.give_back(lane),
                Change::Detach(client_id) => {
                    if let Some(index) = self.lanes.iter().position(|l| l.client_id() == client_id)
                    {
                        self.release(index);
                    }
                }
            }
        }
        self.mailbox.stopped()
    }

    /// Gives the lane at `index` back to the control thread, which frees it.
    #[cold]
    fn release(&mut self, index: usize) {
        let mut index = index;
        if index < self.narrow_count {
            self.narrow_count -= 1;
            self.lanes.swap(index, self.narrow_count);
            index = self.narrow_count;
        }
        let lane = self.lanes.swap_remove(index);
        self.mailbox.give_back(lane);
    }
}

#[cfg(test)]
mod fair_tests;
