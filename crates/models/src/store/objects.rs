//! The artifacts of a store, each in a file that is named by its hash.

use super::deployment::sync_folder;
use super::error::at;
use super::{Digest, StoreError};
use crate::file::{self, Artifact};
use crate::whole;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Hex digits of a fingerprint, by which answers tell artifacts apart.
const FINGERPRINT_LEN: usize = 16;

/// The folder.
#[derive(Debug)]
pub struct Objects {
    folder: PathBuf,
}

impl Objects {
    pub(super) fn new(folder: PathBuf) -> Objects {
        Objects { folder }
    }

    /// Where an artifact is.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(format!("{digest}.fmodel"))
    }

    /// Adds an artifact; returns its hash, and whether it is new.
    pub(super) fn add(&self, artifact: &Artifact) -> Result<(Digest, bool), StoreError> {
        let bytes = artifact.encode();
        let new = Digest::of(&bytes);
        let prefix = &new.to_string()[..FINGERPRINT_LEN];
        for old in self.list()? {
            if old == new {
                // What is there is looked at, as at every reading.
                self.read(&old)?;
                return Ok((new, false));
            }
            if old.to_string().starts_with(prefix) {
                return Err(StoreError::SameFingerprint { new, old });
            }
        }
        let path = self.path(&new);
        whole::write(&path, &bytes).map_err(at(&path))?;
        sync_folder(&path)?;
        Ok((new, true))
    }

    /// Reads an artifact.
    ///
    /// # Errors
    ///
    /// [`StoreError::Object`] when the bytes are not those of the name.
    pub fn read(&self, digest: &Digest) -> Result<(Artifact, Vec<u8>), StoreError> {
        let path = self.path(digest);
        let bytes = file::read(&path)?;
        let found = Digest::of(&bytes);
        if found != *digest {
            return Err(StoreError::Object { path, found });
        }
        Ok((Artifact::decode_file(&path, &bytes)?, bytes))
    }

    /// All there are, by hash.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`].
    pub fn list(&self) -> Result<Vec<Digest>, StoreError> {
        let mut digests = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(at(&self.folder))? {
            let name = entry.map_err(at(&self.folder))?.file_name();
            let digest = Path::new(&name).file_stem().and_then(|stem| stem.to_str()?.parse().ok());
            // What else lies there is nobody's.
            digests.extend(digest.filter(|digest| self.path(digest).ends_with(&name)));
        }
        digests.sort();
        Ok(digests)
    }
}

/// The version of a name whose hash begins with `prefix`, without a lock.
///
/// # Errors
///
/// [`StoreError::Version`] when none has, or several have.
pub fn version(objects: &Objects, name: &str, prefix: &str) -> Result<Digest, StoreError> {
    let versions = versions(objects)?.remove(name).unwrap_or_default();
    let found: Vec<&Digest> =
        versions.iter().filter(|version| version.to_string().starts_with(prefix)).collect();
    match found[..] {
        [version] if !prefix.is_empty() => Ok(*version),
        _ => Err(StoreError::Version {
            name: name.to_owned(),
            prefix: prefix.to_owned(),
            count: found.len(),
            versions: match versions[..] {
                [] => "the store has none of that name".to_owned(),
                _ => versions.iter().map(Digest::short).collect::<Vec<_>>().join(", "),
            },
        }),
    }
}

/// The versions of each name, by hash; objects that are not sound are left out.
///
/// # Errors
///
/// [`StoreError::Io`].
pub fn versions(objects: &Objects) -> Result<BTreeMap<String, Vec<Digest>>, StoreError> {
    let mut versions: BTreeMap<String, Vec<Digest>> = BTreeMap::new();
    for version in objects.list()? {
        if let Ok((artifact, _)) = objects.read(&version) {
            versions.entry(artifact.name().to_owned()).or_default().push(version);
        }
    }
    Ok(versions)
}
