//! Importing models that other programs fitted, without executing them: scikit-learn pickles, ONNX
//! models and LightGBM's text, told apart by their first bytes. `onnx` and `lightgbm` say how they
//! read the latter two.
//!
//! A pickle is a program for a virtual machine. `pickle` reads it as data: it knows an
//! allow-list of opcodes and class names, builds plain nodes from them within fixed limits, and
//! refuses everything else by name; nothing is ever called. `sklearn` then takes the figures
//! out of those nodes, with `numpy` for the arrays. The result is an [`Artifact`] like any other.

mod lightgbm;
mod numpy;
mod onnx;
mod packed;
mod pickle;
mod sklearn;
mod stats;

pub use lightgbm::{LightGbmError, TEXT_LEN_MAX as LIGHTGBM_LEN_MAX};
pub use onnx::OnnxError;
pub use pickle::{BYTES_MAX, NODE_COUNT_MAX, OPCODE_COUNT_MAX, PickleError};
pub use stats::{Stats, StatsError};

use super::file::{Artifact, ArtifactError, read_limited};
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// What may be said about a model besides its file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// The name to serve it under; else a pickle's `model_type`, else `fallback_name`.
    pub name: Option<&'a str>,
    /// The name when nothing else gives one, such as the file's stem.
    pub fallback_name: Option<&'a str>,
    /// A name for each feature, in order; else what the file says, else x0, x1, ...
    pub features: Option<&'a [String]>,
    /// Statistics of the training data.
    pub stats: Option<&'a Stats>,
    /// Where the bytes came from, for the artifact's source note.
    pub origin: &'a str,
}

/// An imported model, and what its user should know about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// The model, checked.
    pub artifact: Artifact,
    /// Paths of entries that were read and left out, such as `metadata/feature_importance`.
    pub left_out: Vec<String>,
    /// Sentences about the figures, such as that they were float32.
    pub notes: Vec<String>,
}

/// What may be given besides a model's file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'a> {
    /// A file with statistics of the training data.
    pub stats: Option<&'a Path>,
    /// As in [`Options`].
    pub name: Option<&'a str>,
    /// As in [`Options`].
    pub features: Option<&'a [String]>,
}

/// Why a model could not be imported.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ImportError {
    /// The bytes are of no format that is read.
    #[error(
        "neither a pickle of protocol 2 to 5, a dump of joblib, an ONNX model nor LightGBM's text: \
         save it with pickle.dump(model, file), skl2onnx.to_onnx(model, X) or \
         booster.save_model(file)"
    )]
    Format,
    /// The bytes are packed, and cannot be unpacked.
    #[error("it is packed, and {reason}: save it with joblib.dump(model, file, compress=0)")]
    Packed {
        /// Why not.
        reason: String,
    },
    /// The bytes are not an ONNX model that can be served.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// The bytes are not a LightGBM model that can be served.
    #[error(transparent)]
    LightGbm(#[from] LightGbmError),
    /// The bytes are not a pickle, or not one that is safe to read.
    #[error(transparent)]
    Pickle(#[from] PickleError),
    /// An entry is missing.
    #[error("{object} has no `{field}`: is it fitted?")]
    Missing {
        /// What lacks it.
        object: String,
        /// The entry.
        field: &'static str,
    },
    /// An entry is of the wrong sort.
    #[error("`{field}` of {object} is {found}, not {expected}")]
    Unexpected {
        /// Whose entry.
        object: String,
        /// The entry.
        field: String,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// An array cannot be read.
    #[error("array `{field}`: {problem}")]
    Array {
        /// The entry that holds it.
        field: String,
        /// What is wrong.
        problem: String,
    },
    /// The model is well formed and cannot be served.
    #[error("refused: {reason}")]
    Unsupported {
        /// What it is, and what would do instead.
        reason: String,
    },
    /// Two entries contradict each other.
    #[error("{reason}")]
    Contradiction {
        /// Both facts.
        reason: String,
    },
    /// The statistics lack a feature of the model.
    #[error(
        "the statistics have no {field} for feature {feature:?}: use the statistics of this \
        model"
    )]
    StatsMissing {
        /// `feature_means` or `feature_stds`.
        field: &'static str,
        /// The feature.
        feature: String,
    },
    /// The figures make no sound artifact.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

/// What went wrong with the files of an import.
#[derive(Debug, Error)]
pub enum ImportFileError {
    /// A file could not be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// The model was read and refused.
    #[error("{}: {error}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Why.
        error: ImportError,
    },
    /// The statistics were read and refused.
    #[error("{}: {error}", path.display())]
    Stats {
        /// The file.
        path: PathBuf,
        /// Why.
        error: StatsError,
    },
}

/// Imports the bytes of a pickle: an estimator, a pipeline, or a dictionary that holds one as
/// `model`.
///
/// # Errors
///
/// [`ImportError`] names what is refused.
pub fn pickle(bytes: &[u8], options: &Options<'_>) -> Result<Import, ImportError> {
    sklearn::import(&pickle::read(bytes)?, options)
}

/// Whether bytes start as those of a format that is read.
pub fn is_known(bytes: &[u8]) -> bool {
    pickle::is_pickle(bytes)
        || packed::is_packed(bytes)
        || lightgbm::is_lightgbm(bytes)
        || onnx::is_onnx(bytes)
}

/// Imports the bytes of a pickle, of an ONNX model or of LightGBM's text, whichever they are.
///
/// # Errors
///
/// [`ImportError`] names what is refused.
pub fn bytes(bytes: &[u8], options: &Options<'_>) -> Result<Import, ImportError> {
    if pickle::is_pickle(bytes) {
        self::pickle(bytes, options)
    } else if lightgbm::is_lightgbm(bytes) {
        lightgbm::import(bytes, options)
    } else if packed::is_packed(bytes) {
        let unpacked = packed::unpack(bytes).map_err(|reason| ImportError::Packed { reason })?;
        if pickle::is_pickle(&unpacked) {
            self::pickle(&unpacked, options)
        } else if lightgbm::is_lightgbm(&unpacked) {
            lightgbm::import(&unpacked, options)
        } else {
            Err(ImportError::Format)
        }
    } else if onnx::is_onnx(bytes) {
        onnx::import(bytes, options)
    } else {
        Err(packed::unread(bytes).map_or(ImportError::Format, |name| ImportError::Packed {
            reason: format!("{name} is not unpacked here"),
        }))
    }
}

/// Imports a model's file, with what is given besides it.
///
/// # Errors
///
/// [`ImportFileError`] names the file and what is wrong with it.
pub fn load(path: &Path, given: &Given<'_>) -> Result<Import, ImportFileError> {
    let stats = given.stats.map(Stats::load).transpose()?;
    let is_text = |first: &[u8]| lightgbm::is_lightgbm(first);
    let limit = |first: &[u8]| if is_text(first) { LIGHTGBM_LEN_MAX } else { BYTES_MAX };
    let content = read_limited(path, limit)
        .map_err(|error| ImportFileError::Read { path: path.to_owned(), error })?;
    let lossy = |part: Option<&std::ffi::OsStr>| {
        part.map(|part| part.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let (stem, origin) = (lossy(path.file_stem()), lossy(path.file_name()));
    let options = Options {
        name: given.name,
        fallback_name: Some(&stem),
        features: given.features,
        stats: stats.as_ref(),
        origin: &origin,
    };
    bytes(&content, &options)
        .map_err(|error| ImportFileError::Invalid { path: path.to_owned(), error })
}
