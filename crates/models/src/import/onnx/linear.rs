//! Operators that weigh and add columns, and those that make probabilities of the sums.

use super::error::OnnxError;
use super::node::Node;
use super::tensor::Tensor;
use super::value::{Column, Score, Step, Value, scores};
use std::rc::Rc;

/// What a classifier must be.
pub(super) const CLASSES: &str = "factord serves the two classes 0 and 1";

/// What a regression must be.
const ONE_OUTPUT: &str = "factord serves models of one output";

/// `columns x weights`.
pub(super) fn mat_mul(node: &Node) -> Result<Value, OnnxError> {
    node.only(&[])?;
    let [input, weights] = node.exactly()?;
    let (Value::Columns(columns), Value::Constant(weights)) = (input, weights) else {
        let strange = if matches!(input, Value::Columns(_)) { weights } else { input };
        return Err(node.unexpected(strange));
    };
    weighed(node, columns, weights, 1.0)
}

/// `alpha * columns x weights + beta * intercepts`.
pub(super) fn gemm(node: &Node) -> Result<Value, OnnxError> {
    node.only(&["alpha", "beta", "transA", "transB"])?;
    let (Some(Some(input)), Some(weights)) = (node.inputs.first(), node.constant(1)?) else {
        return Err(node.refuse("its inputs must be columns and constant weights"));
    };
    let Value::Columns(columns) = input else { return Err(node.unexpected(input)) };
    if node.integer("transA")?.unwrap_or(0) != 0 {
        return Err(node.refuse("`transA` is not supported"));
    }
    let turned = node.integer("transB")?.unwrap_or(0) != 0;
    let alpha = node.float("alpha")?.unwrap_or(1.0);
    let value = match (turned, weights.shape.len()) {
        (true, 2) => weighed(node, columns, &transposed(weights), alpha)?,
        _ => weighed(node, columns, weights, alpha)?,
    };
    let (Value::Scores(sums), Some(intercepts)) = (&value, node.constant(2)?) else {
        return Ok(value);
    };
    let beta = node.float("beta")?.unwrap_or(1.0);
    let values = &intercepts.values;
    if !matches!(intercepts.shape.as_slice(), [] | [_] | [1, _])
        || ![1, sums.len()].contains(&values.len())
    {
        let (found, sums) = (values.len(), sums.len());
        return Err(node.refuse(format!("{found} intercepts for {sums} sums")));
    }
    let intercept = |index: usize| if values.len() == 1 { values[0] } else { values[index] };
    let moved = sums
        .iter()
        .enumerate()
        .map(|(index, sum)| sum.stepped(Step { plus: beta * intercept(index), ..Step::NONE }));
    Ok(Value::Scores(Rc::new(moved.collect())))
}

/// One sum for each column of a weight matrix; a vector of weights is one.
fn weighed(
    node: &Node,
    columns: &Rc<Vec<Column>>,
    weights: &Tensor,
    alpha: f64,
) -> Result<Value, OnnxError> {
    let width = columns.len();
    let count = match *weights.shape.as_slice() {
        [rows] if rows == width => 1,
        [rows, count] if rows == width => count,
        _ => {
            let shape = &weights.shape;
            return Err(node.refuse(format!("weights of shape {shape:?} for {width} columns")));
        }
    };
    if !(1..=2).contains(&count) {
        return Err(node.refuse(format!("{count} outputs: {ONE_OUTPUT}")));
    }
    let output = |output: usize| {
        let weights = weights.values.iter().skip(output).step_by(count);
        (weights.map(|weight| alpha * weight).collect(), 0.0)
    };
    Ok(Value::Scores(Rc::new(scores(columns, (0..count).map(output).collect()))))
}

/// A matrix turned over.
pub(super) fn transposed(tensor: &Tensor) -> Tensor {
    let &[rows, columns] = tensor.shape.as_slice() else { return tensor.clone() };
    let cells = (0..columns).flat_map(|c| (0..rows).map(move |r| r * columns + c));
    Tensor {
        shape: vec![columns, rows],
        values: cells.map(|cell| tensor.values[cell]).collect(),
        is_float32: tensor.is_float32,
    }
}

/// `coefficients . columns + intercepts`.
pub(super) fn regressor(node: &Node) -> Result<Value, OnnxError> {
    node.only(&["coefficients", "intercepts", "post_transform", "targets"])?;
    let targets = node.integer("targets")?.unwrap_or(1);
    if targets != 1 {
        return Err(node.refuse(format!("{targets} outputs: {ONE_OUTPUT}")));
    }
    match node.text("post_transform")?.as_deref().unwrap_or("NONE") {
        "NONE" => Ok(Value::Scores(Rc::new(weighed_rows(node, 1)?))),
        other => Err(node.refuse(format!("post_transform {other:?}, only \"NONE\" is supported"))),
    }
}

