//! The client class: a channel to the daemon behind a lock that nobody waits for.

mod calls;
mod versions;

use crate::open::{ModelKey, ModelRow, Open};
use crate::prediction::Prediction;
use crate::{error, fork, slices, stream};
use calls::{row, unclosed};
use factord_core::client::AttachOptions;
use factord_core::idle::IdleStrategy;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

/// A channel to the daemon: predictions through shared memory.
///
/// socket: the daemon's control socket; without one it is found as the daemon finds it
/// ($FACTORD_SOCKET, $XDG_RUNTIME_DIR/factord/, /run/factord/ or /tmp/factord-UID/).
/// name: what operators see. feature_count: features of every request, 1 to 1,024.
/// slot_count: requests under way at most, a power of two up to 4,096.
/// output_count: outputs that an answer has room for, 2 to 64.
/// heavy: a channel to the workers of costly models, which answer nothing else; a model of the
/// other class is reached over a second channel, which the client opens by itself.
/// idle: what a waiting call does: "spin", "noop", "yield" or "backoff".
/// stamp: ask for the engine's time stamps with every request.
/// wait: seconds to try again for while no daemon is there, or it is busy or silent.
/// daemon_uid: a user trusted as the daemon below /tmp, beside root and this process's own;
/// without one $FACTORD_DAEMON_UID.
/// quiet: without the word on stderr for a thread that can only run where a worker polls; so does
/// $FACTORD_QUIET.
///
/// Raises AttachError. One thread at a time: a call meets InUseError while another thread is
/// inside this client. A forked child makes a client of its own.
///
/// >>> with factord.Client() as client:
/// ...     client.predict(0.5, 0.2, 0.3).y
/// 0.500053855850386
#[pyclass(frozen, module = "factord")]
pub(crate) struct Client {
    open: Mutex<Option<Open>>,
    forks: u64,
    feature_count: usize,
    slot_count: usize,
}

