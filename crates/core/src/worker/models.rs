//! The models as the worker sees them: a fixed table, indexed by the id that requests carry.

use crate::abi::{MODEL_COUNT_MAX, request, status};
use crate::model::Model;
use crate::model::evaluator::{Answer, Evaluator};
use crate::model::lanes::{LANES, Lane, Level};

/// The table of served models.
#[derive(Debug, Default)]
pub struct ModelSet {
    rows: [Option<Evaluator>; MODEL_COUNT_MAX],
}

impl ModelSet {
    /// Puts a model at `id`; an `id` beyond the table is ignored.
    pub fn insert(&mut self, id: usize, generation: u32, model: &Model) {
        if let Some(row) = self.rows.get_mut(id) {
            *row = Some(Evaluator::new(generation, model));
        }
    }

    /// Answers a request of three features, given as the bits that were read.
    #[inline]
    pub fn answer_triple(&self, meta: u64, bits: [u64; 3]) -> Answer {
        match self.row(meta) {
            Some(row) => row.answer_triple(bits.map(f64::from_bits)),
            None => Answer::refusal(status::UNKNOWN_MODEL, 0),
        }
    }

    /// Answers the first `count` of eight requests of three features; what the others get means
    /// nothing. Requests for one model are evaluated at once.
    #[inline]
    pub fn answer_lanes(
        &self,
        level: Level,
        metas: &[u64; LANES],
        bits: &[[u64; 3]; LANES],
        count: usize,
    ) -> [Answer; LANES] {
        let model = |meta: u64| meta & request::MODEL_MASK;
        let alike = metas.iter().take(count).all(|&meta| model(meta) == model(metas[0]));
        match self.row(metas[0]) {
            Some(row) if alike => {
                let x: [Lane; 3] = core::array::from_fn(|feature| {
                    core::array::from_fn(|lane| f64::from_bits(bits[lane][feature]))
                });
                row.answer_lanes(level, &x)
            }
            _ => core::array::from_fn(|lane| self.answer_triple(metas[lane], bits[lane])),
        }
    }

    /// Answers a request of any width.
    #[inline]
    pub fn answer(&self, meta: u64, x: &[f64]) -> Answer {
        match self.row(meta) {
            Some(row) => row.answer(x),
            None => Answer::refusal(status::UNKNOWN_MODEL, 0),
        }
    }

    /// The model that a request is for.
    #[inline]
    pub(super) fn row(&self, meta: u64) -> Option<&Evaluator> {
        self.rows.get((meta & request::MODEL_MASK) as usize)?.as_ref()
    }
}
