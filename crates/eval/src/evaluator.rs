//! A model made ready for requests: its parameters in the form that evaluates fastest. The worker
//! and a client's local prediction share it, so that a ring and a client's own process give the
//! same bits and the same refusals.

use crate::eval::{Line, Output, Triple, all_finite, eval, eval_forest};
use crate::forest::Forest;
use crate::kind::Kind;
use crate::model::Model;
use crate::simd::{self, VECTOR_LEN, Vector};
use crate::status;
use crate::vectors::Level;
use std::sync::Arc;

/// The result of an evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Evaluation {
    /// First output, as bits; a quiet NaN unless the status is ok.
    pub y: u64,
    /// Second output, as bits; a quiet NaN unless the status is ok.
    pub second: u64,
    /// A code of [`crate::status`].
    pub status: u16,
}

impl Evaluation {
    /// One that gives a prediction.
    #[inline]
    pub fn prediction(output: Output) -> Evaluation {
        let (y, second) = (output.y.to_bits(), output.second.to_bits());
        Evaluation { y, second, status: status::OK }
    }

    /// One that gives none.
    #[inline]
    pub fn refusal(status: u16) -> Evaluation {
        Evaluation { y: f64::NAN.to_bits(), second: f64::NAN.to_bits(), status }
    }
}

#[inline(always)]
fn finite_logistic(triple: &Triple, x: [f64; 3]) -> Option<Output> {
    let decision = triple.logistic_decision(x);
    decision.is_finite().then(|| Output::of_decision(decision))
}

/// A model, ready to evaluate.
///
/// ```
/// use factord_eval::{Model, evaluator::Evaluator, status};
///
/// let model = Model::linear(vec![-1.0, 0.0, 0.0], 1.0)?;
/// let evaluator = Evaluator::new(&model);
///
/// let evaluation = evaluator.evaluate(&[0.25, 0.2, 0.3]);
/// assert_eq!(evaluation.status, status::OK);
/// assert_eq!(f64::from_bits(evaluation.y), 0.75);
///
/// // A request is refused, never answered with NaN or infinity.
/// assert_eq!(evaluator.evaluate(&[f64::NAN, 0.2, 0.3]).status, status::BAD_INPUT);
/// assert_eq!(evaluator.evaluate(&[0.25, 0.2]).status, status::WIDTH_MISMATCH);
/// # Ok::<(), factord_eval::ModelError>(())
/// ```
/// Copies share what does not fit a few lines.
// In this order, so that what a linear model needs is the first 40 bytes.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Evaluator {
    form: Form,
    label: u32,
    /// Zeros in a model of another width.
    triple: Triple,
    /// The model, where it is wide.
    wide: Option<Arc<Model>>,
    cost_ns: u32,
}

/// How a model is evaluated.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
enum Form {
    Linear,
    Logistic,
    Wide,
}

impl Evaluator {
    /// Copies the parameters of a model.
    pub fn new(model: &Model) -> Evaluator {
        let (form, triple) = match (Triple::of(model), model.kind()) {
            (Some(triple), Kind::Linear) => (Form::Linear, triple),
            (Some(triple), Kind::Logistic) => (Form::Logistic, triple),
            _ => (Form::Wide, Triple::default()),
        };
        let wide = matches!(form, Form::Wide).then(|| Arc::new(model.clone()));
        Evaluator { form, label: 0, triple, wide, cost_ns: 0 }
    }

    /// The same with what one evaluation was measured to take, in nanoseconds.
    #[must_use]
    pub fn costing(self, cost_ns: u32) -> Evaluator {
        Evaluator { cost_ns, ..self }
    }

    /// What one evaluation was measured to take, in nanoseconds; 0 if nobody did.
    #[inline]
    pub fn cost_ns(&self) -> u32 {
        self.cost_ns
    }

    /// The same with a label.
    #[must_use]
    pub fn labelled(self, label: u32) -> Evaluator {
        Evaluator { label, ..self }
    }

    /// What its owner wrote on it, 0 at first: it fills a gap in the first line, so that a table of
    /// evaluators needs no further one for it.
    #[inline(always)]
    pub fn label(&self) -> u32 {
        self.label
    }

    /// Evaluates a request of three features.
    #[inline]
    pub fn evaluate_triple(&self, x: [f64; 3]) -> Evaluation {
        match self.form {
            Form::Linear => accept_linear(self.triple.linear_decision(x)),
            Form::Logistic => evaluate_logistic(&self.triple, x),
            Form::Wide => self.evaluate_wide(&x),
        }
    }

