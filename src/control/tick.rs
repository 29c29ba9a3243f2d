//! What the control thread does every 10 ms, whether anybody asks for it or not.

use super::reload::Extent;
use super::{Control, Directive, Phase, TICK};
use factord_core::abi::status_region as at;
use factord_core::counters::set;
use factord_core::sync::Ordering;
use factord_core::sys::clock;

/// Ticks between two looks at the clients' own counts.
// 10: a look takes the line of a client that counts away from it, ten times a second.
const CLAIMS_INTERVAL: u64 = 10;
/// Ticks after which half of the time that a user has had is forgotten.
const FADE_INTERVAL: u64 = 10;

impl Control {
    /// Does what is due, if the time has come; returns whether to stop. Called between any two
    /// pieces of work, so that no sum of them delays the heartbeat.
    pub(super) fn tick_when_due(&mut self) -> bool {
        let now_ns = clock::monotonic_ns();
        // Relaxed: a count that only has to move.
        self.parts.pulse.fetch_add(1, Ordering::Relaxed);
        if now_ns < self.next_tick_ns {
            return self.stopping;
        }
        self.next_tick_ns = now_ns + TICK.as_nanos() as u64;
        self.beat(now_ns);
        self.tick_count += 1;
        if self.tick_count.is_multiple_of(CLAIMS_INTERVAL) {
            self.count_claims(now_ns);
        }
        self.free_returned();
        self.greet_held();
        let due: Vec<u64> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.is_due(now_ns))
            .map(|(&key, _)| key)
            .collect();
        for key in due {
            match self.connections.get(&key).map(|connection| &connection.phase) {
                Some(Phase::Waiting) => self.reply_unfinished(key),
                Some(&Phase::Held { refusal, .. }) => self.refuse(key, refusal),
                _ => self.part(key),
            }
        }
        self.lingering.close(now_ns);
        self.complaints.tell(now_ns);
        if self.tick_count.is_multiple_of(FADE_INTERVAL) {
            self.turns.fade();
        }
        self.settle_load();
        self.parts.keeper.send();
        while let Ok(directive) = self.parts.directives.try_recv() {
            match directive {
                Directive::Reload => self.ask_for_models(None, Extent::All),
                Directive::Stop => self.stopping = true,
            }
        }
        self.stopping
    }

    /// Frees the channels whose lanes the workers gave back. Unmapping a large one takes a
    /// millisecond, so what is left after a tick's time waits for the next one.
    pub(super) fn free_returned(&mut self) {
        let worker_count = self.parts.outlets.stations.len();
        let mut next = 0;
        while next < worker_count && clock::monotonic_ns() < self.next_tick_ns {
            match self.parts.outlets.stations[next].handle.take_returned() {
                Some(lane) => self.free(lane.client_id(), lane.broken()),
                None => next += 1,
            }
        }
    }

    /// Turns movement of all workers into the heartbeat.
    fn beat(&mut self, now_ns: u64) {
        let status = &self.parts.outlets.status;
        let turns = |worker| status.turn_count(worker);
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
        for (&key, connection) in &mut self.connections {
            if let Phase::Serving { claims, .. } = &mut connection.phase {
                claims.count(status, now_ns);
                self.parts.rows.set_local(key, claims.total());
            }
        }
    }
}
