//! Many rows through a full ring.

use super::{Answer, Client, PredictError};
use crate::idle::Idle;
use crate::sys::clock;
use core::time::Duration;

/// Requests pushed, and answers taken, by turns.
// 16: enough lines under way to hide a transfer, few enough to keep both sides busy.
const BURST: usize = 16;

impl Client {
    /// Predicts many rows through a full ring: `rows` is row-major with the channel's number of
    /// features a row, and `answers` receives one entry a row, in order. `deadline` is for the
    /// whole call; rows without an answer by then read `Deadline` or `NotConnected`.
    ///
    /// # Errors
    ///
    /// `WidthMismatch` when `rows` is not `answers.len()` whole rows; otherwise the first error of
    /// the missing rows. Bad rows are no error of the call: their entries say so.
    pub fn predict_batch(
        &mut self,
        model: u16,
        rows: &[f64],
        answers: &mut [Answer],
        deadline: Duration,
    ) -> Result<(), PredictError> {
        let width = self.geometry.feature_count();
        if rows.len() != answers.len() * width {
            return Err(PredictError::WidthMismatch);
        }
        let end_ns = clock::monotonic_ns().saturating_add(deadline.as_nanos() as u64);
        let mut idle = Idle::new(self.options.idle);
        let mut looks = 0u32;
        let (mut submitted, mut taken) = (0, 0);
        let mut first_ticket = 0;
        while taken < answers.len() {
            let before = (submitted, taken);
            for row in rows[submitted * width..].chunks_exact(width).take(BURST) {
                if !self.has_room() || !self.connected {
                    break;
                }
                let meta = u64::from(model) | self.flags;
                let position = self.session.push_ahead(meta, row, self.geometry.slot_count());
                if submitted == 0 {
                    first_ticket = self.base + position;
                }
                submitted += 1;
            }
            for _ in 0..self.session.ready(BURST as u64) {
                let Some((ticket, answer)) = self.take_next() else { break };
                if submitted > 0 && ticket >= first_ticket {
                    answers[taken] = answer;
                    taken += 1;
                } else {
                    self.early.push_back((ticket, answer));
                }
            }
            if before != (submitted, taken) {
                idle.reset();
                continue;
            }
            looks += 1;
            if looks & self.clock_mask == 0 {
                if clock::monotonic_ns() >= end_ns {
                    return Err(self.give_up(
                        first_ticket,
                        &mut answers[taken..],
                        taken,
                        submitted,
                    ));
                }
                self.look_after_engine();
            }
            idle.wait();
        }
        Ok(())
    }

    #[cold]
    fn give_up(
        &mut self,
        first_ticket: u64,
        missing: &mut [Answer],
        taken: usize,
        submitted: usize,
    ) -> PredictError {
        let error =
            if self.connected { PredictError::Deadline } else { PredictError::NotConnected };
        missing.fill(Err(error));
        self.abandoned.extend((taken..submitted).map(|row| first_ticket + row as u64));
        error
    }
}
