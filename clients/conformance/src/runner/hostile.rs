//! Cases about regions: a golden one, half-made ones, and ones that lie.

use super::attach::fails;
use super::{PLENTY, Suite, exact, fingerprint, options, patiently, refused, took};
use crate::divided::Request;
use crate::fault::{During, Fault, ensure, fail};
use crate::golden_rows::IMAGE_ROWS;
use crate::image::{EPOCH, EPOCH_SINCE, GENERATIONS, WORKER_CPU};
use factord_client::{Answer, Client, Kind, PredictError};
use std::time::{Duration, Instant};

/// A good row, for those who will not answer it.
const ROW: [f64; 3] = [0.5, 0.25, 0.125];
/// For what must not come.
const TENTH: Duration = Duration::from_millis(100);

/// A channel of a false daemon.
pub(super) fn channel(suite: &Suite, impostor: &str) -> Result<Client, Fault> {
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
    let cpus = client.worker_cores();
    ensure(cpus == [Some(WORKER_CPU as usize)], || format!("the worker's CPU is {cpus:?}"))?;
    let spent_ns = client.ticks_to_ns(10, 30);
    ensure(spent_ns == Some(10.0), || format!("20 ticks are {spent_ns:?} ns"))?;
    let rows = suite.rows("image")?;
    ensure(rows.len() == 2 * IMAGE_ROWS, || format!("{} rows", rows.len()))?;
    let versions = [fingerprint(&client, "regression")?, fingerprint(&client, "classification")?];
    for (index, row) in rows.iter().enumerate() {
        let model = index / IMAGE_ROWS;
        let ring = exact(row, client.predict(model as u16, &row.x, PLENTY)).during("predict")?;
        let local =
            exact(row, client.predict_local(model as u16, &row.x)).during("predict_local")?;
        let first = index as u64 + 1 < EPOCH_SINCE;
        for (answer, epoch) in [(ring, EPOCH - u64::from(first)), (local, EPOCH)] {
            let who = (answer.generation, answer.arm, answer.fingerprint, answer.epoch);
            let expected = (GENERATIONS[model], 0, versions[model], epoch);
            ensure(who == expected, || format!("{answer:?} is not of {expected:?}"))?;
        }
    }
    unentitled(suite)
}

/// The golden image as a user sees it that may not evaluate locally.
fn unentitled(suite: &Suite) -> Result<(), Fault> {
    let mut client = channel(suite, "unentitled")?;
    not_fetched(client.fetch(0, TENTH)).during("unentitled")?;
    for row in &suite.rows("image")?[..IMAGE_ROWS] {
        exact(row, client.predict_local(0, &row.x)).during("through the ring")?;
    }
    Ok(())
}

fn not_fetched(outcome: Result<(), PredictError>) -> Result<(), Fault> {
    ensure(outcome == Err(PredictError::NotFetched), || format!("fetch: {outcome:?}"))
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
        "four-descriptors",
        "pipe",
        "status-magic",
        "status-layout",
        "models-layout",
        "models-count",
        "resp-abi",
        "resp-shape",
        "resp-slots",
        "resp-outputs",
        "resp-class",
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
    let limit = TENTH;
    refused(client.predict(0, &ROW, limit), PredictError::Deadline).during("resp-ahead")?;
    took(start, limit, PLENTY)?;
    let soon = Duration::from_secs(5);
    let mut client = channel(suite, "epoch-odd")?;
    let start = Instant::now();
    exact(row, client.predict(0, &row.x, PLENTY)).during("epoch-odd")?;
    took(start, Duration::ZERO, soon)?;
    let mut client = channel(suite, "models-wild")?;
    ensure(client.models().len() == 10, || "models-wild: not ten models".to_owned())?;
    for model in 0..10 {
        let answer = client.predict_local(model, &ROW);
        ensure(answer.is_err(), || format!("models-wild {model}: {answer:?}"))?;
    }
    let mut client = channel(suite, "models-torn")?;
    let start = Instant::now();
    let answer = client.predict_local(0, &ROW);
    ensure(answer.is_err(), || format!("models-torn: {answer:?}"))?;
    took(start, Duration::ZERO, soon)?;
    let answer = channel(suite, "models-check")?.predict_local(0, &ROW);
    refused(answer, PredictError::UnknownModel).during("models-check")?;
    let mut client = channel(suite, "status-wild")?;
    let models = client.models();
    let listed = match models.as_slice() {
        [row] => row.id == 2 && row.name == "h" && (row.width, row.generation) == (3, 1),
        _ => false,
    };
    ensure(listed, || format!("status-wild: {models:?}"))?;
    let answer = client.predict_local(2, &ROW);
    ensure(answer.is_err(), || format!("status-wild: {answer:?}"))?;
    let start = Instant::now();
    fails(suite, "status-odd")?;
    took(start, Duration::ZERO, soon)?;
    false_versions(suite)
}

/// Images of an arm that are not what was asked for: the ring has its answers.
fn false_versions(suite: &Suite) -> Result<(), Fault> {
    let requests = suite.requests()?;
    let Some(request) = requests.first() else { return fail("no requests") };
    let impostors = [
        "image-short",
        "image-long",
        "image-other",
        "image-kind",
        "image-width",
        "image-form",
        "image-layout",
        "image-nan",
    ];
    for impostor in impostors {
        let mut client = channel(suite, impostor)?;
        not_fetched(client.fetch(0, TENTH)).during(impostor)?;
        let answer = client.predict_local_keyed(0, request.key, &request.row.x);
        of_request(request, answer).during(impostor)?;
    }
    Ok(())
}

/// The answer, which must have the bits of a request, and be of its version.
pub(super) fn of_request(request: &Request, answer: Answer) -> Result<(), Fault> {
    let prediction = exact(&request.row, answer)?;
    let expected = (request.arm, request.fingerprint, GENERATIONS[0]);
    let who = (prediction.arm, prediction.fingerprint, prediction.generation);
    ensure(who == expected, || format!("{prediction:?} is not of {expected:?}"))
}