#[pymethods]
impl Client {
    #[new]
    #[pyo3(signature = (
        socket=None, *, name="python", feature_count=3, slot_count=256, idle="spin", stamp=false,
        wait=0.0, daemon_uid=None, output_count=2, heavy=false, quiet=false
    ))]
    #[allow(clippy::too_many_arguments, reason = "a keyword each, as Python calls it")]
    fn new(
        py: Python<'_>,
        socket: Option<PathBuf>,
        name: &str,
        feature_count: usize,
        slot_count: usize,
        idle: &str,
        stamp: bool,
        wait: f64,
        daemon_uid: Option<u32>,
        output_count: usize,
        heavy: bool,
        quiet: bool,
    ) -> PyResult<Client> {
        let idle: IdleStrategy =
            idle.parse().map_err(|error| PyValueError::new_err(format!("{error}")))?;
        let name = name.to_owned();
        let limit = error::seconds("wait", wait)?;
        let wait = Duration::ZERO;
        let options = AttachOptions {
            socket,
            name,
            feature_count,
            slot_count,
            output_count,
            heavy,
            idle,
            wait,
            quiet,
            daemon_uid,
        };
        let mut channel = slices::attach(py, options, limit)?;
        channel.stamp(stamp);
        let open = Mutex::new(Some(Open::new(channel)));
        Ok(Client { open, forks: fork::count(), feature_count, slot_count })
    }

    /// Predicts one row and waits for the answer, at most `deadline` seconds.
    ///
    /// `key` is a unit, such as a symbol, an order or a strategy, from 1: all requests of one unit
    /// go to the same arm of a name that several versions serve. 0 is none; the features choose.
    ///
    /// Raises PredictError: BadInputError, UnknownModelError, WidthMismatchError, WrongClassError,
    /// OtherVersionError for a pinned number, and past the deadline DeadlineError,
    /// BackPressureError or NotConnectedError.
    ///
    /// >>> with factord.Client() as client:
    /// ...     client.predict(0.5, 0.2, 0.3, model="classification").second
    /// 0.0
    #[pyo3(
        signature = (
            buy_rate, large_buy, large_sell, model=ModelKey::Name("regression"), deadline=0.1, *,
            key=0
        ),
        text_signature = "($self, buy_rate, large_buy, large_sell, model='regression', \
            deadline=0.1, *, key=0)"
    )]
    #[allow(clippy::too_many_arguments, reason = "a keyword each, as Python calls it")]
    fn predict(
        &self,
        py: Python<'_>,
        buy_rate: f64,
        large_buy: f64,
        large_sell: f64,
        model: ModelKey<'_>,
        deadline: f64,
        key: u64,
    ) -> PyResult<Prediction> {
        self.predict_one(py, &[buy_rate, large_buy, large_sell], &model, deadline, key)
    }

    /// Predicts one row of as many features as the channel has: see `predict`.
    #[pyo3(
        signature = (features, model=ModelKey::Name("regression"), deadline=0.1, *, key=0),
        text_signature = "($self, features, model='regression', deadline=0.1, *, key=0)"
    )]
    fn predict_row(
        &self,
        features: &Bound<'_, PyAny>,
        model: ModelKey<'_>,
        deadline: f64,
        key: u64,
    ) -> PyResult<Prediction> {
        self.predict_one(features.py(), &row(features)?, &model, deadline, key)
    }

    /// Predicts each row of an array of shape (n, feature_count), a data frame or an Arrow table,
    /// through a full ring; `deadline` is in seconds and for all of them.
    ///
    /// The answers are NumPy arrays that nothing was copied into. The interpreter is let go
    /// meanwhile, and Ctrl-C ends the wait. A row that is refused is no error of the call: it reads
    /// NaN and has a status. Past the deadline the call raises, and no answer is lost or mixed up.
    /// `key` is the unit of all rows.
    ///
    /// >>> with factord.Client() as client:
    /// ...     client.predict_many(np.array([[0.5, 0.2, 0.3], [np.inf, 0.0, 0.0]])).status
    /// array([0, 1], dtype=uint8)
    #[pyo3(
        signature = (rows, model=ModelKey::Name("regression"), deadline=10.0, *, key=0),
        text_signature = "($self, rows, model='regression', deadline=10.0, *, key=0)"
    )]
    fn predict_many<'py>(
        &self,
        rows: &Bound<'py, PyAny>,
        model: ModelKey<'_>,
        deadline: f64,
        key: u64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = rows.py();
        let deadline = error::seconds("deadline", deadline)?;
        let segments = self.segments(rows)?;
        let mut open = self.lock(py)?;
        let open = unclosed(py, &mut open)?;
        let id = open.id(py, &model)?;
        stream::through_ring(py, &mut open.channel, (id, key), &segments, deadline)?.into_python(py)
    }

    /// Publishes a request without waiting and returns its ticket; tickets count up from 1.
    ///
    /// Raises BackPressureError when as many requests are under way as the channel has slots.
    ///
    /// >>> with factord.Client() as client:
    /// ...     ticket = client.submit(0.5, 0.2, 0.3)
    /// ...     while (answered := client.poll()) is None:
    /// ...         pass
    /// >>> answered[0] == ticket, answered[1].y
    /// (True, 0.500053855850386)
    #[pyo3(
        signature = (buy_rate, large_buy, large_sell, model=ModelKey::Name("regression"), *, key=0),
        text_signature = "($self, buy_rate, large_buy, large_sell, model='regression', *, key=0)"
    )]
    fn submit(
        &self,
        py: Python<'_>,
        buy_rate: f64,
        large_buy: f64,
        large_sell: f64,
        model: ModelKey<'_>,
        key: u64,
    ) -> PyResult<u64> {
        self.submit_one(py, &[buy_rate, large_buy, large_sell], &model, key)
    }

    /// Publishes a request of as many features as the channel has: see `submit`.
    #[pyo3(
        signature = (features, model=ModelKey::Name("regression"), *, key=0),
        text_signature = "($self, features, model='regression', *, key=0)"
    )]
    fn submit_row(
        &self,
        features: &Bound<'_, PyAny>,
        model: ModelKey<'_>,
        key: u64,
    ) -> PyResult<u64> {
        self.submit_one(features.py(), &row(features)?, &model, key)
    }

    /// Takes the next answer, in the order of submission, as (ticket, prediction), without
    /// waiting; None when it is not there yet.
    ///
    /// Raises the error of a request that was refused, with its ticket; and NotConnectedError, with
    /// no ticket, while the engine is gone: what is under way is published again once it is back,
    /// so polling on is right.
    fn poll(&self, py: Python<'_>) -> PyResult<Option<(u64, Prediction)>> {
        let mut open = self.lock(py)?;
        match unclosed(py, &mut open)?.channel.poll() {
            Ok(None) => Ok(None),
            Ok(Some((ticket, Ok(prediction)))) => Ok(Some((ticket, prediction.into()))),
            Ok(Some((ticket, Err(refused)))) => Err(error::of_ticket(py, refused, ticket)),
            Err(gone) => Err(error::of_predict(py, gone)),
        }
    }

    /// Evaluates the daemon's active model in this process: the same bits as through the ring, and
    /// swaps are seen at once, but no cache line moves. What is not in this process yet goes
    /// through the ring where the row has the channel's width, and is fetched otherwise; either
    /// takes at most 10 ms. `fetch` does so before it counts.
    ///
    /// Raises BadInputError, UnknownModelError, WidthMismatchError, OtherVersionError,
    /// NotConnectedError a second after the engine's last heartbeat, NotFetchedError when the
    /// parameters did not come in time, and from the ring what `predict` raises.
    ///
    /// >>> with factord.Client() as client:
    /// ...     client.predict_local(0.5, 0.2, 0.3) == client.predict(0.5, 0.2, 0.3)
    /// True
    #[pyo3(
        signature = (buy_rate, large_buy, large_sell, model=ModelKey::Name("regression"), *, key=0),
        text_signature = "($self, buy_rate, large_buy, large_sell, model='regression', *, key=0)"
    )]
    fn predict_local(
        &self,
        py: Python<'_>,
        buy_rate: f64,
        large_buy: f64,
        large_sell: f64,
        model: ModelKey<'_>,
        key: u64,
    ) -> PyResult<Prediction> {
        self.evaluate_one(py, &[buy_rate, large_buy, large_sell], &model, key)
    }

    /// Evaluates one row of any width in this process: see `predict_local`.
    #[pyo3(
        signature = (features, model=ModelKey::Name("regression"), *, key=0),
        text_signature = "($self, features, model='regression', *, key=0)"
    )]
    fn predict_local_row(
        &self,
        features: &Bound<'_, PyAny>,
        model: ModelKey<'_>,
        key: u64,
    ) -> PyResult<Prediction> {
        self.evaluate_one(features.py(), &row(features)?, &model, key)
    }

    /// Evaluates many rows, of the channel's number of features, in this process: see
    /// `predict_local` and `predict_many`.
    #[pyo3(
        signature = (rows, model=ModelKey::Name("regression"), *, key=0),
        text_signature = "($self, rows, model='regression', *, key=0)"
    )]
    fn predict_local_many<'py>(
        &self,
        rows: &Bound<'py, PyAny>,
        model: ModelKey<'_>,
        key: u64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = rows.py();
        let segments = self.segments(rows)?;
        let mut open = self.lock(py)?;
        let open = unclosed(py, &mut open)?;
        let id = open.id(py, &model)?;
        let columns = stream::in_process(py, &segments, |blocks, columns| {
            let first = columns.lay_out(blocks.count());
            for (row, x) in blocks.rows().chunks_exact(blocks.width()).enumerate() {
                columns.set(first + row, open.channel.predict_local_keyed(id, key, x));
            }
        });
        columns?.into_python(py)
    }

    /// The daemon's model table, as it is now.
    ///
    /// >>> with factord.Client() as client:
    /// ...     [(model.name, model.kind, model.width) for model in client.models()]
    /// [('regression', 'linear', 3), ('classification', 'logistic', 3)]
    fn models(&self, py: Python<'_>) -> PyResult<Vec<ModelRow>> {
        let mut open = self.lock(py)?;
        Ok(unclosed(py, &mut open)?.models())
    }

    /// Gives the channel back; a closed client refuses every call but this one. In a forked child
    /// it lets go of the channel, which stays the parent's.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if self.is_forked() {
            // A thread that was inside at the fork is not in the child, and its lock is for ever.
            if let Ok(mut open) = self.open.try_lock() {
                *open = None;
            }
            return Ok(());
        }
        *self.lock(py)? = None;
        Ok(())
    }

    fn __enter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.close(py)
    }

    /// The epoch of the engine that serves this channel now.
    #[getter]
    fn epoch(&self, py: Python<'_>) -> PyResult<u64> {
        let mut open = self.lock(py)?;
        Ok(unclosed(py, &mut open)?.channel.epoch())
    }

    /// Tells whether the engine was there when last looked for.
    #[getter]
    fn connected(&self, py: Python<'_>) -> PyResult<bool> {
        let mut open = self.lock(py)?;
        Ok(unclosed(py, &mut open)?.channel.connected())
    }

    /// Features of every request of this channel.
    #[getter]
    fn feature_count(&self) -> usize {
        self.feature_count
    }

    /// Requests that can be under way.
    #[getter]
    fn slot_count(&self) -> usize {
        self.slot_count
    }

    fn __repr__(&self) -> String {
        let Client { feature_count, slot_count, .. } = self;
        let mut text = format!("<factord.Client: {feature_count} features, {slot_count} slots");
        // Another thread may be inside: a look waits for nobody.
        if self.is_forked() {
            text += ", of the parent process";
        } else if let Ok(mut open) = self.open.try_lock() {
            text += match open.as_mut().map(|open| open.channel.connected()) {
                None => ", closed",
                Some(true) => ", connected",
                Some(false) => ", not connected",
            };
        }
        text + ">"
    }
}
