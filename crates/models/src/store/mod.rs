//! A store: artifacts by their hash, what is served of them, and the list of what was.
//!
//! ```text
//! STORE/objects/SHA256.fmodel   artifacts, which never change
//! STORE/deployment              what serves each name now: one file, replaced by a rename
//! STORE/ledger                  a line a change, each with the hash of the line before
//! STORE/lock                    locked by whoever writes, for as long as a change takes
//! ```
//!
//! A change is an object, then a line "intended", then the deployment, which names that line, then
//! a line "serving" of the daemon that adopted it; each is on the disk before the next begins. A
//! writer that ends between two of them leaves a store that opens: a line without its end is cut
//! off, and a change whose deployment did not come is dropped, by a line. Readers need no lock: the
//! deployment is read first, and every line that it stands on is then there.

mod canaries;
mod canary;
mod deployment;
mod digest;
mod error;
mod experiments;
mod history;
mod ledger;
mod objects;
mod shadows;
mod split;

pub use canary::{
    Canary, GUARD_COUNT_MIN, GUARDS, Guard, Guards, Hold, Limit, STEP_COUNT_MAX, TIMED_COUNT_MIN,
    ranges,
};
pub use deployment::{Deployment, SHADOW_COUNT_MAX, Served};
pub use digest::{Digest, NotADigest};
pub use error::StoreError;
pub use history::{Change, Past};
pub use ledger::{Event, Head, Line, Verb};
pub use objects::{Objects, version, versions};
pub use split::{ARM_COUNT_MAX, Arm, NotASalt, Salt, Split, WEIGHT_SUM, check_arms};

use crate::file::{Artifact, MODEL_COUNT_MAX};
use crate::regular;
use error::at;
use history::History;
use ledger::Ledger;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// How long a writer waits for another.
// 5 s: a change takes some milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether a folder is a store.
pub fn is_store(root: &Path) -> bool {
    root.join("objects").is_dir() && (root.join("ledger").exists() || root.join("lock").exists())
}

fn deployment_of(root: &Path) -> PathBuf {
    root.join("deployment")
}

fn ledger_of(root: &Path) -> PathBuf {
    root.join("ledger")
}

/// The artifacts of a store.
///
/// # Errors
///
/// [`StoreError::NoStore`].
pub fn objects(root: &Path) -> Result<Objects, StoreError> {
    if !is_store(root) {
        return Err(StoreError::NoStore { path: root.to_owned() });
    }
    Ok(Objects::new(root.join("objects")))
}

/// What a store serves, without a lock.
///
/// # Errors
///
/// [`StoreError`] when it is no store, or deployment and ledger do not agree.
pub fn deployment(root: &Path) -> Result<Deployment, StoreError> {
    objects(root)?;
    let path = deployment_of(root);
    let deployment = Deployment::read(&path)?.unwrap_or_default();
    History::of(&ledger_of(root), &path, &deployment)?;
    Ok(deployment)
}

/// The changes of a name, from the first on, without a lock.
///
/// # Errors
///
/// [`StoreError`].
pub fn changes(root: &Path, name: &str) -> Result<Vec<Change>, StoreError> {
    objects(root)?;
    history::changes(&ledger_of(root), name)
}

/// Gives `take` every line of the ledger with its hash, without a lock; returns where it ends.
///
/// # Errors
///
/// [`StoreError`].
pub fn lines(root: &Path, take: impl FnMut(&Line, Digest)) -> Result<Head, StoreError> {
    objects(root)?;
    ledger::scan(&ledger_of(root), take)
}

/// A store that is being changed; nobody else changes it until this is dropped.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    objects: Objects,
    ledger: Ledger,
    deployment: Deployment,
    history: History,
    _lock: File,
}

