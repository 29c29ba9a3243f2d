//! The client: attach to a daemon, then predict through shared memory.

use crate::idle::IdleStrategy;
use crate::model::Kind;
use core::time::Duration;
use std::path::PathBuf;
use thiserror::Error;

/// How to attach.
#[derive(Clone, Debug)]
pub struct AttachOptions {
    /// The control socket; `None` looks for it by the rule of [`crate::channel::socket_path`].
    pub socket: Option<PathBuf>,
    /// Shown by `factord stat`; at most 31 bytes are kept.
    pub name: String,
    /// Features of every request of this channel, 1 to 1,024.
    pub feature_count: usize,
    /// Slots in each ring: a power of two up to 4,096.
    pub slot_count: usize,
    /// What a waiting call does between two looks.
    pub idle: IdleStrategy,
}

impl Default for AttachOptions {
    fn default() -> AttachOptions {
        AttachOptions {
            socket: None,
            name: "client".to_owned(),
            feature_count: 3,
            slot_count: 64,
            idle: IdleStrategy::Spin,
        }
    }
}

/// Why no channel could be had.
#[derive(Debug, Error)]
pub enum AttachError {
    /// Placeholder.
    #[error("stub")]
    Stub,
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PredictError {
    /// A feature is NaN or infinite, or the prediction would be.
    #[error("bad input: every feature, and the prediction, must be a finite number")]
    BadInput,
    /// The daemon serves no model of that id.
    #[error("the daemon serves no such model")]
    UnknownModel,
    /// The request's width is not the model's, or not the channel's.
    #[error("the number of features is not the model's")]
    WidthMismatch,
    /// The ring is full: take answers first.
    #[error("the ring is full: take answers before submitting more")]
    BackPressure,
    /// The deadline passed before the answer came. The answer, should it come later, is dropped.
    #[error("no answer before the deadline")]
    Deadline,
    /// The engine is gone and has not come back yet.
    #[error("not connected to a daemon")]
    NotConnected,
}

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// Linear: the prediction. Logistic: the probability of class 1.
    pub y: f64,
    /// Linear: 0. Logistic: the class, 0 or 1.
    pub second: f64,
    /// The generation of the model that answered.
    pub generation: u32,
    /// The arm of an experiment; 0 when there is none.
    pub arm: u16,
    /// The epoch of the engine that answered.
    pub epoch: u64,
    /// TSC when the engine saw the request and when it published the answer; 0 unless asked for.
    pub t_received: u64,
    /// See `t_received`.
    pub t_done: u64,
}

/// One row of the daemon's model table.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelRow {
    /// The id that requests carry.
    pub id: u16,
    /// The model's name, as in `/predict/NAME`.
    pub name: String,
    /// What it computes.
    pub kind: Kind,
    /// Its number of features.
    pub width: usize,
    /// Counts the publications of this model in this epoch, from 1.
    pub generation: u32,
    /// SHA-256 of the artifact.
    pub sha256: [u8; 32],
}

/// A channel to the daemon: one thread at a time.
#[derive(Debug)]
pub struct Client {}

impl Client {
    /// Attaches to the daemon.
    ///
    /// # Errors
    ///
    /// [`AttachError`].
    pub fn attach(_options: &AttachOptions) -> Result<Client, AttachError> {
        Err(AttachError::Stub)
    }

    /// Predicts one row and waits for the answer at most until `deadline` from now.
    ///
    /// # Errors
    ///
    /// [`PredictError`].
    pub fn predict(
        &mut self,
        _model: u16,
        _x: &[f64],
        _deadline: Duration,
    ) -> Result<Prediction, PredictError> {
        Err(PredictError::NotConnected)
    }

    /// Publishes a request and returns its ticket; tickets count up from 1.
    ///
    /// # Errors
    ///
    /// [`PredictError`].
    pub fn submit(&mut self, _model: u16, _x: &[f64]) -> Result<u64, PredictError> {
        Err(PredictError::NotConnected)
    }

    /// Takes the next answer, in the order of submission, without waiting.
    ///
    /// # Errors
    ///
    /// [`PredictError::NotConnected`].
    #[allow(clippy::type_complexity)]
    pub fn poll(
        &mut self,
    ) -> Result<Option<(u64, Result<Prediction, PredictError>)>, PredictError> {
        Err(PredictError::NotConnected)
    }

    /// Predicts many rows (row-major, `feature_count` values a row) through a full ring;
    /// `answers` receives one entry a row in order. `deadline` is for the whole call.
    ///
    /// # Errors
    ///
    /// [`PredictError`] when the batch as a whole could not be answered.
    pub fn predict_batch(
        &mut self,
        _model: u16,
        _rows: &[f64],
        _answers: &mut [Result<Prediction, PredictError>],
        _deadline: Duration,
    ) -> Result<(), PredictError> {
        Err(PredictError::NotConnected)
    }

    /// The daemon's model table, as it is now.
    pub fn models(&self) -> Vec<ModelRow> {
        Vec::new()
    }

    /// The row of one model by name.
    pub fn model(&self, name: &str) -> Option<ModelRow> {
        self.models().into_iter().find(|row| row.name == name)
    }

    /// The epoch of the engine this channel is attached to.
    pub fn epoch(&self) -> u64 {
        0
    }

    /// Features of every request of this channel.
    pub fn feature_count(&self) -> usize {
        3
    }
}
