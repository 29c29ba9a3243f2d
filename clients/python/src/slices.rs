//! Waiting without deafness: the interpreter is let go while the library works, and asked for
//! signals between slices of time, so that Ctrl-C ends any wait.

use crate::error;
use factord_core::client::{AttachOptions, Client as Channel, PredictError};
use pyo3::prelude::*;
use std::time::{Duration, Instant};

/// The longest a signal waits.
// 50 ms: less than a person notices, and nothing beside a wait that has lasted so long.
pub(crate) const SLICE: Duration = Duration::from_millis(50);

/// Runs `step` for a slice of time each, until it succeeds or `deadline` has passed.
///
/// # Errors
///
/// The library's last error, or a signal's exception.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    deadline: Duration,
    mut step: impl FnMut(Duration) -> Result<T, PredictError> + Send,
) -> PyResult<T> {
    let start = Instant::now();
    loop {
        let limit = deadline.saturating_sub(start.elapsed()).min(SLICE);
        match py.detach(|| step(limit)) {
            Err(error) if goes_on(error) && start.elapsed() < deadline => {
                py.check_signals()?;
            }
            result => return result.map_err(|refused| error::of_predict(py, refused)),
        }
    }
}

/// Attaches, and tries again for as long as `limit` while that may help.
///
/// # Errors
///
/// AttachError, of the last attempt, or a signal's exception.
pub(crate) fn attach(
    py: Python<'_>,
    mut options: AttachOptions,
    limit: Duration,
) -> PyResult<Channel> {
    let start = Instant::now();
    loop {
        options.wait = limit.saturating_sub(start.elapsed()).min(SLICE);
        match py.detach(|| Channel::attach(&options)) {
            Err(error) if error.may_pass() && start.elapsed() < limit => py.check_signals()?,
            result => return result.map_err(|refused| error::of_attach(py, &refused)),
        }
    }
}

/// Tells whether another look may find what this one did not.
pub(crate) fn goes_on(error: PredictError) -> bool {
    matches!(
        error,
        PredictError::Deadline
            | PredictError::BackPressure
            | PredictError::NotConnected
            | PredictError::NotFetched
    )
}
