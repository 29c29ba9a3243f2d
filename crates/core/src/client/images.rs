//! Images that this process has: fetched over the channel's own connection, one at a time, without
//! waiting.

use crate::channel::{Connection, Verb};
use crate::model::image;
use factord_eval::evaluator::Evaluator;
use std::sync::Arc;

/// Images kept at once; the one that was asked for longest ago makes room.
// 256: 25 KiB each at 1,024 features.
const IMAGE_COUNT_MAX: usize = 256;

/// What came of an image: `None` for one of a kind or form that this build does not know.
type Outcome = Option<Arc<Evaluator>>;

/// The images of one attachment.
#[derive(Debug, Default)]
pub(super) struct Images {
    /// By fingerprint, the oldest first.
    outcomes: Vec<(u64, Outcome)>,
    /// The fingerprint that was asked for and has no reply yet, and the epoch that was asked: an
    /// engine that dies takes the question with it.
    asked: Option<(u64, u64)>,
}

impl Images {
    /// The version with this fingerprint, ready to evaluate; `None` when it is not here yet, and
    /// then the engine of `epoch` has been asked for it, or cannot be used.
    pub(super) fn evaluator(
        &mut self,
        connection: &Connection,
        epoch: u64,
        fingerprint: u64,
    ) -> Option<Arc<Evaluator>> {
        self.step(connection, epoch);
        if let Some((_, outcome)) = self.outcomes.iter().find(|(known, _)| *known == fingerprint) {
            return outcome.clone();
        }
        if self.asked.is_none() && connection.ask(Verb::Image, fingerprint).is_ok() {
            self.asked = Some((fingerprint, epoch));
        }
        None
    }

    /// Takes the reply that is under way, if it is there.
    fn step(&mut self, connection: &Connection, epoch: u64) {
        let Some((fingerprint, asked_at)) = self.asked else { return };
        let outcome = match connection.take_reply() {
            Ok(None) if asked_at == epoch => return,
            // It may be served again, and asked for again.
            Ok(None) | Err(_) => {
                self.asked = None;
                return;
            }
            Ok(Some(bytes)) => {
                let words: Vec<u64> =
                    bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
                image::read(&words, fingerprint).map(|model| Arc::new(Evaluator::new(&model)))
            }
        };
        self.asked = None;
        if self.outcomes.len() == IMAGE_COUNT_MAX {
            self.outcomes.remove(0);
        }
        self.outcomes.push((fingerprint, outcome));
    }
}
