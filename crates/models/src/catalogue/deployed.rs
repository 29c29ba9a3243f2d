//! What a store's deployment names, read and checked.

use super::{CatalogueError, LoadedModel, LoadedSplit};
use crate::file::Artifact;
use crate::store::{self, Objects, Served, StoreError};
use std::collections::HashMap;
use std::sync::Arc;

impl LoadedModel {
    /// Reads what a store serves under a name, as [`LoadedModel::read`].
    pub(super) fn of_object(
        objects: &Objects,
        name: &str,
        served: &Served,
        before: &HashMap<&str, &Arc<LoadedModel>>,
    ) -> Result<Arc<LoadedModel>, CatalogueError> {
        let origin = objects.path(&served.champion).display().to_string();
        let (sha256, generation) = (served.champion.0, Some(served.generation));
        let (artifact, bytes) = objects.read(&served.champion)?;
        let arms = LoadedModel::arms(objects, &artifact, served)?;
        if let Some(&known) = before.get(origin.as_str())
            && known.generation == generation
        {
            return Ok(Arc::clone(known));
        }
        let found = artifact.name();
        if found != name {
            let (expected, found) = (name.to_owned(), found.to_owned());
            return Err(CatalogueError::OtherName { origin, expected, found });
        }
        let split = served.split.as_ref().map(|split| {
            let (salt, ends) = (split.salt.0, split.ends());
            LoadedSplit { salt, ends, arms }
        });
        Ok(Arc::new(LoadedModel { artifact, bytes, sha256, origin, generation, split }))
    }

    /// Reads the versions that share a name's requests with its champion.
    fn arms(
        objects: &Objects,
        champion: &Artifact,
        served: &Served,
    ) -> Result<Vec<Arc<LoadedModel>>, StoreError> {
        let arms = served.split.iter().flat_map(|split| &split.arms);
        arms.map(|arm| {
            let (artifact, bytes) = objects.read(&arm.version)?;
            store::check_arms(champion, &[(arm.version, &artifact)])?;
            let origin = objects.path(&arm.version).display().to_string();
            let (sha256, generation, split) = (arm.version.0, None, None);
            Ok(Arc::new(LoadedModel { artifact, bytes, sha256, origin, generation, split }))
        })
        .collect()
    }
}
