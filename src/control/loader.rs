//! The loader: a thread that reads models, decodes, hashes, checks and compiles them, while those
//! that are served stay. Whatever it waits for, nobody else does.

use super::ReloadError;
use super::change::{self, Done, Wanted};
use super::ready::ReadyModel;
use crate::config::ModelSource;
use crate::sys::epoll::Wake;
use crossbeam::channel::{Receiver, Sender, unbounded};
use factord_core::sys::sched;
use factord_models::catalogue::{self, CatalogueError, LoadedModel};
use factord_models::store::{self, Store};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use tracing::warn;

/// What to read.
#[derive(Debug)]
pub enum Ask {
    /// All models; those given are served, and are taken over when their files have not changed.
    All(Vec<Arc<ReadyModel>>),
    /// The model of one name, and what is served under it.
    One(String, Option<Arc<ReadyModel>>),
    /// The store is changed, and the name read whose version is another one now. All that is
    /// served.
    Change(Wanted, Vec<Arc<ReadyModel>>),
    /// Nothing: what was read last is served now, which a store's ledger tells.
    Served,
}

/// What came of reading: all models, or the one.
pub type Loaded = Result<Vec<Arc<ReadyModel>>, ReloadError>;

/// The loader, as others see it. Its thread ends with the process: it may be waiting for a disk.
#[derive(Debug)]
pub struct Loader {
    asks: Sender<Ask>,
    loaded: Receiver<Loaded>,
    wake: Arc<Wake>,
}

impl Loader {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn start(source: ModelSource) -> io::Result<Loader> {
        let (asks, inbox) = unbounded::<Ask>();
        let (outbox, loaded) = unbounded();
        let wake = Arc::new(Wake::new()?);
        let bell = Arc::clone(&wake);
        thread::Builder::new().name("factord-loader".to_owned()).spawn(move || {
            // As the control thread does: two CPUs are often shared with clients that spin.
            let _ = sched::ask_for_short_slices();
            let mut last = None;
            for ask in inbox {
                let result = catch_unwind(AssertUnwindSafe(|| carry_out(&source, ask, &mut last)));
                let Some(loaded) = result.unwrap_or(Some(Err(ReloadError::Panicked))) else {
                    continue;
                };
                if outbox.send(loaded).is_err() {
                    return;
                }
                bell.wake();
            }
        })?;
        Ok(Loader { asks, loaded, wake })
    }

    /// Has models read.
    pub fn ask(&self, ask: Ask) {
        // The thread catches panics, so that it is there as long as this end is.
        let _ = self.asks.send(ask);
    }

    /// Where the outcome of each [`Loader::ask`] comes.
    pub fn loaded(&self) -> &Receiver<Loaded> {
        &self.loaded
    }

    /// Readable when there is an outcome.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// The outcome, if there is one.
    pub(super) fn take(&self) -> Option<Loaded> {
        self.wake.clear();
        self.loaded.try_recv().ok()
    }
}

/// What was read of a store: the line of its ledger up to which, and the name if it was one alone.
type Read = (u64, Option<String>);

/// Writes into a store's ledger that what was read last is served.
fn tell_served(source: &ModelSource, last: Option<Read>) {
    let (ModelSource::Dir(path), Some((line, name))) = (source, last) else { return };
    let told = Store::open(path).and_then(|mut store| store.serving(line, name));
    if let Err(error) = told {
        warn!("the ledger does not tell what is served now: {error}");
    }
}

/// What came of it, if something was to be read.
fn carry_out(source: &ModelSource, ask: Ask, last: &mut Option<Read>) -> Option<Loaded> {
    match ask {
        Ask::All(before) => Some(read_all(source, &before, last)),
        Ask::One(name, before) => {
            Some(read_one(source, &name, before, last).map(|model| vec![model]))
        }
        Ask::Change(wanted, before) => Some(match change::carry_out(source, wanted) {
            Ok(Done::Serves(name)) => {
                let before = before.into_iter().find(|model| model.name() == name);
                read_one(source, &name, before, last).map(|model| vec![model])
            }
            Ok(Done::Withdrawn(name, line)) => {
                *last = Some((line, Some(name)));
                Ok(Vec::new())
            }
            Ok(Done::Nothing) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }),
        Ask::Served => {
            tell_served(source, last.take());
            None
        }
    }
}

fn read_one(
    source: &ModelSource,
    name: &str,
    before: Option<Arc<ReadyModel>>,
    last: &mut Option<Read>,
) -> Result<Arc<ReadyModel>, ReloadError> {
    let served = before.as_ref().map(|model| &model.loaded);
    let loaded = match (source, served) {
        (ModelSource::Embedded, Some(served)) => Arc::clone(served),
        (ModelSource::Embedded, None) => {
            return Err(CatalogueError::NotBuiltIn { name: name.to_owned() }.into());
        }
        (ModelSource::Dir(path), _) if store::is_store(path) => {
            let (model, line) = catalogue::load_served(path, name, served)?;
            *last = Some((line, Some(name.to_owned())));
            model
        }
        (ModelSource::Dir(path), _) => catalogue::load_one(path, name, served)?,
    };
    match before {
        Some(model) if Arc::ptr_eq(&model.loaded, &loaded) => Ok(model),
        _ => Ok(Arc::new(ReadyModel::new(loaded))),
    }
}

fn read_all(source: &ModelSource, before: &[Arc<ReadyModel>], last: &mut Option<Read>) -> Loaded {
    let loaded = || before.iter().map(|model| Arc::clone(&model.loaded)).collect::<Vec<_>>();
    let models = match source {
        ModelSource::Embedded => catalogue::embedded().into_iter().map(Arc::new).collect(),
        ModelSource::Dir(path) if store::is_store(path) => {
            let (models, line) = catalogue::load_store(path, &loaded())?;
            *last = Some((line, None));
            models
        }
        ModelSource::Dir(path) => catalogue::load_dir_again(path, &loaded())?,
    };
    let known: HashMap<*const LoadedModel, &Arc<ReadyModel>> =
        before.iter().map(|model| (Arc::as_ptr(&model.loaded), model)).collect();
    let ready = |loaded: Arc<LoadedModel>| match known.get(&Arc::as_ptr(&loaded)) {
        Some(model) => Arc::clone(model),
        None => Arc::new(ReadyModel::new(loaded)),
    };
    Ok(models.into_iter().map(ready).collect())
}
