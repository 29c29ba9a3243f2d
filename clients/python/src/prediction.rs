//! What Python gets: one prediction, or columns of many.

use crate::error;
use factord_core::abi::status;
use factord_core::client::{Answer, PredictError};
use factord_eval::evaluator::Evaluation;
use numpy::PyArray1;
use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;

/// One prediction, and who made it.
///
/// >>> prediction = factord.Prediction(0.25, generation=3)
/// >>> prediction.y, float(prediction), prediction.generation
/// (0.25, 0.25, 3)
#[pyclass(frozen, eq, module = "factord")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Prediction {
    /// The prediction or, of a classifier, the probability of class 1.
    #[pyo3(get)]
    y: f64,
    /// 0 or, of a classifier, the class, 0 or 1.
    #[pyo3(get)]
    second: f64,
    /// The generation of the model that answered.
    #[pyo3(get)]
    generation: u32,
    /// The arm that answered; 0 for the champion.
    #[pyo3(get)]
    arm: u16,
    /// The first eight bytes of the SHA-256 of the artifact that answered, little-endian.
    #[pyo3(get)]
    fingerprint: u64,
    /// The epoch of the engine that answered; 0 offline.
    #[pyo3(get)]
    epoch: u64,
    /// TSC when the engine saw the request; 0 unless the client asks for stamps.
    #[pyo3(get)]
    t_received: u64,
    /// TSC when the engine was about to publish the answer; 0 unless asked for.
    #[pyo3(get)]
    t_done: u64,
}

#[pymethods]
impl Prediction {
    #[new]
    #[pyo3(signature = (
        y, second=0.0, generation=0, arm=0, fingerprint=0, epoch=0, t_received=0, t_done=0
    ))]
    #[allow(clippy::too_many_arguments, reason = "a keyword each, as Python calls it")]
    fn new(
        y: f64,
        second: f64,
        generation: u32,
        arm: u16,
        fingerprint: u64,
        epoch: u64,
        t_received: u64,
        t_done: u64,
    ) -> Prediction {
        Prediction { y, second, generation, arm, fingerprint, epoch, t_received, t_done }
    }

    /// What makes it again, for pickle and copy.
    fn __getnewargs__(&self) -> (f64, f64, u32, u16, u64, u64, u64, u64) {
        let Prediction { y, second, generation, arm, fingerprint, epoch, t_received, t_done } =
            *self;
        (y, second, generation, arm, fingerprint, epoch, t_received, t_done)
    }

    fn __float__(&self) -> f64 {
        self.y
    }

    fn __repr__(&self) -> String {
        let Prediction { y, second, generation, epoch, .. } = self;
        format!(
            "Prediction(y={y:?}, second={second:?}, generation={generation}, epoch={epoch:#018x})"
        )
    }
}

impl From<factord_core::client::Prediction> for Prediction {
    fn from(from: factord_core::client::Prediction) -> Prediction {
        Prediction {
            y: from.y,
            second: from.second,
            generation: from.generation,
            arm: from.arm,
            fingerprint: from.fingerprint,
            epoch: from.epoch,
            t_received: from.t_received,
            t_done: from.t_done,
        }
    }
}

/// Answers to many rows, a column an output, filled from the first row to the last.
///
/// A block of rows is laid out before it is filled, so that its fresh pages are taken while no
/// request is under way: a page fault amid the traffic of a ring empties the ring.
#[derive(Debug)]
pub(crate) struct Columns {
    y: Vec<f64>,
    second: Vec<f64>,
    status: Vec<u8>,
    generation: Vec<u32>,
    arm: Vec<u16>,
    fingerprint: Vec<u64>,
    epoch: Vec<u64>,
}

impl Columns {
    /// Room for `count` rows.
    ///
    /// # Errors
    ///
    /// MemoryError.
    pub(crate) fn with_room(count: usize) -> PyResult<Columns> {
        Ok(Columns {
            y: room(count)?,
            second: room(count)?,
            status: room(count)?,
            generation: room(count)?,
            arm: room(count)?,
            fingerprint: room(count)?,
            epoch: room(count)?,
        })
    }

