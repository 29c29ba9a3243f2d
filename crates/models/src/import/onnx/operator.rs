//! The table of operators: what each makes of its inputs. Everything else is refused by name.

use super::error::OnnxError;
use super::node::Node;
use super::tensor::{self, Tensor};
use super::value::{Step, Value};
use super::{arithmetic, linear};
use std::rc::Rc;

/// Works out what a node makes.
pub(super) fn apply(node: &Node) -> Result<Vec<Value>, OnnxError> {
    let one = |value: Result<Value, OnnxError>| value.map(|value| vec![value]);
    match node.operator.as_str() {
        "Add" | "Sub" | "Mul" | "Div" | "Neg" => one(arithmetic::apply(node)),
        "MatMul" => one(linear::mat_mul(node)),
        "Gemm" => one(linear::gemm(node)),
        "LinearRegressor" => one(linear::regressor(node)),
        "LinearClassifier" => linear::classifier(node),
        "Scaler" => one(scaler(node)),
        "Normalizer" => one(normalizer(node)),
        "FeatureVectorizer" => one(feature_vectorizer(node)),
        "Concat" => one(concat(node)),
        "ZipMap" => one(zip_map(node)),
        "Sigmoid" => one(sigmoid(node)),
        "Softmax" => one(softmax(node)),
        "ArgMax" => one(arg_max(node)),
        "ArrayFeatureExtractor" => one(array_feature_extractor(node)),
        "Abs" => one(abs(node)),
        "ReduceSum" => one(reduce_sum(node)),
        "Cast" => one(cast(node)),
        "Constant" => one(constant(node)),
        "Transpose" => one(transpose(node)),
        "Identity" | "Flatten" | "Reshape" | "Squeeze" => one(same(node)),
        _ => Err(node.unknown()),
    }
}

/// `(x - offset) * scale`.
fn scaler(node: &Node) -> Result<Value, OnnxError> {
    node.only(&["offset", "scale"])?;
    let [input] = node.exactly()?;
    let Value::Columns(columns) = input else { return Err(node.unexpected(input)) };
    let (offset, scale) = (node.floats("offset")?, node.floats("scale")?);
    let count = columns.len();
    if offset.len() != scale.len() || ![1, count].contains(&scale.len()) {
        let (offset, scale) = (offset.len(), scale.len());
        let problem = format!("{offset} offsets and {scale} scales for {count} columns");
        return Err(node.refuse(problem));
    }
    let at =
        |values: &[f64], index: usize| if values.len() == 1 { values[0] } else { values[index] };
    let moved = columns.iter().enumerate().map(|(index, column)| {
        let moved = column.stepped(Step { plus: -at(&offset, index), ..Step::NONE });
        moved.stepped(Step { times: at(&scale, index), ..Step::NONE })
    });
    Ok(Value::Columns(Rc::new(moved.collect())))
}

/// Probabilities of both classes sum to 1 already.
fn normalizer(node: &Node) -> Result<Value, OnnxError> {
    node.only(&["norm"])?;
    let [input] = node.exactly()?;
    match (node.text("norm")?.as_deref().unwrap_or("MAX"), input) {
        ("L1", Value::Probabilities(_)) => Ok(input.clone()),
        ("L1", _) => Err(node.unexpected(input)),
        (norm, _) => Err(node.refuse(format!("norm {norm:?}, only \"L1\" is supported"))),
    }
}

fn feature_vectorizer(node: &Node) -> Result<Value, OnnxError> {
    node.only(&["inputdimensions"])?;
    let (columns, lengths) = joined(node)?;
    let stated = node.integers("inputdimensions")?;
    if !stated.is_empty() && stated != lengths {
        return Err(node.refuse("`inputdimensions` differ from the columns of its inputs"));
    }
    Ok(columns)
}

