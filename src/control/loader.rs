//! The loader: a thread that reads models, decodes, hashes, checks and compiles them, while those
//! that are served stay. Whatever it waits for, nobody else does.

use super::ReloadError;
use super::ready::ReadyModel;
use crate::config::ModelSource;
use crate::sys::epoll::Wake;
use crossbeam::channel::{Receiver, Sender, unbounded};
use factord_core::sys::sched;
use factord_models::catalogue::{self, LoadedModel};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

/// What came of reading the models.
pub type Loaded = Result<Vec<Arc<ReadyModel>>, ReloadError>;

/// The loader, as others see it. Its thread ends with the process: it may be waiting for a disk.
#[derive(Debug)]
pub struct Loader {
    asks: Sender<Vec<Arc<ReadyModel>>>,
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
        let (asks, inbox) = unbounded::<Vec<Arc<ReadyModel>>>();
        let (outbox, loaded) = unbounded();
        let wake = Arc::new(Wake::new()?);
        let bell = Arc::clone(&wake);
        thread::Builder::new().name("factord-loader".to_owned()).spawn(move || {
            // As the control thread does: two CPUs are often shared with clients that spin.
            let _ = sched::ask_for_short_slices();
            for before in inbox {
                let result = catch_unwind(AssertUnwindSafe(|| read(&source, &before)));
                if outbox.send(result.unwrap_or(Err(ReloadError::Panicked))).is_err() {
                    return;
                }
                bell.wake();
            }
        })?;
        Ok(Loader { asks, loaded, wake })
    }

    /// Has the models read; `before` are those that are served, which are taken over when their
    /// files have not changed.
    pub fn ask(&self, before: Vec<Arc<ReadyModel>>) {
        // The thread catches panics, so that it is there as long as this end is.
        let _ = self.asks.send(before);
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

fn read(source: &ModelSource, before: &[Arc<ReadyModel>]) -> Loaded {
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
