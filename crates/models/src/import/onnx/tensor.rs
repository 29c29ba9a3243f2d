//! Tensors: shapes are checked against limits, and values against shapes, before any is copied.

use super::error::{OnnxError, quoted};
use super::proto::{StringStringEntryProto, TensorProto};
use factord_eval::FEATURE_COUNT_MAX;
use prost::Message;
use prost::bytes::Bytes;

/// The most elements of a tensor that is read.
// A row a feature, with room for more outputs so that they can be refused by name.
pub(super) const ELEMENT_COUNT_MAX: usize = 4 * FEATURE_COUNT_MAX;

/// The most axes.
const RANK_MAX: usize = 4;

/// Codes of `TensorProto.DataType`.
pub(super) const FLOAT: i32 = 1;
pub(super) const INT32: i32 = 6;
pub(super) const INT64: i32 = 7;
pub(super) const DOUBLE: i32 = 11;

/// `TensorProto.DataLocation` of values that are in another file.
const EXTERNAL: i32 = 1;

/// Numbers in row-major order, widened to f64.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tensor {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f64>,
    /// Whether they were float32.
    pub(super) is_float32: bool,
}

impl Tensor {
    /// A vector.
    pub(super) fn vector(values: Vec<f64>) -> Tensor {
        Tensor { shape: vec![values.len()], values, is_float32: true }
    }

    /// The whole numbers of a shape or of axes.
    pub(super) fn integers(&self) -> Option<Vec<i64>> {
        // 2^53: the end of the range in which every integer is a float.
        let whole = |&v: &f64| (v.fract() == 0.0 && v.abs() < 9.0e15).then_some(v as i64);
        self.values.iter().map(whole).collect()
    }
}

/// Reads a tensor with its name.
pub(super) fn read(bytes: &Bytes, place: &str) -> Result<(String, Tensor), OnnxError> {
    let proto = TensorProto::decode(bytes.clone()).map_err(|error| OnnxError::Malformed {
        part: place.to_owned(),
        problem: error.to_string(),
    })?;
    let name = if proto.name.is_empty() { place } else { &proto.name };
    if proto.data_location == EXTERNAL || !proto.external_data.is_empty() {
        let location = location(&proto.external_data);
        return Err(OnnxError::External { tensor: quoted(name), location });
    }
    let shape = shape(name, &proto.dims)?;
    let count: usize = shape.iter().product();
    let values = values(name, &proto, count)?;
    Ok((proto.name, Tensor { shape, values, is_float32: proto.data_type == FLOAT }))
}

/// The file that an external tensor names, for people: it is never opened.
fn location(entries: &[Bytes]) -> String {
    let mut decoded = entries.iter().flat_map(|e| StringStringEntryProto::decode(e.clone()).ok());
    let entry = decoded.find(|entry| entry.key == "location");
    entry.map_or_else(|| "(not named)".to_owned(), |entry| quoted(&entry.value))
}

/// A shape of at most ELEMENT_COUNT_MAX elements.
fn shape(name: &str, dims: &[i64]) -> Result<Vec<usize>, OnnxError> {
    if dims.len() > RANK_MAX {
        let problem = format!("{} axes, at most {RANK_MAX} are supported", dims.len());
        return Err(OnnxError::tensor(name, problem));
    }
    let mut shape = Vec::with_capacity(dims.len());
    let mut count = 1usize;
    for &dim in dims {
        let length = usize::try_from(dim)
            .map_err(|_| OnnxError::tensor(name, format!("an axis of length {dim}")))?;
        count = count.saturating_mul(length);
        shape.push(length);
    }
    // Each length too: one of 0 hides what stands beside it.
    if count > ELEMENT_COUNT_MAX || shape.iter().any(|&length| length > ELEMENT_COUNT_MAX) {
        let problem = format!("shape {shape:?} has more than {ELEMENT_COUNT_MAX} elements");
        return Err(OnnxError::tensor(name, problem));
    }
    Ok(shape)
}

/// The values, which are either raw bytes or a list of their type.
fn values(name: &str, proto: &TensorProto, count: usize) -> Result<Vec<f64>, OnnxError> {
    let (size, listed) = match proto.data_type {
        FLOAT => (4, proto.float_data.len()),
        DOUBLE => (8, proto.double_data.len()),
        INT32 => (4, proto.int32_data.len()),
        INT64 => (8, proto.int64_data.len()),
        other => {
            let problem = format!(
                "elements of type {}: float32, float64, int32 and int64 are supported",
                element(other)
            );
            return Err(OnnxError::tensor(name, problem));
        }
    };
    if let Some(raw) = &proto.raw_data {
        if listed != 0 || raw.len() != count * size {
            let problem = format!("{} raw bytes instead of {}", raw.len(), count * size);
            return Err(OnnxError::tensor(name, problem));
        }
        return Ok(decoded(raw, proto.data_type));
    }
    if listed != count {
        let problem = format!("{listed} values instead of {count}");
        return Err(OnnxError::tensor(name, problem));
    }
    Ok(match proto.data_type {
        FLOAT => proto.float_data.iter().map(|&v| f64::from(v)).collect(),
        DOUBLE => proto.double_data.clone(),
        INT32 => proto.int32_data.iter().map(|&v| f64::from(v)).collect(),
        // Integers beyond 2^53 are rounded; none of these means anything here.
        _ => proto.int64_data.iter().map(|&v| v as f64).collect(),
    })
}

/// Little-endian elements of a length that has been checked.
fn decoded(raw: &[u8], data_type: i32) -> Vec<f64> {
    let four = |raw: &[u8]| raw.as_chunks::<4>().0.to_vec();
    let eight = |raw: &[u8]| raw.as_chunks::<8>().0.to_vec();
    match data_type {
        FLOAT => four(raw).into_iter().map(|b| f64::from(f32::from_le_bytes(b))).collect(),
        INT32 => four(raw).into_iter().map(|b| f64::from(i32::from_le_bytes(b))).collect(),
        DOUBLE => eight(raw).into_iter().map(f64::from_le_bytes).collect(),
        _ => eight(raw).into_iter().map(|b| i64::from_le_bytes(b) as f64).collect(),
    }
}

/// The name of an element type.
pub(super) fn element(code: i32) -> String {
    const NAMES: [&str; 17] = [
        "undefined",
        "float32",
        "uint8",
        "int8",
        "uint16",
        "int16",
        "int32",
        "int64",
        "string",
        "bool",
        "float16",
        "float64",
        "uint32",
        "uint64",
        "complex64",
        "complex128",
        "bfloat16",
    ];
    match usize::try_from(code).ok().and_then(|code| NAMES.get(code)) {
        Some(name) => (*name).to_owned(),
        None => format!("number {code}"),
    }
}
