//! The loader: a thread that reads models, decodes, hashes, checks and compiles them, while those
//! that are served stay. Whatever it waits for, nobody else does.

use super::ReloadError;
use super::ready::ReadyModel;
use crate::config::ModelSource;
use crate::sys::epoll::Wake;
use crossbeam::channel::{Receiver, Sender, unbounded};
use factord_core::sys::sched;
use factord_models::catalogue::{self, CatalogueError, LoadedModel};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

/// What to read.
#[derive(Debug)]
pub enum Ask {
    /// All models; those given are served, and are taken over when their files have not changed.
    All(Vec<Arc<ReadyModel>>),
    /// The model of one name, and what is served under it.
    One(String, Option<Arc<ReadyModel>>),
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
            for ask in inbox {
                let result = catch_unwind(AssertUnwindSafe(|| carry_out(&source, ask)));
                if outbox.send(result.unwrap_or(Err(ReloadError::Panicked))).is_err() {
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

fn carry_out(source: &ModelSource, ask: Ask) -> Loaded {
    match ask {
        Ask::All(before) => read_all(source, &before),
        Ask::One(name, before) => Ok(vec![read_one(source, &name, before)?]),
    }
}

fn read_one(
    source: &ModelSource,
    name: &str,
    before: Option<Arc<ReadyModel>>,
) -> Result<Arc<ReadyModel>, ReloadError> {
    let served = before.as_ref().map(|model| &model.loaded);
    let loaded = match (source, served) {
        (ModelSource::Embedded, Some(served)) => Arc::clone(served),
        (ModelSource::Embedded, None) => {
            return Err(CatalogueError::NotBuiltIn { name: name.to_owned() }.into());
        }
        (ModelSource::Dir(path), _) => catalogue::load_one(path, name, served)?,
    };
    match before {
        Some(model) if Arc::ptr_eq(&model.loaded, &loaded) => Ok(model),
        _ => Ok(Arc::new(ReadyModel::new(loaded))),
    }
}

fn read_all(source: &ModelSource, before: &[Arc<ReadyModel>]) -> Loaded {
    let models = match source {
        ModelSource::Embedded => catalogue::embedded().into_iter().map(Arc::new).collect(),
        ModelSource::Dir(path) => {
            let loaded: Vec<Arc<LoadedModel>> =
                before.iter().map(|model| Arc::clone(&model.loaded)).collect();
            catalogue::load_dir_again(path, &loaded)?
        }
    };
    let known: HashMap<*const LoadedModel, &Arc<ReadyModel>> =
        before.iter().map(|model| (Arc::as_ptr(&model.loaded), model)).collect();
    let ready = |loaded: Arc<LoadedModel>| match known.get(&Arc::as_ptr(&loaded)) {
        Some(model) => Arc::clone(model),
        None => Arc::new(ReadyModel::new(loaded)),
    };
    Ok(models.into_iter().map(ready).collect())
}
