//! What the control thread does every 10 ms, whether anybody asks for it or not.

use super::{Control, Order, Phase};
use crate::abi::status_region as at;
use crate::counters::set;
use crate::worker::Lane;
use std::iter;

/// Ticks between two looks at the clients' own counts.
// 10: a look takes the line of a client that counts away from it, ten times a second.
const CLAIMS_INTERVAL: u64 = 10;

impl Control {
    /// Does what is due every 10 ms; tells whether to stop.
    pub(super) fn tick(&mut self, now_ns: u64) -> bool {
        self.beat(now_ns);
        self.tick_count += 1;
        if self.tick_count.is_multiple_of(CLAIMS_INTERVAL) {
            self.count_claims(now_ns);
        }
        let workers = &self.parts.outlets.workers;
        let returned: Vec<Lane> = workers
            .iter()
            .flat_map(|(_, worker)| iter::from_fn(|| worker.take_returned()))
            .collect();
        for lane in returned {
            self.free(lane.client_id(), lane.broken());
        }
        let late: Vec<u64> =
            self.peers.iter().filter(|(_, p)| p.late(now_ns)).map(|(&key, _)| key).collect();
        for key in late {
            self.part(key);
        }
        for (cell, _) in &mut self.parts.outlets.workers {
            cell.reclaim();
        }
        while let Ok(order) = self.parts.orders.try_recv() {
            match order {
                Order::Reload => {
                    let _ = self.reload();
                }
                Order::Stop => return true,
            }
        }
        false
    }

    /// Turns movement of all workers into the heartbeat.
    fn beat(&mut self, now_ns: u64) {
        let status = &self.parts.outlets.status;
        let turns = |worker: usize| {
            let word = status.word(at::WORKERS + worker * at::WORKER_WORDS + at::TURN_COUNT);
            // Relaxed: a single word, complete in itself.
            word.load(crate::sync::Ordering::Relaxed)
        };
        if self.seen_turns.iter().enumerate().all(|(worker, &seen)| turns(worker) != seen) {
            for (worker, seen) in self.seen_turns.iter_mut().enumerate() {
                *seen = turns(worker);
            }
            set(status.word(at::HEARTBEAT_NS), now_ns);
            status.count(at::HEARTBEAT_COUNT);
        }
    }

    /// Adds up what clients have evaluated in their own processes.
    fn count_claims(&mut self, now_ns: u64) {
        let status = &self.parts.outlets.status;
        for peer in self.peers.values_mut() {
            if let Phase::Serving { claims, .. } = &mut peer.phase {
                claims.count(status, now_ns);
            }
        }
    }
}
