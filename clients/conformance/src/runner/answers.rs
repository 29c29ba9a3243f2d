//! Cases about answers of a daemon that lives.

use super::{NO_MODEL, PLENTY, SLOTS, Suite, exact, fingerprint, id, options, patiently, refused};
use crate::fault::{During, Fault, ensure, fail};
use factord_client::{Answer, AttachOptions, Client, PredictError};
use std::time::{Duration, Instant};

/// A good row is answered, whatever went before.
fn still_answers(suite: &Suite, client: &mut Client) -> Result<(), Fault> {
    let rows = suite.rows("regression")?;
    let Some(row) = rows.first() else { return fail("no rows") };
    let model = id(client, "regression")?;
    exact(row, client.predict(model, &row.x, PLENTY)).map(drop)
}

/// Takes the next answer.
pub(super) fn next(client: &mut Client) -> Result<(u64, Answer), Fault> {
    let end = Instant::now() + PLENTY;
    loop {
        match client.poll() {
            Ok(Some(entry)) => return Ok(entry),
            // It is coming back; requests under way are kept.
            Ok(None) | Err(PredictError::NotConnected) => {}
            Err(error) => return fail(format!("poll: {error}")),
        }
        ensure(Instant::now() < end, || format!("no answer within {PLENTY:?}"))?;
        std::thread::yield_now();
    }
}

fn golden(suite: &Suite, model: &str) -> Result<(), Fault> {
    let mut client = suite.channel()?;
    let id = id(&client, model)?;
    for row in suite.rows(model)? {
        let prediction = exact(&row, client.predict(id, &row.x, PLENTY))?;
        ensure(prediction.generation >= 1, || "generation 0".to_owned())?;
    }
    Ok(())
}

pub(super) fn golden_regression(suite: &Suite) -> Result<(), Fault> {
    golden(suite, "regression")
}

pub(super) fn golden_classification(suite: &Suite) -> Result<(), Fault> {
    golden(suite, "classification")
}

pub(super) fn bad_input(suite: &Suite) -> Result<(), Fault> {
    let mut client = suite.channel()?;
    for model in ["regression", "classification"] {
        let id = id(&client, model)?;
        for x in suite.bad_rows()? {
            let answer = client.predict(id, &x, PLENTY);
            refused(answer, PredictError::BadInput).during(format!("{model} of {x:?}"))?;
        }
    }
    still_answers(suite, &mut client)
}

pub(super) fn unknown_model(suite: &Suite) -> Result<(), Fault> {
    let mut client = suite.channel()?;
    let answer = client.predict(NO_MODEL, &[0.5, 0.25, 0.125], PLENTY);
    refused(answer, PredictError::UnknownModel)?;
    still_answers(suite, &mut client)
}

pub(super) fn width_mismatch(suite: &Suite) -> Result<(), Fault> {
    let mut client = suite.channel()?;
    let (wide, narrow) = (id(&client, "wide")?, id(&client, "regression")?);
    refused(client.predict(wide, &[0.5, 0.25, 0.125], PLENTY), PredictError::WidthMismatch)?;
    refused(client.predict(narrow, &[0.5, 0.25], PLENTY), PredictError::WidthMismatch)?;
    let ticket = client.submit(narrow, &[0.5, 0.25]);
    ensure(ticket == Err(PredictError::WidthMismatch), || format!("{ticket:?}"))?;
    still_answers(suite, &mut client)?;
    let left = client.poll();
    ensure(left == Ok(None), || format!("something was published: {left:?}"))
}

pub(super) fn back_pressure(suite: &Suite) -> Result<(), Fault> {
    let mut client = suite.channel()?;
    let model = id(&client, "regression")?;
    let rows = suite.rows("regression")?;
    suite.conduct(&["stop"])?;
    let mut tickets = Vec::new();
    for row in &rows[..SLOTS] {
        tickets.push(client.submit(model, &row.x).during("submit")?);
    }
    for _ in 0..2 {
        let answer = client.submit(model, &rows[SLOTS].x);
        ensure(answer == Err(PredictError::BackPressure), || format!("the 65th: {answer:?}"))?;
    }
    suite.conduct(&["continue"])?;
    for (row, ticket) in rows.iter().zip(tickets) {
        let (taken, answer) = next(&mut client)?;
        ensure(taken == ticket, || format!("answer {taken} instead of {ticket}"))?;
        exact(row, answer)?;
    }
    let last = &rows[SLOTS];
    let ticket = client.submit(model, &last.x).during("submit")?;
    let (taken, answer) = next(&mut client)?;
    ensure(taken == ticket, || format!("answer {taken} instead of {ticket}"))?;
    exact(last, answer).map(drop)
}

pub(super) fn pipelined_order(suite: &Suite) -> Result<(), Fault> {
    in_order(suite, &mut suite.channel()?, ["regression", "classification"], 10_000)
}

