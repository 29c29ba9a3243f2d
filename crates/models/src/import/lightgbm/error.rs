//! Why a text of LightGBM was not read.

use super::TEXT_LEN_MAX;
use factord_eval::forest::ForestError;
use thiserror::Error;

/// Why a text of LightGBM was not read. Lines count from 1, trees and nodes from 0, the latter as
/// the text numbers them.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum LightGbmError {
    /// It is longer than the limit.
    #[error("{found} bytes: the text of a model may have at most {TEXT_LEN_MAX}")]
    TooLong {
        /// Its length.
        found: usize,
    },
    /// It is no text.
    #[error("the text is not UTF-8 at byte {offset}: save the model again")]
    Utf8 {
        /// The first byte that is not.
        offset: usize,
    },
    /// A key is missing.
    #[error("{place}: `{key}` is missing: save the model again")]
    Missing {
        /// The line of its block, and whose block it is.
        place: String,
        /// Which key.
        key: &'static str,
    },
    /// A value is none.
    #[error("{place}: `{key}` holds {found:?}, which is no such number: save the model again")]
    Number {
        /// Where.
        place: String,
        /// Which key.
        key: &'static str,
        /// What stands there, shortened.
        found: String,
    },
    /// A list has another length than it should.
    #[error("{place}: `{key}` has {found} values, {expected} are needed: save the model again")]
    Length {
        /// Where.
        place: String,
        /// Which key.
        key: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// It decides in a way that would give other answers.
    #[error("refused: {place}: {what}: {instead}")]
    Unsupported {
        /// Where.
        place: String,
        /// What it is.
        what: String,
        /// What would do instead.
        instead: &'static str,
    },
    /// The trees do not follow each other, or do not end.
    #[error("line {line}: expected {expected}: the text was cut or changed, save the model again")]
    Order {
        /// The line.
        line: usize,
        /// What should stand there.
        expected: String,
    },
    /// The children of a tree's nodes are not those of a tree.
    #[error("{place}: node {node} is a child of two nodes or of none: save the model again")]
    Child {
        /// Where.
        place: String,
        /// The node, below 0 for a leaf, as the text numbers them.
        node: i64,
    },
    /// The trees make no forest that can be served.
    #[error(transparent)]
    Forest(#[from] ForestError),
}
