//! The models as the worker sees them: a fixed table, indexed by the id that requests carry.

use crate::abi::{self, MODEL_COUNT_MAX};
use crate::model::eval::{Output, Triple, all_finite, eval};
use crate::model::{Kind, Model};

/// How a model is evaluated.
#[derive(Debug)]
enum Evaluator {
    Linear(Triple),
    Logistic(Triple),
    Wide(Model),
}

/// A model that is being served.
#[derive(Debug)]
struct Served {
    width: usize,
    generation: u32,
    evaluator: Evaluator,
}

/// The table of served models.
#[derive(Debug, Default)]
pub struct ModelSet {
    rows: [Option<Served>; MODEL_COUNT_MAX],
}

/// The part of an answer that comes from a model.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// First output, as bits; a quiet NaN unless the status is ok.
    pub y: u64,
    /// Second output, as bits; a quiet NaN unless the status is ok.
    pub second: u64,
    /// A code of [`abi::status`].
    pub status: u16,
    /// The generation that answered; 0 when there is no such model.
    pub generation: u32,
}

impl ModelSet {
    /// Puts a model at `id`; an `id` beyond the table is ignored.
    pub fn insert(&mut self, id: usize, generation: u32, model: &Model) {
        let evaluator = match (Triple::of(model), model.kind()) {
            (Some(triple), Kind::Linear) => Evaluator::Linear(triple),
            (Some(triple), Kind::Logistic) => Evaluator::Logistic(triple),
            (None, _) => Evaluator::Wide(model.clone()),
        };
        if let Some(row) = self.rows.get_mut(id) {
            *row = Some(Served { width: model.width(), generation, evaluator });
        }
    }

    /// Answers a request of three features, given as the bits that were read.
    #[inline]
    pub fn answer_triple(&self, model: u64, bits: [u64; 3]) -> Answer {
        let Some(row) = self.row(model) else { return refuse(abi::status::UNKNOWN_MODEL, 0) };
        let x = bits.map(f64::from_bits);
        let output = match &row.evaluator {
            Evaluator::Linear(triple) => triple.linear(x),
            Evaluator::Logistic(triple) => triple.logistic(x),
            Evaluator::Wide(_) => return refuse(abi::status::WIDTH_MISMATCH, row.generation),
        };
        row.accept(all_finite(&x), output)
    }

    /// Answers a request of any width.
    #[inline]
    pub fn answer(&self, model: u64, x: &[f64]) -> Answer {
        let Some(row) = self.row(model) else { return refuse(abi::status::UNKNOWN_MODEL, 0) };
        if row.width != x.len() {
            return refuse(abi::status::WIDTH_MISMATCH, row.generation);
        }
        let output = match (&row.evaluator, x) {
            (Evaluator::Linear(triple), &[a, b, c]) => triple.linear([a, b, c]),
            (Evaluator::Logistic(triple), &[a, b, c]) => triple.logistic([a, b, c]),
            (Evaluator::Wide(model), x) => eval(model, x),
            _ => return refuse(abi::status::WIDTH_MISMATCH, row.generation),
        };
        row.accept(all_finite(x), output)
    }

    #[inline]
    fn row(&self, model: u64) -> Option<&Served> {
        self.rows.get(model as usize)?.as_ref()
    }
}

impl Served {
    #[inline]
    fn accept(&self, finite: bool, output: Output) -> Answer {
        if !finite || !output.y.is_finite() {
            return refuse(abi::status::BAD_INPUT, self.generation);
        }
        Answer {
            y: output.y.to_bits(),
            second: output.second.to_bits(),
            status: abi::status::OK,
            generation: self.generation,
        }
    }
}

#[inline]
fn refuse(status: u16, generation: u32) -> Answer {
    Answer { y: f64::NAN.to_bits(), second: f64::NAN.to_bits(), status, generation }
}
