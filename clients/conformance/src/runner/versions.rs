//! Cases about the versions of one name: pinned, and divided by unit keys.

use super::answers::MISSING;
use super::hostile::{channel, of_request};
use super::{PLENTY, Suite, exact, refused};
use crate::fault::{During, Fault, ensure};
use crate::golden_rows::GoldenRow;
use factord_client::{Client, PinError, PredictError, Prediction};
use std::time::Instant;

/// The next answer on the number `model` that there is, within the time that anything may take.
fn answered(
    client: &mut Client,
    model: u16,
    x: &[f64],
    is_it: impl Fn(&Prediction) -> bool,
) -> Result<(), Fault> {
    let end = Instant::now() + PLENTY;
    loop {
        match client.predict(model, x, PLENTY) {
            Ok(prediction) if is_it(&prediction) => return Ok(()),
            // The worker adopts a version between two sweeps.
            Ok(_) | Err(PredictError::OtherVersion) => {}
            Err(error) => return Err(error).during("predict"),
        }
        ensure(Instant::now() < end, || format!("not the version within {PLENTY:?}"))?;
    }
}

fn right(client: &mut Client, model: u16, rows: &[GoldenRow]) -> Result<(), Fault> {
    for row in rows {
        exact(row, client.predict(model, &row.x, PLENTY)).during("predict")?;
        exact(row, client.predict_local(model, &row.x)).during("predict_local")?;
    }
    Ok(())
}

fn other_version(client: &mut Client, model: u16, row: &GoldenRow) -> Result<(), Fault> {
    let other = PredictError::OtherVersion;
    refused(client.predict(model, &row.x, PLENTY), other).during("predict")?;
    refused(client.predict_local(model, &row.x), other).during("predict_local")
}

pub(super) fn pinned(suite: &Suite) -> Result<(), Fault> {
    let mut client = suite.channel()?;
    suite.conduct(&["swap", "a"])?;
    let (a, b) = (suite.rows("swing-a")?, suite.rows("swing-b")?);
    let row = client.model("swing").ok_or("not served").during("swing")?;
    let pin = client.pin("swing", &row.sha256).during("pin")?;
    ensure(pin != row.id, || "the pinned number is that of the name".to_owned())?;
    let nobody = client.pin("no-such-model", &row.sha256);
    ensure(nobody == Err(PinError::NotServed), || format!("a name of nobody: {nobody:?}"))?;
    answered(&mut client, pin, &a[0].x, |_| true)?;
    right(&mut client, pin, &a)?;
    let generation: u32 = suite.conduct(&["swap", "b"])?.parse().during("generation")?;
    answered(&mut client, row.id, &b[0].x, |prediction| prediction.generation == generation)?;
    other_version(&mut client, pin, &b[0])?;
    let inputs: Vec<f64> = b.iter().flat_map(|row| row.x.clone()).collect();
    let mut answers = vec![MISSING; b.len()];
    client.predict_batch(pin, &inputs, &mut answers, PLENTY).during("predict_batch")?;
    for answer in answers {
        refused(answer, PredictError::OtherVersion).during("predict_batch")?;
    }
    for x in suite.bad_rows()? {
        refused(client.predict(pin, &x, PLENTY), PredictError::BadInput)?;
    }
    right(&mut client, row.id, &b)?;
    suite.conduct(&["swap", "a"])?;
    answered(&mut client, pin, &a[0].x, |_| true)?;
    right(&mut client, pin, &a)?;
    let never = client.pin("swing", &[7; 32]).during("pin")?;
    other_version(&mut client, never, &a[0])
}

pub(super) fn unit_keys(suite: &Suite) -> Result<(), Fault> {
    let mut client = channel(suite, "divided")?;
    let requests = suite.requests()?;
    for request in &requests {
        let answer = client.predict_keyed(0, request.key, &request.row.x, PLENTY);
        of_request(request, answer).during("predict")?;
    }
    let row = client.model("regression").ok_or("not served").during("regression")?;
    let pin = client.pin("regression", &row.sha256);
    ensure(pin == Err(PinError::Divided), || format!("pin: {pin:?}"))?;
    client.fetch(0, PLENTY).during("fetch")?;
    for request in &requests {
        let answer = client.predict_local_keyed(0, request.key, &request.row.x);
        of_request(request, answer).during("predict_local")?;
    }
    Ok(())
}
