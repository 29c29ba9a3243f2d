//! Calls that wait for their answers.

use super::{Answer, Client, PredictError};
use crate::idle::Idle;
use crate::sys::clock;
use core::time::Duration;

/// Looks for an answer before a waiting call turns to clocks and back-off.
// 64: some 1 us, ten round trips of a quiet machine.
const QUICK_LOOKS: u32 = 64;

impl Client {
    /// Predicts one row and waits for the answer, for `deadline` from now at most.
    ///
    /// # Errors
    ///
    /// [`PredictError`]; after the deadline `Deadline` or, when the engine is gone, `NotConnected`.
    #[inline(always)]
    pub fn predict(&mut self, model: u16, x: &[f64], deadline: Duration) -> Answer {
        self.predict_keyed(model, 0, x, deadline)
    }

    /// The same for a unit: see [`Client::submit_keyed`].
    ///
    /// # Errors
    ///
    /// As for [`Client::predict`].
    #[inline(always)]
    pub fn predict_keyed(&mut self, model: u16, key: u64, x: &[f64], deadline: Duration) -> Answer {
        if !self.connected || !self.has_room() {
            return self.predict_late(model, key, x, deadline);
        }
        let ticket = self.submit_keyed(model, key, x)?;
        // With nothing else under way the next answer is this one's and needs no sorting.
        if self.attachment.in_flight() == 1 {
            for _ in 0..QUICK_LOOKS {
                if let Some(taken) = self.pop() {
                    return self.accept(&taken);
                }
                core::hint::spin_loop();
            }
        }
        self.wait_for(ticket, deadline)
    }

    /// Waits for room in the ring, then predicts.
    #[cold]
    fn predict_late(&mut self, model: u16, key: u64, x: &[f64], deadline: Duration) -> Answer {
        let end_ns = clock::end_of(deadline);
        loop {
            match self.submit_keyed(model, key, x) {
                Ok(ticket) => {
                    let left_ns = end_ns.saturating_sub(clock::monotonic_ns());
                    return self.wait_for(ticket, Duration::from_nanos(left_ns));
                }
                Err(PredictError::BackPressure | PredictError::NotConnected) => {}
                Err(other) => return Err(other),
            }
            self.make_room_until(end_ns)?;
        }
    }

    /// Waits for room in the ring, or for an engine.
    #[cold]
    pub(super) fn make_room_until(&mut self, end_ns: u64) -> Result<(), PredictError> {
        let mut idle = Idle::new(self.options.idle);
        while !self.connected || !self.has_room() {
            // Only answers that nobody waits for may be dropped to make room.
            if let Some(entry) = self.take_next() {
                self.early.push_back(entry);
            }
            if clock::monotonic_ns() >= end_ns {
                return Err(if self.connected {
                    PredictError::BackPressure
                } else {
                    PredictError::NotConnected
                });
            }
            self.look_after_engine();
            idle.wait();
        }
        Ok(())
    }

    fn wait_for(&mut self, ticket: u64, deadline: Duration) -> Answer {
        self.wait_until(ticket, deadline, &mut 0)
    }

    /// Waits for the answer to `ticket` until `end_ns`, which is `deadline` from now where it is 0.
    pub(super) fn wait_until(
        &mut self,
        ticket: u64,
        deadline: Duration,
        end_ns: &mut u64,
    ) -> Answer {
        let mut idle = Idle::new(self.options.idle);
        let mut looks = 0u32;
        loop {
            if let Some((taken, answer)) = self.take_next() {
                if taken == ticket {
                    return answer;
                }
                self.early.push_back((taken, answer));
                continue;
            }
            looks += 1;
            if looks & self.clock_mask == 0 {
                let now_ns = clock::monotonic_ns();
                if *end_ns == 0 {
                    // The first reading comes about a microsecond after the start.
                    *end_ns = now_ns.saturating_add(clock::nanoseconds(deadline));
                }
                if now_ns >= *end_ns {
                    self.abandoned.push_back(ticket);
                    return Err(if self.connected {
                        PredictError::Deadline
                    } else {
                        PredictError::NotConnected
                    });
                }
                self.look_after_engine();
            }
            idle.wait();
        }
    }
}
