//! The roster: which models are served, under which number and generation.

mod apart;

use super::change::ChangeError;
use super::entry::Entry;
use super::outlets::Outlets;
use super::ready::ReadyModel;
use apart::{tell_apart, tell_two_apart};
use factord_core::abi::{self, class};
use factord_core::counters::ModelRow;
use factord_core::worker::Row;
use factord_models::catalogue::CatalogueError;
use factord_models::file::{MODEL_COUNT_MAX, NAME_LEN_MAX};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

// A directory that is served fits the table.
const _: () = assert!(MODEL_COUNT_MAX == abi::MODEL_COUNT_MAX);
// And so does any name.
const _: () = assert!(NAME_LEN_MAX == abi::status_region::ROW_NAME_LEN);

/// Why the models were not adopted; the old ones stay.
#[derive(Debug, Error)]
pub enum ReloadError {
    /// A file failed its check.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The store was not changed.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// Requests could not tell two names apart.
    #[error(
        "the models `{first}` and `{second}` have names with the same check ({check:08x}): rename one"
    )]
    SameCheck {
        /// One name.
        first: String,
        /// The other.
        second: String,
        /// Their check.
        check: u32,
    },
    /// Answers could not tell two artifacts apart.
    #[error(
        "the artifacts of `{first}` and `{second}` differ, and their hashes begin with the same eight \
         bytes ({fingerprint:016x}): train one of them again"
    )]
    SameFingerprint {
        /// The name of one.
        first: String,
        /// The name of the other.
        second: String,
        /// Their fingerprint.
        fingerprint: u64,
    },
    /// A model would keep the others waiting.
    #[error(
        "the model `{name}` takes {cost_ns} ns an evaluation, and --max-cost is {limit_ns}: raise it, or \
         give such models workers of their own with --heavy-core"
    )]
    TooCostly {
        /// The model.
        name: String,
        /// What it takes.
        cost_ns: u64,
        /// What is allowed.
        limit_ns: u64,
    },
    /// There is no memory for one more name.
    #[error("there is no memory for {0} names in MODELS: {1}")]
    Memory(usize, std::io::Error),
    /// There is no row for one more name.
    #[error(
        "{} models are served, and no more can be: reload all of them after removing some",
        abi::MODEL_COUNT_MAX
    )]
    TooMany,
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

/// What a model may cost where, in nanoseconds an evaluation.
#[derive(Clone, Copy, Debug)]
pub struct CostLimit {
    /// On workers that all models share.
    pub light_ns: u64,
    /// Whether there are workers for dearer ones.
    pub has_heavy: bool,
}

/// The outcome of a reload.
#[derive(Debug)]
pub struct Adopted {
    /// A line a model that is served now.
    pub served: String,
    /// Models that were served before and have no file any more.
    pub withdrawn: Vec<String>,
}

/// Names, numbers and generations. A name keeps its number for as long as it is served.
#[derive(Debug)]
pub struct Roster {
    limit: CostLimit,
    by_number: BTreeMap<u16, Entry>,
    /// The numbers of the names.
    numbers: HashMap<String, u16>,
    /// The highest generation of a name that went: new ones begin above it, so that a name that
    /// comes back never has a generation again.
    floor: u32,
    /// Rows of the engine before whose names have not come back.
    before: HashMap<String, ModelRow>,
}

impl Roster {
    /// Starts without models.
    pub fn new(limit: CostLimit) -> Roster {
        Roster {
            limit,
            by_number: BTreeMap::new(),
            numbers: HashMap::new(),
            floor: 0,
            before: HashMap::new(),
        }
    }

    /// Goes on from the rows of the engine before: a name that is served again keeps its number,
    /// and its generation if the artifact is the same.
    pub fn resume(&mut self, rows: Vec<ModelRow>) {
        self.floor = rows.iter().map(|row| row.generation).max().unwrap_or(0);
        self.before = rows.into_iter().map(|row| (row.name.clone(), row)).collect();
    }

    /// Hides what the engine before served and this one does not.
    pub fn hide_others(&mut self, outlets: &Outlets) {
        self.before = HashMap::new();
        let is_free = |number: &u16| !self.by_number.contains_key(number);
        let free: Vec<u16> = (0..outlets.status.row_count()).filter(is_free).collect();
        outlets.hide(&free);
    }

    /// The models that are served.
    pub fn served(&self) -> Vec<Arc<ReadyModel>> {
        self.by_number.values().map(|entry| Arc::clone(&entry.model)).collect()
    }

    /// What is served under a name.
    pub fn of_name(&self, name: &str) -> Option<&Arc<ReadyModel>> {
        let entry = self.by_number.get(self.numbers.get(name)?)?;
        Some(&entry.model)
    }

