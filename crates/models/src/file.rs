//! Model artifacts: a validated model with everything needed to trust and explain it.
//!
//! An [`Artifact`] that exists is sound: its parameters are valid, its names and statistics fit
//! them, and every golden vector has been scored again, bit for bit. [`Artifact::decode`] takes
//! bytes of any origin and either returns such an artifact or says what is wrong; it never
//! panics and never allocates by a length it has not checked. `codec` is the only place that
//! knows the encodings: format 1, which is read for ever and written for what needs no more, and
//! format 2, which says more in sections. An artifact keeps the format that it was read from, so
//! that its bytes and its hash stay what they were.

mod codec;
mod error;
mod facts;
mod golden;
mod limits;
mod validate;

pub use error::{ArtifactError, ArtifactFileError};
pub use facts::{DataFile, EDGE_COUNT, Facts, Lineage, Section, Tag, Training};
pub use golden::Golden;
pub use limits::{
    FORMAT_VERSION, MAGIC, MODEL_COUNT_MAX, NAME_LEN_MAX, PAYLOAD_LEN_MAX, PAYLOAD_LEN_MAX_FIRST,
    TABLE_COUNT_MAX,
};
#[cfg(feature = "import")]
pub(crate) use limits::{METRIC_COUNT_MAX, TEXT_LEN_MAX};
pub use validate::name_is_sound;

use crate::{regular, whole};
use factord_eval::fenv;
use factord_eval::{Kind, Model};
use factord_factors::Stated;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::LazyLock;

/// Statistics of one feature in training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureStats {
    /// Arithmetic mean.
    pub mean: f64,
    /// Standard deviation, 0 or more.
    pub std: f64,
    /// Smallest value, where known.
    pub min: Option<f64>,
    /// Largest value, where known.
    pub max: Option<f64>,
}

/// Statistics of the target in training; for a classifier, of the quantity its label was cut from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetStats {
    /// Arithmetic mean.
    pub mean: f64,
    /// Standard deviation, 0 or more.
    pub std: f64,
    /// Median, where known.
    pub median: Option<f64>,
    /// Smallest value, where known.
    pub min: Option<f64>,
    /// Largest value, where known.
    pub max: Option<f64>,
}

/// A number in a report.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum MetricValue {
    /// A count.
    Integer(i64),
    /// Anything measured; always finite.
    Real(f64),
}

/// One figure of the training report, at its place in the nesting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// The keys that lead to it, outermost first: `classification_report`, `0`, `f1-score`.
    pub path: Vec<String>,
    /// The figure.
    pub value: MetricValue,
}

/// Everything an artifact says about its model besides the parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Details {
    /// The name it is served under: 1 to [`NAME_LEN_MAX`] of `a-z A-Z 0-9 _ - .`.
    pub name: String,
    /// One name per feature, in the order of evaluation, all different.
    pub feature_names: Vec<String>,
    /// What is predicted; may be empty when unknown.
    pub target: String,
    /// One per feature, or none at all when unknown.
    pub feature_stats: Vec<FeatureStats>,
    /// Statistics of the target, where known.
    pub target_stats: Option<TargetStats>,
    /// The training report, in its own order.
    pub metrics: Vec<Metric>,
    /// When it was trained, as its source wrote it; may be empty.
    pub trained_at: String,
    /// Where the label of a classifier was cut in the target's units. Not a cut on the
    /// probability: the class is 1 when the decision value is above 0.
    pub threshold: Option<f64>,
    /// Where the model came from, for people.
    pub source: String,
}

/// A model that has passed every check, with its details and golden vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    model: Model,
    details: Details,
    golden: Vec<Golden>,
    /// `None` in format 1.
    facts: Option<Facts>,
}

/// What format 1 says of settings.
static NO_SETTINGS: LazyLock<Stated> = LazyLock::new(Stated::default);

impl Artifact {
    /// Makes an artifact from a model, with golden vectors scored now: in format 1, or in format 2
    /// when its name is too long for that or it is a forest.
    ///
    /// # Errors
    ///
    /// [`ArtifactError`] when the details do not fit the model, or it overflows near its data.
    pub fn new(model: Model, details: Details) -> Result<Artifact, ArtifactError> {
        let needs_more =
            details.name.len() > limits::NAME_LEN_MAX_FIRST || model.affine().is_none();
        Artifact::made(model, details, needs_more.then(Facts::default))
    }

    /// The same in format 2, which also says on which rows it was trained, and how.
    ///
    /// # Errors
    ///
    /// [`ArtifactError`] as for [`Artifact::new`], and when the facts do not fit the model.
    pub fn with_facts(
        model: Model,
        details: Details,
        facts: Facts,
    ) -> Result<Artifact, ArtifactError> {
        Artifact::made(model, details, Some(facts))
    }

    fn made(
        model: Model,
        details: Details,
        facts: Option<Facts>,
    ) -> Result<Artifact, ArtifactError> {
        let artifact = fenv::with_default(|| {
            let golden = golden::generate(&model, &details.feature_stats);
            Artifact::checked(model, details, golden, facts)
        })?;
        codec::check(&artifact)?;
        Ok(artifact)
    }

    /// Makes an artifact from parts of any origin: every check except that of the length.
    fn checked(
        model: Model,
        details: Details,
        golden: Vec<Golden>,
        facts: Option<Facts>,
    ) -> Result<Artifact, ArtifactError> {
        validate::details(&details, model.width())?;
        if let Some(facts) = &facts {
            validate::facts(facts, &details)?;
        }
        golden::rescore(&model, &golden)?;
        Ok(Artifact { model, details, golden, facts })
    }

