//! One row to several models.

use super::{Answer, Client, PredictError};
use crate::sys::clock;
use core::time::Duration;

impl Client {
    /// Asks several models about one row: their requests are published together, and `answers`
    /// receives one entry a model, in their order. `deadline` is for the whole call; models without
    /// an answer by then get the error that the call returns.
    ///
    /// # Errors
    ///
    /// `WidthMismatch` when `answers` has another length than `models`, or `x` than the channel has
    /// features; after the deadline as from [`Client::predict`]. What one model refuses does not
    /// fail the call: its entry says so.
    pub fn predict_each(
        &mut self,
        models: &[u16],
        x: &[f64],
        deadline: Duration,
        answers: &mut [Answer],
    ) -> Result<(), PredictError> {
        if models.len() != answers.len() || x.len() != self.geometry.feature_count() {
            return Err(PredictError::WidthMismatch);
        }
        let (mut submitted, mut taken, mut first, mut end_ns) = (0, 0, 0, 0);
        while taken < models.len() {
            while let Some(&model) = models.get(submitted) {
                // A full ring has room again when an answer was taken.
                let Ok(ticket) = self.submit(model, x) else { break };
                if submitted == 0 {
                    first = ticket;
                }
                submitted += 1;
            }
            let answer = if taken < submitted {
                self.wait_until(first + taken as u64, deadline, &mut end_ns)
            } else {
                if end_ns == 0 {
                    end_ns = clock::end_of(deadline);
                }
                match self.make_room_until(end_ns) {
                    Ok(()) => continue,
                    Err(error) => Err(error),
                }
            };
            if let Err(error @ (PredictError::Deadline | PredictError::NotConnected)) = answer {
                // The one that was waited for is abandoned already.
                let rest = first + taken as u64 + 1..first + submitted as u64;
                self.abandoned.extend(rest);
                answers[taken..].fill(Err(error));
                return Err(error);
            }
            if let Err(error @ PredictError::BackPressure) = answer {
                answers[taken..].fill(Err(error));
                return Err(error);
            }
            answers[taken] = answer;
            taken += 1;
        }
        Ok(())
    }
}
