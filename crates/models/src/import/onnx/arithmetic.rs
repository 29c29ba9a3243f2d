//! Addition, subtraction, multiplication and division by constants, column by column.

use super::error::OnnxError;
use super::node::Node;
use super::tensor::Tensor;
use super::value::{Step, Value};
use std::rc::Rc;

/// Works out what an arithmetic node makes.
pub(super) fn apply(node: &Node) -> Result<Value, OnnxError> {
    node.only(&[])?;
    if node.operator == "Neg" {
        let [input] = node.exactly()?;
        return mapped(node, input, |_| Step { times: -1.0, ..Step::NONE });
    }
    let [left, right] = node.exactly()?;
    match (left, right, node.operator.as_str()) {
        (Value::Constant(one), Value::Probability(score), "Sub")
            if one.values.iter().all(|&value| value == 1.0) && one.values.len() == 1 =>
        {
            Ok(Value::Complement(Rc::clone(score)))
        }
        (Value::Probabilities(_), Value::One, "Div") => Ok(left.clone()),
        (Value::Constant(_), Value::Constant(_), _) => Err(node.unexpected(right)),
        (value, Value::Constant(constant), operator) => {
            let constant = row(node, value, constant)?;
            mapped(node, value, |index| match (operator, constant(index)) {
                ("Add", plus) => Step { plus, ..Step::NONE },
                ("Sub", c) => Step { plus: -c, ..Step::NONE },
                ("Mul", times) => Step { times, ..Step::NONE },
                (_, over) => Step { over, ..Step::NONE },
            })
        }
        (Value::Constant(_), value, "Div") => Err(node.unexpected(value)),
        (Value::Constant(constant), value, operator) => {
            let constant = row(node, value, constant)?;
            mapped(node, value, |index| match (operator, constant(index)) {
                ("Add", plus) => Step { plus, ..Step::NONE },
                ("Sub", plus) => Step { times: -1.0, plus, ..Step::NONE },
                (_, times) => Step { times, ..Step::NONE },
            })
        }
        (_, other, _) => Err(node.unexpected(other)),
    }
}

/// A constant as one number a column: it has one for all, or one for each.
fn row<'c>(
    node: &Node,
    value: &Value,
    constant: &'c Tensor,
) -> Result<impl Fn(usize) -> f64 + use<'c>, OnnxError> {
    let width = match value {
        Value::Columns(columns) => columns.len(),
        Value::Scores(scores) => scores.len(),
        other => return Err(node.unexpected(other)),
    };
    let values = &constant.values;
    let flat = matches!(constant.shape.as_slice(), [] | [_] | [1, _]);
    if !flat || ![1, width].contains(&values.len()) {
        let shape = &constant.shape;
        return Err(node.refuse(format!("a constant of shape {shape:?} for {width} columns")));
    }
    Ok(move |index: usize| if values.len() == 1 { values[0] } else { values[index] })
}

/// Takes each column its step.
fn mapped(node: &Node, value: &Value, step: impl Fn(usize) -> Step) -> Result<Value, OnnxError> {
    match value {
        Value::Columns(columns) => {
            let moved =
                columns.iter().enumerate().map(|(index, column)| column.stepped(step(index)));
            Ok(Value::Columns(Rc::new(moved.collect())))
        }
        Value::Scores(scores) => {
            let moved = scores.iter().enumerate().map(|(index, score)| score.stepped(step(index)));
            Ok(Value::Scores(Rc::new(moved.collect())))
        }
        other => Err(node.unexpected(other)),
    }
}
