//! The case `identity`: a client is bound to a model by its name, whatever number an engine gives
//! it.

use super::answers::{MISSING, next};
use super::{PLENTY, Suite, exact, id};
use crate::fault::{During, Fault, ensure};
use crate::golden_rows::GoldenRow;
use factord_client::{Answer, Client, PredictError};
use std::env;
use std::time::Instant;

/// Restarts where the environment names no number of them.
const ROUNDS: usize = 12;
const UNDER_WAY: usize = 32;
const BATCH: usize = 100_000;
const SMALL_BATCH: usize = 1000;

/// A client bound to `bb`. Every answer is that of its row, or there is no such model.
struct Bound<'a> {
    suite: &'a Suite,
    client: Client,
    model: u16,
    rows: Vec<GoldenRow>,
}

impl Bound<'_> {
    /// Tells whether there was a prediction, which has the bits of its row.
    fn judge(&self, index: usize, answer: Answer) -> Result<bool, Fault> {
        if answer == Err(PredictError::UnknownModel) {
            return Ok(false);
        }
        exact(&self.rows[index % self.rows.len()], answer).map(|_| true)
    }

    fn ask(&mut self, index: usize) -> Result<bool, Fault> {
        let x = &self.rows[index % self.rows.len()].x;
        let answer = self.client.predict(self.model, x, PLENTY);
        self.judge(index, answer)
    }

    fn ask_local(&mut self, index: usize) -> Result<bool, Fault> {
        let x = &self.rows[index % self.rows.len()].x;
        let answer = self.client.predict_local(self.model, x);
        self.judge(index, answer)
    }

    /// A batch of so many rows; how many have a prediction.
    fn ask_batch(&mut self, count: usize) -> Result<usize, Fault> {
        let rows = self.rows.iter().cycle().take(count);
        let inputs: Vec<f64> = rows.flat_map(|row| row.x.clone()).collect();
        let mut answers = vec![MISSING; count];
        let outcome = self.client.predict_batch(self.model, &inputs, &mut answers, 3 * PLENTY);
        outcome.during("predict_batch")?;
        let mut found = 0;
        for (index, answer) in answers.into_iter().enumerate() {
            found += usize::from(self.judge(index, answer)?);
        }
        Ok(found)
    }

    fn restart_under_single_requests(&mut self, set: &str) -> Result<(), Fault> {
        self.suite.conduct(&["stop"])?;
        for index in 0..UNDER_WAY {
            let x = &self.rows[index % self.rows.len()].x;
            self.client.submit(self.model, x).during("submit")?;
        }
        self.suite.conduct(&["set", set])?;
        self.suite.conduct(&["kill"])?;
        self.suite.conduct(&["start"])?;
        let mut last = 0;
        for index in 0..UNDER_WAY {
            let (ticket, answer) = next(&mut self.client)?;
            ensure(ticket > last, || "out of order".to_owned())?;
            last = ticket;
            self.judge(index, answer)?;
            self.ask_local(index)?;
        }
        let left = self.client.poll();
        ensure(left == Ok(None), || format!("one too many: {left:?}"))
    }

    fn restart_under_a_batch(&mut self, set: &str) -> Result<(), Fault> {
        let epoch = self.client.epoch();
        self.suite.conduct(&["set", set])?;
        self.suite.conduct(&["restart-after", "1000"])?;
        self.ask_batch(BATCH)?;
        let end = Instant::now() + PLENTY;
        while self.client.epoch() == epoch {
            ensure(Instant::now() < end, || "the engine was not started again".to_owned())?;
            self.ask(0)?;
            self.ask_local(0)?;
        }
        Ok(())
    }

    /// What the engine serves now is what its set says.
    fn settled(&mut self, served: bool) -> Result<(), Fault> {
        let wrong = || format!("bb served: not {served}");
        let end = Instant::now() + PLENTY;
        while self.ask(0)? != served {
            ensure(Instant::now() < end, wrong)?;
        }
        for index in 0..UNDER_WAY {
            ensure(self.ask(index)? == served && self.ask_local(index)? == served, wrong)?;
        }
        ensure(self.ask_batch(SMALL_BATCH)? == SMALL_BATCH * usize::from(served), wrong)?;
        let model = self.model;
        let same = !served || id(&self.client, "bb")? == model;
        ensure(same, || "bb has another number".to_owned())
    }
}

pub(super) fn identity(suite: &Suite) -> Result<(), Fault> {
    let sets = ["renumbered", "late", "crowded", "without", "back", "plain"];
    let rounds = match env::var("FACTORD_IDENTITY_ROUNDS") {
        Ok(text) => text.parse().during("FACTORD_IDENTITY_ROUNDS")?,
        Err(_) => ROUNDS,
    };
    for words in [&["set", "plain"][..], &["kill"], &["start"]] {
        suite.conduct(words)?;
    }
    let client = suite.channel()?;
    let model = id(&client, "bb")?;
    let mut bound = Bound { suite, client, model, rows: suite.rows("bb")? };
    let served = bound.ask(0)? && bound.ask_local(0)?;
    ensure(served, || "bb is not served".to_owned())?;
    for round in 0..rounds {
        let set = sets[round % sets.len()];
        if (round / sets.len()).is_multiple_of(2) {
            bound.restart_under_single_requests(set).during(set)?;
        } else {
            bound.restart_under_a_batch(set).during(set)?;
        }
        bound.settled(set != "without").during(set)?;
    }
    Ok(())
}