/// The columns of all inputs side by side, and how many each has.
fn joined(node: &Node) -> Result<(Value, Vec<i64>), OnnxError> {
    let (mut all, mut lengths) = (Vec::new(), Vec::new());
    for input in node.inputs.iter().flatten() {
        let Value::Columns(columns) = input else { return Err(node.unexpected(input)) };
        all.extend_from_slice(columns);
        // At most ELEMENT_COUNT_MAX, as that bounds every input.
        lengths.push(columns.len() as i64);
    }
    Ok((Value::Columns(Rc::new(all)), lengths))
}

/// Columns of features, or the probabilities of class 0 and class 1.
fn concat(node: &Node) -> Result<Value, OnnxError> {
    node.only(&["axis"])?;
    across(node, node.integer("axis")?)?;
    match node.inputs.as_slice() {
        [Some(Value::Complement(zero)), Some(Value::Probability(one))] if zero == one => {
            Ok(Value::Probabilities(Rc::clone(one)))
        }
        _ => Ok(joined(node)?.0),
    }
}

/// Refuses an axis that does not run across the columns of a row.
fn across(node: &Node, axis: Option<i64>) -> Result<(), OnnxError> {
    match axis {
        Some(1 | -1) => Ok(()),
        Some(axis) => Err(node.refuse(format!("axis {axis}, only 1 and -1 are supported"))),
        None => Err(node.refuse("no `axis`")),
    }
}

fn zip_map(node: &Node) -> Result<Value, OnnxError> {
    node.only(&["classlabels_int64s", "classlabels_strings"])?;
    let [input] = node.exactly()?;
    if node.has("classlabels_strings") {
        return Err(node.refuse(format!("classes with names: {}", linear::CLASSES)));
    }
    linear::zero_and_one(node, &node.integers("classlabels_int64s")?)?;
    match input {
        Value::Probabilities(_) => Ok(input.clone()),
        other => Err(node.unexpected(other)),
    }
}

fn sigmoid(node: &Node) -> Result<Value, OnnxError> {
    node.only(&[])?;
    let [input] = node.exactly()?;
    match input {
        Value::Scores(scores) => linear::logistic(node, scores),
        other => Err(node.unexpected(other)),
    }
}

fn softmax(node: &Node) -> Result<Value, OnnxError> {
    node.only(&["axis"])?;
    // Version 13 moved the default from 1 to -1, which is the same axis of a row.
    across(node, Some(node.integer("axis")?.unwrap_or(-1)))?;
    let [input] = node.exactly()?;
    match input {
        Value::Scores(scores) => linear::softmax(node, scores),
        other => Err(node.unexpected(other)),
    }
}

/// The class of the greater of two values; of equal ones the first, class 0.
fn arg_max(node: &Node) -> Result<Value, OnnxError> {
    node.only(&["axis", "keepdims", "select_last_index"])?;
    across(node, Some(node.integer("axis")?.unwrap_or(0)))?;
    if node.integer("select_last_index")?.unwrap_or(0) != 0 {
        return Err(node.refuse("`select_last_index` is not supported"));
    }
    let [input] = node.exactly()?;
    match input {
        Value::Probabilities(score) => Ok(Value::Label(Rc::clone(score))),
        Value::Scores(scores) => match scores.as_slice() {
            [zero, one] => Ok(Value::Label(Rc::new(one.minus(zero)))),
            _ => Err(node.unexpected(input)),
        },
        other => Err(node.unexpected(other)),
    }
}

/// The class out of a list of classes.
fn array_feature_extractor(node: &Node) -> Result<Value, OnnxError> {
    node.only(&[])?;
    let [classes, index] = node.exactly()?;
    let (Value::Constant(classes), Value::Label(_)) = (classes, index) else {
        return Err(node.unexpected(index));
    };
    linear::zero_and_one(node, &classes.integers().unwrap_or_default())?;
    Ok(index.clone())
}

fn abs(node: &Node) -> Result<Value, OnnxError> {
    node.only(&[])?;
    let [input] = node.exactly()?;
    match input {
        Value::Probabilities(_) | Value::Probability(_) => Ok(input.clone()),
        other => Err(node.unexpected(other)),
    }
}

