//! Whether requests and answers can tell models apart.

use super::super::ready::ReadyModel;
use super::ReloadError;
use std::collections::HashMap;
use std::sync::Arc;

/// Refuses models that requests or answers could not tell apart.
pub(super) fn tell_apart(models: &[Arc<ReadyModel>]) -> Result<(), ReloadError> {
    let mut checks = HashMap::new();
    let mut versions = HashMap::new();
    for model in models {
        if let Some(first) = checks.insert(model.check, model) {
            tell_two_apart(first, model)?;
        }
        for version in model.versions() {
            if let Some(first) = versions.insert(version.fingerprint, version) {
                tell_versions_apart(first, version)?;
            }
        }
    }
    Ok(())
}

/// The same of two models of different names.
pub(super) fn tell_two_apart(first: &ReadyModel, second: &ReadyModel) -> Result<(), ReloadError> {
    if first.check == second.check {
        let (check, (first, second)) = (first.check, names(first, second));
        return Err(ReloadError::SameCheck { first, second, check });
    }
    first.versions().try_for_each(|first| {
        second.versions().try_for_each(|second| tell_versions_apart(first, second))
    })
}

fn tell_versions_apart(first: &ReadyModel, second: &ReadyModel) -> Result<(), ReloadError> {
    if first.fingerprint == second.fingerprint && first.loaded.sha256 != second.loaded.sha256 {
        let (fingerprint, (first, second)) = (first.fingerprint, names(first, second));
        return Err(ReloadError::SameFingerprint { first, second, fingerprint });
    }
    Ok(())
}

fn names(first: &ReadyModel, second: &ReadyModel) -> (String, String) {
    (first.name().to_owned(), second.name().to_owned())
}
