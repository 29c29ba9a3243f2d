//! The client class: several models or answers at once, and which version answers.

use super::Client;
use super::calls::{hash, row, unclosed};
use crate::open::ModelKey;
use crate::prediction::{Columns, MISSING};
use crate::{error, slices};
use factord_core::client::Answer;
use numpy::PyArray1;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

#[pymethods]
impl Client {
    /// Asks several models about one row: their requests are published together. One answer a
    /// model, in their order; what one model refuses has a status, as in `predict_many`.
    ///
    /// `deadline` is in seconds and for the whole call; Ctrl-C is heard when it ends.
    ///
    /// >>> with factord.Client() as client:
    /// ...     client.predict_each([0.5, 0.2, 0.3], ["regression", "classification"]).ok
    /// array([ True,  True])
    #[pyo3(signature = (features, models, deadline=0.1))]
    fn predict_each<'py>(
        &self,
        features: &Bound<'py, PyAny>,
        models: Vec<Bound<'py, PyAny>>,
        deadline: f64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = features.py();
        let deadline = error::seconds("deadline", deadline)?;
        let x = row(features)?;
        let mut open = self.lock(py)?;
        let open = unclosed(py, &mut open)?;
        let ids: Vec<u16> =
            models.iter().map(|model| open.id(py, &model.extract()?)).collect::<PyResult<_>>()?;
        let mut answers = vec![MISSING; ids.len()];
        let channel = &mut open.channel;
        py.detach(|| channel.predict_each(&ids, &x, deadline, &mut answers))
            .map_err(|ended| error::of_predict(py, ended))?;
        py.check_signals()?;
        Columns::of(answers)?.into_python(py)
    }

    /// Takes the answers that are there, at most `limit`, without waiting: their tickets, in the
    /// order of submission, and their predictions. A request that was refused reads NaN and has a
    /// status.
    ///
    /// Raises NotConnectedError, as `poll` does, when there is none and the engine is gone.
    ///
    /// >>> with factord.Client() as client:
    /// ...     ticket = client.submit(0.5, 0.2, 0.3)
    /// ...     while not len((answered := client.poll_many())[0]):
    /// ...         pass
    /// >>> answered[0].tolist() == [ticket], answered[1].y
    /// (True, array([0.50005386]))
    #[pyo3(signature = (limit=256))]
    fn poll_many<'py>(
        &self,
        py: Python<'py>,
        limit: usize,
    ) -> PyResult<(Bound<'py, PyArray1<u64>>, Bound<'py, PyAny>)> {
        let mut open = self.lock(py)?;
        let channel = &mut unclosed(py, &mut open)?.channel;
        // No more than the ring has slots can be there.
        let mut taken = vec![(0, MISSING); limit.min(self.slot_count)];
        let count = channel.poll_many(&mut taken).map_err(|gone| error::of_predict(py, gone))?;
        taken.truncate(count);
        let (tickets, answers): (Vec<u64>, Vec<Answer>) = taken.into_iter().unzip();
        Ok((PyArray1::from_vec(py, tickets), Columns::of(answers)?.into_python(py)?))
    }

    /// Brings the parameters of a model into this process, if they are not there: those of models
    /// of more than eight features, and of further versions of a name, come as files of their own.
    ///
    /// Raises UnknownModelError, and NotFetchedError after `deadline` seconds or for a user who may
    /// not evaluate locally.
    #[pyo3(
        signature = (model=ModelKey::Name("regression"), deadline=1.0),
        text_signature = "($self, model='regression', deadline=1.0)"
    )]
    fn fetch(&self, py: Python<'_>, model: ModelKey<'_>, deadline: f64) -> PyResult<()> {
        let deadline = error::seconds("deadline", deadline)?;
        let mut open = self.lock(py)?;
        let open = unclosed(py, &mut open)?;
        let id = open.id(py, &model)?;
        let channel = &mut open.channel;
        slices::run(py, deadline, |limit| channel.fetch(id, limit))
    }

    /// A number for a name that one artifact alone may answer, by its SHA-256 in hexadecimal, as
    /// `ModelRow` and `Model` have it. Where another artifact serves the name, requests for this
    /// number raise OtherVersionError.
    ///
    /// Raises UnknownModelError, and PinError where several versions share the name's requests.
    ///
    /// >>> model = factord.Model.load("models/regression.fmodel")
    /// >>> with factord.Client() as client:
    /// ...     pinned = client.pin("regression", model.sha256)
    /// ...     client.predict(0.5, 0.2, 0.3, model=pinned).y
    /// 0.500053855850386
    fn pin(&self, py: Python<'_>, name: &str, sha256: &str) -> PyResult<u16> {
        let hash = hash(sha256).ok_or_else(|| {
            PyValueError::new_err(format!("sha256 is {sha256:?}: give 64 hexadecimal digits"))
        })?;
        let mut open = self.lock(py)?;
        unclosed(py, &mut open)?.pin(py, name, &hash)
    }

    /// The CPUs that the daemon's workers are pinned to, in their order; None for one that is not.
    fn worker_cores(&self, py: Python<'_>) -> PyResult<Vec<Option<usize>>> {
        let mut open = self.lock(py)?;
        Ok(unclosed(py, &mut open)?.channel.worker_cores())
    }

    /// Nanoseconds from one time stamp of an answer to a later one; None before the daemon knows
    /// the rate of its counter.
    fn ticks_to_ns(&self, py: Python<'_>, earlier: u64, later: u64) -> PyResult<Option<f64>> {
        let mut open = self.lock(py)?;
        Ok(unclosed(py, &mut open)?.channel.ticks_to_ns(earlier, later))
    }

    /// Changes with every change of the model table; costs one load.
    #[getter]
    fn rows_sequence(&self, py: Python<'_>) -> PyResult<u64> {
        let mut open = self.lock(py)?;
        Ok(unclosed(py, &mut open)?.channel.rows_sequence())
    }

    /// Requests whose answers were not taken yet.
    #[getter]
    fn in_flight(&self, py: Python<'_>) -> PyResult<usize> {
        let mut open = self.lock(py)?;
        Ok(unclosed(py, &mut open)?.channel.in_flight())
    }
}
