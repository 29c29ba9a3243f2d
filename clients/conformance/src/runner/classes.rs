//! The case about models of the other class than the channel's.

use super::answers::{MISSING, in_order};
use super::attach::CHANNELS;
use super::{PLENTY, Suite, exact, id, options, patiently, refused};
use crate::fault::{During, Fault, ensure};
use factord_client::{AttachOptions, Client, PredictError};
use std::thread::sleep;
use std::time::{Duration, Instant};

const NAMES: [&str; 2] = ["wide", "wide-logistic"];

fn right(suite: &Suite, client: &mut Client) -> Result<(), Fault> {
    for name in NAMES {
        let model = id(client, name)?;
        for row in suite.rows(name)? {
            exact(&row, client.predict(model, &row.x, PLENTY)).during(name)?;
        }
    }
    Ok(())
}

pub(super) fn second_channel(suite: &Suite) -> Result<(), Fault> {
    let narrow = options(&suite.socket);
    let wide = AttachOptions { feature_count: 1000, slot_count: 16, ..narrow.clone() };
    right(suite, &mut patiently(&wide)?)?;
    if suite.conduct(&["classes"])? == "-" {
        return Ok(());
    }
    let mut client = patiently(&wide)?;
    let mut others = Vec::new();
    while others.len() < CHANNELS - 1 {
        others.push(patiently(&narrow)?);
    }
    let [(light, light_row), (heavy, heavy_row)] = [
        (id(&client, NAMES[0])?, suite.rows(NAMES[0])?.remove(0)),
        (id(&client, NAMES[1])?, suite.rows(NAMES[1])?.remove(0)),
    ];
    for _ in 0..3 {
        refused(client.predict(heavy, &heavy_row.x, PLENTY), PredictError::WrongClass)?;
        exact(&light_row, client.predict(light, &light_row.x, PLENTY))?;
    }
    drop(others);
    let end = Instant::now() + Duration::from_secs(5);
    while client.predict(heavy, &heavy_row.x, PLENTY) == Err(PredictError::WrongClass) {
        ensure(Instant::now() < end, || "no second channel where there is room".to_owned())?;
        sleep(Duration::from_millis(10));
    }
    right(suite, &mut client)?;
    let rows = suite.rows(NAMES[1])?;
    let rows: Vec<_> = rows.iter().cycle().take(100).collect();
    let inputs: Vec<f64> = rows.iter().flat_map(|row| row.x.clone()).collect();
    let mut answers = vec![MISSING; rows.len()];
    client.predict_batch(heavy, &inputs, &mut answers, PLENTY).during("predict_batch")?;
    for (row, answer) in rows.into_iter().zip(answers) {
        exact(row, answer).during("predict_batch")?;
    }
    suite.conduct(&["restart-after", "500"])?;
    in_order(suite, &mut client, NAMES, 2000)?;
    right(suite, &mut patiently(&AttachOptions { heavy: true, ..wide })?)
}
