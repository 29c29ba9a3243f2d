//! What can be wrong with an artifact, and with its file.

use super::Tag;
use super::limits::{FORMAT_VERSION, GOLDEN_COUNT_MAX, HEADER_LEN, NAME_LEN_MAX, TABLE_COUNT_MAX};
use factord_eval::ModelError;
use factord_factors::ParseSettingError;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// What is wrong with an artifact.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ArtifactError {
    /// Fewer bytes than a header.
    #[error("{found} bytes are too few for an artifact, whose header takes {HEADER_LEN}")]
    TooShort {
        /// The number of bytes.
        found: usize,
    },
    /// The magic differs.
    #[error("not a factord artifact (the magic is missing): import pickles with `factord import`")]
    Magic,
    /// Another version of the format.
    #[error(
        "format version {found}, this factord reads 1 to {FORMAT_VERSION}: use a newer factord"
    )]
    Version {
        /// The version found.
        found: u32,
    },
    /// The payload is longer than any model needs.
    #[error("the header claims a payload of {found} bytes, the limit is {limit}")]
    PayloadLength {
        /// The length claimed, or needed by the model to encode.
        found: u64,
        /// The limit of its format.
        limit: usize,
    },
    /// The file ends early or late.
    #[error("the header claims a payload of {expected} bytes, {found} follow: copy the file again")]
    Length {
        /// The length claimed.
        expected: u64,
        /// The number of bytes behind the header.
        found: u64,
    },
    /// The payload was changed.
    #[error("the payload does not match its SHA-256: the file is damaged, copy it again")]
    Hash,
    /// The payload is not an encoded artifact.
    #[error("the payload cannot be decoded ({reason}): import the model again")]
    Encoding {
        /// The codec's reason.
        reason: String,
    },
    /// The payload decodes, but is not how factord would have written it.
    #[error("the payload is not in canonical form: import the model again")]
    NotCanonical,
    /// The table of sections is not one.
    #[error("the table of sections {problem}: copy the file again")]
    Sections {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A section that has to be understood is not.
    #[error("section `{tag}` is required and not known to this version: use a newer factord")]
    UnknownSection {
        /// Which one.
        tag: Tag,
    },
    /// A section that every artifact has is not there.
    #[error("section `{tag}` is missing: train or import the model again")]
    MissingSection {
        /// Which one.
        tag: Tag,
    },
    /// A section that this version knows was given as one that it does not.
    #[error("section `{tag}` is this version's own: it cannot be given as bytes")]
    KnownSection {
        /// Which one.
        tag: Tag,
    },
    /// A section is longer than any model of this version needs.
    #[error("section `{tag}` has {found} bytes, the limit is {limit}")]
    SectionLength {
        /// Which one.
        tag: Tag,
        /// Its length.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The model has the arithmetic of a library that is unknown.
    #[error("the arithmetic of {family:?} is not known to this version: use a newer factord")]
    Family {
        /// The family found.
        family: String,
    },
    /// The kind is one that the family has not.
    #[error("a model of kind {kind} with the arithmetic of {family:?}: import the model again")]
    FamilyKind {
        /// The family found.
        family: String,
        /// The kind found.
        kind: &'static str,
    },
    /// The kind is unknown.
    #[error("model kind {code} is unknown: a newer factord may know it")]
    Kind {
        /// The code found.
        code: u32,
    },
    /// The kind is unknown, by its name.
    #[error("model kind {kind:?} is not known to this version: use a newer factord")]
    KindName {
        /// The kind found.
        kind: String,
    },
    /// The stated cost is not that of the model.
    #[error("one evaluation is said to take {found} operations, this model takes {expected}")]
    Cost {
        /// What the artifact says.
        found: u64,
        /// What the model takes.
        expected: u64,
    },
    /// A setting of the factors is none.
    #[error("the settings of the factors: {0}")]
    Settings(#[from] ParseSettingError),
    /// The edges of bins do not ascend.
    #[error("the edges of {field} must be finite and ascend")]
    Edges {
        /// Of what.
        field: String,
    },
    /// The lineage names too many tables.
    #[error(
        "the lineage names {found} tables, at most {TABLE_COUNT_MAX} can be: join some of them"
    )]
    Tables {
        /// How many.
        found: usize,
    },
    /// The parameters are invalid.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model's name cannot be used.
    #[error(
        "{name:?} is not a valid model name: use 1 to {NAME_LEN_MAX} letters, digits, `_`, `-` or \
         `.`, \
         a letter or digit first"
    )]
    Name {
        /// The name found.
        name: String,
    },
    /// A text is too long or holds control characters.
    #[error("{field} {problem}")]
    Text {
        /// Which text.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A list has the wrong number of entries.
    #[error("{found} {field} for a model of {expected} features")]
    Count {
        /// Which list.
        field: &'static str,
        /// Its length.
        found: usize,
        /// The width of the model.
        expected: usize,
    },
    /// Two features share a name.
    #[error("feature name {name:?} occurs twice")]
    DuplicateFeature {
        /// The name.
        name: String,
    },
    /// A statistic, metric or threshold is NaN, infinite or a negative deviation.
    #[error("{field} is {value}: it must be finite, and a deviation must not be negative")]
    Statistic {
        /// Which one.
        field: String,
        /// Its value.
        value: f64,
    },
    /// A metric's path is empty, too deep, or collides with another's.
    #[error("metric {path:?} {problem}")]
    Metric {
        /// The path, joined by slashes.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The number of golden vectors is zero or beyond the limit.
    #[error("{found} golden vectors, 1 to {GOLDEN_COUNT_MAX} are needed: import the model again")]
    GoldenCount {
        /// The number found.
        found: usize,
    },
    /// A golden vector does not have one value per feature that the model takes.
    #[error(
        "golden vector {index} does not hold one value per feature, finite, or NaN where the \
         model takes it"
    )]
    GoldenInput {
        /// Its position.
        index: usize,
    },
    /// The model overflows on a golden vector.
    #[error("golden vector {index} gives {value}: the model overflows near its own data")]
    GoldenOverflow {
        /// Its position.
        index: usize,
        /// The answer.
        value: f64,
    },
    /// A golden vector is answered differently.
    #[error(
        "golden vector {index} gives {found:?} on the {path} path, the artifact says {expected:?}: \
         it was made with a different evaluation, do not serve it"
    )]
    GoldenAnswer {
        /// Its position.
        index: usize,
        /// Which evaluation: `general` or `triple`.
        path: &'static str,
        /// What the artifact says: y and the second output.
        expected: (f64, f64),
        /// What this factord answers.
        found: (f64, f64),
    },
}

/// What went wrong with an artifact's file.
#[derive(Debug, Error)]
pub enum ArtifactFileError {
    /// It could not be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// It was read, but is not a sound artifact.
    #[error("{}: {error}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: ArtifactError,
    },
    /// It could not be written; no file under that name was changed.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
}
