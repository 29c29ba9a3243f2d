//! Many rows through a full ring.

use super::{Answer, Client, PredictError};
use crate::idle::Idle;
use crate::sys::clock;
use core::time::Duration;

/// Requests pushed, and answers taken, per turn.
// 16: enough lines under way to hide a transfer, few enough to keep both sides busy.
const BURST: usize = 16;

/// The progress of a batch between two calls of [`Client::advance_batch`].
///
/// ```no_run
/// # use factord_core::client::{AttachOptions, Batch, Client, PredictError};
/// # use std::time::Duration;
/// let mut client = Client::attach(&AttachOptions::default())?; // needs a running engine
/// let rows = vec![0.5; 3 * 1_000_000];
/// let mut batch = Batch::default();
/// let print = |row: usize, answer| println!("{row}: {answer:?}");
/// // A short limit, so that the caller can look at signals in between.
/// while let Err(error) =
///     client.advance_batch(&mut batch, 0, &rows, print, Duration::from_millis(50))
/// {
///     if error == PredictError::WidthMismatch {
///         return Err(error.into());
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Batch {
    submitted: usize,
    taken: usize,
    first_ticket: u64,
    key: u64,
}

impl Batch {
    /// Rows of one unit, as for [`Client::submit_keyed`].
    pub fn of_unit(key: u64) -> Batch {
        Batch { key, ..Batch::default() }
    }
}

impl Client {
    /// Predicts many rows through a full ring: `rows` is row-major with the channel's number of
    /// features per row, and `answers` receives one entry per row, in order. `deadline` is for the
    /// whole call; rows without an answer by then get the error that the call returns.
    ///
    /// # Errors
    ///
    /// `WidthMismatch` when `rows` is not `answers.len()` whole rows; after the deadline
    /// `Deadline`, `BackPressure` when there never was room for a row, or `NotConnected` when the
    /// engine is gone. Bad rows do not fail the call: their entries say so.
    pub fn predict_batch(
        &mut self,
        model: u16,
        rows: &[f64],
        answers: &mut [Answer],
        deadline: Duration,
    ) -> Result<(), PredictError> {
        self.predict_batch_keyed(model, 0, rows, answers, deadline)
    }

    /// The same for rows of one unit, as for [`Client::submit_keyed`].
    ///
    /// # Errors
    ///
    /// As for [`Client::predict_batch`].
    pub fn predict_batch_keyed(
        &mut self,
        model: u16,
        key: u64,
        rows: &[f64],
        answers: &mut [Answer],
        deadline: Duration,
    ) -> Result<(), PredictError> {
        if rows.len() != answers.len() * self.geometry.feature_count() {
            return Err(PredictError::WidthMismatch);
        }
        let mut batch = Batch::of_unit(key);
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
    /// must do something else now and then, for signals or a progress bar, passes a short limit and
    /// calls again with the same batch, model and rows; between two such calls, do not use this
    /// client for anything else.
    ///
    /// # Errors
    ///
    /// `WidthMismatch` when `rows` is not whole rows. When the limit passed first, `Deadline`,
    /// `BackPressure` or `NotConnected` as from [`Client::predict_batch`]: call again to go on with
    /// the batch, or give it up with [`Client::abandon_batch`].
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
            let meta = self.meta_of(model) | self.flags;
            for row in rows[batch.submitted * width..].chunks_exact(width).take(BURST) {
                if !self.has_room() || !self.connected {
                    break;
                }
                let position = self.attachment.push(model, meta, batch.key, row);
                if batch.submitted == 0 {
                    batch.first_ticket = self.base + position;
                }
                batch.submitted += 1;
            }
            let ready = self.attachment.ready(BURST as u64).min(self.attachment.in_flight() as u64);
            let mut taken = batch.taken;
            for _ in 0..ready {
                let ticket = self.base + self.attachment.next_answer();
                if batch.submitted == 0 || ticket < batch.first_ticket {
                    self.set_aside();
                    continue;
                }
                let Some(answer) = self.pop() else { break };
                take(taken, self.accept(&answer));
                taken += 1;
            }
            batch.taken = taken;
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

    /// Takes an answer that a later call is for.
    #[cold]
    #[inline(never)]
    fn set_aside(&mut self) {
        let entry = self.take_next();
        self.early.extend(entry);
    }

    /// Gives up a batch: answers to its rows in flight will be dropped.
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
