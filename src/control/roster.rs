//! The roster: which models are served, under which id and generation, and their publication.

use factord_core::abi::{self, status_region};
use factord_core::counters::{ModelRow, StatusWriter};
use factord_core::model::cell::Publisher;
use factord_core::model::shared;
use factord_core::region::Region;
use factord_core::sync::read_only;
use factord_core::worker::{self, ModelSet};
use factord_models::catalogue::{CatalogueError, LoadedModel, MODEL_COUNT_MAX};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

// A directory that is served fits the table.
const _: () = assert!(MODEL_COUNT_MAX == abi::MODEL_COUNT_MAX);

/// The names whose ids are fixed, in order.
const FIXED: [&str; 2] = ["regression", "classification"];

/// Why the models were not adopted; the old ones stay.
#[derive(Debug, Error)]
pub enum ReloadError {
    /// A file failed its check.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// More names than ids have been served since the start.
    #[error(
        "no id is left for model `{name}`: a name keeps its id as long as the daemon runs, and \
         these hold one but are no longer served: {gone}; use one of these names again, or restart \
         the daemon"
    )]
    NoIdLeft {
        /// The model without an id.
        name: String,
        /// The names that are served no more.
        gone: String,
    },
    /// Reading them is a matter for a bug report.
    #[error("reading the models ended in a panic: see the log")]
    Panicked,
    /// They are still being read.
    #[error(
        "the models are still being read after {} s: the old ones stay, and these are adopted once \
         read",
        .0.as_secs()
    )]
    Unfinished(Duration),
    /// The daemon ended first.
    #[error("the daemon is shutting down: the models were not read to their end")]
    Ending,
}

/// One name, with the model that is served under it, if any.
#[derive(Debug, Default)]
struct Entry {
    name: String,
    generation: u32,
    served: Option<Arc<LoadedModel>>,
}

/// The outcome of a reload.
#[derive(Debug)]
pub struct Adopted {
    /// A line a model that is served now.
    pub served: String,
    /// Models that were served before and have no file any more.
    pub withdrawn: Vec<String>,
}

/// Ids, names and generations. A name keeps its id as long as the daemon runs.
#[derive(Debug)]
pub struct Roster {
    entries: Vec<Entry>,
}

/// Where models are published.
pub struct Outlets {
    /// One entry a worker: its cell, and the handle that makes it adopt.
    pub workers: Vec<(Publisher<ModelSet>, worker::Handle)>,
    /// The model table.
    pub status: StatusWriter,
    /// The MODELS region.
    pub models: Arc<Region>,
}

impl Default for Roster {
    /// Starts without models; ids of the two fixed names are set aside.
    fn default() -> Roster {
        let fixed = FIXED.map(|name| Entry { name: name.to_owned(), ..Entry::default() });
        Roster { entries: fixed.into() }
    }
}

impl Roster {
    /// The models that are served.
    pub fn served(&self) -> Vec<Arc<LoadedModel>> {
        self.entries.iter().filter_map(|entry| entry.served.clone()).collect()
    }

    /// Publishes what changed; returns one line per model, and the names that were served before
    /// and are not any more.
    ///
    /// # Errors
    ///
    /// [`ReloadError::NoIdLeft`]; nothing has changed then.
    pub fn adopt(
        &mut self,
        served: Vec<Arc<LoadedModel>>,
        outlets: &mut Outlets,
    ) -> Result<Adopted, ReloadError> {
        let before = self.names();
        self.take(served)?;
        self.publish(outlets);
        let after = self.names();
        let withdrawn = before.into_iter().filter(|name| !after.contains(name)).collect();
        Ok(Adopted { served: self.describe(), withdrawn })
    }

    fn names(&self) -> Vec<String> {
        self.rows().into_iter().map(|row| row.name).collect()
    }

    fn take(&mut self, served: Vec<Arc<LoadedModel>>) -> Result<(), ReloadError> {
        let new = |s: &&Arc<LoadedModel>| !self.entries.iter().any(|e| e.name == s.artifact.name());
        if let Some(late) = served.iter().filter(new).nth(abi::MODEL_COUNT_MAX - self.entries.len())
        {
            let stays = |name: &str| served.iter().any(|s| s.artifact.name() == name);
            let gone = self.entries.iter().skip(FIXED.len()).map(|entry| entry.name.as_str());
            let gone: Vec<&str> = gone.filter(|name| !stays(name)).collect();
            let name = late.artifact.name().to_owned();
            return Err(ReloadError::NoIdLeft { name, gone: gone.join(", ") });
        }
        let mut old: Vec<Option<Arc<LoadedModel>>> =
            self.entries.iter_mut().map(|entry| entry.served.take()).collect();
        for served in served {
            let name = served.artifact.name();
            let id = self.entries.iter().position(|e| e.name == name).unwrap_or_else(|| {
                self.entries.push(Entry { name: name.to_owned(), ..Entry::default() });
                self.entries.len() - 1
            });
            let entry = &mut self.entries[id];
            let before = old.get_mut(id).and_then(Option::take);
            if before.is_none_or(|before| before.sha256 != served.sha256) {
                entry.generation += 1;
            }
            entry.served = Some(served);
        }
        Ok(())
    }

    fn publish(&self, outlets: &mut Outlets) {
        let words = outlets.models.mapping().words();
        for (id, entry) in self.entries.iter().enumerate() {
            match &entry.served {
                Some(served) => {
                    let model = served.artifact.model();
                    if shared::published(read_only(words), id) >> 32 != u64::from(entry.generation)
                    {
                        shared::publish(words, id, entry.generation, model);
                    }
                }
                None => shared::withdraw(words, id),
            }
        }
        outlets.status.write_models(&self.rows());
        for (cell, worker) in &mut outlets.workers {
            cell.publish(self.model_set());
            worker.ring();
        }
    }

    /// The models as a worker takes them.
    fn model_set(&self) -> ModelSet {
        let mut set = ModelSet::default();
        for (id, entry) in self.entries.iter().enumerate() {
            if let Some(served) = &entry.served {
                set.insert(id, entry.generation, served.artifact.model());
            }
        }
        set
    }

    /// The rows of the model table.
    pub fn rows(&self) -> Vec<ModelRow> {
        let row = |(id, entry): (usize, &Entry)| {
            let served = entry.served.as_ref()?;
            Some(ModelRow {
                id: u16::try_from(id).ok()?,
                name: entry.name.clone(),
                kind: served.artifact.kind().into(),
                width: served.artifact.model().width(),
                generation: entry.generation,
                sha256: served.sha256,
            })
        };
        self.entries.iter().enumerate().filter_map(row).collect()
    }

    /// One line per model: name, kind, width, generation, hash, origin.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        for row in self.rows() {
            let served = self.entries[usize::from(row.id)].served.as_ref();
            let hash: String = row.sha256[..4].iter().map(|byte| format!("{byte:02x}")).collect();
            let unit = if row.width == 1 { "feature" } else { "features" };
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{} ({}, {} {unit}, generation {}, sha256 {hash}), {}",
                row.name,
                row.kind,
                row.width,
                row.generation,
                served.map_or("nowhere", |served| served.origin.as_str()),
            );
        }
        text
    }

    /// What is served under an id.
    pub(super) fn served_as(&self, id: u64) -> Option<&LoadedModel> {
        self.entries.get(usize::try_from(id).ok()?)?.served.as_deref()
    }
}

const _: () = assert!(status_region::ROW_NAME_LEN == 32);