impl Store {
    /// Opens a store, or makes one of a folder that is empty or not there.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoStore`] when the folder holds something else.
    pub fn open_or_make(root: &Path) -> Result<Store, StoreError> {
        if !is_store(root) {
            fs::create_dir_all(root).map_err(at(root))?;
            let mut entries = fs::read_dir(root).map_err(at(root))?;
            let is_ours = |name: &str| ["objects", "lock"].contains(&name);
            let other = entries.any(|entry| {
                !entry.is_ok_and(|entry| entry.file_name().to_str().is_some_and(is_ours))
            });
            if other {
                return Err(StoreError::NoStore { path: root.to_owned() });
            }
            let objects = root.join("objects");
            fs::create_dir_all(&objects).map_err(at(&objects))?;
            let lock = root.join("lock");
            regular::open_lock(&lock).map_err(at(&lock))?;
            deployment::sync_folder(&lock)?;
        }
        Store::open(root)
    }

    /// Opens a store, and finishes what a writer that ended has begun.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when another holds it, or deployment and ledger do not agree.
    pub fn open(root: &Path) -> Result<Store, StoreError> {
        let objects = objects(root)?;
        let lock = lock(root)?;
        let path = deployment_of(root);
        let deployment = Deployment::read(&path)?.unwrap_or_default();
        let history = History::of(&ledger_of(root), &path, &deployment)?;
        let ledger = Ledger::open(ledger_of(root), history.head)?;
        let root = root.to_owned();
        let mut store = Store { root, objects, ledger, deployment, history, _lock: lock };
        if let Some(line) = store.history.pending.take() {
            store.append(Event::Dropped { line })?;
        }
        Ok(store)
    }

    /// The same, whose further lines of the ledger name the user who asked for the changes.
    #[must_use]
    pub fn on_behalf_of(mut self, uid: u32) -> Store {
        self.ledger.on_behalf_of(uid);
        self
    }

    /// What is served.
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// The artifacts.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Where the ledger ends.
    pub fn head(&self) -> Head {
        self.ledger.head()
    }

    /// Adds an artifact; it serves nothing yet. Returns its hash, and whether it is new.
    ///
    /// # Errors
    ///
    /// [`StoreError::SameFingerprint`], or the system's.
    pub fn publish(&mut self, artifact: &Artifact) -> Result<(Digest, bool), StoreError> {
        let (version, is_new) = self.objects.add(artifact)?;
        if is_new {
            self.append(Event::Published { name: artifact.name().to_owned(), version })?;
        }
        Ok((version, is_new))
    }

    /// The version of a name whose hash begins with `prefix`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Version`] when none has, or several have.
    pub fn version(&self, name: &str, prefix: &str) -> Result<Digest, StoreError> {
        version(&self.objects, name, prefix)
    }

    /// Has a version serve the name that is written in it, alone; a canary of the name ends.
    /// Shadows stay, but for those that are the version itself or cannot be scored beside it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Pinned`], [`StoreError::Full`], or what is wrong with the object.
    pub fn promote(&mut self, version: Digest) -> Result<Served, StoreError> {
        let (artifact, _) = self.objects.read(&version)?;
        let name = artifact.name();
        self.refuse_pinned(name)?;
        if let Some(served) = self.deployment.names.get(name)
            && (served.champion, &served.split, &served.canary) == (version, &None, &None)
        {
            return Ok(served.clone());
        }
        let count = self.deployment.names.len();
        if count >= MODEL_COUNT_MAX && !self.deployment.names.contains_key(name) {
            return Err(StoreError::Full(count));
        }
        self.serve(Verb::Promote, name, version, None, None)
    }

    /// Has what served a name before serve it again: a version, or several. While a canary is
    /// under way, that is what served before it, whichever step it is at.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotServed`], [`StoreError::Pinned`], [`StoreError::NothingBefore`].
    pub fn rollback(&mut self, name: &str) -> Result<Served, StoreError> {
        let champion = self.served(name)?.champion;
        self.refuse_pinned(name)?;
        let before = self.history.names.get(name).and_then(Past::before);
        let Some((version, split)) = before.cloned() else {
            return Err(StoreError::NothingBefore { name: name.to_owned(), champion });
        };
        self.read_all(name, version, split.as_ref())?;
        self.serve(Verb::Rollback, name, version, split, None)
    }

