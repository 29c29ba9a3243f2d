//! A version of the store, ready to evaluate what the taps show.

use factord_core::counters;
use factord_eval::evaluator::Evaluator;
use factord_models::store::{Digest, Objects, StoreError, ranges};
use std::collections::HashMap;
use std::sync::Arc;

/// One version.
#[derive(Debug)]
pub(super) struct Scorer {
    pub(super) version: Digest,
    pub(super) fingerprint: u64,
    pub(super) evaluator: Evaluator,
    pub(super) is_classifier: bool,
    /// The range of each feature in training, where the artifact says it.
    ranges: Option<Vec<[f64; 2]>>,
}

impl Scorer {
    /// Whether a feature is outside the range of training, or no number.
    pub(super) fn is_out_of_range(&self, x: &[f64]) -> bool {
        let mut ranges = self.ranges.iter().flatten().zip(x);
        ranges.any(|([min, max], x)| !(min..=max).contains(&x))
    }
}

/// The versions in use, each read once.
#[derive(Debug)]
pub(super) struct Scorers {
    objects: Objects,
    known: HashMap<Digest, Arc<Scorer>>,
}

impl Scorers {
    pub(super) fn new(objects: Objects) -> Scorers {
        Scorers { objects, known: HashMap::new() }
    }

    /// A version; it is read when it is not known.
    pub(super) fn of(&mut self, version: Digest) -> Result<Arc<Scorer>, StoreError> {
        if let Some(known) = self.known.get(&version) {
            return Ok(Arc::clone(known));
        }
        let (artifact, _) = self.objects.read(&version)?;
        let scorer = Arc::new(Scorer {
            version,
            fingerprint: counters::fingerprint(&version.0),
            evaluator: Evaluator::new(artifact.model()),
            is_classifier: artifact.model().is_classifier(),
            ranges: ranges(&artifact),
        });
        self.known.insert(version, Arc::clone(&scorer));
        Ok(scorer)
    }

    /// Forgets what nobody uses.
    pub(super) fn prune(&mut self) {
        self.known.retain(|_, scorer| Arc::strong_count(scorer) > 1);
    }
}
