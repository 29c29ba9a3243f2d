//! What replies say about a model besides its predictions: names, threshold, report. Read from
//! the artifact that the engine serves, once for each artifact.

use factord_core::channel::{self, CommandError};
use factord_core::counters::{self, ModelRow};
use factord_eval::Kind;
use factord_models::catalogue;
use factord_models::file::{Artifact, ArtifactError, MODEL_COUNT_MAX};
use serde_json::Value;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;

// 8,192: two generations of all the models that an engine can serve.
const CARD_COUNT_MAX: usize = 2 * MODEL_COUNT_MAX;

/// Why nothing is known about a model.
#[derive(Debug, Error)]
pub(super) enum CardError {
    /// The engine did not hand its artifact over.
    #[error("the artifact cannot be fetched: {0}")]
    Fetch(#[from] CommandError),
    /// What it sent is not an artifact.
    #[error("the engine's artifact is invalid: {0}")]
    Invalid(#[from] ArtifactError),
    /// The model was replaced meanwhile.
    #[error("the model was replaced while its artifact was fetched")]
    Replaced,
}

/// What is known about one artifact.
#[derive(Debug)]
pub(super) struct Card {
    /// The artifact's hash.
    pub(super) sha256: [u8; 32],
    /// What it computes: `forest`.
    pub(super) kind: Kind,
    /// Whether it has a probability and a class.
    pub(super) is_classifier: bool,
    /// One name per feature, in order.
    pub(super) feature_names: Vec<String>,
    /// What is predicted.
    pub(super) target: String,
    /// The label's cut of a classifier.
    pub(super) threshold: Option<f64>,
    /// The training report.
    pub(super) performance: Value,
    /// When the model was trained.
    pub(super) trained_at: String,
    /// It is one of those that this program was built with.
    pub(super) built_in: bool,
    /// What a classifier's class 0 and class 1 mean, in words.
    pub(super) meanings: [String; 2],
}

impl Card {
    fn new(artifact: &Artifact, sha256: &[u8; 32]) -> Card {
        let details = artifact.details();
        Card {
            sha256: *sha256,
            kind: artifact.kind(),
            is_classifier: artifact.model().is_classifier(),
            feature_names: details.feature_names.clone(),
            target: details.target.clone(),
            threshold: details.threshold,
            performance: artifact.metrics_json(),
            trained_at: details.trained_at.clone(),
            built_in: catalogue::embedded().iter().any(|model| model.sha256 == *sha256),
            meanings: meanings(&details.target),
        }
    }

    /// A figure of the training report.
    pub(super) fn figure(&self, name: &str) -> Option<f64> {
        self.performance.get(name)?.as_f64()
    }

    /// How many windows after its inputs the model's target is, where its report says so.
    pub(super) fn horizon(&self) -> Option<u64> {
        self.performance.get("horizon")?.as_u64()
    }
}

/// Class 0 and class 1 of a target such as `sell_rate[+1]_binary`; the replaced service's words for
/// its own.
fn meanings(target: &str) -> [String; 2] {
    let what = target.strip_suffix("_binary").unwrap_or(target);
    let what = what.split('[').next().unwrap_or(what);
    match what {
        "" => ["Class 0".to_owned(), "Class 1".to_owned()],
        "sell_rate" | "S_LI_INITIATIVESELLRATE" => {
            ["Low sell rate", "High sell rate"].map(str::to_owned)
        }
        other => [format!("Low {other}"), format!("High {other}")],
    }
}

/// The cards seen so far, by the fingerprint of their artifact.
#[derive(Debug)]
pub(super) struct Cards {
    socket: PathBuf,
    known: Mutex<HashMap<u64, Arc<Card>>>,
}

impl Cards {
    /// Knows nothing yet; asks the engine at `socket`.
    pub(super) fn new(socket: PathBuf) -> Cards {
        Cards { socket, known: Mutex::new(HashMap::new()) }
    }

    /// The card of a served model.
    ///
    /// # Errors
    ///
    /// [`CardError`]; after `Replaced`, a fresh row of the model table leads to the new artifact.
    pub(super) fn get(&self, row: &ModelRow) -> Result<Arc<Card>, CardError> {
        self.of(row.fingerprint(), Some(&row.sha256))
    }

    /// The cards of a served name's further arms.
    ///
    /// # Errors
    ///
    /// As for [`Cards::get`].
    pub(super) fn of_arms(&self, row: &ModelRow) -> Result<Vec<Arc<Card>>, CardError> {
        let arms = row.arm_fingerprints.iter().filter(|&&fingerprint| fingerprint != 0);
        arms.map(|&fingerprint| self.of(fingerprint, None)).collect()
    }

    fn of(&self, fingerprint: u64, sha256: Option<&[u8; 32]>) -> Result<Arc<Card>, CardError> {
        let is_meant = |found: &[u8; 32]| sha256.is_none_or(|sha256| sha256 == found);
        if let Some(card) = self.lock().get(&fingerprint).filter(|card| is_meant(&card.sha256)) {
            return Ok(Arc::clone(card));
        }
        let bytes = match channel::fetch_artifact(&self.socket, fingerprint) {
            // It is not served any more.
            Err(CommandError::Failed(_)) => return Err(CardError::Replaced),
            other => other?,
        };
        let artifact = Artifact::decode(&bytes)?;
        let found = artifact.sha256();
        if counters::fingerprint(&found) != fingerprint || !is_meant(&found) {
            return Err(CardError::Replaced);
        }
        let card = Arc::new(Card::new(&artifact, &found));
        let mut known = self.lock();
        if known.len() >= CARD_COUNT_MAX {
            known.clear();
        }
        known.insert(fingerprint, Arc::clone(&card));
        Ok(card)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Card>>> {
        // A map of finished cards is whole whatever happened to the thread that held it.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_named_by_the_artifact_s_own_target() {
        assert_eq!(meanings("S_LI_INITIATIVESELLRATE_binary"), ["Low sell rate", "High sell rate"]);
        assert_eq!(meanings("sell_rate[+1]_binary"), ["Low sell rate", "High sell rate"]);
        assert_eq!(meanings("return[+5]_binary"), ["Low return", "High return"]);
        assert_eq!(meanings(""), ["Class 0", "Class 1"]);
    }
}
