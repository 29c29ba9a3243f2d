//! A version of the store, ready to evaluate what the taps show.

use factord_core::counters;
use factord_eval::evaluator::Evaluator;
use factord_models::file::Artifact;
use factord_models::store::{Digest, Objects, StoreError, ranges};
use factord_quant::drift::Bins;
use std::collections::HashMap;
use std::sync::Arc;

/// One version.
#[derive(Debug)]
pub(super) struct Scorer {
    pub(super) version: Digest,
    pub(super) fingerprint: u64,
    pub(super) evaluator: Evaluator,
    pub(super) is_classifier: bool,
    /// How the training rows were spread, where the artifact says it.
    pub(super) training: Option<Training>,
    /// The range of each feature in training, where the artifact says it.
    ranges: Option<Vec<[f64; 2]>>,
}

/// How the rows were spread to which a version was fitted.
#[derive(Debug)]
pub(super) struct Training {
    pub(super) rows: u64,
    /// Names and bins; `None` where the deciles leave no two bins.
    pub(super) features: Vec<(String, Option<Bins>)>,
    pub(super) output: Option<Bins>,
}

impl Training {
    fn of(artifact: &Artifact) -> Option<Training> {
        let training = artifact.facts()?.training.as_ref()?;
        let details = artifact.details();
        let bins = |feature: usize| {
            let stats = details.feature_stats.get(feature);
            let [min, max] = [stats.and_then(|s| s.min), stats.and_then(|s| s.max)];
            Bins::of(training.feature_edges.get(feature)?, min, max)
        };
        let names = details.feature_names.iter().enumerate();
        Some(Training {
            rows: training.rows,
            features: names.map(|(feature, name)| (name.clone(), bins(feature))).collect(),
            output: Bins::of(&training.answer_edges, None, None),
        })
    }
}

impl Scorer {
    /// Whether the range of each feature in training is known.
    pub(super) fn has_ranges(&self) -> bool {
        self.ranges.is_some()
    }

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
            training: Training::of(&artifact),
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
