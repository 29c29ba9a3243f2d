//! A fixed rate without coordinated omission: requests leave on a schedule, whether or not earlier
//! ones have been answered, and each one's latency counts from the time it was meant to leave.

use super::Stopwatch;
use super::ring::{INPUT_COUNT, inputs};
use factord_core::client::{Client, PredictError};
use factord_core::sys::clock::nanoseconds;
use hdrhistogram::Histogram;
use std::collections::VecDeque;
use std::time::Duration;

/// How long past the schedule's end the last answers may take.
const PATIENCE_NS: u64 = 5_000_000_000;

/// The outcome of one run.
#[derive(Debug)]
pub struct OpenLoopRun {
    /// From the intended time of departure to the answer, nanoseconds.
    pub latencies: Histogram<u64>,
    /// Requests a second that were answered.
    pub achieved_per_s: f64,
    /// Requests that found the ring full at their time.
    pub delayed: u64,
    /// The most requests in flight at once.
    pub in_flight_max: usize,
}

/// Sends `rate` requests a second for `length`.
///
/// # Errors
///
/// [`PredictError`]; `Deadline` when the answers do not come to an end.
pub fn run(
    client: &mut Client,
    model: u16,
    rate: u64,
    length: Duration,
    stopwatch: &Stopwatch,
) -> Result<OpenLoopRun, PredictError> {
    let width = client.feature_count();
    let inputs = inputs(INPUT_COUNT * width);
    let total = (u128::from(rate) * length.as_nanos() / 1_000_000_000) as u64;
    let due_ns = |index: u64| (u128::from(index) * 1_000_000_000 / u128::from(rate)) as u64;
    let end_ns = nanoseconds(length).saturating_add(PATIENCE_NS);
    let mut latencies = Histogram::new(3).expect("three digits are within the library's limits");
    let mut under_way: VecDeque<u64> = VecDeque::with_capacity(client.slot_count());
    let (mut sent, mut taken, mut delayed, mut in_flight_max) = (0, 0, 0, 0);
    let mut was_full = false;
    let start = stopwatch.start();
    while taken < total {
        let now_ns = stopwatch.since_ns(start);
        if sent < total && due_ns(sent) <= now_ns {
            let x = &inputs[sent as usize % INPUT_COUNT * width..][..width];
            match client.submit(model, x) {
                Ok(_) => {
                    under_way.push_back(due_ns(sent));
                    in_flight_max = in_flight_max.max(under_way.len());
                    (sent, was_full) = (sent + 1, false);
                }
                Err(PredictError::BackPressure) => {
                    delayed += u64::from(!was_full);
                    was_full = true;
                }
                Err(other) => return Err(other),
            }
        }
        if let Some((_, answer)) = client.poll()? {
            answer?;
            let intended_ns = under_way.pop_front().unwrap_or(0);
            // An auto-resizing histogram takes every value.
            let _ = latencies.record(stopwatch.since_ns(start).saturating_sub(intended_ns));
            taken += 1;
        } else if now_ns > end_ns {
            return Err(PredictError::Deadline);
        }
    }
    let elapsed_ns = stopwatch.since_ns(start).max(1);
    let achieved_per_s = taken as f64 * 1e9 / elapsed_ns as f64;
    Ok(OpenLoopRun { latencies, achieved_per_s, delayed, in_flight_max })
}
