//! Evaluation in the client's own process: the daemon's active models, read from MODELS.
//!
//! A private copy of each model is kept until the daemon publishes another one; whether it did
//! costs one load before and one after the evaluation.

use crate::abi::{MODEL_COUNT_MAX, status};
use crate::model::evaluator::{Answer, Evaluator};
use crate::model::shared;
use crate::region::Mapping;

/// Evaluations repeated because the model was swapped meanwhile, at most.
// 8: more would mean that the daemon swaps faster than one evaluation takes.
const SWAPS_MAX: u32 = 8;

/// The copies.
#[derive(Debug)]
pub(super) struct Local {
    models: Mapping,
    copies: [Copy; MODEL_COUNT_MAX],
}

#[derive(Debug, Default)]
struct Copy {
    published: u64,
    evaluator: Option<Evaluator>,
}

impl Local {
    pub(super) fn new(models: Mapping) -> Local {
        Local { models, copies: Default::default() }
    }

    /// Answers with the model that is active now.
    #[inline]
    pub(super) fn answer(&mut self, model: u16, x: &[f64]) -> Answer {
        let id = usize::from(model);
        let words = self.models.words();
        let Some(copy) = self.copies.get_mut(id) else {
            return Answer::refusal(status::UNKNOWN_MODEL, 0);
        };
        let mut answer = Answer::refusal(status::UNKNOWN_MODEL, 0);
        for _ in 0..SWAPS_MAX {
            let published = shared::published(words, id);
            if published != copy.published {
                copy.refresh(words, id, published);
            }
            answer = match &copy.evaluator {
                Some(evaluator) => evaluator.answer(x),
                None => Answer::refusal(status::UNKNOWN_MODEL, 0),
            };
            if shared::published(words, id) == published {
                break;
            }
        }
        answer
    }
}

impl Copy {
    #[cold]
    fn refresh(&mut self, words: &[crate::sync::AtomicU64], id: usize, published: u64) {
        let read = shared::read(words, id);
        self.evaluator = read.map(|(model, generation)| Evaluator::new(generation, &model));
        self.published = match &self.evaluator {
            // A model published during the copy is copied again by the next look.
            Some(evaluator) if u64::from(evaluator.generation()) == published >> 32 => published,
            None if published == 0 => 0,
            _ => u64::MAX,
        };
    }
}
