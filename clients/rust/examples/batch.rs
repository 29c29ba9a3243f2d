//! Many rows: as one batch, pipelined by hand, and in this process. All give the same bits.

use factord_client::{AttachOptions, Client, PredictError, Prediction};
use std::time::{Duration, Instant};

const ROWS: usize = 100_000;
const SECOND: Duration = Duration::from_secs(1);

/// Submits while there is room and takes answers, in order, while there are any.
fn pipeline(
    client: &mut Client,
    model: u16,
    rows: &[f64],
) -> Result<Vec<Prediction>, PredictError> {
    let mut waiting = rows.chunks_exact(3).peekable();
    let mut taken = Vec::with_capacity(ROWS);
    let end = Instant::now() + 10 * SECOND;
    while taken.len() < ROWS && Instant::now() < end {
        if let Some(row) = waiting.peek() {
            match client.submit(model, row) {
                Ok(_ticket) => drop(waiting.next()),
                // The ring is full: answers first.
                Err(PredictError::BackPressure) => {}
                Err(error) => return Err(error),
            }
        }
        if let Some((_ticket, answer)) = client.poll()? {
            taken.push(answer?);
        }
    }
    Ok(taken)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Many slots make a batch fast; few, as there are by default, a single round trip.
    let mut client = Client::attach(&AttachOptions { slot_count: 256, ..Default::default() })?;
    let model = client.model("classification").ok_or("no model `classification` is served")?.id;
    let rows: Vec<f64> =
        (0..3 * ROWS).map(|i| (i as f64 * 0.618_033_988_749_894).fract()).collect();

    let mut answers = vec![Err(PredictError::Deadline); ROWS];
    let start = Instant::now();
    client.predict_batch(model, &rows, &mut answers, 10 * SECOND)?;
    let rate = ROWS as f64 / start.elapsed().as_secs_f64();

    let pipelined = pipeline(&mut client, model, &rows)?;
    let mut same = 0;
    for ((row, answer), other) in rows.chunks_exact(3).zip(answers).zip(pipelined) {
        let local = client.predict_local(model, row)?;
        let bits = answer?.y.to_bits();
        same += usize::from(bits == other.y.to_bits() && bits == local.y.to_bits());
    }
    println!("{ROWS} rows, {rate:.0} a second; {same} have the same bits on all three ways");
    Ok(())
}
