//! What the methods of the client class share.

use super::Client;
use crate::open::{ModelKey, Open};
use crate::prediction::{Prediction, one};
use crate::rows::{self, Segment};
use crate::{error, fork};
use numpy::PyReadonlyArray1;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::sync::{MutexGuard, TryLockError};

impl Client {
    /// This client for one call.
    pub(super) fn lock(&self, py: Python<'_>) -> PyResult<MutexGuard<'_, Option<Open>>> {
        if self.is_forked() {
            let message = "this client was made before the fork: make one in this process";
            return Err(error::raise(py, "ForkedError", message.to_owned()));
        }
        match self.open.try_lock() {
            Ok(open) => Ok(open),
            Err(TryLockError::WouldBlock) => {
                let message = "another thread is inside this client: make one a thread";
                Err(error::raise(py, "InUseError", message.to_owned()))
            }
            Err(TryLockError::Poisoned(_)) => {
                Err(PyRuntimeError::new_err("a call on this client panicked: make a new one"))
            }
        }
    }

    pub(super) fn is_forked(&self) -> bool {
        self.forks != fork::count()
    }

    pub(super) fn segments<'py>(&self, rows: &Bound<'py, PyAny>) -> PyResult<Vec<Segment<'py>>> {
        rows::segments(rows, self.feature_count, &PyTuple::empty(rows.py()))
    }

    pub(super) fn predict_one(
        &self,
        py: Python<'_>,
        x: &[f64],
        model: &ModelKey<'_>,
        deadline: f64,
        key: u64,
    ) -> PyResult<Prediction> {
        let deadline = error::seconds("deadline", deadline)?;
        let mut open = self.lock(py)?;
        unclosed(py, &mut open)?.predict(py, model, key, x, deadline)
    }

    pub(super) fn evaluate_one(
        &self,
        py: Python<'_>,
        x: &[f64],
        model: &ModelKey<'_>,
        key: u64,
    ) -> PyResult<Prediction> {
        let mut open = self.lock(py)?;
        let open = unclosed(py, &mut open)?;
        let id = open.id(py, model)?;
        one(py, open.channel.predict_local_keyed(id, key, x))
    }

    pub(super) fn submit_one(
        &self,
        py: Python<'_>,
        x: &[f64],
        model: &ModelKey<'_>,
        key: u64,
    ) -> PyResult<u64> {
        let mut open = self.lock(py)?;
        let open = unclosed(py, &mut open)?;
        let id = open.id(py, model)?;
        open.channel.submit_keyed(id, key, x).map_err(|refused| error::of_predict(py, refused))
    }
}

pub(super) fn unclosed<'a>(py: Python<'_>, open: &'a mut Option<Open>) -> PyResult<&'a mut Open> {
    open.as_mut().ok_or_else(|| error::raise(py, "ClosedError", "this client is closed".to_owned()))
}

/// Reads a SHA-256 in hexadecimal.
pub(super) fn hash(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    let digits = text.as_bytes().as_chunks::<2>();
    if !digits.1.is_empty() || digits.0.len() != hash.len() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.0) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        *byte = u8::try_from(high? << 4 | low?).ok()?;
    }
    Some(hash)
}

/// The features of one row: an array of doubles, or any sequence of numbers.
pub(super) fn row(features: &Bound<'_, PyAny>) -> PyResult<Vec<f64>> {
    match features.extract::<PyReadonlyArray1<'_, f64>>() {
        Ok(array) => Ok(array.as_array().to_vec()),
        Err(_) => features.extract(),
    }
}
