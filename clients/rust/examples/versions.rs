//! Who answers: a name that is pinned to what is served now, one row to two models, and a unit key.

use factord_client::{AttachOptions, Client, PredictError};
use std::time::Duration;

const LIMIT: Duration = Duration::from_millis(100);
/// Any word but 0: a symbol, an order, a strategy.
const UNIT: u64 = 4711;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut client = Client::attach(&AttachOptions::default())?;
    let row = client.model("regression").ok_or("no model `regression` is served")?;
    let x = [0.5, 0.2, 0.3];
    // From now on another artifact under this name is an error, not another answer.
    let pinned = client.pin("regression", &row.sha256)?;
    let answer = client.predict_keyed(pinned, UNIT, &x, LIMIT)?;
    println!("{} by {:016x}, arm {}", answer.y, answer.fingerprint, answer.arm);

    let other = client.number("classification").ok_or("no model `classification` is served")?;
    let mut answers = [Err(PredictError::Deadline); 2];
    client.predict_each(&[pinned, other], &x, LIMIT, &mut answers)?;
    println!("{} and {:.4} at once", answers[0]?.y, answers[1]?.y);

    client.fetch(pinned, LIMIT)?;
    let local = client.predict_local_keyed(pinned, UNIT, &x)?;
    let same = if local.fingerprint == answer.fingerprint { "the same" } else { "another" };
    println!("in this process {same} version");
    Ok(())
}
