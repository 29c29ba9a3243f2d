//! Reads a graph from its inputs to its outputs.

use super::error::{OnnxError, limit, quoted};
use super::node::{self, Node};
use super::operator;
use super::opset::{MACHINE_LEARNING, OPSETS, STANDARD, domain};
use super::proto::{GraphProto, ModelProto, NodeProto, ValueInfoProto};
use super::tensor::{self, DOUBLE, FLOAT};
use super::value::{Column, Value};
use factord_eval::FEATURE_COUNT_MAX;
use prost::Message;
use prost::bytes::Bytes;
use std::collections::HashMap;
use std::rc::Rc;

/// The most nodes, and the most initializers.
// 4,096: 1,024 features with an input of their own and a cast each make about 2,060 nodes.
const NODE_COUNT_MAX: usize = 4096;

/// The most numbers held by all values together.
// 65,536: those 1,024 features make about 10,000.
const SIZE_MAX: usize = 1 << 16;

/// The most outputs.
const OUTPUT_COUNT_MAX: usize = 16;

/// A graph that has been read.
pub(super) struct Graph {
    /// A name for each feature, in the order of the graph's inputs.
    pub(super) feature_names: Vec<String>,
    /// The names of its outputs, and what they are.
    pub(super) outputs: Vec<(String, Value)>,
    /// Its operators in order.
    pub(super) operators: Vec<String>,
    /// Whether any of its numbers are float32.
    pub(super) has_float32: bool,
}

/// What the names of a graph stand for, so far.
#[derive(Default)]
struct Scope {
    values: HashMap<String, Value>,
    size: usize,
    has_float32: bool,
}

impl Scope {
    fn define(&mut self, name: &str, value: Value) -> Result<(), OnnxError> {
        self.size += value.size();
        limit("numbers in all values", self.size, SIZE_MAX)?;
        self.has_float32 |= matches!(&value, Value::Constant(tensor) if tensor.is_float32);
        match self.values.insert(name.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(OnnxError::graph(format!("{} is defined twice", quoted(name)))),
        }
    }

    fn get(&self, name: &str, user: &str) -> Result<Value, OnnxError> {
        self.values.get(name).cloned().ok_or_else(|| {
            let name = quoted(name);
            OnnxError::graph(format!("{user} uses {name}, which nothing before it defines"))
        })
    }
}

fn decode<M: Message + Default>(bytes: &Bytes, part: &str) -> Result<M, OnnxError> {
    M::decode(bytes.clone())
        .map_err(|error| OnnxError::Malformed { part: part.to_owned(), problem: error.to_string() })
}

/// Reads the one graph of a model.
pub(super) fn read(model: &ModelProto) -> Result<Graph, OnnxError> {
    let [graph] = model.graph.as_slice() else {
        return Err(OnnxError::graph(format!("{} graphs, not one", model.graph.len())));
    };
    let opsets = opsets(model)?;
    let graph: GraphProto = decode(graph, "the graph")?;
    limit("nodes", graph.node.len(), NODE_COUNT_MAX)?;
    limit("initializers", graph.initializer.len(), NODE_COUNT_MAX)?;
    limit("inputs", graph.input.len(), NODE_COUNT_MAX + FEATURE_COUNT_MAX)?;
    limit("outputs", graph.output.len(), OUTPUT_COUNT_MAX)?;
    if !graph.sparse_initializer.is_empty() {
        return Err(OnnxError::graph("sparse initializers: export dense ones"));
    }
    let mut scope = Scope::default();
    for (index, bytes) in graph.initializer.iter().enumerate() {
        let (name, tensor) = tensor::read(bytes, &format!("initializer {index}"))?;
        scope.define(&name, Value::Constant(Rc::new(tensor)))?;
    }
    let feature_names = inputs(&graph, &mut scope)?;
    let mut operators = Vec::new();
    for (index, bytes) in graph.node.iter().enumerate() {
        let proto: NodeProto = decode(bytes, &format!("node {index}"))?;
        operators.push(node::operator(&proto));
        // Numbers in attributes are float32, whatever goes in.
        let attributes = ["Scaler", "LinearRegressor", "LinearClassifier"];
        scope.has_float32 |= attributes.contains(&proto.op_type.as_str());
        run(index, &proto, &opsets, &mut scope)?;
    }
    let mut outputs = Vec::new();
    for (index, bytes) in graph.output.iter().enumerate() {
        let proto: ValueInfoProto = decode(bytes, &format!("output {index}"))?;
        let value = scope.get(&proto.name, "the list of outputs")?;
        outputs.push((proto.name, value));
    }
    Ok(Graph { feature_names, outputs, operators, has_float32: scope.has_float32 })
}

