//! A model made ready to answer: its parameters in the form that evaluates fastest, and the
//! generation that every answer names. The worker and [`predict_local`] share it, so that a ring
//! and a client's own process give the same bits and the same refusals.
//!
//! [`predict_local`]: crate::client::Client::predict_local

use super::eval::{Output, Triple, all_finite, eval};
use super::lanes::{self, LANES, Lane, Level};
use super::{Kind, Model};
use crate::abi::status;

/// What an evaluation ends with.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// First output, as bits; a quiet NaN unless the status is ok.
    pub y: u64,
    /// Second output, as bits; a quiet NaN unless the status is ok.
    pub second: u64,
    /// A code of [`crate::abi::status`].
    pub status: u16,
    /// The generation that answered; 0 when there is no such model.
    pub generation: u32,
}

impl Answer {
    /// An answer without a prediction.
    #[inline]
    pub fn refusal(status: u16, generation: u32) -> Answer {
        Answer { y: f64::NAN.to_bits(), second: f64::NAN.to_bits(), status, generation }
    }
}

/// A model of one generation, ready to answer.
#[derive(Debug)]
pub struct Evaluator {
    generation: u32,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Linear(Triple),
    Logistic(Triple),
    Wide(Model),
}

impl Evaluator {
    /// Copies the parameters of a model.
    pub fn new(generation: u32, model: &Model) -> Evaluator {
        let form = match (Triple::of(model), model.kind()) {
            (Some(triple), Kind::Linear) => Form::Linear(triple),
            (Some(triple), Kind::Logistic) => Form::Logistic(triple),
            (None, _) => Form::Wide(model.clone()),
        };
        Evaluator { generation, form }
    }

    /// The generation that its answers name.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Answers a request of three features.
    #[inline]
    pub fn answer_triple(&self, x: [f64; 3]) -> Answer {
        let output = match &self.form {
            Form::Linear(triple) => triple.linear(x),
            Form::Logistic(triple) => triple.logistic(x),
            Form::Wide(_) => return Answer::refusal(status::WIDTH_MISMATCH, self.generation),
        };
        self.accept(all_finite(&x), output)
    }

    /// Answers eight requests of three features at once, the same as
    /// [`Evaluator::answer_triple`] one by one.
    #[inline]
    pub fn answer_lanes(&self, level: Level, x: &[Lane; 3]) -> [Answer; LANES] {
        let (kind, triple) = match &self.form {
            Form::Linear(triple) => (Kind::Linear, triple),
            Form::Logistic(triple) => (Kind::Logistic, triple),
            Form::Wide(_) => {
                return [Answer::refusal(status::WIDTH_MISMATCH, self.generation); LANES];
            }
        };
        let outputs = lanes::eval(level, kind, triple, x);
        core::array::from_fn(|lane| {
            self.accept(all_finite(&[x[0][lane], x[1][lane], x[2][lane]]), outputs[lane])
        })
    }

    /// Answers a request of any width.
    #[inline]
    pub fn answer(&self, x: &[f64]) -> Answer {
        match (&self.form, x) {
            (Form::Wide(model), x) if model.width() == x.len() => {
                self.accept(all_finite(x), eval(model, x))
            }
            (Form::Linear(_) | Form::Logistic(_), &[a, b, c]) => self.answer_triple([a, b, c]),
            _ => Answer::refusal(status::WIDTH_MISMATCH, self.generation),
        }
    }

    #[inline]
    fn accept(&self, finite: bool, output: Output) -> Answer {
        if !finite || !output.y.is_finite() {
            return Answer::refusal(status::BAD_INPUT, self.generation);
        }
        Answer {
            y: output.y.to_bits(),
            second: output.second.to_bits(),
            status: status::OK,
            generation: self.generation,
        }
    }
}