fn reduce_sum(node: &Node) -> Result<Value, OnnxError> {
    node.only(&["axes", "keepdims", "noop_with_empty_axes"])?;
    let axes = match node.constant(1)? {
        // Version 13 made an input of the attribute.
        Some(axes) => axes.integers().unwrap_or_default(),
        None => node.integers("axes")?,
    };
    match axes.as_slice() {
        [axis] => across(node, Some(*axis))?,
        _ => return Err(node.refuse("exactly one axis is supported")),
    }
    match node.inputs.first() {
        Some(Some(Value::Probabilities(_))) if node.integer("keepdims")?.unwrap_or(1) == 1 => {
            Ok(Value::One)
        }
        _ => Err(node.refuse("only both probabilities are summed, with keepdims=1")),
    }
}

/// Another element type, of the same values.
fn cast(node: &Node) -> Result<Value, OnnxError> {
    node.only(&["to", "saturate"])?;
    let [input] = node.exactly()?;
    let to = node.integer("to")?.and_then(|to| i32::try_from(to).ok());
    match (input, to) {
        (_, None) => Err(node.refuse("no `to`")),
        // A class is 0 or 1, whatever holds it.
        (Value::Label(_), _) | (_, Some(tensor::FLOAT | tensor::DOUBLE)) => Ok(input.clone()),
        (other, Some(to)) => {
            let to = tensor::element(to);
            Err(node.refuse(format!("{} cast to {to}, which drops digits", other.describe())))
        }
    }
}

fn constant(node: &Node) -> Result<Value, OnnxError> {
    node.only(&["value", "value_float", "value_floats"])?;
    let tensor = match (node.tensor("value")?, node.float("value_float")?) {
        (Some(tensor), _) => tensor,
        (None, Some(value)) => Tensor { shape: Vec::new(), values: vec![value], is_float32: true },
        (None, None) => Tensor::vector(node.floats("value_floats")?),
    };
    Ok(Value::Constant(Rc::new(tensor)))
}

/// A constant matrix turned over: some exporters keep weights as rows of outputs.
fn transpose(node: &Node) -> Result<Value, OnnxError> {
    node.only(&["perm"])?;
    let [input] = node.exactly()?;
    let perm = node.integers("perm")?;
    match input {
        Value::Constant(tensor)
            if tensor.shape.len() == 2 && (perm.is_empty() || perm == [1, 0]) =>
        {
            Ok(Value::Constant(Rc::new(linear::transposed(tensor))))
        }
        other => Err(node.unexpected(other)),
    }
}

/// Another shape of the same rows.
fn same(node: &Node) -> Result<Value, OnnxError> {
    node.only(&["axis", "axes", "allowzero"])?;
    let Some(Some(input)) = node.inputs.first() else { return Err(node.refuse("no input")) };
    let one_column = match input {
        Value::Scores(scores) => scores.len() == 1,
        Value::Probability(_) | Value::Label(_) => true,
        _ => false,
    };
    let target = match node.operator.as_str() {
        "Identity" => return Ok(input.clone()),
        "Flatten" => vec![0, node.integer("axis")?.unwrap_or(1)],
        "Reshape" => node.constant(1)?.and_then(Tensor::integers).unwrap_or_default(),
        // Every axis of length 1 but that of the rows is that of the columns.
        _ => match node.constant(1)? {
            Some(axes) => axes.integers().unwrap_or_default(),
            None => node.integers("axes")?,
        },
    };
    let kept = match node.operator.as_str() {
        "Flatten" => target == [0, 1],
        "Reshape" => one_column && [&[-1][..], &[-1, 1]].contains(&target.as_slice()),
        _ => one_column && [&[1][..], &[-1]].contains(&target.as_slice()),
    };
    if kept {
        return Ok(input.clone());
    }
    Err(node.refuse(format!("{} reshaped to {target:?}", input.describe())))
}