/// The versions of the sets of operators, by domain. Sets that no node uses do not matter.
fn opsets(model: &ModelProto) -> Result<HashMap<&'static str, i64>, OnnxError> {
    let mut found = HashMap::new();
    for import in &model.opset_import {
        let known = OPSETS.into_iter().find(|known| known.0 == domain(&import.domain));
        let Some((domain, target, min, max)) = known else { continue };
        let version = import.version;
        if !(min..=max).contains(&version) {
            return Err(OnnxError::Opset { domain, target, version, min, max });
        }
        if found.insert(domain, version).is_some_and(|other| other != version) {
            return Err(OnnxError::graph(format!("two versions of the opset {domain}")));
        }
    }
    Ok(found)
}

/// Defines the columns of the inputs, which are the features; names them.
fn inputs(graph: &GraphProto, scope: &mut Scope) -> Result<Vec<String>, OnnxError> {
    let mut inputs = Vec::new();
    for (index, bytes) in graph.input.iter().enumerate() {
        let proto: ValueInfoProto = decode(bytes, &format!("input {index}"))?;
        // Files of before 2019 list the initializers as inputs too.
        if !matches!(scope.values.get(&proto.name), Some(Value::Constant(_))) {
            let (width, is_float32) = width(&proto)?;
            scope.has_float32 |= is_float32;
            inputs.push((proto.name, width));
        }
    }
    let count: usize = inputs.iter().map(|(_, width)| width).sum();
    limit("features", count, FEATURE_COUNT_MAX)?;
    // x0, x1, ... as a pickle's: the name of a matrix is not that of a feature.
    let is_matrix = inputs.iter().any(|(_, width)| *width != 1);
    let mut names = Vec::new();
    for (name, width) in inputs {
        let column = |feature| Column { feature, mean: 0.0, scale: 1.0 };
        let columns = (names.len()..names.len() + width).map(column);
        scope.define(&name, Value::Columns(Rc::new(columns.collect())))?;
        for _ in 0..width {
            names.push(if is_matrix { format!("x{}", names.len()) } else { name.clone() });
        }
    }
    Ok(names)
}

/// The number of columns of an input, and whether it is float32.
fn width(proto: &ValueInfoProto) -> Result<(usize, bool), OnnxError> {
    let name = quoted(&proto.name);
    let Some(tensor) = proto.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()) else {
        return Err(OnnxError::graph(format!("input {name} is not a tensor")));
    };
    if ![FLOAT, DOUBLE].contains(&tensor.elem_type) {
        let element = tensor::element(tensor.elem_type);
        let problem = format!("input {name} is {element}: export with a FloatTensorType");
        return Err(OnnxError::graph(problem));
    }
    let dims: &[_] = tensor.shape.as_ref().map_or(&[], |shape| &shape.dim);
    let width = match dims {
        [_, width] => width.dim_value.and_then(|width| usize::try_from(width).ok()),
        _ => None,
    };
    match width {
        Some(width @ 1..) => {
            limit("columns of an input", width, FEATURE_COUNT_MAX)?;
            Ok((width, tensor.elem_type == FLOAT))
        }
        _ => {
            let problem = format!(
                "input {name} is not a matrix of a known width: export with \
                 FloatTensorType([None, WIDTH])"
            );
            Err(OnnxError::graph(problem))
        }
    }
}

/// Works out one node.
fn run(
    index: usize,
    proto: &NodeProto,
    opsets: &HashMap<&'static str, i64>,
    scope: &mut Scope,
) -> Result<(), OnnxError> {
    let place = node::place(index, proto);
    let domain = domain(&proto.domain);
    if !opsets.contains_key(domain) {
        if [STANDARD, MACHINE_LEARNING].contains(&domain) {
            let operator = node::operator(proto);
            let problem = format!("{place} is {operator} of {domain}, whose opset is not imported");
            return Err(OnnxError::graph(problem));
        }
        return Err(OnnxError::Operator { node: place, operator: node::operator(proto) });
    }
    limit("inputs of a node", proto.input.len(), FEATURE_COUNT_MAX)?;
    let input = |name: &String| match name.as_str() {
        "" => Ok(None),
        name => scope.get(name, &place).map(Some),
    };
    let inputs = proto.input.iter().map(input).collect::<Result<Vec<_>, _>>()?;
    let node = Node::new(index, proto, inputs)?;
    let outputs = operator::apply(&node)?;
    limit("outputs of a node", proto.output.len(), outputs.len())?;
    for (name, value) in proto.output.iter().zip(outputs) {
        if !name.is_empty() {
            scope.define(name, value)?;
        }
    }
    Ok(())
}
