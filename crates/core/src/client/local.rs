//! Evaluation in the client's own process: the daemon's active models, read from MODELS.
//!
//! A private copy of each model is kept until the daemon publishes another one; whether it did
//! costs one load before and one after the evaluation.

use super::Client;
use super::answer::{Answer, Prediction, refusal};
use crate::abi::{MODEL_COUNT_MAX, status};
use crate::model::shared;
use crate::region::View;
use crate::sync::ReadOnlyWord;
use factord_eval::evaluator::{Evaluation, Evaluator};
use factord_eval::fenv;

/// How often an evaluation is repeated at most because the model was swapped meanwhile.
// 8: more would mean that the daemon swaps faster than one evaluation takes.
const SWAPS_MAX: u32 = 8;

/// The copies.
#[derive(Debug)]
pub(super) struct Local {
    models: View,
    copies: [Copy; MODEL_COUNT_MAX],
}

#[derive(Debug, Default)]
struct Copy {
    published: u64,
    evaluator: Option<Evaluator>,
}

impl Local {
    pub(super) fn new(models: View) -> Local {
        Local { models, copies: Default::default() }
    }

    /// The result of `evaluate` on the active model, with its generation, if its copy is fresh
    /// before and after.
    #[inline(always)]
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

    /// Evaluates the model that is active now.
    pub(super) fn evaluate(&mut self, model: u16, x: &[f64]) -> Evaluation {
        let id = usize::from(model);
        let words = self.models.words();
        if let Some(copy) = self.copies.get(id)
            && let Some(evaluator) = &copy.evaluator
            && shared::published(words, id) == copy.published
        {
            let evaluation = evaluator.evaluate(x);
            if shared::published(words, id) == copy.published {
                return evaluation;
            }
        }
        self.evaluate_anew(id, x)
    }

    /// Copies the model that was published meanwhile, and evaluates it.
    #[cold]
    fn evaluate_anew(&mut self, id: usize, x: &[f64]) -> Evaluation {
        let words = self.models.words();
        let mut evaluation = Evaluation::refusal(status::UNKNOWN_MODEL, 0);
        let Some(copy) = self.copies.get_mut(id) else { return evaluation };
        for _ in 0..SWAPS_MAX {
            let published = shared::published(words, id);
            copy.refresh(words, id, published);
            evaluation = match &copy.evaluator {
                Some(evaluator) => evaluator.evaluate(x),
                None => Evaluation::refusal(status::UNKNOWN_MODEL, 0),
            };
            if shared::published(words, id) == published {
                break;
            }
        }
        evaluation
    }
}

impl Copy {
    fn refresh(&mut self, words: &[ReadOnlyWord], id: usize, published: u64) {
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

/// Local evaluations between two looks at the engine.
// 4,096: at some 5 ns each, every 20 us.
const LOCAL_CALLS_PER_LOOK: u64 = 4096;

impl Client {
    /// Evaluates the daemon's active model in this process: the same bits as through the ring,
    /// without moving a cache line. Hot swaps are seen at once, answers name generation and epoch,
    /// and the daemon learns how many there were. The engine still owns the models: while it is
    /// gone, the last ones it published go on answering under its epoch.
    ///
    /// `x` may have any width: the model's counts, not the channel's.
    ///
    /// On x86-64 and AArch64 the bits do not depend on the rounding, FTZ, DAZ or traps that the
    /// program, or a library in it, has set in this thread; these stand again afterwards. On other
    /// processors they do.
    ///
    /// # Errors
    ///
    /// `BadInput`, `UnknownModel` or `WidthMismatch`.
    #[inline(always)]
    pub fn predict_local(&mut self, model: u16, x: &[f64]) -> Answer {
        fenv::with_default(
            #[inline(always)]
            || self.predict_in_default(model, x),
        )
    }

    #[inline(always)]
    fn predict_in_default(&mut self, model: u16, x: &[f64]) -> Answer {
        let model = self.engine_number(model);
        if let Some((y, generation, count)) =
            self.attachment.with_local(model, |evaluator| evaluator.linear(x))
        {
            let prediction = self.local_prediction(y, 0.0, generation);
            self.look_at_times(count);
            return Ok(prediction);
        }
        self.predict_local_any(model, x)
    }

    /// Evaluates a model of the engine's number.
    // Out of line, so that the linear form stays small where it is called.
    #[inline(never)]
    fn predict_local_any(&mut self, model: u16, x: &[f64]) -> Answer {
        if let Some((output, generation, count)) =
            self.attachment.with_local(model, |evaluator| evaluator.logistic(x))
        {
            let prediction = self.local_prediction(output.y, output.second, generation);
            self.look_at_times(count);
            return Ok(prediction);
        }
        let (evaluation, count) = self.attachment.evaluate_local(model, x);
        let (y, second) = (f64::from_bits(evaluation.y), f64::from_bits(evaluation.second));
        let prediction = self.local_prediction(y, second, evaluation.generation);
        self.look_at_times(count);
        match evaluation.status {
            status::OK => Ok(prediction),
            other => Err(refusal(other)),
        }
    }

    /// Looks after the engine now and then; what it has answered bears its own epoch by then.
    #[inline(always)]
    fn look_at_times(&mut self, count: u64) {
        if count.is_multiple_of(LOCAL_CALLS_PER_LOOK) {
            self.look_after_engine();
        }
    }

    #[inline(always)]
    fn local_prediction(&self, y: f64, second: f64, generation: u32) -> Prediction {
        let epoch = self.attachment.epoch();
        Prediction { y, second, generation, arm: 0, epoch, t_received: 0, t_done: 0 }
    }
}
