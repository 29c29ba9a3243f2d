//! One handler's way to the engine: an ordinary client of its shared memory.

use super::cards::{Card, CardError, Cards};
use super::limits::{ATTACH_PAUSE, ENGINE_BATCH_DEADLINE};
use crate::client::{Answer, AttachError, AttachOptions, Client, PredictError, Prediction};
use crate::counters::ModelRow;
use crate::idle::IdleStrategy;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thiserror::Error;

/// Features of the seed's models, and of the channel that is always there.
pub(super) const TRIPLE: usize = 3;
// 256: a batch keeps the worker busy while the handler parses nothing; 16 KiB a ring.
const SLOT_COUNT: usize = 256;
/// How often a batch is asked again when a reload fell into it.
const BATCH_ATTEMPT_COUNT: usize = 3;
// 4: widths in use at once besides three; beyond that the oldest channels are given back.
const CHANNEL_COUNT_MAX: usize = 5;

/// Why the engine gave no answer.
#[derive(Debug, Error)]
pub(super) enum EngineError {
    /// No channel to it.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// The engine did not let this handler attach only just now.
    #[error("not attached; the next attempt follows within {} ms", ATTACH_PAUSE.as_millis())]
    Detached,
    /// It serves no model of the name.
    #[error("no such model")]
    NoSuchModel,
    /// The request has no answer.
    #[error(transparent)]
    Predict(#[from] PredictError),
    /// Nothing is known about the model.
    #[error(transparent)]
    Card(#[from] CardError),
    /// Reloads kept falling into the batch.
    #[error("the model was replaced during each of {BATCH_ATTEMPT_COUNT} attempts")]
    Replaced,
}

/// A model as it is served now, and what is known about it.
#[derive(Debug)]
pub(super) struct Served {
    /// Its row in the engine's table.
    pub(super) row: ModelRow,
    /// Its card.
    pub(super) card: Arc<Card>,
}

/// A batch answered by one generation of a model.
#[derive(Debug)]
pub(super) struct BatchAnswer {
    /// The generation; 0 for an empty batch.
    pub(super) generation: u32,
    /// One entry a row.
    pub(super) answers: Vec<Answer>,
}

/// The channels of one handler, one for each width in use.
#[derive(Debug)]
pub(super) struct Engine {
    socket: PathBuf,
    cards: Arc<Cards>,
    channels: BTreeMap<usize, Client>,
    retry_at: Option<Instant>,
}

impl Engine {
    /// Attaches later, when there is something to ask.
    pub(super) fn new(socket: PathBuf, cards: Arc<Cards>) -> Engine {
        Engine { socket, cards, channels: BTreeMap::new(), retry_at: None }
    }

    /// The channel for requests of `width` features.
    fn channel(&mut self, width: usize) -> Result<&mut Client, EngineError> {
        if !self.channels.contains_key(&width) {
            if self.retry_at.is_some_and(|at| Instant::now() < at) {
                return Err(EngineError::Detached);
            }
            if self.channels.len() >= CHANNEL_COUNT_MAX {
                self.channels.retain(|width, _| *width == TRIPLE);
            }
            let options = AttachOptions {
                socket: Some(self.socket.clone()),
                name: "http".to_owned(),
                feature_count: width,
                slot_count: SLOT_COUNT,
                idle: IdleStrategy::Backoff,
            };
            match Client::attach(&options) {
                Ok(client) => {
                    self.retry_at = None;
                    self.channels.insert(width, client);
                }
                Err(error) => {
                    // That nobody listens is found out at once, and may be over at once.
                    let absent = matches!(error, AttachError::Unreachable { .. });
                    self.retry_at = (!absent).then(|| Instant::now() + ATTACH_PAUSE);
                    return Err(error.into());
                }
            }
        }
        self.channels.get_mut(&width).ok_or(EngineError::Detached)
    }

    /// The engine's model table.
    pub(super) fn models(&mut self) -> Result<Vec<ModelRow>, EngineError> {
        Ok(self.channel(TRIPLE)?.models())
    }

    /// A model by name.
    pub(super) fn row(&mut self, name: &str) -> Result<ModelRow, EngineError> {
        self.channel(TRIPLE)?.model(name).ok_or(EngineError::NoSuchModel)
    }

    /// A model by name, with its card.
    pub(super) fn served(&mut self, name: &str) -> Result<Served, EngineError> {
        let row = self.row(name)?;
        match self.cards.get(&row) {
            Ok(card) => Ok(Served { row, card }),
            Err(CardError::Replaced) => {
                let row = self.row(name)?;
                let card = self.cards.get(&row)?;
                Ok(Served { row, card })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// One prediction.
    pub(super) fn predict(
        &mut self,
        model: &ModelRow,
        features: &[f64],
        deadline: Duration,
    ) -> Result<Prediction, EngineError> {
        Ok(self.channel(model.width)?.predict(model.id, features, deadline)?)
    }

    /// Many predictions, all by one generation: a batch into which a reload falls is asked again.
    pub(super) fn predict_batch(
        &mut self,
        model: &ModelRow,
        rows: &[f64],
    ) -> Result<BatchAnswer, EngineError> {
        let count = rows.len() / model.width;
        for _ in 0..BATCH_ATTEMPT_COUNT {
            let mut answers: Vec<Answer> = vec![Err(PredictError::Deadline); count];
            let channel = self.channel(model.width)?;
            channel.predict_batch(model.id, rows, &mut answers, ENGINE_BATCH_DEADLINE)?;
            let mut generations = answers.iter().flatten().map(|answer| answer.generation);
            let generation = generations.next().unwrap_or(0);
            if generations.all(|other| other == generation) {
                return Ok(BatchAnswer { generation, answers });
            }
        }
        Err(EngineError::Replaced)
    }
}
