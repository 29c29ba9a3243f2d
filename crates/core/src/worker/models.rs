//! The models as the worker sees them: a fixed table, indexed by the id that requests carry.

use crate::abi::{MODEL_COUNT_MAX, request, status};
use factord_eval::Model;
use factord_eval::evaluator::{Evaluation, Evaluator};
use factord_eval::simd::{VECTOR_LEN, Vector};
use factord_eval::vectors::Level;

/// The table of served models.
#[derive(Debug, Default)]
pub struct ModelSet {
    evaluators: [Option<Evaluator>; MODEL_COUNT_MAX],
}

impl ModelSet {
    /// Puts a model at `id`; an `id` beyond the table is ignored.
    pub fn insert(&mut self, id: usize, generation: u32, model: &Model) {
        if let Some(place) = self.evaluators.get_mut(id) {
            *place = Some(Evaluator::new(generation, model));
        }
    }

    /// Evaluates a request of three features, given as the bits that were read.
    #[inline]
    pub fn evaluate_triple(&self, meta: u64, bits: [u64; 3]) -> Evaluation {
        match self.evaluator(meta) {
            Some(evaluator) => evaluator.evaluate_triple(bits.map(f64::from_bits)),
            None => Evaluation::refusal(status::UNKNOWN_MODEL, 0),
        }
    }

    /// Evaluates the first `count` of eight requests of three features; what the others get means
    /// nothing. Requests for one model are evaluated at once.
    #[inline]
    pub fn evaluate_vector(
        &self,
        level: Level,
        metas: &[u64; VECTOR_LEN],
        bits: &[[u64; 3]; VECTOR_LEN],
        count: usize,
    ) -> [Evaluation; VECTOR_LEN] {
        let model = |meta: u64| meta & request::MODEL_MASK;
        let alike = metas.iter().take(count).all(|&meta| model(meta) == model(metas[0]));
        match self.evaluator(metas[0]) {
            Some(evaluator) if alike => {
                let x: [Vector; 3] = core::array::from_fn(|feature| {
                    core::array::from_fn(|at| f64::from_bits(bits[at][feature]))
                });
                evaluator.evaluate_vector(level, &x)
            }
            _ => core::array::from_fn(|at| self.evaluate_triple(metas[at], bits[at])),
        }
    }

    /// Evaluates a request of any width.
    #[inline]
    pub fn evaluate(&self, meta: u64, x: &[f64]) -> Evaluation {
        match self.evaluator(meta) {
            Some(evaluator) => evaluator.evaluate(x),
            None => Evaluation::refusal(status::UNKNOWN_MODEL, 0),
        }
    }

    /// The model that a request is for.
    #[inline]
    pub(super) fn evaluator(&self, meta: u64) -> Option<&Evaluator> {
        self.evaluators.get((meta & request::MODEL_MASK) as usize)?.as_ref()
    }
}
