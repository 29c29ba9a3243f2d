//! The subscriber class: every answer of an engine, without its help.

use crate::{error, fork};
use factord_core::channel::CommandError;
use factord_core::client::{Event, Published, Subscriber as Taps};
use pyo3::prelude::*;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// Between two looks that found nothing.
const PAUSE: Duration = Duration::from_micros(100);
/// Between two looks for signals.
const SLICE: Duration = Duration::from_millis(100);

/// One answer that an engine gave, to whomever.
#[pyclass(frozen, module = "factord")]
pub(crate) struct Answered {
    /// When it was out, nanoseconds since 1970.
    #[pyo3(get)]
    unix_ns: u64,
    /// The name; None where the request was for none that was served.
    #[pyo3(get)]
    name: Option<String>,
    /// The unit key.
    #[pyo3(get)]
    key: u64,
    /// The features.
    #[pyo3(get)]
    features: Vec<f64>,
    /// The prediction or, of a classifier, the probability of class 1; NaN where there is none.
    #[pyo3(get)]
    y: f64,
    /// How the request ended, by the numbers of Status.
    #[pyo3(get)]
    status: u16,
    /// The generation of what serves the name.
    #[pyo3(get)]
    generation: u32,
    /// The arm that answered; 0 for the champion.
    #[pyo3(get)]
    arm: u16,
    /// The first eight bytes of the SHA-256 of the artifact that answered, little-endian.
    #[pyo3(get)]
    fingerprint: u64,
    /// The engine's number of the client that asked.
    #[pyo3(get)]
    client: u32,
    /// The worker that answered.
    #[pyo3(get)]
    worker: usize,
    /// How many answers the worker had given before in its epoch.
    #[pyo3(get)]
    ordinal: u64,
    /// The epoch of the engine.
    #[pyo3(get)]
    epoch: u64,
}

#[pymethods]
impl Answered {
    fn __repr__(&self) -> String {
        let name = self.name.as_deref().map_or("None".to_owned(), |name| format!("'{name}'"));
        format!("Answered(name={name}, key={}, y={:?}, status={})", self.key, self.y, self.status)
    }
}

impl From<Published<'_>> for Answered {
    fn from(answer: Published<'_>) -> Answered {
        let record = answer.record;
        Answered {
            unix_ns: answer.unix_ns,
            name: answer.name.map(str::to_owned),
            key: record.key,
            features: record.features.clone(),
            y: record.y,
            status: record.status,
            generation: record.generation,
            arm: record.arm,
            fingerprint: answer.fingerprint,
            client: record.client,
            worker: answer.worker,
            ordinal: record.ordinal,
            epoch: answer.epoch,
        }
    }
}

/// A reader of every answer of an engine, or of those for one name, from the next one on.
///
/// The daemon has to be started with --tap, and the right to observe is needed. A subscriber costs
/// the engine nothing; one that is too slow is overtaken, and `missed` counts what it did not see,
/// of all names.
///
/// Raises AttachError. One thread at a time: a call meets InUseError while another thread is
/// inside.
#[pyclass(frozen, module = "factord")]
pub(crate) struct Subscriber {
    state: Mutex<(Taps, u64)>,
    forks: u64,
}

#[pymethods]
impl Subscriber {
    #[new]
    #[pyo3(signature = (name=None, socket=None))]
    fn new(py: Python<'_>, name: Option<&str>, socket: Option<PathBuf>) -> PyResult<Subscriber> {
        let attached = py.detach(|| Taps::attach(socket.as_deref(), name));
        let taps = attached.map_err(|failed| match failed {
            CommandError::Attach(failed) => error::of_attach(py, &failed),
            CommandError::Failed(said) => error::raise(py, "AttachError", said),
        })?;
        Ok(Subscriber { state: Mutex::new((taps, 0)), forks: fork::count() })
    }

    /// The next answer; None when there is none within `deadline` seconds.
    #[pyo3(signature = (deadline=0.0))]
    fn poll(&self, py: Python<'_>, deadline: f64) -> PyResult<Option<Answered>> {
        let limit = error::seconds("deadline", deadline)?;
        if self.forks != fork::count() {
            let message = "this process was forked: it makes a subscriber of its own";
            return Err(error::raise(py, "ForkedError", message.to_owned()));
        }
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let message = "another thread is inside this subscriber";
                return Err(error::raise(py, "InUseError", message.to_owned()));
            }
        };
        let (taps, missed) = &mut *state;
        let start = Instant::now();
        loop {
            let slice = SLICE.min(limit.saturating_sub(start.elapsed()));
            if let Some(answer) = py.detach(|| next(taps, missed, slice)) {
                return Ok(Some(answer));
            }
            py.check_signals()?;
            if start.elapsed() >= limit {
                return Ok(None);
            }
        }
    }

    /// Answers of all names that were overwritten before they were read.
    #[getter]
    fn missed(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    /// Whether the engine that is read is the one that serves now.
    fn is_current(&self, py: Python<'_>) -> bool {
        py.detach(|| self.state.lock().unwrap_or_else(PoisonError::into_inner).0.is_current())
    }
}

/// The next answer within `limit`; counts what was missed.
fn next(taps: &mut Taps, missed: &mut u64, limit: Duration) -> Option<Answered> {
    let start = Instant::now();
    loop {
        match taps.poll() {
            Some(Event::Published(answer)) => return Some(answer.into()),
            Some(Event::Missed { count, .. }) => *missed += count,
            None if start.elapsed() >= limit => return None,
            None => std::thread::sleep(PAUSE),
        }
    }
}
