//! Rounds through the ring: one request in flight at a time.

use super::{Sample, Stopwatch};
use factord_core::client::{Client, PredictError};
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
pub(super) const INPUT_COUNT: usize = 1024;
/// A round trip that takes longer than this has failed.
// 10 s: a busy machine is slow, and no reason to end a run.
const DEADLINE: Duration = Duration::from_secs(10);

/// So many numbers spread evenly over (0, 1).
pub(super) fn inputs(count: usize) -> Vec<f64> {
    // A low-discrepancy sequence: the golden ratio's multiples.
    (1..=count).map(|index| (index as f64 * 0.618_033_988_749_894_9).fract()).collect()
}

impl RingRounds {
    /// Sends requests for `model`, with the channel's number of features each.
    pub fn new(client: Client, model: u16) -> RingRounds {
        let inputs = inputs(INPUT_COUNT * client.feature_count());
        RingRounds { client, model, inputs, next: 0 }
    }

    /// Sends later requests for another model of the same width.
    pub fn ask(&mut self, model: u16) {
        self.model = model;
    }

    /// The channel that is measured.
    pub fn client(&self) -> &Client {
        &self.client
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