    /// Reads an artifact from the bytes of a file, and checks everything it claims.
    ///
    /// # Errors
    ///
    /// [`ArtifactError`] names the first thing found wrong.
    pub fn decode(bytes: &[u8]) -> Result<Artifact, ArtifactError> {
        fenv::with_default(|| codec::decode(bytes))
    }

    /// Writes the one canonical encoding: `decode` accepts these bytes and no others.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads and checks an artifact's file.
    ///
    /// # Errors
    ///
    /// [`ArtifactFileError`] names the file and what is wrong.
    pub fn load(path: &Path) -> Result<Artifact, ArtifactFileError> {
        Artifact::decode_file(path, &read(path)?)
    }

    /// Checks what was read from an artifact's file.
    ///
    /// # Errors
    ///
    /// [`ArtifactFileError::Invalid`].
    pub(crate) fn decode_file(path: &Path, bytes: &[u8]) -> Result<Artifact, ArtifactFileError> {
        Artifact::decode(bytes)
            .map_err(|error| ArtifactFileError::Invalid { path: path.to_owned(), error })
    }

    /// Writes the artifact's file. Under its name there is always either the old file or the
    /// whole new one.
    ///
    /// # Errors
    ///
    /// [`ArtifactFileError::Write`]; nothing is left behind.
    pub fn save(&self, path: &Path) -> Result<(), ArtifactFileError> {
        whole::write(path, &self.encode())
            .map_err(|error| ArtifactFileError::Write { path: path.to_owned(), error })
    }

    /// The name the model is served under.
    pub fn name(&self) -> &str {
        &self.details.name
    }

    /// What the model computes.
    pub fn kind(&self) -> Kind {
        self.model.kind()
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Everything said about it.
    pub fn details(&self) -> &Details {
        &self.details
    }

    /// Inputs and the answers they must get.
    pub fn golden(&self) -> &[Golden] {
        &self.golden
    }

    /// The version of the format that it is written in: that in which it was read.
    pub fn format_version(&self) -> u32 {
        if self.facts.is_some() { FORMAT_VERSION } else { 1 }
    }

    /// Everything that only format 2 can say; `None` in format 1.
    pub fn facts(&self) -> Option<&Facts> {
        self.facts.as_ref()
    }

    /// The settings of the factors that it was trained on, as far as they are known.
    pub fn settings(&self) -> &Stated {
        self.facts.as_ref().map_or(&NO_SETTINGS, |facts| &facts.settings)
    }

    /// Floating-point operations of one evaluation, as its arithmetic writes them; of a forest
    /// those along the longest paths.
    pub fn operations(&self) -> u64 {
        facts::operations(&self.model)
    }

    /// Whose arithmetic it is evaluated with.
    pub fn family(&self) -> &'static str {
        facts::family(&self.model)
    }

    /// SHA-256 of the encoded artifact: what `sha256sum` prints for its file.
    pub fn sha256(&self) -> [u8; 32] {
        sha256(&self.encode())
    }

    /// The training report nested again, as JSON.
    pub fn metrics_json(&self) -> Value {
        let mut root = Map::new();
        for metric in &self.details.metrics {
            let value = match metric.value {
                MetricValue::Integer(value) => value.into(),
                MetricValue::Real(value) => value.into(),
            };
            nest(&mut root, &metric.path, value);
        }
        Value::Object(root)
    }
}

/// Puts a figure at its place. Depth is bounded by the check of the details, which also refuses
/// a path that ends where another goes on.
fn nest(map: &mut Map<String, Value>, path: &[String], figure: Value) {
    match path {
        [] => {}
        [last] => {
            map.insert(last.clone(), figure);
        }
        [first, rest @ ..] => {
            let inner = map.entry(first.clone()).or_insert_with(|| Map::new().into());
            if let Value::Object(inner) = inner {
                nest(inner, rest, figure);
            }
        }
    }
}

/// SHA-256 of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Reads the bytes of an artifact's file, as many as its version may have.
///
/// # Errors
///
/// [`ArtifactFileError::Read`].
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ArtifactFileError> {
    let read = || {
        let (file, first) = open(path)?;
        let limit = codec::file_len_max(&first);
        read_rest(file, first, limit)
    };
    read().map_err(|error| ArtifactFileError::Read { path: path.to_owned(), error })
}

/// Reads a regular file of at most as many bytes as `limit` says of its first ones.
///
/// # Errors
///
/// The system's error, or `InvalidData` for another sort of file or a longer one.
#[cfg(feature = "import")]
pub(crate) fn read_limited(path: &Path, limit: impl FnOnce(&[u8]) -> usize) -> io::Result<Vec<u8>> {
    let (file, first) = open(path)?;
    let limit = limit(&first);
    read_rest(file, first, limit)
}

/// Opens a regular file, and reads the first bytes, by which it is known.
fn open(path: &Path) -> io::Result<(File, Vec<u8>)> {
    let file = regular::open(path)?;
    let mut first = Vec::with_capacity(limits::HEADER_LEN);
    (&file).take(limits::HEADER_LEN as u64).read_to_end(&mut first)?;
    Ok((file, first))
}

/// Reads what follows the first bytes of a file of at most `limit` bytes.
fn read_rest(file: File, mut bytes: Vec<u8>, limit: usize) -> io::Result<Vec<u8>> {
    let len = usize::try_from(file.metadata()?.len()).unwrap_or(limit).min(limit);
    // One more than there is, so that the end is found without another allocation.
    bytes.reserve_exact((len + 1).saturating_sub(bytes.len()));
    let more = (limit + 1).saturating_sub(bytes.len());
    file.take(more as u64).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        let reason = format!("longer than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    Ok(bytes)
}
