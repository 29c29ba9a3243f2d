//! Why an ONNX model was not read.

use super::BYTES_MAX;
use super::opset::OPERATORS;
use crate::import::pickle::shortened;
use thiserror::Error;

/// Why an ONNX model was not read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OnnxError {
    /// It is longer than the limit.
    #[error("{found} bytes: an ONNX model may have at most {BYTES_MAX}")]
    TooLong {
        /// Its length.
        found: usize,
    },
    /// A part of it is not an ONNX message.
    #[error("malformed ONNX: {part}: {problem}: export the model again")]
    Malformed {
        /// Which part.
        part: String,
        /// What the decoder says.
        problem: String,
    },
    /// It exceeds a limit.
    #[error("refused: {found} {what}, at most {limit} are read")]
    Limit {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// It uses a version of a set of operators that is not known.
    #[error(
        "refused: opset {version} of {domain}: {min} to {max} are supported, export with \
         target_opset={{\"{target}\": {max}}}"
    )]
    Opset {
        /// The set, as people call it.
        domain: &'static str,
        /// The set, as files call it.
        target: &'static str,
        /// The version found.
        version: i64,
        /// The first version that is read.
        min: i64,
        /// The last one.
        max: i64,
    },
    /// It uses an operator outside the table.
    #[error(
        "refused: {node} is the operator {operator}: factord serves linear and logistic models, \
         of {}: export the fitted linear or logistic model by itself", OPERATORS.join(", ")
    )]
    Operator {
        /// Which node.
        node: String,
        /// The operator, with its domain.
        operator: String,
    },
    /// An operator of the table is used in a way that is not read.
    #[error("refused: {node}: {problem}")]
    Node {
        /// Which node, and its operator.
        node: String,
        /// What is wrong, and what would do.
        problem: String,
    },
    /// The values of a tensor are in another file.
    #[error(
        "refused: tensor {tensor} keeps its values in the file {location}, and no file but the \
         model's own is opened: save it with onnx.save_model(model, path, \
         save_as_external_data=False)"
    )]
    External {
        /// The tensor, quoted.
        tensor: String,
        /// The file it names, quoted.
        location: String,
    },
    /// A tensor is not what it says.
    #[error("refused: tensor {tensor}: {problem}")]
    Tensor {
        /// The tensor, quoted.
        tensor: String,
        /// What is wrong.
        problem: String,
    },
    /// The graph as a whole is not a model that can be served.
    #[error("refused: {problem}")]
    Graph {
        /// What is wrong, and what would do.
        problem: String,
    },
}

impl OnnxError {
    pub(super) fn graph(problem: impl Into<String>) -> OnnxError {
        OnnxError::Graph { problem: problem.into() }
    }

    pub(super) fn tensor(name: &str, problem: impl Into<String>) -> OnnxError {
        OnnxError::Tensor { tensor: quoted(name), problem: problem.into() }
    }
}

/// Compares a count with its limit.
pub(super) fn limit(what: &'static str, found: usize, limit: usize) -> Result<(), OnnxError> {
    if found > limit { Err(OnnxError::Limit { what, found, limit }) } else { Ok(()) }
}

/// A name of hostile length and content, fit for a message.
pub(super) fn quoted(name: &str) -> String {
    format!("{:?}", shortened(name))
}