    /// The prediction of a linear model of three features; `None` when this is not one or the
    /// request has no answer. For callers that cannot wait for an [`Evaluation`] to pass through
    /// memory.
    #[inline(always)]
    pub fn linear(&self, x: &[f64]) -> Option<f64> {
        match (self.form, x) {
            (Form::Linear, &[a, b, c]) => {
                Some(self.triple.linear_decision([a, b, c])).filter(|decision| decision.is_finite())
            }
            _ => None,
        }
    }

    /// The parameters of a linear model of three features, by value; `None` when this is not one.
    #[inline(always)]
    pub fn line(&self) -> Option<Line> {
        matches!(self.form, Form::Linear).then(|| self.triple.line())
    }

    /// The outputs of a logistic model of three features, as [`Evaluator::linear`].
    #[inline(always)]
    pub fn logistic(&self, x: &[f64]) -> Option<Output> {
        match (self.form, x) {
            (Form::Logistic, &[a, b, c]) => finite_logistic(&self.triple, [a, b, c]),
            _ => None,
        }
    }

    /// The outputs of a model of three features of either kind, as [`Evaluator::linear`].
    #[inline(always)]
    pub fn outputs(&self, x: [f64; 3]) -> Option<Output> {
        match self.form {
            Form::Linear => {
                let y = self.triple.linear_decision(x);
                y.is_finite().then_some(Output { y, second: 0.0 })
            }
            Form::Logistic => finite_logistic(&self.triple, x),
            Form::Wide => None,
        }
    }

    /// Evaluates eight requests of three features at once, the same as
    /// [`Evaluator::evaluate_triple`] one by one.
    #[inline]
    pub fn evaluate_vector(&self, level: Level, x: &[Vector; 3]) -> [Evaluation; VECTOR_LEN] {
        match self.form {
            Form::Linear => {
                let (decision, _) = simd::eval(level, Kind::Linear, &self.triple, x);
                decision.map(accept_linear)
            }
            Form::Logistic => {
                let (decision, y) = simd::eval(level, Kind::Logistic, &self.triple, x);
                core::array::from_fn(|at| {
                    let x = [x[0][at], x[1][at], x[2][at]];
                    accept_logistic(&x, decision[at], Output::logistic(decision[at], y[at]))
                })
            }
            Form::Wide => {
                core::array::from_fn(|at| self.evaluate_wide(&[x[0][at], x[1][at], x[2][at]]))
            }
        }
    }

    /// Evaluates a request of any width.
    #[inline]
    pub fn evaluate(&self, x: &[f64]) -> Evaluation {
        match *x {
            [a, b, c] => self.evaluate_triple([a, b, c]),
            _ => self.evaluate_wide(x),
        }
    }

    // Out of line, so that three features do not pay for the loops.
    #[inline(never)]
    fn evaluate_wide(&self, x: &[f64]) -> Evaluation {
        let Some(model) = &self.wide else {
            return Evaluation::refusal(status::WIDTH_MISMATCH);
        };
        if model.width() != x.len() {
            return Evaluation::refusal(status::WIDTH_MISMATCH);
        }
        accept(eval(model, x), model.accepts(x))
    }
}

/// Evaluates a forest of any width wherever its words are, to the bits and refusals of an
/// [`Evaluator`].
pub fn evaluate_forest<M: AsRef<[u64]>>(forest: &Forest<M>, x: &[f64]) -> Evaluation {
    if forest.width() != x.len() {
        return Evaluation::refusal(status::WIDTH_MISMATCH);
    }
    accept(eval_forest(forest, x), x.iter().all(|value| !value.is_infinite()))
}

#[inline]
fn accept(output: Output, is_input: bool) -> Evaluation {
    if is_input && output.y.is_finite() {
        Evaluation::prediction(output)
    } else {
        Evaluation::refusal(status::BAD_INPUT)
    }
}

// Out of line, so that a caller of the linear form stays small.
#[inline(never)]
fn evaluate_logistic(triple: &Triple, x: [f64; 3]) -> Evaluation {
    let decision = triple.logistic_decision(x);
    accept_logistic(&x, decision, Output::of_decision(decision))
}

/// A feature that is not finite makes a linear sum infinite or NaN, whatever its weight, so one
/// comparison is enough.
#[inline]
fn accept_linear(decision: f64) -> Evaluation {
    if decision.is_finite() {
        Evaluation::prediction(Output { y: decision, second: 0.0 })
    } else {
        Evaluation::refusal(status::BAD_INPUT)
    }
}

/// As for a linear sum, but finite features may overflow a decision value whose probability is
/// still 0 or 1.
#[inline]
fn accept_logistic(x: &[f64; 3], decision: f64, output: Output) -> Evaluation {
    if decision.is_finite() || (all_finite(x) && output.y.is_finite()) {
        Evaluation::prediction(output)
    } else {
        Evaluation::refusal(status::BAD_INPUT)
    }
}
