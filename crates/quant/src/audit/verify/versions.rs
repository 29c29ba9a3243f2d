//! The versions of a store, ready to evaluate, and which of them should have served when.

use super::super::{AuditError, fingerprint_text};
use factord_eval::evaluator::Evaluator;
use factord_models::store::{self, Digest, Event};
use std::collections::HashMap;
use std::path::Path;

/// One version.
#[derive(Debug)]
pub(super) struct Version {
    /// The name that is written in it.
    pub(super) name: String,
    pub(super) evaluator: Evaluator,
}

/// All of a store.
#[derive(Debug)]
pub(super) struct Versions {
    /// By the start of its hash, as rows have it.
    by_start: HashMap<String, Version>,
    /// The start of the champion's hash, by name and generation.
    champions: HashMap<String, HashMap<u32, String>>,
}

fn start(digest: &Digest) -> String {
    fingerprint_text(digest.0.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)))
}

impl Versions {
    /// Reads the objects, which have to be what they are named by, and the ledger.
    pub(super) fn read(root: &Path) -> Result<Versions, AuditError> {
        let objects = store::objects(root)?;
        let mut by_start = HashMap::new();
        for digest in objects.list()? {
            let (artifact, _) = objects.read(&digest)?;
            let (name, evaluator) = (artifact.name().to_owned(), Evaluator::new(artifact.model()));
            by_start.insert(start(&digest), Version { name, evaluator });
        }
        let mut champions: HashMap<String, HashMap<u32, String>> = HashMap::new();
        store::lines(root, |line, _| {
            if let Event::Intended { name, champion: Some(champion), generation, .. } = &line.event
            {
                // What was dropped has its generation given again: the later line counts.
                let of_name = champions.entry(name.clone()).or_default();
                of_name.insert(*generation, start(champion));
            }
        })?;
        Ok(Versions { by_start, champions })
    }

    /// The version whose hash begins so.
    pub(super) fn of(&self, start: &str) -> Option<&Version> {
        self.by_start.get(start)
    }

    /// The start of the hash of what served a name first under a generation, if the ledger says.
    pub(super) fn champion(&self, name: &str, generation: u32) -> Option<&str> {
        self.champions.get(name)?.get(&generation).map(String::as_str)
    }
}
