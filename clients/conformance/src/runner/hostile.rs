//! Cases about regions: a golden one, half-made ones, and ones that lie.

use super::attach::fails;
use super::{PLENTY, Suite, exact, options, patiently, refused, took};
use crate::fault::{During, Fault, ensure, fail};
use crate::golden_rows::IMAGE_ROWS;
use crate::image::{EPOCH, GENERATIONS};
use factord_client::{Client, Kind, PredictError};
use std::time::{Duration, Instant};

/// A good row, for those who will not answer it.
const ROW: [f64; 3] = [0.5, 0.25, 0.125];

/// A channel of a false daemon.
fn channel(suite: &Suite, impostor: &str) -> Result<Client, Fault> {
    let socket = suite.impostor(impostor)?;
    patiently(&options(&socket)).during(impostor)
}

pub(super) fn golden_image(suite: &Suite) -> Result<(), Fault> {
    let mut client = channel(suite, "good")?;
    let table: Vec<_> = client
        .models()
        .into_iter()
        .map(|row| (row.id, row.name, row.kind, row.width, row.generation))
        .collect();
    let [first, second] = GENERATIONS;
    let expected = [
        (0, "regression".to_owned(), Kind::Linear.into(), 3, first),
        (1, "classification".to_owned(), Kind::Logistic.into(), 3, second),
    ];
    ensure(table == expected, || format!("the model table is {table:?}"))?;
    let rows = suite.rows("image")?;
    ensure(rows.len() == 2 * IMAGE_ROWS, || format!("{} rows", rows.len()))?;
    for (index, row) in rows.iter().enumerate() {
        let model = (index / IMAGE_ROWS) as u16;
        let generation = GENERATIONS[index / IMAGE_ROWS];
        let ring = exact(row, client.predict(model, &row.x, PLENTY)).during("predict")?;
        let local = exact(row, client.predict_local(model, &row.x)).during("predict_local")?;
        ensure((ring.generation, local.generation) == (generation, generation), || {
            format!("generations {} and {}", ring.generation, local.generation)
        })?;
        ensure(ring.epoch == EPOCH, || format!("epoch {}", ring.epoch))?;
    }
    Ok(())
}

pub(super) fn half_made_region(suite: &Suite) -> Result<(), Fault> {
    for impostor in ["half-zero", "half-status", "half-models", "half-resp"] {
        fails(suite, impostor)?;
    }
    Ok(())
}

pub(super) fn hostile_regions(suite: &Suite) -> Result<(), Fault> {
    let impostors = [
        "unsealed-req",
        "unsealed-resp",
        "short-resp",
        "long-resp",
        "short-status",
        "three-descriptors",
        "pipe",
        "status-magic",
        "status-layout",
        "models-layout",
        "models-count",
        "resp-abi",
        "resp-shape",
        "resp-slots",
        "resp-client",
    ];
    for impostor in impostors {
        fails(suite, impostor)?;
    }
    Ok(())
}

pub(super) fn hostile_answers(suite: &Suite) -> Result<(), Fault> {
    let answer = channel(suite, "resp-echo")?.predict(0, &ROW, PLENTY);
    refused(answer, PredictError::EchoMismatch).during("resp-echo")?;
    // The row that the rest of the answer is for.
    let rows = suite.rows("image")?;
    let Some(row) = rows.first() else { return fail("no rows") };
    let answer = channel(suite, "resp-status")?.predict(0, &row.x, PLENTY);
    ensure(answer.is_err(), || format!("resp-status: {answer:?}"))?;
    let mut client = channel(suite, "resp-ahead")?;
    let start = Instant::now();
    let limit = Duration::from_millis(100);
    refused(client.predict(0, &ROW, limit), PredictError::Deadline).during("resp-ahead")?;
    took(start, limit, PLENTY)?;
    let mut client = channel(suite, "models-wild")?;
    ensure(client.models().len() == 10, || "models-wild: not ten models".to_owned())?;
    for model in 0..10 {
        let answer = client.predict_local(model, &ROW);
        refused(answer, PredictError::UnknownModel).during(format!("models-wild {model}"))?;
    }
    let mut client = channel(suite, "models-torn")?;
    let start = Instant::now();
    let answer = client.predict_local(0, &ROW);
    ensure(answer.is_err(), || format!("models-torn: {answer:?}"))?;
    let soon = Duration::from_secs(5);
    took(start, Duration::ZERO, soon)?;
    let mut client = channel(suite, "status-wild")?;
    let models = client.models();
    let listed = match models.as_slice() {
        [row] => row.id == 2 && row.name == "i" && (row.width, row.generation) == (3, 1),
        _ => false,
    };
    ensure(listed, || format!("status-wild: {models:?}"))?;
    refused(client.predict_local(2, &ROW), PredictError::UnknownModel).during("status-wild")?;
    let start = Instant::now();
    fails(suite, "status-odd")?;
    took(start, Duration::ZERO, soon)
}
