//! What an artifact of format 2 says besides its model: on which rows it was trained, and how.

use super::limits::TABLE_COUNT_MAX;
use factord_eval::Model;
use factord_factors::Stated;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::sync::Arc;

/// The family of linear and logistic models.
pub(super) const FACTORD: &str = "factord";

/// The family of forests: `x <= t` and sums in f64, as LightGBM has them.
pub(super) const LIGHTGBM: &str = "lightgbm";

/// Whose arithmetic a model has.
pub(super) fn family(model: &Model) -> &'static str {
    match model {
        Model::Affine(_) => FACTORD,
        Model::Forest(_) => LIGHTGBM,
    }
}

/// Operations between a decision value and its probability: a negation, an addition, a division,
/// and the additions and multiplications of the exponential.
const SIGMOID_OPERATIONS: u64 = 24;

/// Edges between ten bins.
pub const EDGE_COUNT: usize = 9;

/// Everything that only format 2 can say. What is unknown is empty or `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// How the windows were made on which it was trained.
    pub settings: Stated,
    /// What it was trained for, and on which rows.
    pub training: Option<Training>,
    /// What it was made from.
    pub lineage: Option<Lineage>,
    /// Sections that this version does not know, by tag.
    pub others: Vec<Section>,
}

/// What a model was trained for, and what its rows were like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// The column that is predicted: `sell_rate`.
    pub target: String,
    /// How many windows after its inputs the target is.
    pub horizon: u32,
    /// The longest pause between two windows of one session, in nanoseconds; `None` is anything
    /// shorter than the earlier window.
    pub pause_ns: Option<u64>,
    /// Rows that it was fitted to.
    pub rows: u64,
    /// Of each feature, the nine edges between ten bins of equally many of those rows, ascending.
    pub feature_edges: Vec<[f64; EDGE_COUNT]>,
    /// The same for the model's own answers to those rows: y, or the probability.
    pub answer_edges: [f64; EDGE_COUNT],
}

/// What a model was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// SHA-256 of the artifact that it succeeds.
    pub parent: Option<[u8; 32]>,
    /// The tables, in the order in which they were read.
    #[serde(deserialize_with = "few")]
    pub tables: Vec<DataFile>,
}

/// Reads no more tables than there may be: three bytes of a file make one of 64 in memory.
fn few<'de, D: Deserializer<'de>>(list: D) -> Result<Vec<DataFile>, D::Error> {
    struct Few;
    impl<'de> Visitor<'de> for Few {
        type Value = Vec<DataFile>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {TABLE_COUNT_MAX} tables")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<DataFile>, A::Error> {
            let mut tables = Vec::new();
            while let Some(table) = list.next_element()? {
                if tables.len() == TABLE_COUNT_MAX {
                    return Err(A::Error::custom(format_args!(
                        "more than {TABLE_COUNT_MAX} tables"
                    )));
                }
                tables.push(table);
            }
            Ok(tables)
        }
    }
    list.deserialize_seq(Few)
}

/// A table that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// Its name, without the folder.
    pub name: String,
    /// SHA-256 of its bytes; `None` for a pipe.
    pub sha256: Option<[u8; 32]>,
    /// Whether it was held out, so that nothing was fitted to it.
    pub held_out: bool,
}

/// What a section is called: four of A-Z and 0-9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag([u8; 4]);

impl Tag {
    pub(super) const fn known(bytes: [u8; 4]) -> Tag {
        Tag(bytes)
    }

    /// Makes a tag; `None` when the bytes are no such four.
    pub fn new(bytes: [u8; 4]) -> Option<Tag> {
        let sound = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        bytes.iter().all(sound).then_some(Tag(bytes))
    }

    pub(super) fn bytes(self) -> [u8; 4] {
        self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|&byte| write!(f, "{}", char::from(byte)))
    }
}

/// A section that this version does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// What it is called.
    pub tag: Tag,
    /// Its bytes, as they stand.
    pub bytes: Arc<[u8]>,
}

/// The floating-point operations of one evaluation; of a forest at most.
pub(super) fn operations(model: &Model) -> u64 {
    let width = model.width() as u64;
    let sum = match model {
        Model::Affine(affine) if affine.is_logistic() => 4 * width,
        Model::Affine(_) => 2 * width,
        Model::Forest(forest) => forest.operations(),
    };
    sum + if model.is_classifier() { SIGMOID_OPERATIONS } else { 0 }
}
