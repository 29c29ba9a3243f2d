//! Errors of the library as Python's exceptions: one class an error, all in `factord.errors`.

use factord_core::channel::AttachError;
use factord_core::client::PredictError;
use factord_models::file::ArtifactFileError;
use factord_quant::table::TableError;
use factord_quant::train::TrainError;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use std::io;
use std::path::PathBuf;

/// An exception of the package by the name of its class.
pub(crate) fn raise(py: Python<'_>, class: &str, message: String) -> PyErr {
    let make = || py.import("factord.errors")?.getattr(class)?.call1((message.as_str(),));
    match make() {
        Ok(exception) => PyErr::from_value(exception),
        // Only a broken installation has no such class.
        Err(_) => PyRuntimeError::new_err(message),
    }
}

/// The exception's class for each [`PredictError`].
fn class_of(error: PredictError) -> &'static str {
    match error {
        PredictError::BadInput => "BadInputError",
        PredictError::UnknownModel => "UnknownModelError",
        PredictError::WidthMismatch => "WidthMismatchError",
        PredictError::BackPressure => "BackPressureError",
        PredictError::Deadline => "DeadlineError",
        PredictError::NotConnected => "NotConnectedError",
        PredictError::WrongClass => "WrongClassError",
        PredictError::OtherVersion => "OtherVersionError",
        PredictError::NotFetched => "NotFetchedError",
        PredictError::EchoMismatch => "EchoMismatchError",
    }
}

pub(crate) fn of_predict(py: Python<'_>, error: PredictError) -> PyErr {
    raise(py, class_of(error), error.to_string())
}

/// The error of one pipelined request, which names its ticket.
pub(crate) fn of_ticket(py: Python<'_>, error: PredictError, ticket: u64) -> PyErr {
    let exception = of_predict(py, error);
    match exception.value(py).setattr("ticket", ticket) {
        Ok(()) => exception,
        Err(other) => other,
    }
}

pub(crate) fn of_attach(py: Python<'_>, error: &AttachError) -> PyErr {
    let class = match error {
        AttachError::Unreachable { .. } => "UnreachableError",
        AttachError::Forbidden { .. } => "ForbiddenError",
        AttachError::Untrusted { .. } => "UntrustedError",
        AttachError::Refused(_) => "RefusedError",
        AttachError::Abi { .. } => "AbiError",
        AttachError::Open(_) => "RegionError",
        AttachError::Protocol { .. } | AttachError::HungUp { .. } => "ProtocolError",
        AttachError::Deadline | AttachError::Unsettled => "AttachDeadlineError",
        AttachError::Io(_) => "AttachError",
    };
    // The other flags that are named are the daemon's.
    raise(py, class, error.to_string().replace("--socket", "`socket`"))
}

pub(crate) fn of_artifact(py: Python<'_>, error: ArtifactFileError) -> PyErr {
    match error {
        // Python's own classes for files: FileNotFoundError, PermissionError and so on.
        ArtifactFileError::Read { path, error } | ArtifactFileError::Write { path, error }
            if error.raw_os_error().is_some() =>
        {
            of_system(&error, path)
        }
        other => raise(py, "ArtifactError", other.to_string()),
    }
}

/// A system's error about a file: by its number Python finds the class.
fn of_system(error: &io::Error, path: PathBuf) -> PyErr {
    let reason = error.to_string();
    let reason = reason.split(" (os error").next().unwrap_or("").to_owned();
    PyOSError::new_err((error.raw_os_error(), reason, path))
}

pub(crate) fn of_train(py: Python<'_>, error: TrainError) -> PyErr {
    match error {
        TrainError::Table(TableError::Open { path, error })
        | TrainError::Scratch { path, error }
        | TrainError::Write { path, error }
            if error.raw_os_error().is_some() =>
        {
            of_system(&error, path)
        }
        other => raise(py, "TrainError", in_python(&other.to_string())),
    }
}

/// A message with the command line's flags as Python's keywords: `` `horizon` `` for `--horizon`.
pub(crate) fn in_python(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    for (at, word) in message.split(' ').enumerate() {
        if at > 0 {
            text.push(' ');
        }
        match word.strip_prefix("--") {
            Some(flag) if flag.starts_with(|c: char| c.is_ascii_lowercase()) => {
                let end = flag.find(|c: char| !(c.is_ascii_lowercase() || c == '-'));
                let (name, rest) = flag.split_at(end.unwrap_or(flag.len()));
                text.push_str(&format!("`{}`{rest}", name.replace('-', "_")));
            }
            _ => text.push_str(word),
        }
    }
    text
}

/// Seconds as Python gives them.
pub(crate) fn seconds(what: &str, value: f64) -> PyResult<core::time::Duration> {
    core::time::Duration::try_from_secs_f64(value).map_err(|_| {
        PyValueError::new_err(format!("{what} is {value}: give seconds from now, 0 or more"))
    })
}
