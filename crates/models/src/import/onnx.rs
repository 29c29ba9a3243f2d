//! Reads ONNX models as data: linear and logistic models as scikit-learn and others export them.
//!
//! A graph is never run. Each node of the table in `operator` says what it makes of the features,
//! in symbols: columns, weighted sums, probabilities. What the outputs come to is one linear or
//! logistic model, or it is refused; so is every operator, attribute and shape outside the table,
//! by name. No file but the model's own is opened. Time and memory are bounded by [`BYTES_MAX`],
//! `NODE_COUNT_MAX` and limits next to the code that they bound; nothing recurses.
//!
//! Values are float32 in most files. They are widened, which is exact, and then evaluated in
//! float64: onnxruntime, which rounds every step to float32, answers the same within that rounding.

mod arithmetic;
mod error;
mod graph;
mod linear;
mod node;
mod operator;
mod opset;
mod proto;
mod served;
mod tensor;
mod value;

pub use error::OnnxError;

use super::{Import, ImportError, Options};
use prost::Message;
use prost::bytes::Bytes;

/// The most bytes of an ONNX model.
// 1 MiB: a pipeline of 1,024 features with an input of their own each takes about 80 KiB.
pub(super) const BYTES_MAX: usize = 1 << 20;

/// Whether bytes look like an ONNX model: its first field is the version of the format, and every
/// program that writes protobuf writes fields in order.
pub(super) fn is_onnx(bytes: &[u8]) -> bool {
    bytes.first() == Some(&0x08)
}

/// Imports the bytes of an ONNX model.
pub(super) fn import(bytes: &[u8], options: &Options<'_>) -> Result<Import, ImportError> {
    if bytes.len() > BYTES_MAX {
        return Err(OnnxError::TooLong { found: bytes.len() }.into());
    }
    let model = proto::ModelProto::decode(Bytes::copy_from_slice(bytes)).map_err(|error| {
        OnnxError::Malformed { part: "the model".to_owned(), problem: error.to_string() }
    })?;
    served::artifact(&model, graph::read(&model)?, options)
}
