//! ONNX models from their parts, by messages of our own: what is read is not what wrote it.

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Model {
    #[prost(int64, tag = "1")]
    pub(crate) ir_version: i64,
    #[prost(string, tag = "2")]
    pub(crate) producer_name: String,
    #[prost(message, optional, tag = "7")]
    pub(crate) graph: Option<Graph>,
    #[prost(message, repeated, tag = "8")]
    pub(crate) opset_import: Vec<Opset>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Opset {
    #[prost(string, tag = "1")]
    pub(crate) domain: String,
    #[prost(int64, tag = "2")]
    pub(crate) version: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Graph {
    #[prost(message, repeated, tag = "1")]
    pub(crate) node: Vec<Node>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) initializer: Vec<Tensor>,
    #[prost(message, repeated, tag = "11")]
    pub(crate) input: Vec<Info>,
    #[prost(message, repeated, tag = "12")]
    pub(crate) output: Vec<Info>,
    #[prost(bytes = "vec", repeated, tag = "15")]
    pub(crate) sparse_initializer: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Node {
    #[prost(string, repeated, tag = "1")]
    pub(crate) input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub(crate) output: Vec<String>,
    #[prost(string, tag = "3")]
    pub(crate) name: String,
    #[prost(string, tag = "4")]
    pub(crate) op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub(crate) attribute: Vec<Attribute>,
    #[prost(string, tag = "7")]
    pub(crate) domain: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Attribute {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(float, optional, tag = "2")]
    pub(crate) f: Option<f32>,
    #[prost(int64, optional, tag = "3")]
    pub(crate) i: Option<i64>,
    #[prost(bytes = "vec", optional, tag = "4")]
    pub(crate) s: Option<Vec<u8>>,
    #[prost(message, optional, tag = "5")]
    pub(crate) t: Option<Tensor>,
    #[prost(float, repeated, tag = "7")]
    pub(crate) floats: Vec<f32>,
    #[prost(int64, repeated, tag = "8")]
    pub(crate) ints: Vec<i64>,
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub(crate) strings: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Tensor {
    #[prost(int64, repeated, tag = "1")]
    pub(crate) dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub(crate) data_type: i32,
    #[prost(float, repeated, tag = "4")]
    pub(crate) float_data: Vec<f32>,
    #[prost(int64, repeated, tag = "7")]
    pub(crate) int64_data: Vec<i64>,
    #[prost(string, tag = "8")]
    pub(crate) name: String,
    #[prost(bytes = "vec", optional, tag = "9")]
    pub(crate) raw_data: Option<Vec<u8>>,
    #[prost(double, repeated, tag = "10")]
    pub(crate) double_data: Vec<f64>,
    #[prost(message, repeated, tag = "13")]
    pub(crate) external_data: Vec<Pair>,
    #[prost(int32, tag = "14")]
    pub(crate) data_location: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Pair {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Info {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) r#type: Option<Type>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Type {
    #[prost(message, optional, tag = "1")]
    pub(crate) tensor_type: Option<TensorType>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorType {
    #[prost(int32, tag = "1")]
    pub(crate) elem_type: i32,
    #[prost(message, optional, tag = "2")]
    pub(crate) shape: Option<Shape>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Shape {
    #[prost(message, repeated, tag = "1")]
    pub(crate) dim: Vec<Dimension>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Dimension {
    #[prost(int64, optional, tag = "1")]
    pub(crate) dim_value: Option<i64>,
}

pub(crate) const FLOAT: i32 = 1;
pub(crate) const INT64: i32 = 7;
pub(crate) const DOUBLE: i32 = 11;

/// An input of so many columns, the number of rows left open.
pub(crate) fn matrix(name: &str, elem_type: i32, width: i64) -> Info {
    let dim = vec![Dimension { dim_value: None }, Dimension { dim_value: Some(width) }];
    let tensor_type = TensorType { elem_type, shape: Some(Shape { dim }) };
    Info { name: name.to_owned(), r#type: Some(Type { tensor_type: Some(tensor_type) }) }
}

pub(crate) fn floats(name: &str, values: &[f32]) -> Attribute {
    Attribute { name: name.to_owned(), floats: values.to_vec(), ..Attribute::default() }
}

pub(crate) fn integers(name: &str, values: &[i64]) -> Attribute {
    Attribute { name: name.to_owned(), ints: values.to_vec(), ..Attribute::default() }
}

pub(crate) fn integer(name: &str, value: i64) -> Attribute {
    Attribute { name: name.to_owned(), i: Some(value), ..Attribute::default() }
}

pub(crate) fn text(name: &str, value: &str) -> Attribute {
    Attribute { name: name.to_owned(), s: Some(value.into()), ..Attribute::default() }
}

pub(crate) fn tensor(name: &str, dims: &[i64], values: &[f32]) -> Tensor {
    let (name, dims, float_data) = (name.to_owned(), dims.to_vec(), values.to_vec());
    Tensor { name, dims, data_type: FLOAT, float_data, ..Tensor::default() }
}

pub(crate) fn doubles(name: &str, dims: &[i64], values: &[f64]) -> Tensor {
    let raw_data = Some(values.iter().flat_map(|value| value.to_le_bytes()).collect());
    let (name, dims) = (name.to_owned(), dims.to_vec());
    Tensor { name, dims, data_type: DOUBLE, raw_data, ..Tensor::default() }
}

pub(crate) fn whole(name: &str, values: &[i64]) -> Tensor {
    let (name, dims) = (name.to_owned(), vec![values.len() as i64]);
    let int64_data = values.to_vec();
    Tensor { name, dims, data_type: INT64, int64_data, ..Tensor::default() }
}

/// An operator of the standard set, or with `ml.` before its name of the other one.
pub(crate) fn node(
    operator: &str,
    input: &[&str],
    output: &[&str],
    attribute: Vec<Attribute>,
) -> Node {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let (domain, op_type) = match operator.strip_prefix("ml.") {
        Some(op_type) => ("ai.onnx.ml", op_type),
        None => ("", operator),
    };
    Node {
        input: owned(input),
        output: owned(output),
        op_type: op_type.to_owned(),
        domain: domain.to_owned(),
        attribute,
        name: String::new(),
    }
}

/// A model of these inputs, constants and nodes, which gives the values of these names.
pub(crate) fn model(
    input: Vec<Info>,
    initializer: Vec<Tensor>,
    node: Vec<Node>,
    outputs: &[&str],
) -> Model {
    let output = outputs.iter().map(|name| matrix(name, FLOAT, 1)).collect();
    let opset = |domain: &str, version| Opset { domain: domain.to_owned(), version };
    Model {
        ir_version: 8,
        producer_name: "tests".to_owned(),
        graph: Some(Graph { node, initializer, input, output, sparse_initializer: Vec::new() }),
        opset_import: vec![opset("", 13), opset("ai.onnx.ml", 1)],
    }
}
