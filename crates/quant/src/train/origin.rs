//! What the tables of a training say of themselves, and which files they are.

use super::{Settings, TrainError};
use crate::features::Lookback;
use crate::stated;
use crate::table::Stored;
use factord_factors::Stated;
use factord_models::file::{Artifact, DataFile, TABLE_COUNT_MAX};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// Bytes hashed at a time.
const PIECE_LEN: usize = 1 << 20;

/// The most characters of a table's name that are kept.
const NAME_CHARS_MAX: usize = 64;

/// The settings of all tables together, and why those of some are not known.
pub(super) struct Origin {
    pub(super) stated: Stated,
    pub(super) unread: Vec<String>,
}

impl Origin {
    /// Reads the settings of all tables and compares them, with each other and with those of the
    /// artifacts that are succeeded.
    pub(super) fn read(
        tables: &[Stored],
        holdout: &[Stored],
        settings: &Settings,
    ) -> Result<Origin, TrainError> {
        let count = tables.len() + holdout.len();
        if count > TABLE_COUNT_MAX {
            let reason = format!("{count} tables: at most {TABLE_COUNT_MAX}, join some of them");
            return Err(TrainError::Settings { reason });
        }
        let known = [settings.regression_name(), settings.classification_name()];
        if let Some(odd) = settings.parents.iter().find(|parent| !known.contains(&parent.name())) {
            let reason = format!(
                "{} cannot be succeeded: the models are named {} and {}",
                odd.name(),
                known[0],
                known[1]
            );
            return Err(TrainError::Settings { reason });
        }
        let stored: Vec<&Stored> = tables.iter().chain(holdout).collect();
        let (mut all, mut unread) = (Vec::new(), Vec::new());
        for table in &stored {
            let stated = match table {
                Stored::File(path) => stated::of(path),
                Stored::Memory(memory) => stated::within(memory),
            };
            all.push(stated.unwrap_or_else(|reason| {
                unread.push(reason);
                Stated::default()
            }));
        }
        let all: Vec<&Stated> = all.iter().collect();
        let stated = Stated::common(&all).map_err(|(first, second, mismatch)| {
            let [first, second] = [first, second].map(|at| stored[at].path().to_owned());
            TrainError::TablesDiffer { first, second, mismatch }
        })?;
        let stated = with_lookback(stated, &settings.features);
        for parent in &settings.parents {
            parent.settings().require(&stated).map_err(|mismatch| {
                let parent = parent.name().to_owned();
                TrainError::ParentDiffers { parent, mismatch }
            })?;
        }
        Ok(Origin { stated, unread })
    }
}

/// Settings with what the features look back at, instead of all that the tables have.
fn with_lookback(mut stated: Stated, features: &[String]) -> Stated {
    if stated.get("window").is_some() {
        Lookback::of_features(features.iter().map(String::as_str)).replace(&mut stated);
    }
    stated
}

/// The hash of the artifact that one of this name succeeds.
pub(super) fn parent(settings: &Settings, name: &str) -> Option<[u8; 32]> {
    let parent = settings.parents.iter().find(|parent| parent.name() == name);
    parent.map(Artifact::sha256)
}

/// Hashes tables while they are read elsewhere; a training that fails first drops it.
pub(super) struct Hashing {
    thread: JoinHandle<Vec<DataFile>>,
    /// The thread goes on as long as somebody holds this.
    wanted: Arc<()>,
}

impl Hashing {
    pub(super) fn start(tables: &[Stored], holdout: &[Stored]) -> Hashing {
        // NB: a table in memory is recorded as one from stdin is: it has no bytes of its own.
        let path = |stored: &Stored| match stored {
            Stored::File(path) => path.clone(),
            Stored::Memory(_) => PathBuf::from("-"),
        };
        let held_out = |held_out: bool| move |stored: &Stored| (path(stored), held_out);
        let mut files: Vec<(PathBuf, bool)> = tables.iter().map(held_out(false)).collect();
        files.extend(holdout.iter().map(held_out(true)));
        let wanted = Arc::new(());
        let held = Arc::clone(&wanted);
        let thread = thread::spawn(move || {
            let one = |(path, held_out): (PathBuf, bool)| DataFile {
                name: name(&path),
                sha256: hash(&path, &held),
                held_out,
            };
            files.into_iter().map(one).collect()
        });
        Hashing { thread, wanted }
    }

    /// Waits for all of them.
    pub(super) fn finish(self) -> Vec<DataFile> {
        let files = self.thread.join().unwrap_or_default();
        drop(self.wanted);
        files
    }
}

/// The name of a file without its folder, fit for a terminal.
fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let plain = |c: char| if c.is_control() { '?' } else { c };
    name.chars().map(plain).take(NAME_CHARS_MAX).collect()
}

/// SHA-256 of a file; `None` for what is none, or cannot be read, which reading it tells.
fn hash(path: &Path, wanted: &Arc<()>) -> Option<[u8; 32]> {
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut file = File::open(path).ok()?;
    let (mut hash, mut piece) = (Sha256::new(), vec![0; PIECE_LEN]);
    // Bounded by the file's length.
    while Arc::strong_count(wanted) > 1 {
        match file.read(&mut piece).ok()? {
            0 => return Some(hash.finalize().into()),
            len => hash.update(&piece[..len]),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_hashed_under_plain_names_and_pipes_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("a\nb.csv");
        std::fs::write(&table, "abc").unwrap();
        let stored = |path: &str| [Stored::File(PathBuf::from(path))];
        let files = Hashing::start(&[Stored::File(table)], &stored("/dev/null")).finish();
        assert_eq!((files[0].name.as_str(), files[0].held_out), ("a?b.csv", false));
        assert_eq!(files[0].sha256, Some(Sha256::digest("abc").into()));
        assert_eq!((files[1].sha256, files[1].held_out), (None, true));
    }
}
