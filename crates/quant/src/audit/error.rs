//! Why audit files cannot be written or read.

use factord_models::store::StoreError;
use parquet::errors::ParquetError;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why audit files cannot be written or read.
#[derive(Debug, Error)]
pub enum AuditError {
    /// The system refused to write.
    #[error("cannot write {}: {error}", .path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// The system refused to read.
    #[error("cannot read {}: {error}", .path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// It is no whole Parquet file.
    #[error("{} is no whole Parquet file: {error}", .path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: ParquetError,
    },
    /// It is Parquet, and not an audit file.
    #[error("{} is no audit file of this version: {what}; `factord record` writes them", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is missing.
        what: String,
    },
    /// There are none.
    #[error("no audit files in {}: name files, or the folder that `factord record` writes", .path.display())]
    Nothing {
        /// Where they were looked for.
        path: PathBuf,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Names the file of a system's error in reading.
pub(super) fn reading(path: &Path) -> impl FnOnce(io::Error) -> AuditError {
    let path = path.to_owned();
    |error| AuditError::Read { path, error }
}

/// The same of one in writing.
pub(super) fn writing(path: &Path) -> impl FnOnce(io::Error) -> AuditError {
    let path = path.to_owned();
    |error| AuditError::Write { path, error }
}

/// An error of the Parquet library in writing, which may be the system's.
pub(super) fn encoding(path: &Path, error: ParquetError) -> AuditError {
    let error = match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        other => io::Error::other(other),
    };
    AuditError::Write { path: path.to_owned(), error }
}
