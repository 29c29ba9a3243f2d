//! Rates: many rows through a full ring, and evaluation in this process.

use super::ring::{INPUT_COUNT, inputs};
use super::{Stopwatch, median};
use factord_core::client::{Answer, Batch, Client, PredictError};
use factord_core::sys::clock::nanoseconds;
use std::hint::black_box;
use std::time::Duration;
use thiserror::Error;

/// Slots of the ring.
// 64: enough to hide the transfers; more lines than that travel from further away.
pub const SLOT_COUNT: usize = 64;
/// Rows of one call.
pub const ROW_COUNT: usize = 10_000;
/// Passes over the inputs between two clock readings.
// 4 of 1,024 calls: the step of a reading, 10 ns, is then below 0.01 ns a call.
const PASS_COUNT: usize = 4;
/// A batch that takes longer than this has failed.
// 60 s: on two CPUs with five busy threads each, client and worker run by turns, and a batch takes
// more than 5 s (seen at a load of 11).
const DEADLINE: Duration = Duration::from_secs(60);

/// Why a rate could not be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StreamError {
    /// A request was not answered.
    #[error(transparent)]
    Predict(#[from] PredictError),
    /// The ring and this process disagree.
    #[error("row {row} has different bits through the ring than in this process")]
    Differs {
        /// The row.
        row: usize,
    },
}

/// Batches through a full ring.
#[derive(Debug)]
pub struct BatchRounds {
    client: Client,
    model: u16,
    rows: Vec<f64>,
    ys: Vec<f64>,
    seconds: Vec<f64>,
}

impl BatchRounds {
    /// Sends batches for `model`, with the channel's number of features per row.
    pub fn new(client: Client, model: u16) -> BatchRounds {
        let rows = inputs(ROW_COUNT * client.feature_count());
        let outputs = || vec![f64::NAN; ROW_COUNT];
        BatchRounds { client, model, rows, ys: outputs(), seconds: outputs() }
    }

    /// Predictions a second over one round of `length`: those of its middle call, so that time
    /// given to other processes does not count. After the round its last batch is checked, row by
    /// row, against evaluation in this process.
    ///
    /// # Errors
    ///
    /// [`StreamError`].
    pub fn round(&mut self, stopwatch: &Stopwatch, length: Duration) -> Result<f64, StreamError> {
        self.batch()?;
        let mut calls_ns = Vec::new();
        let start = stopwatch.start();
        while stopwatch.since_ns(start) < nanoseconds(length) || calls_ns.is_empty() {
            let before = stopwatch.start();
            self.batch()?;
            calls_ns.push(stopwatch.since_ns(before) as f64);
        }
        self.check()?;
        Ok(ROW_COUNT as f64 * 1e9 / median(&mut calls_ns))
    }

    /// Sends at least `count` requests, unwatched, and returns how many it were.
    ///
    /// # Errors
    ///
    /// [`PredictError`] when one is not answered.
    pub fn send(&mut self, count: u64) -> Result<u64, PredictError> {
        let batches = count.div_ceil(ROW_COUNT as u64);
        for _ in 0..batches {
            self.batch()?;
        }
        Ok(batches * ROW_COUNT as u64)
    }

    fn batch(&mut self) -> Result<(), PredictError> {
        let (ys, seconds) = (&mut self.ys, &mut self.seconds);
        let mut refused = None;
        let take = |row: usize, answer: Answer| match answer {
            Ok(prediction) => {
                ys[row] = prediction.y;
                seconds[row] = prediction.second;
            }
            Err(error) => refused = Some(error),
        };
        let mut batch = Batch::default();
        let result = self.client.advance_batch(&mut batch, self.model, &self.rows, take, DEADLINE);
        if result.is_err() {
            self.client.abandon_batch(batch);
        }
        result.and(refused.map_or(Ok(()), Err))
    }

    fn check(&mut self) -> Result<(), StreamError> {
        let width = self.client.feature_count();
        for (row, x) in self.rows.chunks_exact(width).enumerate() {
            let local = self.client.predict_local(self.model, x)?;
            let bits = |y: f64, second: f64| (y.to_bits(), second.to_bits());
            if bits(self.ys[row], self.seconds[row]) != bits(local.y, local.second) {
                return Err(StreamError::Differs { row });
            }
        }
        Ok(())
    }
}

/// Evaluations in this process.
#[derive(Debug)]
pub struct LocalRounds {
    inputs: Vec<f64>,
}

impl LocalRounds {
    /// Evaluates models of `width` features.
    pub fn new(width: usize) -> LocalRounds {
        LocalRounds { inputs: inputs(INPUT_COUNT * width) }
    }

    /// Nanoseconds a call over one round of `length`: the middle of some thousands of calls each.
    ///
    /// # Errors
    ///
    /// The first call's that was refused.
    pub fn round(
        &self,
        client: &mut Client,
        model: u16,
        stopwatch: &Stopwatch,
        length: Duration,
    ) -> Result<f64, PredictError> {
        let width = self.inputs.len() / INPUT_COUNT;
        let mut passes_ns = Vec::new();
        let start = stopwatch.start();
        while stopwatch.since_ns(start) < nanoseconds(length) || passes_ns.is_empty() {
            let before = stopwatch.start();
            for _ in 0..PASS_COUNT {
                for x in self.inputs.chunks_exact(width) {
                    black_box(client.predict_local(model, black_box(x))?.y);
                }
            }
            passes_ns.push(stopwatch.since_ns(before) as f64);
        }
        Ok(median(&mut passes_ns) / (PASS_COUNT * INPUT_COUNT) as f64)
    }
}
