//! Cases about a daemon that stands still, dies, comes back or changes a model.

use super::answers::{MISSING, next};
use super::{PLENTY, Suite, exact, id, refused, took};
use crate::fault::{During, Fault, ensure};
use crate::golden_rows::GoldenRow;
use factord_client::{Client, PredictError};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

pub(super) fn deadline(suite: &Suite) -> Result<(), Fault> {
    let mut client = suite.channel()?;
    let model = id(&client, "regression")?;
    let rows = suite.rows("regression")?;
    suite.conduct(&["stop"])?;
    let start = Instant::now();
    let limit = Duration::from_millis(50);
    refused(client.predict(model, &rows[0].x, limit), PredictError::Deadline)?;
    took(start, limit, 5 * SECOND)?;
    suite.conduct(&["continue"])?;
    exact(&rows[1], client.predict(model, &rows[1].x, PLENTY))?;
    let left = client.poll();
    ensure(left == Ok(None), || format!("the late answer was delivered: {left:?}"))
}

pub(super) fn engine_killed(suite: &Suite) -> Result<(), Fault> {
    let mut client = suite.channel()?;
    let model = id(&client, "regression")?;
    let rows = suite.rows("regression")?;
    let first = exact(&rows[0], client.predict(model, &rows[0].x, PLENTY))?;
    suite.conduct(&["kill"])?;
    let start = Instant::now();
    refused(client.predict(model, &rows[1].x, SECOND), PredictError::NotConnected)?;
    took(start, SECOND, PLENTY)?;
    suite.conduct(&["start"])?;
    let second = exact(&rows[2], client.predict(model, &rows[2].x, PLENTY))?;
    let grows = |before: u64, after: u64| {
        ensure(after > before, || format!("epoch {after} after {before}"))
    };
    grows(first.epoch, second.epoch)?;
    suite.conduct(&["stop"])?;
    let under_way = &rows[3..8];
    for row in under_way {
        client.submit(model, &row.x).during("submit")?;
    }
    suite.conduct(&["kill"])?;
    suite.conduct(&["start"])?;
    for row in under_way {
        let (_, answer) = next(&mut client)?;
        grows(second.epoch, exact(row, answer)?.epoch)?;
    }
    let left = client.poll();
    ensure(left == Ok(None), || format!("one too many: {left:?}"))
}

/// One batch of golden rows over and over: all of them right; how many epochs answered.
fn right_batch(
    client: &mut Client,
    model: u16,
    rows: &[GoldenRow],
    inputs: &[f64],
    deadline: Duration,
) -> Result<usize, Fault> {
    let mut answers = vec![MISSING; inputs.len() / 3];
    client.predict_batch(model, inputs, &mut answers, deadline).during("predict_batch")?;
    let mut epochs = Vec::new();
    for (row, answer) in rows.iter().cycle().zip(answers) {
        let prediction = exact(row, answer)?;
        if epochs.last() != Some(&prediction.epoch) {
            epochs.push(prediction.epoch);
        }
    }
    ensure(epochs.is_sorted_by(|a, b| a < b), || format!("epochs {epochs:?}"))?;
    Ok(epochs.len())
}

pub(super) fn batch_across_kill(suite: &Suite) -> Result<(), Fault> {
    const ROWS: usize = 1_000_000;
    const TRIES: usize = 10;
    let mut client = suite.channel()?;
    let model = id(&client, "regression")?;
    let rows = suite.rows("regression")?;
    let inputs: Vec<f64> = rows.iter().cycle().take(ROWS).flat_map(|row| row.x.clone()).collect();
    let mut across = false;
    for _ in 0..TRIES {
        suite.conduct(&["restart-after", "20000"])?;
        across = right_batch(&mut client, model, &rows, &inputs, 3 * PLENTY)? > 1;
        if across {
            break;
        }
    }
    ensure(across, || format!("no kill fell into one of {TRIES} batches"))?;
    suite.conduct(&["reset"])?;
    suite.conduct(&["kill"])?;
    let few = &inputs[..3000];
    let start = Instant::now();
    let limit = SECOND / 2;
    let outcome = client.predict_batch(model, few, &mut vec![MISSING; 1000], limit);
    ensure(outcome == Err(PredictError::NotConnected), || format!("{outcome:?}"))?;
    took(start, limit, PLENTY)?;
    suite.conduct(&["start"])?;
    right_batch(&mut client, model, &rows, few, PLENTY).map(drop)
}

/// Swaps to a variant and looks until an answer names its generation, which must be above
/// `before`; returns it.
fn swap(
    suite: &Suite,
    client: &mut Client,
    variant: &str,
    before: (u32, &[GoldenRow]),
) -> Result<(u32, Vec<GoldenRow>), Fault> {
    let model = id(client, "swing")?;
    let rows = suite.rows(&format!("swing-{variant}"))?;
    let generation: u32 = suite.conduct(&["swap", variant])?.parse().during("generation")?;
    ensure(generation > before.0, || format!("generation {generation} after {}", before.0))?;
    let end = Instant::now() + PLENTY;
    let mut index = 0;
    loop {
        let answer = client.predict(model, &rows[index].x, PLENTY);
        let named = answer.during("predict")?.generation;
        if named == generation {
            exact(&rows[index], answer)?;
            break;
        }
        ensure(named == before.0, || format!("an answer of generation {named}"))?;
        exact(&before.1[index], answer).during("before the swap")?;
        ensure(Instant::now() < end, || format!("generation {generation} never answered"))?;
        index = (index + 1) % rows.len();
    }
    for row in &rows {
        exact(row, client.predict(model, &row.x, PLENTY)).during("predict")?;
        let local = exact(row, client.predict_local(model, &row.x)).during("predict_local")?;
        ensure(local.generation == generation, || format!("local generation {local:?}"))?;
    }
    let row = client.model("swing").map(|row| row.generation);
    ensure(row == Some(generation), || format!("the model table says {row:?}"))?;
    Ok((generation, rows))
}

pub(super) fn model_swapped(suite: &Suite) -> Result<(), Fault> {
    let mut client = suite.channel()?;
    let first: u32 = suite.conduct(&["swap", "a"])?.parse().during("generation")?;
    let rows = suite.rows("swing-a")?;
    let (second, other_rows) = swap(suite, &mut client, "b", (first, &rows))?;
    swap(suite, &mut client, "a", (second, &other_rows)).map(drop)
}