    /// Serves these models and no others: orders what changed of the outlets, which show it when
    /// the workers have it; returns one line per model, and the names that were served before and
    /// are not any more.
    ///
    /// # Errors
    ///
    /// [`ReloadError`]; nothing has changed then.
    pub fn adopt(
        &mut self,
        models: Vec<Arc<ReadyModel>>,
        outlets: &mut Outlets,
    ) -> Result<Adopted, ReloadError> {
        tell_apart(&models)?;
        let classes = self.classes_of(&models)?;
        self.make_room(models.len(), outlets)?;
        let stays: BTreeSet<&str> = models.iter().map(|model| model.name()).collect();
        let is_gone = |entry: &Entry| !stays.contains(entry.model.name());
        let gone: Vec<u16> =
            self.by_number.iter().filter(|(_, e)| is_gone(e)).map(|(&number, _)| number).collect();
        let withdrawn = self.remove(&gone, outlets);
        let changed = self.enter(models, classes);
        for &number in gone.iter().filter(|number| !self.by_number.contains_key(number)) {
            outlets.order(number, |_| Row::default());
        }
        self.order(&changed, outlets);
        Ok(Adopted { served: Roster::describe(self.by_number.values()), withdrawn })
    }

    /// Serves these models besides the others, or in place of those of the same names; returns as
    /// [`Roster::adopt`], but their lines alone.
    ///
    /// # Errors
    ///
    /// [`ReloadError`]; nothing has changed then.
    pub fn adopt_some(
        &mut self,
        models: Vec<Arc<ReadyModel>>,
        outlets: &mut Outlets,
    ) -> Result<Adopted, ReloadError> {
        let names: Vec<String> = models.iter().map(|model| model.name().to_owned()).collect();
        tell_apart(&models)?;
        let own: Vec<u16> =
            names.iter().filter_map(|name| self.numbers.get(name).copied()).collect();
        for (_, other) in self.by_number.iter().filter(|(number, _)| !own.contains(number)) {
            let alike = |model: &&Arc<ReadyModel>| {
                model.check == other.check
                    || model.versions().any(|own| other.fingerprints.contains(&own.fingerprint))
            };
            models
                .iter()
                .filter(alike)
                .try_for_each(|model| tell_two_apart(&other.model, model))?;
        }
        let is_new = |name: &&String| !self.numbers.contains_key(*name);
        let count = self.by_number.len() + names.iter().filter(is_new).count();
        if count > abi::MODEL_COUNT_MAX {
            return Err(ReloadError::TooMany);
        }
        let classes = self.classes_of(&models)?;
        self.make_room(models.len(), outlets)?;
        let changed = self.enter(models, classes);
        self.order(&changed, outlets);
        let entry = |name: &String| self.by_number.get(self.numbers.get(name)?);
        let served = Roster::describe(names.iter().filter_map(entry));
        Ok(Adopted { served, withdrawn: Vec::new() })
    }

    /// Serves a name no more; returns it as [`Roster::adopt`] does.
    pub fn withdraw(&mut self, name: &str, outlets: &mut Outlets) -> Adopted {
        let gone: Vec<u16> = self.numbers.get(name).copied().into_iter().collect();
        let withdrawn = self.remove(&gone, outlets);
        gone.iter().for_each(|&number| outlets.order(number, |_| Row::default()));
        Adopted { served: String::new(), withdrawn }
    }

    /// Forgets these numbers, and hides their rows; returns their names.
    fn remove(&mut self, gone: &[u16], outlets: &mut Outlets) -> Vec<String> {
        let entries = gone.iter().filter_map(|number| self.by_number.remove(number));
        let mut withdrawn = Vec::new();
        for entry in entries.collect::<Vec<_>>() {
            self.floor = self.floor.max(entry.generation);
            self.numbers.remove(entry.model.name());
            withdrawn.push(entry.model.name().to_owned());
        }
        outlets.hide(gone);
        withdrawn
    }

    /// Orders rows that changed, by number and whether their names are new.
    fn order(&self, changed: &[(u16, bool)], outlets: &mut Outlets) {
        let mut showings = Vec::new();
        for &(number, is_new) in changed {
            let Some(entry) = self.by_number.get(&number) else { continue };
            outlets.order(number, |is_heavy| entry.row(is_heavy));
            showings.push(entry.showing(number, is_new));
        }
        outlets.show_later(showings);
    }

    /// Makes room for the numbers that so many models get: the lowest that are free, or those that
    /// they had.
    fn make_room(&self, count: usize, outlets: &mut Outlets) -> Result<(), ReloadError> {
        let before = self.before.values().map(|row| usize::from(row.id) + 1).max().unwrap_or(0);
        let highest =
            self.by_number.keys().next_back().map_or(0, |&number| usize::from(number) + 1);
        let count = before.max(highest).max(self.by_number.len() + self.before.len() + count);
        outlets.reserve(count).map_err(|error| ReloadError::Memory(count, error))
    }

