//! Many rows through a full ring.

use super::{Answer, Client, PredictError};
use crate::idle::Idle;
use crate::sys::clock;
use core::time::Duration;

/// Requests pushed, and answers taken, by turns.
// 16: enough lines under way to hide a transfer, few enough to keep both sides busy.
const BURST: usize = 16;

/// Where a batch stands between two calls of [`Client::advance_batch`].
#[derive(Debug, Default)]
pub struct Batch {
    submitted: usize,
    taken: usize,
    first_ticket: u64,
}

impl Client {
    /// Predicts many rows through a full ring: `rows` is row-major with the channel's number of
    /// features a row, and `answers` receives one entry a row, in order. `deadline` is for the
    /// whole call; rows without an answer by then read what the call returns.
    ///
    /// # Errors
    ///
    /// `WidthMismatch` when `rows` is not `answers.len()` whole rows; past the deadline `Deadline`,
    /// `BackPressure` when there never was room for a row, or `NotConnected` when the engine is
    /// gone. Bad rows are no error of the call: their entries say so.
    pub fn predict_batch(
        &mut self,
        model: u16,
        rows: &[f64],
        answers: &mut [Answer],
        deadline: Duration,
    ) -> Result<(), PredictError> {
        if rows.len() != answers.len() * self.geometry.feature_count() {
            return Err(PredictError::WidthMismatch);
        }
        let mut batch = Batch::default();
        let take = |row: usize, answer| answers[row] = answer;
        let result = self.advance_batch(&mut batch, model, rows, take, deadline);
        if let Err(error) = result {
            answers[batch.taken..].fill(Err(error));
            self.abandon_batch(batch);
        }
        result
    }

    /// Goes on with a batch for at most `limit`: submits rows while there is room, and hands each
    /// answer with the number of its row to `take`, in order. `rows` is row-major. A caller that
    /// must look up now and then, for signals or a progress bar, gives a short limit and calls
    /// again with the same batch, model and rows; between two calls nothing else may be asked of
    /// this client.
    ///
    /// # Errors
    ///
    /// `WidthMismatch` when `rows` is not whole rows. When the limit passed first, `Deadline`,
    /// `BackPressure` or `NotConnected` as from [`Client::predict_batch`]: the batch may then go
    /// on, or has to be given up by [`Client::abandon_batch`].
    pub fn advance_batch(
        &mut self,
        batch: &mut Batch,
        model: u16,
        rows: &[f64],
        mut take: impl FnMut(usize, Answer),
        limit: Duration,
    ) -> Result<(), PredictError> {
        let width = self.geometry.feature_count();
        let count = rows.len() / width;
        if rows.len() != count * width {
            return Err(PredictError::WidthMismatch);
        }
        let end_ns = clock::end_of(limit);
        let mut idle = Idle::new(self.options.idle);
        let mut looks = 0u32;
        while batch.taken < count {
            let before = (batch.submitted, batch.taken);
            // An engine that came meanwhile may have another number for the model.
            let meta = self.meta(model);
            for row in rows[batch.submitted * width..].chunks_exact(width).take(BURST) {
                if !self.has_room() || !self.connected {
                    break;
                }
                let position = self.attachment.push(meta, row);
                if batch.submitted == 0 {
                    batch.first_ticket = self.base + position;
                }
                batch.submitted += 1;
            }
            for _ in 0..self.attachment.ready(BURST as u64) {
                let Some((ticket, answer)) = self.take_next() else { break };
                if batch.submitted > 0 && ticket >= batch.first_ticket {
                    take(batch.taken, answer);
                    batch.taken += 1;
                } else {
                    self.early.push_back((ticket, answer));
                }
            }
            if before != (batch.submitted, batch.taken) {
                idle.reset();
                continue;
            }
            looks += 1;
            if looks & self.clock_mask == 0 {
                if clock::monotonic_ns() >= end_ns {
                    return Err(self.overdue(batch));
                }
                self.look_after_engine();
            }
            idle.wait();
        }
        Ok(())
    }

    /// Gives a batch up: answers to its rows that are under way will be dropped.
    #[cold]
    pub fn abandon_batch(&mut self, batch: Batch) {
        let under_way = batch.taken..batch.submitted;
        self.abandoned.extend(under_way.map(|row| batch.first_ticket + row as u64));
    }

    #[cold]
    fn overdue(&self, batch: &Batch) -> PredictError {
        match (self.connected, batch.submitted) {
            (false, _) => PredictError::NotConnected,
            (true, 0) => PredictError::BackPressure,
            (true, _) => PredictError::Deadline,
        }
    }
}
