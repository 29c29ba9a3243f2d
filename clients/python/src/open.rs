//! An open channel: its models by name, and predictions of one row.

use crate::prediction::{MISSING, Prediction, one};
use crate::{error, slices};
use factord_core::abi::class;
use factord_core::client::{Batch, Client as Channel, PinError, PredictError};
use pyo3::prelude::*;
use std::time::Duration;

/// How long a single prediction waits before it lets the interpreter go.
// 20 us: a hundred round trips, and nothing beside the 5 ms for which Python's threads take turns.
const GRACE: Duration = Duration::from_micros(20);

/// One model of the daemon's table.
#[pyclass(frozen, eq, get_all, module = "factord")]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ModelRow {
    /// The client's own number of the model, the same after every restart of the engine.
    id: u16,
    /// The model's name.
    name: String,
    /// What it computes: "linear", "logistic", "forest", or "kind 7" of an engine that is newer.
    kind: String,
    /// Its number of features.
    width: usize,
    /// Counts the publications of this model in this epoch, from 1.
    generation: u32,
    /// SHA-256 of the artifact, in hexadecimal; the champion's, where several versions serve it.
    sha256: String,
    /// The first eight bytes of the SHA-256, little-endian: what answers carry.
    fingerprint: u64,
    /// Its number of outputs.
    output_count: usize,
    /// Versions that share the name's requests.
    arm_count: u16,
    /// Whether it is served to channels of the heavy class alone.
    heavy: bool,
    /// Nanoseconds of one evaluation, as measured when it was loaded.
    cost_ns: u64,
}

#[pymethods]
impl ModelRow {
    fn __repr__(&self) -> String {
        let ModelRow { id, name, kind, width, generation, .. } = self;
        format!(
            "ModelRow(id={id}, name='{name}', kind='{kind}', width={width}, \
             generation={generation})"
        )
    }
}

/// A model as callers name it.
pub(crate) enum ModelKey<'a> {
    Name(&'a str),
    Id(u16),
}

impl<'a, 'py> FromPyObject<'a, 'py> for ModelKey<'a> {
    type Error = PyErr;

    fn extract(model: Borrowed<'a, 'py, PyAny>) -> PyResult<ModelKey<'a>> {
        match model.extract::<&'a str>() {
            Ok(name) => Ok(ModelKey::Name(name)),
            Err(_) => model.extract().map(ModelKey::Id),
        }
    }
}

/// A channel that was not closed.
pub(crate) struct Open {
    pub(crate) channel: Channel,
}

impl Open {
    pub(crate) fn new(channel: Channel) -> Open {
        Open { channel }
    }

    /// The daemon's model table.
    pub(crate) fn models(&self) -> Vec<ModelRow> {
        let row = |row: factord_core::client::ModelRow| ModelRow {
            id: row.id,
            fingerprint: row.fingerprint(),
            name: row.name,
            kind: row.kind.to_string(),
            width: row.width,
            generation: row.generation,
            output_count: row.output_count,
            arm_count: row.arm_count,
            heavy: u64::from(row.class) == class::HEAVY,
            cost_ns: row.cost_ns,
            sha256: row.sha256.map(|byte| format!("{byte:02x}")).concat(),
        };
        self.channel.models().into_iter().map(row).collect()
    }

    /// Predicts one row and waits for its answer.
    pub(crate) fn predict(
        &mut self,
        py: Python<'_>,
        model: &ModelKey<'_>,
        key: u64,
        x: &[f64],
        deadline: Duration,
    ) -> PyResult<Prediction> {
        let id = self.id(py, model)?;
        if x.len() != self.channel.feature_count() {
            return Err(error::of_predict(py, PredictError::WidthMismatch));
        }
        let channel = &mut self.channel;
        let mut batch = Batch::of_unit(key);
        let mut answer = MISSING;
        let mut wait =
            |limit| channel.advance_batch(&mut batch, id, x, |_, taken| answer = taken, limit);
        let waited = match wait(GRACE.min(deadline)) {
            Err(error) if slices::goes_on(error) && deadline > GRACE => {
                slices::run(py, deadline - GRACE, wait)
            }
            result => result.map_err(|refused| error::of_predict(py, refused)),
        };
        match waited {
            Ok(()) => one(py, answer),
            Err(ended) => {
                channel.abandon_batch(batch);
                Err(ended)
            }
        }
    }

    /// The client's number of a model.
    #[inline]
    pub(crate) fn id(&self, py: Python<'_>, model: &ModelKey<'_>) -> PyResult<u16> {
        match *model {
            ModelKey::Id(id) => Ok(id),
            ModelKey::Name(name) => {
                self.channel.number(name).ok_or_else(|| self.not_served(py, name))
            }
        }
    }

    /// A number for a name and an artifact.
    pub(crate) fn pin(&self, py: Python<'_>, name: &str, sha256: &[u8; 32]) -> PyResult<u16> {
        self.channel.pin(name, sha256).map_err(|error| match error {
            PinError::NotServed => self.not_served(py, name),
            PinError::Divided | PinError::TooManyNames => {
                error::raise(py, "PinError", format!("`{name}`: {error}"))
            }
        })
    }

    #[cold]
    fn not_served(&self, py: Python<'_>, name: &str) -> PyErr {
        let served: Vec<String> = self.channel.models().into_iter().map(|row| row.name).collect();
        let message = format!("no model `{name}` is served, but {}", served.join(", "));
        error::raise(py, "UnknownModelError", message)
    }
}