/// So many requests, rows of two models by turns, with a full ring under way.
pub(super) fn in_order(
    suite: &Suite,
    client: &mut Client,
    names: [&str; 2],
    count: usize,
) -> Result<(), Fault> {
    let models = [
        (id(client, names[0])?, suite.rows(names[0])?),
        (id(client, names[1])?, suite.rows(names[1])?),
    ];
    let request = |index: usize| {
        let (model, rows) = &models[index % 2];
        (*model, &rows[index % rows.len()])
    };
    let mut tickets = Vec::new();
    let mut taken = 0;
    while taken < count {
        while tickets.len() < count && tickets.len() - taken < client.slot_count() {
            let (model, row) = request(tickets.len());
            match client.submit(model, &row.x) {
                Ok(ticket) => tickets.push(ticket),
                // It is coming back.
                Err(PredictError::NotConnected) if taken < tickets.len() => break,
                Err(PredictError::NotConnected) => std::thread::yield_now(),
                Err(error) => return Err(error).during("submit"),
            }
        }
        let (ticket, answer) = next(client)?;
        ensure(ticket == tickets[taken], || format!("answer {ticket} for {}", tickets[taken]))?;
        exact(request(taken).1, answer).during(format!("request {taken}"))?;
        taken += 1;
    }
    let left = client.poll();
    ensure(left == Ok(None), || format!("one too many: {left:?}"))
}

/// Placeholder of an answer that has not come.
pub(super) const MISSING: Answer = Err(PredictError::Deadline);

pub(super) fn batch_golden(suite: &Suite) -> Result<(), Fault> {
    let mut client = suite.channel()?;
    let model = id(&client, "regression")?;
    let rows = suite.rows("regression")?;
    let bad = suite.bad_rows()?;
    let mut inputs: Vec<f64> = rows.iter().flat_map(|row| row.x.clone()).collect();
    inputs.extend(bad.iter().flatten());
    let mut answers = vec![MISSING; rows.len() + bad.len()];
    client.predict_batch(model, &inputs, &mut answers, PLENTY).during("predict_batch")?;
    for (row, answer) in rows.iter().zip(&answers) {
        exact(row, *answer)?;
    }
    for answer in &answers[rows.len()..] {
        refused(*answer, PredictError::BadInput)?;
    }
    client.predict_batch(model, &[], &mut [], Duration::ZERO).during("an empty batch")
}

pub(super) fn local_equals_ring(suite: &Suite) -> Result<(), Fault> {
    let mut client = suite.channel()?;
    for name in ["regression", "classification"] {
        let model = id(&client, name)?;
        let version = fingerprint(&client, name)?;
        for row in suite.rows(name)? {
            let ring = exact(&row, client.predict(model, &row.x, PLENTY)).during("predict")?;
            let local = exact(&row, client.predict_local(model, &row.x)).during("predict_local")?;
            let who = (ring.generation, 0, version);
            for answer in [ring, local] {
                let found = (answer.generation, answer.arm, answer.fingerprint);
                ensure(found == who, || format!("{answer:?} is not of {who:?}"))?;
            }
        }
        for x in suite.bad_rows()? {
            refused(client.predict_local(model, &x), PredictError::BadInput).during(name)?;
        }
    }
    refused(client.predict_local(NO_MODEL, &[0.5, 0.25, 0.125]), PredictError::UnknownModel)
}

pub(super) fn wide(suite: &Suite) -> Result<(), Fault> {
    let narrow = options(&suite.socket);
    let wide = AttachOptions { feature_count: 1000, slot_count: 16, ..narrow };
    let mut client = patiently(&wide)?;
    for name in ["wide", "wide-logistic"] {
        let model = id(&client, name)?;
        let version = fingerprint(&client, name)?;
        client.fetch(model, PLENTY).during("fetch")?;
        for row in suite.rows(name)? {
            let check = |answer, call| {
                let prediction = exact(&row, answer).during(call)?;
                ensure(prediction.fingerprint == version, || format!("{call}: {prediction:?}"))
            };
            check(client.predict(model, &row.x, PLENTY), "predict")?;
            check(client.predict_local(model, &row.x), "predict_local")?;
        }
    }
    let model = id(&client, "regression")?;
    refused(client.predict(model, &[0.5; 1000], PLENTY), PredictError::WidthMismatch)?;
    let mut client = suite.channel()?;
    for name in ["wide", "wide-logistic"] {
        let model = id(&client, name)?;
        let rows = suite.rows(name)?;
        let Some(row) = rows.first() else { return fail("no rows") };
        match client.predict_local(model, &row.x) {
            Err(PredictError::NotFetched) => {}
            answer => drop(exact(row, answer).during("predict_local of 1,000 features")?),
        }
        client.fetch(model, PLENTY).during("fetch")?;
        exact(row, client.predict_local(model, &row.x)).during("predict_local of what is here")?;
    }
    Ok(())
}
