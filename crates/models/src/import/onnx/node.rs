//! One node: its operator, what goes in, and its attributes by name and type. An attribute that
//! the operator does not take is refused, as it may change what the operator computes.

use super::error::{OnnxError, limit, quoted};
use super::opset::{MACHINE_LEARNING, STANDARD, domain};
use super::proto::{AttributeProto, NodeProto};
use super::tensor::{self, Tensor};
use super::value::Value;
use crate::import::pickle::shortened;
use prost::Message;
use prost::bytes::Bytes;

/// The most attributes of a node.
const ATTRIBUTE_COUNT_MAX: usize = 64;

/// A node whose inputs are known.
pub(super) struct Node {
    /// The operator; those outside the standard set with their domain.
    pub(super) operator: String,
    /// What goes in; `None` where an input is left out.
    pub(super) inputs: Vec<Option<Value>>,
    attributes: Vec<AttributeProto>,
    place: String,
}

/// What a node is called in messages.
pub(super) fn place(index: usize, proto: &NodeProto) -> String {
    match proto.name.as_str() {
        "" => format!("node {index}"),
        name => format!("node {index} {}", quoted(name)),
    }
}

/// The operator of a node, with its domain unless that is a known one.
pub(super) fn operator(proto: &NodeProto) -> String {
    match domain(&proto.domain) {
        STANDARD | MACHINE_LEARNING => shortened(&proto.op_type),
        other => format!("{}.{}", shortened(other), shortened(&proto.op_type)),
    }
    .escape_debug()
    .to_string()
}

impl Node {
    /// Reads the attributes of a node.
    pub(super) fn new(
        index: usize,
        proto: &NodeProto,
        inputs: Vec<Option<Value>>,
    ) -> Result<Node, OnnxError> {
        let operator = operator(proto);
        let place = place(index, proto);
        limit("attributes of a node", proto.attribute.len(), ATTRIBUTE_COUNT_MAX)?;
        let mut attributes: Vec<AttributeProto> = Vec::new();
        for bytes in &proto.attribute {
            let attribute = AttributeProto::decode(bytes.clone()).map_err(|error| {
                OnnxError::Malformed { part: place.clone(), problem: error.to_string() }
            })?;
            if attributes.iter().any(|other| other.name == attribute.name) {
                let node = format!("{place}, {operator}");
                let problem = format!("attribute {} occurs twice", quoted(&attribute.name));
                return Err(OnnxError::Node { node, problem });
            }
            attributes.push(attribute);
        }
        Ok(Node { operator, inputs, attributes, place })
    }

    /// A refusal that names the node.
    pub(super) fn refuse(&self, problem: impl Into<String>) -> OnnxError {
        let node = format!("{}, {}", self.place, self.operator);
        OnnxError::Node { node, problem: problem.into() }
    }

    /// The refusal of an operator outside the table.
    pub(super) fn unknown(&self) -> OnnxError {
        OnnxError::Operator { node: self.place.clone(), operator: self.operator.clone() }
    }

    /// Refuses attributes that the operator does not take.
    pub(super) fn only(&self, names: &[&str]) -> Result<(), OnnxError> {
        let strange = |attribute: &&AttributeProto| !names.contains(&attribute.name.as_str());
        match self.attributes.iter().find(strange) {
            Some(attribute) => {
                Err(self.refuse(format!("attribute {} is not supported", quoted(&attribute.name))))
            }
            None => Ok(()),
        }
    }

    fn get(&self, name: &str) -> Option<&AttributeProto> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    fn typed<T>(&self, name: &str, sort: &str, value: Option<T>) -> Result<T, OnnxError> {
        value.ok_or_else(|| self.refuse(format!("attribute `{name}` is not {sort}")))
    }

    /// An integer, where it is given.
    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, OnnxError> {
        let Some(attribute) = self.get(name) else { return Ok(None) };
        self.typed(name, "an integer", attribute.i).map(Some)
    }

    /// A number, where it is given.
    pub(super) fn float(&self, name: &str) -> Result<Option<f64>, OnnxError> {
        let Some(attribute) = self.get(name) else { return Ok(None) };
        self.typed(name, "a number", attribute.f).map(|value| Some(f64::from(value)))
    }

    /// A text, where it is given.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, OnnxError> {
        let Some(attribute) = self.get(name) else { return Ok(None) };
        let text = attribute.s.as_ref().and_then(|bytes| str::from_utf8(bytes).ok());
        self.typed(name, "a text", text).map(|text| Some(text.to_owned()))
    }

    /// Numbers, widened; empty when they are not given.
    pub(super) fn floats(&self, name: &str) -> Result<Vec<f64>, OnnxError> {
        let Some(attribute) = self.get(name) else { return Ok(Vec::new()) };
        let count = attribute.floats.len();
        limit("numbers of an attribute", count, tensor::ELEMENT_COUNT_MAX)?;
        let given = (count > 0).then_some(&attribute.floats);
        let floats = self.typed(name, "a list of numbers", given)?;
        Ok(floats.iter().map(|&value| f64::from(value)).collect())
    }

    /// Integers; empty when they are not given.
    pub(super) fn integers(&self, name: &str) -> Result<Vec<i64>, OnnxError> {
        let Some(attribute) = self.get(name) else { return Ok(Vec::new()) };
        let count = attribute.ints.len();
        limit("numbers of an attribute", count, tensor::ELEMENT_COUNT_MAX)?;
        self.typed(name, "a list of integers", (count > 0).then(|| attribute.ints.clone()))
    }

    /// Whether an attribute is given.
    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A tensor, where it is given.
    pub(super) fn tensor(&self, name: &str) -> Result<Option<Tensor>, OnnxError> {
        let Some(attribute) = self.get(name) else { return Ok(None) };
        let bytes: Option<&Bytes> = match attribute.t.as_slice() {
            [bytes] => Some(bytes),
            _ => None,
        };
        let bytes = self.typed(name, "one tensor", bytes)?;
        Ok(Some(tensor::read(bytes, &format!("{name} of {}", self.place))?.1))
    }

    /// The inputs, if there are exactly `N`.
    pub(super) fn exactly<const N: usize>(&self) -> Result<[&Value; N], OnnxError> {
        let given: Vec<&Value> = self.inputs.iter().flatten().collect();
        let count = given.len();
        match given.try_into() {
            Ok(inputs) if self.inputs.len() == N => Ok(inputs),
            _ => Err(self.refuse(format!("{count} inputs instead of {N}"))),
        }
    }

    /// The values of a constant input, where it is given.
    pub(super) fn constant(&self, index: usize) -> Result<Option<&Tensor>, OnnxError> {
        match self.inputs.get(index) {
            None | Some(None) => Ok(None),
            Some(Some(Value::Constant(tensor))) => Ok(Some(tensor)),
            Some(Some(other)) => {
                Err(self.refuse(format!("input {index} is {}, not a constant", other.describe())))
            }
        }
    }

    /// The refusal of what goes in.
    pub(super) fn unexpected(&self, value: &Value) -> OnnxError {
        self.refuse(format!("its input is {}, which is not supported there", value.describe()))
    }
}
