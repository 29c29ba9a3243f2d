//! Rounds through the ring: one request under way at a time.

use super::{Sample, Stopwatch};
use crate::client::{Client, PredictError};
use std::time::Duration;

/// The client side of the measurement.
#[derive(Debug)]
pub struct RingRounds {
    client: Client,
    model: u16,
    inputs: Vec<f64>,
    next: usize,
}

/// Different inputs, so that nothing is answered from a branch predictor's memory.
const INPUT_COUNT: usize = 1024;
/// A round trip that takes longer than this has failed.
const DEADLINE: Duration = Duration::from_secs(1);

impl RingRounds {
    /// Sends requests for `model`, with the channel's number of features each.
    pub fn new(client: Client, model: u16) -> RingRounds {
        let width = client.feature_count();
        // A low-discrepancy sequence over (0, 1): the golden ratio's multiples.
        let inputs = (1..=INPUT_COUNT * width)
            .map(|index| (index as f64 * 0.618_033_988_749_894_9).fract())
            .collect();
        RingRounds { client, model, inputs, next: 0 }
    }

    /// Measures one round of `length`.
    ///
    /// # Errors
    ///
    /// [`PredictError`] when a request is not answered.
    pub fn round(
        &mut self,
        stopwatch: &Stopwatch,
        length: Duration,
    ) -> Result<Sample, PredictError> {
        let width = self.client.feature_count();
        stopwatch.round(length, || {
            let x = &self.inputs[self.next * width..][..width];
            self.next = (self.next + 1) % INPUT_COUNT;
            self.client.predict(self.model, x, DEADLINE).map(|_| ())
        })
    }
}
