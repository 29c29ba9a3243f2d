//! What a pilot keeps in the store for the next one.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A file that is replaced as a whole.
#[derive(Debug)]
pub(super) struct KeptFile {
    path: PathBuf,
}

impl KeptFile {
    /// One of a store's.
    pub(super) fn of(store: &Path, name: &str) -> KeptFile {
        KeptFile { path: store.join("pilot").join(name) }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads it; `None` when there is none.
    ///
    /// # Errors
    ///
    /// Why it is of no use. It is set aside then, under a name that ends in `.unread`, so that
    /// nothing is lost that somebody may want to look at.
    pub(super) fn load<T: DeserializeOwned>(&self) -> Result<Option<T>, String> {
        let bytes = match fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("cannot read {}: {error}", self.path.display())),
            Ok(bytes) => bytes,
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            let aside = self.path.with_extension("unread");
            let _ = fs::rename(&self.path, &aside);
            let (path, aside) = (self.path.display(), aside.display());
            format!("{path} is not what a pilot of this version keeps, and is now {aside}: {error}")
        })
    }

    /// Replaces it.
    ///
    /// # Errors
    ///
    /// The system's error; what was kept before stays.
    pub(super) fn save(&self, kept: &impl Serialize) -> io::Result<()> {
        replace(&self.path, &serde_json::to_vec(kept)?)
    }
}

/// Replaces a file, in a folder that is made where it is not there.
///
/// # Errors
///
/// The system's error; the file is as it was.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // No wait for the disk, which would be a wait of whoever reads the taps: after a crash of the
    // machine a file may be missing or cut, and is set aside.
    let new = path.with_extension("new");
    fs::write(&new, bytes)?;
    fs::rename(&new, path)
}