    /// Refuses changes of a name from now on, or allows them again. Its generation stays, since
    /// the same version serves it.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotServed`].
    pub fn pin(&mut self, name: &str, pinned: bool) -> Result<Served, StoreError> {
        let served = self.served(name)?;
        if served.pinned == pinned {
            return Ok(served);
        }
        self.refuse_canary(name)?;
        let served = Served { pinned, ..served };
        let verb = if pinned { Verb::Pin } else { Verb::Unpin };
        self.change(verb, name, Some(served.clone()), None)?;
        Ok(served)
    }

    /// Has nothing serve a name; its versions stay.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotServed`], [`StoreError::Pinned`].
    pub fn withdraw(&mut self, name: &str) -> Result<(), StoreError> {
        self.served(name)?;
        self.refuse_pinned(name)?;
        self.change(Verb::Withdraw, name, None, None)
    }

    /// Says that a daemon serves what the lines up to `line` intended: all names, or the one that
    /// it has read again.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn serving(&mut self, line: u64, name: Option<String>) -> Result<(), StoreError> {
        self.append(Event::Serving { line, name })
    }

    fn serve(
        &mut self,
        verb: Verb,
        name: &str,
        champion: Digest,
        split: Option<Split>,
        canary: Option<Canary>,
    ) -> Result<Served, StoreError> {
        let shadows = self.shadows_beside(name, champion)?;
        let alone = Served::alone(champion, self.next_generation(name));
        let served = Served { split, shadows, canary, ..alone };
        self.change(verb, name, Some(served.clone()), None)?;
        Ok(served)
    }

    fn served(&self, name: &str) -> Result<Served, StoreError> {
        let served = self.deployment.names.get(name).cloned();
        served.ok_or_else(|| StoreError::NotServed { name: name.to_owned() })
    }

    fn refuse_pinned(&self, name: &str) -> Result<(), StoreError> {
        match self.deployment.names.get(name) {
            Some(served) if served.pinned => {
                let (name, champion) = (name.to_owned(), served.champion);
                Err(StoreError::Pinned { name, champion })
            }
            _ => Ok(()),
        }
    }

    fn next_generation(&self, name: &str) -> u32 {
        self.history.names.get(name).map_or(0, |past| past.generation).saturating_add(1)
    }

    fn change(
        &mut self,
        verb: Verb,
        name: &str,
        served: Option<Served>,
        reason: Option<String>,
    ) -> Result<(), StoreError> {
        let intended = Event::Intended {
            verb,
            name: name.to_owned(),
            champion: served.as_ref().map(|served| served.champion),
            generation: served.as_ref().map_or(self.next_generation(name), |new| new.generation),
            pinned: served.as_ref().is_some_and(|served| served.pinned),
            split: served.as_ref().and_then(|served| served.split.clone()),
            shadows: served.as_ref().map_or_else(Vec::new, |served| served.shadows.clone()),
            canary: served.as_ref().and_then(|served| served.canary.clone()).map(Box::new),
            reason,
        };
        self.append(intended.clone())?;
        let head = self.ledger.head();
        let mut next = self.deployment.clone();
        (next.line, next.hash) = (head.line, head.hash);
        match served {
            Some(served) => next.names.insert(name.to_owned(), served),
            None => next.names.remove(name),
        };
        let path = deployment_of(&self.root);
        if let Err(error) = next.write(&path) {
            // It may have come all the same.
            if Deployment::read(&path).ok().flatten().as_ref() != Some(&next) {
                self.append(Event::Dropped { line: head.line })?;
            }
            return Err(error);
        }
        self.history.apply(&intended);
        self.deployment = next;
        Ok(())
    }

    fn append(&mut self, event: Event) -> Result<(), StoreError> {
        self.ledger.append(unix_ns(), event)?;
        Ok(())
    }
}

/// Locks a store for writing.
fn lock(root: &Path) -> Result<File, StoreError> {
    let path = root.join("lock");
    let file = regular::open_lock(&path).map_err(at(&path))?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(5));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Busy { path: root.to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(at(&path)(error)),
        }
    }
}

/// Nanoseconds since 1970.
fn unix_ns() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod canary_tests;
#[cfg(test)]
mod change_tests;
#[cfg(test)]
mod split_tests;
