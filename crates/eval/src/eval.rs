//! Evaluation: from features to a prediction, the same bits on every path and every machine.
//!
//! The order is fixed: `((x0*w0 + x1*w1) + x2*w2) + ... + intercept`, strictly left to right, each
//! product and each sum rounded on its own (no fused multiply-add), the scaler as
//! `(x - mean) / scale` before it. A logistic model then takes `1 / (1 + exp(-d))` with the
//! portable exponential of [`crate::exp`], and class 1 when `d > 0`.
//! Rust never contracts `a * b + c` by itself, so the same source gives the same bits with and
//! without FMA. Any vector form must keep one request an element.
//!
//! A forest's sum is [`crate::forest`]'s, and its probability the same as a logistic model's.
//!
//! Nothing here allocates, panics or reads anything but its arguments.

use crate::exp::exp;
use crate::forest::{Forest, Link};
use crate::model::{Affine, Model};

/// The two outputs of a prediction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Output {
    /// The prediction or, of a classifier, the probability of class 1, 0 to 1.
    pub y: f64,
    /// 0 or, of a classifier, the class, 0 or 1.
    pub second: f64,
}

impl Output {
    /// The outputs of a classifier.
    #[inline]
    pub(crate) fn of_decision(decision: f64) -> Output {
        Output::logistic(decision, probability(decision))
    }

    #[inline]
    pub(crate) fn logistic(decision: f64, probability: f64) -> Output {
        Output { y: probability, second: if decision > 0.0 { 1.0 } else { 0.0 } }
    }
}

/// Parameters of a model with three features, by value: the fast path.
// In this order, so that a linear model reads one run of words.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Triple {
    intercept: f64,
    weights: [f64; 3],
    mean: [f64; 3],
    scale: [f64; 3],
}

/// A linear model of three features, by value: for many requests one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    weights: [f64; 3],
    intercept: f64,
}

impl Line {
    /// The prediction; `None` when it is not finite.
    #[inline(always)]
    pub fn predict(&self, x: [f64; 3]) -> Option<f64> {
        Some(self.decision(x)).filter(|decision| decision.is_finite())
    }

    #[inline(always)]
    fn decision(&self, x: [f64; 3]) -> f64 {
        let w = &self.weights;
        ((x[0] * w[0] + x[1] * w[1]) + x[2] * w[2]) + self.intercept
    }
}

impl Triple {
    /// Copies the parameters of a linear or logistic model of width 3; `None` for any other.
    pub fn of(model: &Model) -> Option<Triple> {
        let affine = model.affine()?;
        let weights = affine.weights().try_into().ok()?;
        let (mean, scale) = if affine.is_logistic() {
            (affine.mean().try_into().ok()?, affine.scale().try_into().ok()?)
        } else {
            ([0.0; 3], [1.0; 3])
        };
        Some(Triple { weights, mean, scale, intercept: affine.intercept() })
    }

    /// Evaluates a linear model.
    #[inline]
    pub fn linear(&self, x: [f64; 3]) -> Output {
        Output { y: self.linear_decision(x), second: 0.0 }
    }

    /// Evaluates a logistic model.
    #[inline]
    pub fn logistic(&self, x: [f64; 3]) -> Output {
        Output::of_decision(self.logistic_decision(x))
    }

    #[inline(always)]
    pub(crate) fn linear_decision(&self, x: [f64; 3]) -> f64 {
        self.line().decision(x)
    }

    #[inline(always)]
    pub(crate) fn line(&self) -> Line {
        Line { weights: self.weights, intercept: self.intercept }
    }

    #[inline(always)]
    pub(crate) fn logistic_decision(&self, x: [f64; 3]) -> f64 {
        self.linear_decision([
            (x[0] - self.mean[0]) / self.scale[0],
            (x[1] - self.mean[1]) / self.scale[1],
            (x[2] - self.mean[2]) / self.scale[2],
        ])
    }
}

/// Evaluates a model of any width; the same bits as [`Triple`] for three features.
///
/// `x` must have `model.width()` values; missing ones are not read and extra ones are ignored,
/// so callers compare the widths first.
///
/// ```
/// use factord_eval::{Model, eval::{Triple, eval}};
///
/// let model = Model::linear(vec![-1.0, 0.25, 0.5], 1.0)?;
/// let output = eval(&model, &[0.5, 0.5, 0.25]);
/// assert_eq!(output.y, ((0.5 * -1.0 + 0.5 * 0.25) + 0.25 * 0.5) + 1.0);
///
/// let triple = Triple::of(&model).expect("it has three features");
/// assert_eq!(triple.linear([0.5, 0.5, 0.25]), output, "the same bits");
/// # Ok::<(), factord_eval::ModelError>(())
/// ```
#[inline]
pub fn eval(model: &Model, x: &[f64]) -> Output {
    debug_assert_eq!(model.width(), x.len());
    match model {
        Model::Affine(affine) if affine.is_logistic() => {
            let standardised = x
                .iter()
                .zip(affine.mean())
                .zip(affine.scale())
                .map(|((x, mean), scale)| (x - mean) / scale);
            let terms = standardised.zip(affine.weights()).map(|(z, w)| z * w);
            Output::of_decision(sum(terms, affine))
        }
        Model::Affine(affine) => {
            let terms = affine.weights().iter().zip(x).map(|(w, x)| x * w);
            Output { y: sum(terms, affine), second: 0.0 }
        }
        Model::Forest(forest) => eval_forest(forest, x),
    }
}

/// Evaluates a forest, wherever its words are: as [`eval`] does one in a [`Model`].
#[inline]
pub fn eval_forest<M: AsRef<[u64]>>(forest: &Forest<M>, x: &[f64]) -> Output {
    let score = forest.score(x);
    match forest.link() {
        Link::Identity => Output { y: score, second: 0.0 },
        Link::Sigmoid { scale } => Output::of_decision(scale * score),
    }
}

/// Adds the terms from left to right and the intercept last. The sum starts from the first term,
/// not from zero, so that a first term of -0.0 keeps its sign.
#[inline]
fn sum(mut terms: impl Iterator<Item = f64>, affine: &Affine) -> f64 {
    let first = terms.next().unwrap_or(0.0);
    terms.fold(first, |total, term| total + term) + affine.intercept()
}

/// Whether every value is finite.
#[inline]
pub fn all_finite(x: &[f64]) -> bool {
    x.iter().all(|value| value.is_finite())
}

#[inline(always)]
pub(crate) fn probability(decision: f64) -> f64 {
    1.0 / (1.0 + exp(-decision))
}
