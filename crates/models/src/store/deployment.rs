//! The deployment: what is served now.

use super::error::at;
use super::{Canary, Digest, Split, StoreError};
use crate::file::{MODEL_COUNT_MAX, name_is_sound};
use crate::{regular, whole};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// The most bytes of the file that are read.
// 4 MiB: 4,096 of the longest names take 1 MiB.
const LEN_MAX: u64 = 4 << 20;

/// The format of the file.
const FORMAT: u32 = 1;

/// The most shadows of a name.
pub const SHADOW_COUNT_MAX: usize = 4;

/// What serves one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Served {
    /// The version.
    pub champion: Digest,
    /// Grows with every change of what serves the name.
    pub generation: u32,
    /// Whether it may not be changed.
    #[serde(default)]
    pub pinned: bool,
    /// How its requests are divided, if further versions share them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// Versions that are scored from the tap and answer nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shadows: Vec<Digest>,
    /// How a candidate gets more of its requests, step by step, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
}

impl Served {
    /// A version alone.
    pub(super) fn alone(champion: Digest, generation: u32) -> Served {
        let (shadows, canary) = (Vec::new(), None);
        Served { champion, generation, pinned: false, split: None, shadows, canary }
    }

    /// Why it cannot be honoured, if it cannot.
    fn fault(&self, name: &str) -> Option<String> {
        let of = |what: &str, fault: String| {
            format!("the {what} of {name:?} cannot be honoured: {fault}")
        };
        let split = self.split.as_ref().and_then(|split| split.fault(self.champion));
        let canary = self
            .canary
            .as_ref()
            .and_then(|canary| canary.fault(self.champion, self.split.as_ref()));
        let shadows = shadows_fault(self.champion, &self.shadows);
        split
            .map(|fault| of("split", fault))
            .or_else(|| canary.map(|fault| of("canary", fault)))
            .or_else(|| shadows.map(|fault| of("shadows", fault)))
    }
}

/// Why versions cannot be a champion's shadows, if they cannot.
pub(super) fn shadows_fault(champion: Digest, shadows: &[Digest]) -> Option<String> {
    if shadows.contains(&champion) {
        return Some(format!("{} is the champion itself", champion.short()));
    }
    if shadows.len() > SHADOW_COUNT_MAX {
        let count = shadows.len();
        return Some(format!("{count} are given, and a name has at most {SHADOW_COUNT_MAX}"));
    }
    let twice = shadows.iter().enumerate().find(|(at, shadow)| shadows[..*at].contains(shadow));
    twice.map(|(_, shadow)| format!("{} is given twice", shadow.short()))
}

/// What is served now, by name, and the line of the ledger that intended it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    format: u32,
    /// The line's number; 0 before there was one.
    pub line: u64,
    /// The line's hash.
    pub hash: Digest,
    /// The names.
    pub names: BTreeMap<String, Served>,
}

impl Deployment {
    /// Reads the file; `None` when there is none yet.
    ///
    /// # Errors
    ///
    /// [`StoreError::Deployment`] names a field that cannot be honoured.
    pub(super) fn read(path: &Path) -> Result<Option<Deployment>, StoreError> {
        let mut file = match regular::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other.map_err(at(path))?.take(LEN_MAX),
        };
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(at(path))?;
        let refused = |reason: String| StoreError::Deployment { path: path.to_owned(), reason };
        let deployment: Deployment =
            serde_json::from_str(&text).map_err(|error| refused(error.to_string()))?;
        if deployment.format != FORMAT {
            let found = deployment.format;
            return Err(refused(format!("it has format {found}, and this program reads {FORMAT}")));
        }
        if deployment.names.len() > MODEL_COUNT_MAX {
            let count = deployment.names.len();
            return Err(refused(format!("{count} names are more than {MODEL_COUNT_MAX}")));
        }
        if let Some(name) = deployment.names.keys().find(|name| !name_is_sound(name)) {
            return Err(refused(format!("no model can be named {name:?}")));
        }
        for (name, served) in &deployment.names {
            if let Some(fault) = served.fault(name) {
                return Err(refused(fault));
            }
        }
        Ok(Some(deployment))
    }

    /// Replaces the file, and waits until the disk has it.
    pub(super) fn write(&mut self, path: &Path) -> Result<(), StoreError> {
        self.format = FORMAT;
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| at(path)(std::io::Error::other(error)))?;
        text.push('\n');
        whole::write(path, text.as_bytes()).map_err(at(path))?;
        sync_folder(path)
    }
}

/// Waits until the disk has the names in a file's folder.
pub(super) fn sync_folder(file: &Path) -> Result<(), StoreError> {
    let folder = file.parent().unwrap_or(file);
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}