    /// The answers to some rows.
    ///
    /// # Errors
    ///
    /// MemoryError.
    pub(crate) fn of(answers: Vec<Answer>) -> PyResult<Columns> {
        let mut columns = Columns::with_room(answers.len())?;
        columns.lay_out(answers.len());
        for (row, answer) in answers.into_iter().enumerate() {
            columns.set(row, answer);
        }
        Ok(columns)
    }

    /// Lays out the next `count` rows, and returns the number of the first.
    pub(crate) fn lay_out(&mut self, count: usize) -> usize {
        let first = self.y.len();
        self.y.resize(first + count, f64::NAN);
        self.second.resize(first + count, f64::NAN);
        self.status.resize(first + count, 0);
        self.generation.resize(first + count, 0);
        self.arm.resize(first + count, 0);
        self.fingerprint.resize(first + count, 0);
        self.epoch.resize(first + count, 0);
        first
    }

    /// Sets the answer to a row; a refused one reads NaN and says why in its status.
    #[inline]
    pub(crate) fn set(&mut self, row: usize, answer: Answer) {
        match answer {
            Ok(answer) => {
                self.y[row] = answer.y;
                self.second[row] = answer.second;
                self.generation[row] = answer.generation;
                self.arm[row] = answer.arm;
                self.fingerprint[row] = answer.fingerprint;
                self.epoch[row] = answer.epoch;
            }
            Err(error) => self.status[row] = status_of(error),
        }
    }

    /// Sets what was evaluated here, by no engine, of the artifact with `fingerprint`.
    #[inline]
    pub(crate) fn set_evaluated(&mut self, row: usize, evaluation: &Evaluation, fingerprint: u64) {
        self.y[row] = f64::from_bits(evaluation.y);
        self.second[row] = f64::from_bits(evaluation.second);
        // The daemon's codes are below 8.
        self.status[row] = evaluation.status as u8;
        self.fingerprint[row] = if evaluation.status == status::OK { fingerprint } else { 0 };
    }

    /// Gives the columns to Python, without a copy, as `factord.Predictions`.
    pub(crate) fn into_python(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let columns = (
            PyArray1::from_vec(py, self.y),
            PyArray1::from_vec(py, self.second),
            PyArray1::from_vec(py, self.status),
            PyArray1::from_vec(py, self.generation),
            PyArray1::from_vec(py, self.arm),
            PyArray1::from_vec(py, self.fingerprint),
            PyArray1::from_vec(py, self.epoch),
        );
        py.import("factord._predictions")?.getattr("Predictions")?.call1(columns)
    }
}

fn room<T>(count: usize) -> PyResult<Vec<T>> {
    let mut column = Vec::new();
    column
        .try_reserve_exact(count)
        .map_err(|_| PyMemoryError::new_err(format!("no memory for {count} answers")))?;
    Ok(column)
}

/// The codes of `factord.Status`: the daemon's, and from 16 on those of this side.
fn status_of(error: PredictError) -> u8 {
    match error {
        PredictError::BadInput => 1,
        PredictError::UnknownModel => 2,
        PredictError::WidthMismatch => 3,
        PredictError::WrongClass => 4,
        PredictError::EchoMismatch => 16,
        PredictError::OtherVersion => 17,
        PredictError::NotFetched => 18,
        PredictError::BackPressure => 19,
        PredictError::Deadline => 20,
        PredictError::NotConnected => 21,
    }
}

/// The place of an answer that has not come.
pub(crate) const MISSING: Answer = Err(PredictError::Deadline);

/// One answer as Python's.
pub(crate) fn one(py: Python<'_>, answer: Answer) -> PyResult<Prediction> {
    answer.map(Prediction::from).map_err(|error| error::of_predict(py, error))
}
