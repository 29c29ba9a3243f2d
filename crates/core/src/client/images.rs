//! Images that this process has: fetched over the channel's own connection, one at a time, without
//! waiting.

use crate::channel::{Connection, Verb};
use crate::model::image;
use factord_eval::evaluator::Evaluator;
use std::sync::Arc;

/// Images kept at once; the one that was asked for longest ago makes room.
// 256: 25 KiB each at 1,024 features.
const IMAGE_COUNT_MAX: usize = 256;

/// What came of asking for an image.
#[derive(Debug)]
enum Outcome {
    Here(Arc<Evaluator>),
    /// It is of a kind or form that this build does not know, or is served no more.
    Unusable,
}

/// The images of one attachment.
#[derive(Debug, Default)]
pub(super) struct Images {
    /// By fingerprint, the oldest first.
    outcomes: Vec<(u64, Outcome)>,
    /// The fingerprint that was asked for and has no reply yet.
    asked: Option<u64>,
}

impl Images {
    /// The version with this fingerprint, ready to evaluate; `None` when it is not here yet, and
    /// then it has been asked for, or cannot be used.
    pub(super) fn evaluator(
        &mut self,
        connection: &Connection,
        fingerprint: u64,
    ) -> Option<Arc<Evaluator>> {
        self.step(connection);
        if let Some((_, outcome)) = self.outcomes.iter().find(|(known, _)| *known == fingerprint) {
            return match outcome {
                Outcome::Here(evaluator) => Some(Arc::clone(evaluator)),
                Outcome::Unusable => None,
            };
        }
        if self.asked.is_none() && connection.ask(Verb::Image, fingerprint).is_ok() {
            self.asked = Some(fingerprint);
        }
        None
    }

    /// Takes the reply that is under way, if it is there.
    fn step(&mut self, connection: &Connection) {
        let Some(fingerprint) = self.asked else { return };
        let outcome = match connection.take_reply() {
            Ok(None) => return,
            Ok(Some(bytes)) => {
                let words: Vec<u64> =
                    bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
                image::read(&words, fingerprint).map_or(Outcome::Unusable, |model| {
                    Outcome::Here(Arc::new(Evaluator::new(&model)))
                })
            }
            Err(_) => Outcome::Unusable,
        };
        self.asked = None;
        if self.outcomes.len() == IMAGE_COUNT_MAX {
            self.outcomes.remove(0);
        }
        self.outcomes.push((fingerprint, outcome));
    }
}
