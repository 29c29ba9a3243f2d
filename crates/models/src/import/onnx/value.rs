//! What flows between the nodes of a graph: never numbers of a row, but what they are in terms
//! of the features.

use super::tensor::Tensor;
use std::rc::Rc;

/// A column that is a standardised feature: `(x - mean) / scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Column {
    /// Which input.
    pub(super) feature: usize,
    pub(super) mean: f64,
    pub(super) scale: f64,
}

/// A column that is a weighted sum of other columns.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Score {
    pub(super) columns: Rc<Vec<Column>>,
    pub(super) weights: Vec<f64>,
    pub(super) intercept: f64,
}

/// The weighted sums of columns, one for each output.
pub(super) fn scores(columns: &Rc<Vec<Column>>, outputs: Vec<(Vec<f64>, f64)>) -> Vec<Score> {
    let score = |(weights, intercept)| Score { columns: Rc::clone(columns), weights, intercept };
    outputs.into_iter().map(score).collect()
}

/// What a name of the graph stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Numbers that are in the file.
    Constant(Rc<Tensor>),
    /// Columns of features.
    Columns(Rc<Vec<Column>>),
    /// One sum, or one for each of two classes.
    Scores(Rc<Vec<Score>>),
    /// The probability of class 1, from its decision value.
    Probability(Rc<Score>),
    /// The probability of class 0, from the decision value of class 1.
    Complement(Rc<Score>),
    /// The probabilities of class 0 and class 1, from the decision value of class 1.
    Probabilities(Rc<Score>),
    /// The class, 1 where the decision value is positive.
    Label(Rc<Score>),
    /// A column of ones, as both probabilities sum to.
    One,
}

impl Value {
    /// What it is, for messages.
    pub(super) fn describe(&self) -> String {
        match self {
            Value::Constant(tensor) => format!("a constant of shape {:?}", tensor.shape),
            Value::Columns(columns) => format!("{} columns of features", columns.len()),
            Value::Scores(scores) if scores.len() == 1 => "a weighted sum".to_owned(),
            Value::Scores(scores) => {
                format!("{} decision values, which are not probabilities", scores.len())
            }
            Value::Probability(_) => "a probability".to_owned(),
            Value::Complement(_) => "the probability of class 0".to_owned(),
            Value::Probabilities(_) => "the probabilities of both classes".to_owned(),
            Value::Label(_) => "a class".to_owned(),
            Value::One => "the sum of probabilities".to_owned(),
        }
    }

    /// How many numbers it holds in memory.
    pub(super) fn size(&self) -> usize {
        match self {
            Value::Columns(columns) => columns.len(),
            Value::Scores(scores) => scores.iter().map(|score| score.weights.len()).sum(),
            Value::Constant(tensor) => tensor.values.len(),
            _ => 1,
        }
    }
}

/// What arithmetic with constants does to a column: `(column * times) / over + plus`. Two factors,
/// so that neither a product nor a quotient by a constant is rounded twice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) times: f64,
    pub(super) over: f64,
    pub(super) plus: f64,
}

impl Step {
    /// Leaves a column as it is.
    pub(super) const NONE: Step = Step { times: 1.0, over: 1.0, plus: 0.0 };
}

impl Score {
    /// Takes a step.
    pub(super) fn stepped(&self, step: Step) -> Score {
        let scaled = |value: f64| value * step.times / step.over;
        Score {
            columns: Rc::clone(&self.columns),
            weights: self.weights.iter().map(|&weight| scaled(weight)).collect(),
            intercept: scaled(self.intercept) + step.plus,
        }
    }

    /// Whether the one is the other with the sign changed.
    pub(super) fn is_negative_of(&self, other: &Score) -> bool {
        self.columns == other.columns
            && self.intercept == -other.intercept
            && self.weights.iter().zip(&other.weights).all(|(a, &b)| *a == -b)
    }

    /// Makes `self - other`, of the same columns.
    pub(super) fn minus(&self, other: &Score) -> Score {
        let pairs = self.weights.iter().zip(&other.weights);
        Score {
            columns: Rc::clone(&self.columns),
            weights: pairs.map(|(a, b)| a - b).collect(),
            intercept: self.intercept - other.intercept,
        }
    }

    /// Whether both have the same sign for every row: one is the other, or twice it.
    pub(super) fn decides_like(&self, other: &Score) -> bool {
        [1.0, 2.0, 0.5].iter().any(|&times| self.stepped(Step { times, ..Step::NONE }) == *other)
    }
}

impl Column {
    /// Takes a step. With `times` of 0 the scale is not finite, which is refused later on.
    pub(super) fn stepped(self, step: Step) -> Column {
        let scale = self.scale / step.times * step.over;
        let mean = if step.plus == 0.0 { self.mean } else { self.mean - step.plus * scale };
        Column { feature: self.feature, mean, scale }
    }
}
