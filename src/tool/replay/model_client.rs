//! [`ModelClient`]: one model of the running daemon, asked window by window.

use super::window::{self, Number};
use crate::exit::Code;
use crate::tool::model_row::served;
use crate::tool::{Failure, model};
use factord_core::channel;
use factord_core::client::{AttachOptions, Client, Prediction};
use factord_core::idle::IdleStrategy;
use factord_eval::Kind;
use factord_factors::{Row, Stated};
use factord_quant::score::{self, Made};
use quanta::Clock;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A model behind a channel of its own.
pub(super) struct ModelClient {
    name: &'static str,
    socket: Option<PathBuf>,
    client: Client,
    id: u16,
    features: Vec<Number>,
    x: Vec<f64>,
    takes_missing: bool,
    /// What the model predicts, as its artifact says it.
    pub(super) target: String,
    /// Where the label of a classifier was cut, in units of the target.
    pub(super) threshold: Option<f64>,
    /// The longest pause within a session, as its artifact says it.
    pub(super) pause_ns: Option<i64>,
    /// How the windows are made, and the names of what earlier ones add to each.
    stated: Stated,
    past: Vec<String>,
    /// Every artifact that answered, in the order in which they were served.
    pub(super) made: Vec<Made>,
    /// What the model table and the engine were when the model was last looked at.
    seen: (u64, u64),
}

impl ModelClient {
    /// Attaches, and asks which columns the model takes, and on windows of which settings it was
    /// trained.
    pub(super) fn attach(
        socket: Option<&Path>,
        name: &'static str,
        stated: &Stated,
        past: &[String],
    ) -> Result<ModelClient, Failure> {
        let options = AttachOptions {
            socket: socket.map(Path::to_owned),
            name: "replay".to_owned(),
            // Both sides may have to share one core.
            idle: IdleStrategy::Yield,
            ..AttachOptions::default()
        };
        let mut client = Client::attach(&options)?;
        let mut row = served(&client, name)?;
        if row.width != client.feature_count() {
            client = Client::attach(&AttachOptions { feature_count: row.width, ..options })?;
            row = served(&client, name)?;
        }
        let mut model = ModelClient {
            name,
            socket: socket.map(Path::to_owned),
            client,
            id: row.id,
            features: Vec::new(),
            x: Vec::new(),
            takes_missing: false,
            target: String::new(),
            threshold: None,
            pause_ns: None,
            stated: stated.clone(),
            past: past.to_owned(),
            made: Vec::new(),
            seen: (0, 0),
        };
        model.look()?;
        Ok(model)
    }

    /// Reads what the model says about itself: its features, its target and its label's cut.
    fn look(&mut self) -> Result<(), Failure> {
        self.seen = (self.client.rows_sequence(), self.client.epoch());
        let path = channel::socket_path(self.socket.as_deref());
        let (_, artifact) = model::served(self.name, &path)?;
        artifact.settings().require(&self.stated).map_err(|mismatch| {
            let (model, flag) = (self.name, mismatch.flag());
            let message = format!(
                "{}: the model `{model}` was trained on {trained}, this replay has {}: give {flag} \
                 {trained}, or train anew",
                mismatch.name,
                mismatch.found,
                trained = mismatch.model,
            );
            Failure::new(Code::Data, message)
        })?;
        let details = artifact.details();
        let training = artifact.facts().and_then(|facts| facts.training.as_ref());
        let pause_ns = training.and_then(|training| training.pause_ns);
        self.pause_ns = pause_ns.map(|ns| i64::try_from(ns).unwrap_or(i64::MAX));
        self.target = details.target.clone();
        self.threshold = details.threshold;
        self.takes_missing = artifact.kind() == Kind::Forest;
        let columns = score::outputs(&artifact);
        let made = Made::by(&artifact, columns.iter().map(|&column| column.to_owned()).collect());
        if !self.made.contains(&made) {
            self.made.push(made);
        }
        self.features.clear();
        for name in &details.feature_names {
            let Some(number) = Number::called(name, &self.past) else {
                let (model, known) = (self.name, window::names(&self.past));
                let message = format!("{model} takes `{name}`, a window has only {known}");
                return Err(Failure::new(Code::Data, message));
            };
            self.features.push(number);
        }
        Ok(())
    }

    /// Whether a window has all that the model takes: a forest takes what is missing, too.
    pub(super) fn takes(&self, row: &Row, past: &[f64]) -> bool {
        self.takes_missing || self.features.iter().all(|number| number.of(row, past).is_finite())
    }

    /// Asks for the prediction of one window; returns it with the time it took, in nanoseconds.
    pub(super) fn predict(
        &mut self,
        (row, past): (&Row, &[f64]),
        clock: &Clock,
        deadline: Duration,
    ) -> Result<(Prediction, u64), Failure> {
        if self.seen != (self.client.rows_sequence(), self.client.epoch()) {
            self.look()?;
        }
        self.x.clear();
        self.x.extend(self.features.iter().map(|feature| feature.of(row, past)));
        let start = clock.raw();
        let answer = self.client.predict(self.id, &self.x, deadline);
        let ns = clock.delta_as_nanos(start, clock.raw());
        let answer = answer.map_err(|error| {
            let mut failure = Failure::from(error).about(self.name);
            if failure.code == Code::Unavailable {
                failure.message += ": start it with `factord serve`, or wait longer, --deadline-ms";
            }
            failure
        })?;
        Ok((answer, ns))
    }
}
