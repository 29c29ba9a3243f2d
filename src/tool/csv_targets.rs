//! The models that score a CSV file through the ring: which columns each reads, which it writes.

use super::Failure;
use super::made;
use super::model;
use super::model_row::{is_classifier, served};
use crate::exit::Code;
use factord_core::abi::class;
use factord_core::channel;
use factord_core::client::{Answer, AttachOptions, Client, PredictError};
use factord_core::counters::ModelRow;
use factord_core::idle::IdleStrategy;
use factord_factors::{FEATURES, Stated};
use factord_models::file::Artifact;
use factord_quant::score::{Made, known_as};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Rows scored at a time, and slots of the ring.
// 1,024: for three features both rings then take 128 KiB, and a chunk of parsed rows stays in the
// second-level cache.
pub(super) const CHUNK_ROWS: usize = 1024;

/// What scores a file unless a model is named: those of the service that factord replaces.
const USUAL: [&str; 2] = ["regression", "classification"];

/// One model with a channel of its width.
struct Target {
    client: Client,
    row: ModelRow,
    is_classifier: bool,
    artifact: Option<Artifact>,
    /// Which of the features it takes, in its order.
    inputs: Vec<usize>,
    columns: Vec<String>,
    x: Vec<f64>,
    answers: Vec<Answer>,
}

/// The models that score a file together.
pub(super) struct Targets {
    socket: PathBuf,
    targets: Vec<Target>,
    features: Vec<String>,
}

impl Targets {
    /// Attaches to the daemon for one model, or for the usual two.
    pub(super) fn attach(socket: Option<&Path>, model: Option<&str>) -> Result<Targets, Failure> {
        let path = channel::socket_path(socket);
        let mut targets = Targets { socket: path, targets: Vec::new(), features: Vec::new() };
        let one = model.map(|name| vec![name]);
        for name in one.unwrap_or_else(|| USUAL.to_vec()) {
            targets.add(name)?;
        }
        Ok(targets)
    }

    fn add(&mut self, name: &str) -> Result<(), Failure> {
        let (client, row) = attach(&self.socket, name)?;
        let is_classifier = is_classifier(&row).ok_or_else(|| {
            let message = format!("{name} is {}: this version cannot write its outputs", row.kind);
            Failure::new(Code::Data, message)
        })?;
        // A daemon need not hand an artifact to every user.
        let artifact = model::served(name, &self.socket).ok().map(|(_, artifact)| artifact);
        let names = match &artifact {
            Some(artifact) => artifact.details().feature_names.clone(),
            None if row.width == FEATURES.len() => FEATURES.map(str::to_owned).to_vec(),
            None => {
                let message = format!(
                    "the daemon does not tell this user the names of {name}'s features: have it \
                     started with --operator-uid, or score with factord score"
                );
                return Err(Failure::new(Code::Permission, message));
            }
        };
        if names.len() != row.width {
            return Err(Failure::new(Code::Temporary, format!("{name} is being replaced")));
        }
        let inputs = names.iter().map(|name| self.feature(name)).collect();
        let outputs: &[&str] =
            if is_classifier { &["probability", "class"] } else { &["regression"] };
        let taken = self.targets.iter().any(|other| other.is_classifier == is_classifier);
        let column = |output: &&str| match taken {
            true => format!("{name}_{output}"),
            false => (*output).to_owned(),
        };
        let columns = outputs.iter().map(column).collect();
        let (x, answers) = (Vec::new(), Vec::new());
        self.targets.push(Target {
            client,
            row,
            is_classifier,
            artifact,
            inputs,
            columns,
            x,
            answers,
        });
        Ok(())
    }

    /// The place of a feature, by any of its names.
    fn feature(&mut self, name: &str) -> usize {
        let same = |known: &String| known_as(known).contains(&name);
        self.features.iter().position(same).unwrap_or_else(|| {
            self.features.push(name.to_owned());
            self.features.len() - 1
        })
    }

    /// The features of all of them.
    pub(super) fn features(&self) -> &[String] {
        &self.features
    }

    /// The columns they write.
    pub(super) fn outputs(&self) -> Vec<String> {
        self.targets.iter().flat_map(|target| target.columns.clone()).collect()
    }

    /// Their names, for messages.
    pub(super) fn names(&self) -> String {
        let names: Vec<&str> = self.targets.iter().map(|target| target.row.name.as_str()).collect();
        names.join(" and ")
    }

    /// Compares what a file states of its windows with what the models were trained on, where that
    /// is known; a difference comes with the model's name.
    pub(super) fn require(
        &self,
        stated: &Stated,
    ) -> Result<(), (String, factord_factors::SettingsMismatch)> {
        for target in &self.targets {
            let Some(artifact) = &target.artifact else { continue };
            let required = artifact.settings().require(stated);
            required.map_err(|mismatch| (target.row.name.clone(), mismatch))?;
        }
        Ok(())
    }

    /// What is recorded of the models that serve the names now.
    pub(super) fn made(&self) -> Result<Vec<Made>, Failure> {
        let one = |target: &Target| {
            let columns: Vec<&str> = target.columns.iter().map(String::as_str).collect();
            let row = served(&target.client, &target.row.name)?;
            Ok(made::by_served(&row, &columns, &self.socket))
        };
        self.targets.iter().map(one).collect()
    }

    /// Scores rows: `features` holds all features of one after the other.
    pub(super) fn score(&mut self, features: &[f64], deadline: Duration) -> Result<(), Failure> {
        let width = self.features.len();
        for target in &mut self.targets {
            target.x.clear();
            for row in features.chunks_exact(width) {
                target.x.extend(target.inputs.iter().map(|&input| row[input]));
            }
            target.answers.clear();
            target.answers.resize(features.len() / width, Err(PredictError::NotConnected));
            let (x, answers) = (&target.x, &mut target.answers);
            let done = target.client.predict_batch(target.row.id, x, answers, deadline);
            done.map_err(|error| Failure::from(error).about(&target.row.name))?;
        }
        Ok(())
    }

    /// The outputs of a scored row; `None` when its input, or a prediction, is not finite.
    pub(super) fn outputs_of(&self, row: usize) -> Result<Option<Vec<String>>, Failure> {
        let mut texts = Vec::with_capacity(3);
        for target in &self.targets {
            match target.answers[row] {
                Ok(answer) => {
                    // `{:?}` is the shortest decimal that reads back as the same bits.
                    texts.push(format!("{:?}", answer.y));
                    if target.is_classifier {
                        texts.push(answer.second.to_string());
                    }
                }
                Err(PredictError::BadInput) => return Ok(None),
                Err(error) => return Err(Failure::from(error).about(&target.row.name)),
            }
        }
        Ok(Some(texts))
    }
}

/// A channel as wide as the model.
fn attach(socket: &Path, name: &str) -> Result<(Client, ModelRow), Failure> {
    let mut options = AttachOptions {
        socket: Some(socket.to_owned()),
        name: "predict --csv".to_owned(),
        slot_count: CHUNK_ROWS,
        idle: IdleStrategy::Backoff,
        ..AttachOptions::default()
    };
    let client = Client::attach(&options)?;
    let row = served(&client, name)?;
    let heavy = u64::from(row.class) == class::HEAVY;
    if row.width == client.feature_count() && !heavy {
        return Ok((client, row));
    }
    (options.feature_count, options.heavy) = (row.width, heavy);
    let client = Client::attach(&options)?;
    let row = served(&client, name)?;
    Ok((client, row))
}
