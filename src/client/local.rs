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

    /// What `evaluate` makes of the active model, when its copy is fresh before and after: the
    /// generation comes along.
    #[inline]
    pub(super) fn with<T>(
        &self,
        model: u16,
        evaluate: impl FnOnce(&Evaluator) -> Option<T>,
    ) -> Option<(T, u32)> {
        let id = usize::from(model);
        let copy = self.copies.get(id)?;
        let evaluator = copy.evaluator.as_ref()?;
        let fresh = || shared::published(self.models.words(), id) == copy.published;
        if !fresh() {
            return None;
        }
        let outputs = evaluate(evaluator)?;
        fresh().then_some((outputs, evaluator.generation()))
    }

    /// Answers with the model that is active now.
    pub(super) fn answer(&mut self, model: u16, x: &[f64]) -> Answer {
        let id = usize::from(model);
        let words = self.models.words();
        if let Some(copy) = self.copies.get(id)
            && let Some(evaluator) = &copy.evaluator
            && shared::published(words, id) == copy.published
        {
            let answer = evaluator.answer(x);
            if shared::published(words, id) == copy.published {
                return answer;
            }
        }
        self.answer_anew(id, x)
    }

    /// Copies the model that was published meanwhile, and answers.
    #[cold]
    fn answer_anew(&mut self, id: usize, x: &[f64]) -> Answer {
        let words = self.models.words();
        let mut answer = Answer::refusal(status::UNKNOWN_MODEL, 0);
        let Some(copy) = self.copies.get_mut(id) else { return answer };
        for _ in 0..SWAPS_MAX {
            let published = shared::published(words, id);
            copy.refresh(words, id, published);
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