    fn classes_of(&self, models: &[Arc<ReadyModel>]) -> Result<Vec<u64>, ReloadError> {
        models.iter().map(|model| self.class_of(model)).collect()
    }

    /// Puts models at their numbers, new ones at free numbers; returns the numbers whose rows
    /// changed, and whether they are new.
    fn enter(&mut self, models: Vec<Arc<ReadyModel>>, classes: Vec<u64>) -> Vec<(u16, bool)> {
        let kept = models.iter().filter_map(|model| self.before.get(model.name()));
        let kept: BTreeSet<u16> = kept.map(|row| row.id).collect();
        let mut numbers = 0..abi::MODEL_COUNT_MAX as u16;
        let mut changed = Vec::new();
        for (model, class) in models.into_iter().zip(classes) {
            match self.numbers.get(model.name()) {
                Some(&number) => {
                    let Some(entry) = self.by_number.get_mut(&number) else { continue };
                    let is_same = entry.model.is_same_as(&model)
                        && model.loaded.generation.is_none_or(|given| given == entry.generation);
                    if is_same && entry.class == class {
                        entry.model = model;
                        continue;
                    }
                    let generation = model.loaded.generation.unwrap_or(next(entry.generation));
                    *entry = Entry::new(generation, model, class);
                    changed.push((number, false));
                }
                None => {
                    let before = self.before.remove(model.name());
                    let resumed = match &before {
                        Some(row) if model.is_as_in(row) => row.generation,
                        Some(row) => next(row.generation),
                        None => next(self.floor),
                    };
                    let generation = model.loaded.generation.unwrap_or(resumed);
                    let is_free = |number: &u16| {
                        !kept.contains(number) && !self.by_number.contains_key(number)
                    };
                    // There are no more models than numbers.
                    let number = before.as_ref().map(|row| row.id);
                    let Some(number) = number.or_else(|| numbers.find(is_free)) else { continue };
                    self.numbers.insert(model.name().to_owned(), number);
                    self.by_number.insert(number, Entry::new(generation, model, class));
                    changed.push((number, before.is_none()));
                }
            }
        }
        changed
    }

    fn class_of(&self, model: &ReadyModel) -> Result<u64, ReloadError> {
        let CostLimit { light_ns, has_heavy } = self.limit;
        let cost_ns = model.dearest_ns();
        // What was measured once stays, also over a restart: a slow moment changes no class. Far
        // from the limit it is another limit, or another machine, that does.
        let is_light = match self.class_before(model) {
            Some(class::LIGHT) => cost_ns <= 2 * light_ns,
            Some(_) => cost_ns < light_ns / 2,
            None => cost_ns <= light_ns,
        };
        match (is_light, has_heavy) {
            (true, _) => Ok(class::LIGHT),
            (false, true) => Ok(class::HEAVY),
            (false, false) => Err(ReloadError::TooCostly {
                name: model.name().to_owned(),
                cost_ns,
                limit_ns: light_ns,
            }),
        }
    }

    /// The class of a model that is served already, or was by the engine before.
    fn class_before(&self, model: &ReadyModel) -> Option<u64> {
        let served = self.numbers.get(model.name()).and_then(|number| self.by_number.get(number));
        if let Some(entry) = served {
            return entry.model.is_same_as(model).then_some(entry.class);
        }
        let row = self.before.get(model.name())?;
        model.is_as_in(row).then_some(row.class.into())
    }

    /// One line per model: name, kind, width, generation, hash, origin.
    fn describe<'e>(entries: impl Iterator<Item = &'e Entry>) -> String {
        let mut text = String::new();
        for entry in entries {
            let loaded = &entry.model.loaded;
            let width = loaded.artifact.model().width();
            let hash = |model: &ReadyModel| -> String {
                model.loaded.sha256[..4].iter().map(|byte| format!("{byte:02x}")).collect()
            };
            let mut hashes = hash(&entry.model);
            for arm in entry.model.arms() {
                let _ = write!(hashes, " and {}", hash(arm));
            }
            let unit = if width == 1 { "feature" } else { "features" };
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{} ({}, {width} {unit}, generation {}, sha256 {hashes}), {}",
                loaded.artifact.name(),
                loaded.artifact.kind().name(),
                entry.generation,
                loaded.origin,
            );
        }
        text
    }

    /// The served version with this fingerprint.
    pub(super) fn with_fingerprint(&self, fingerprint: u64) -> Option<&ReadyModel> {
        let has = |entry: &&Entry| entry.fingerprints.contains(&fingerprint);
        let entry = self.by_number.values().find(has)?;
        entry.model.versions().find(|version| version.fingerprint == fingerprint)
    }
}

/// The generation after one; 0 is none, also where an engine before left nonsense.
fn next(generation: u32) -> u32 {
    generation.wrapping_add(1).max(1)
}