/// The sums of a node whose weights are attributes, a row of them for each.
fn weighed_rows(node: &Node, count: usize) -> Result<Vec<Score>, OnnxError> {
    let [input] = node.exactly()?;
    let Value::Columns(columns) = input else { return Err(node.unexpected(input)) };
    let weights = node.floats("coefficients")?;
    let intercepts = node.floats("intercepts")?;
    let width = columns.len();
    if weights.len() != count * width || ![0, count].contains(&intercepts.len()) {
        let (weights, intercepts) = (weights.len(), intercepts.len());
        return Err(node.refuse(format!(
            "{weights} coefficients and {intercepts} intercepts for {width} columns and {count} \
             outputs"
        )));
    }
    let rows = weights.chunks_exact(width.max(1)).map(<[f64]>::to_vec);
    let intercepts = intercepts.into_iter().chain(std::iter::repeat(0.0));
    Ok(scores(columns, rows.zip(intercepts).collect()))
}

/// The class and the probabilities of both, from coefficients for class 1 or for both classes.
pub(super) fn classifier(node: &Node) -> Result<Vec<Value>, OnnxError> {
    node.only(&[
        "classlabels_ints",
        "classlabels_strings",
        "coefficients",
        "intercepts",
        "multi_class",
        "post_transform",
    ])?;
    if node.has("classlabels_strings") {
        return Err(node.refuse(format!("classes with names: {CLASSES}")));
    }
    zero_and_one(node, &node.integers("classlabels_ints")?)?;
    let [input] = node.exactly()?;
    let width = if let Value::Columns(columns) = input { columns.len() } else { 0 };
    let one_row = node.floats("coefficients")?.len() == width;
    let sums = weighed_rows(node, if one_row { 1 } else { 2 })?;
    let transform = node.text("post_transform")?;
    let transform = transform.as_deref().unwrap_or("NONE");
    let label = match sums.as_slice() {
        [zero, one] => one.minus(zero),
        _ => sums[0].clone(),
    };
    let second = match (transform, sums.len()) {
        ("LOGISTIC", 1) => Value::Probabilities(Rc::new(sums[0].clone())),
        ("LOGISTIC", _) => logistic(node, &sums)?,
        ("SOFTMAX", 2) => softmax(node, &sums)?,
        // NB: of one row, onnxruntime makes 1 - d and d, neither a probability nor a pair of
        // decision values.
        ("NONE", 2) => Value::Scores(Rc::new(sums)),
        (_, rows) => {
            let problem = format!(
                "post_transform {transform:?} with coefficients for {rows} of 2 classes: supported \
                 are \"LOGISTIC\" and, with coefficients for both, \"SOFTMAX\""
            );
            return Err(node.refuse(problem));
        }
    };
    Ok(vec![Value::Label(Rc::new(label)), second])
}

/// Refuses classes that are not 0 and 1, in this order.
pub(super) fn zero_and_one(node: &Node, classes: &[i64]) -> Result<(), OnnxError> {
    if classes == [0, 1] {
        return Ok(());
    }
    let shown: Vec<String> = classes.iter().take(8).map(i64::to_string).collect();
    let (count, shown) = (classes.len(), shown.join(", "));
    Err(node.refuse(format!("{count} classes ({shown}): {CLASSES}")))
}

/// Sigmoids: of one decision value, or of two that are each other's negative.
pub(super) fn logistic(node: &Node, sums: &[Score]) -> Result<Value, OnnxError> {
    match sums {
        [one] => Ok(Value::Probability(Rc::new(one.clone()))),
        [zero, one] if zero.is_negative_of(one) => Ok(Value::Probabilities(Rc::new(one.clone()))),
        _ => Err(node.refuse(
            "the coefficients of class 0 are not those of class 1 with the other sign, so that \
             the probability is not that of one decision value: fit one LogisticRegression",
        )),
    }
}

/// The softmax of two values is the sigmoid of their difference.
pub(super) fn softmax(node: &Node, sums: &[Score]) -> Result<Value, OnnxError> {
    match sums {
        [zero, one] => Ok(Value::Probabilities(Rc::new(one.minus(zero)))),
        _ => Err(node.refuse(format!("a softmax of {} values: {CLASSES}", sums.len()))),
    }
}
