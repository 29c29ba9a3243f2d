//! The worker: one pinned thread that sweeps over its lanes and answers what waits there.
//!
//! Per message it never allocates, locks, logs, formats, makes a system call or panics, and it
//! reads the time stamp counter only when a request asks for it or for one message in 64. Lanes
//! come and go, and models are swapped, between two sweeps: that is the quiescent point.

mod lane;
mod mailbox;
mod models;
mod tally;

pub use lane::Lane;
pub use mailbox::{Handle, Mailbox, mailbox};
pub use models::{Answer, ModelSet};
pub use tally::Tally;

use crate::abi::FEATURE_COUNT_MAX;
use crate::idle::{Idle, IdleStrategy};
use crate::model::cell::Reader;
use lane::Served;
use mailbox::Order;

/// Everything a worker owns.
pub struct Worker {
    lanes: Vec<Lane>,
    mailbox: Mailbox,
    models: Reader<ModelSet>,
    tally: Tally,
    epoch: u64,
    scratch: Box<[f64; FEATURE_COUNT_MAX]>,
}

impl Worker {
    /// Makes a worker with room for `lane_count_max` lanes; it allocates nothing after that.
    pub fn new(
        lane_count_max: usize,
        mailbox: Mailbox,
        models: Reader<ModelSet>,
        tally: Tally,
        epoch: u64,
    ) -> Worker {
        Worker {
            lanes: Vec::with_capacity(lane_count_max),
            mailbox,
            models,
            tally,
            epoch,
            scratch: Box::new([0.0; FEATURE_COUNT_MAX]),
        }
    }

    /// Runs the duty cycle until the control thread says stop.
    pub fn run(mut self, strategy: IdleStrategy) {
        let mut idle = Idle::new(strategy);
        let sleeps = matches!(strategy, IdleStrategy::Yield | IdleStrategy::Backoff);
        // The event loop.
        loop {
            if self.mailbox.rang() && self.take_orders() {
                return;
            }
            if self.sweep() == 0 {
                if sleeps {
                    self.tally.publish_sweeps();
                }
                idle.wait();
            } else {
                idle.reset();
            }
        }
    }

    /// Looks once at every lane and returns how many requests were answered.
    #[inline]
    fn sweep(&mut self) -> usize {
        self.tally.sweep();
        let mut answered = 0;
        let mut index = 0;
        while let Some(lane) = self.lanes.get_mut(index) {
            let models = self.models.get();
            match lane.serve(models, self.epoch, self.scratch.as_mut_slice(), &mut self.tally) {
                Served::Count(count) => {
                    answered += count;
                    index += 1;
                }
                Served::Broken => {
                    self.tally.detached();
                    self.release(index);
                }
            }
        }
        answered
    }

    /// Adopts new models, takes and gives back lanes; tells whether to stop.
    #[cold]
    fn take_orders(&mut self) -> bool {
        self.models.adopt();
        while let Some(order) = self.mailbox.take_order() {
            match order {
                Order::Attach(lane) if self.lanes.len() < self.lanes.capacity() => {
                    self.lanes.push(lane);
                }
                // No room: the lane goes straight back, and its client is told.
                Order::Attach(lane) => drop(self.mailbox.give_back(lane)),
                Order::Detach(client_id) => {
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
        let lane = self.lanes.swap_remove(index);
        // The queue has room for every lane there can be.
        drop(self.mailbox.give_back(lane));
    }
}
