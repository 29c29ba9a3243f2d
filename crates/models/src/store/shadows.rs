//! Shadows: versions that are scored on the same requests as what serves, and answer nobody.

use super::deployment::shadows_fault;
use super::{Digest, Served, Store, StoreError, Verb, check_arms};

impl Store {
    /// Has a version scored beside what serves a name, or no more. The generation stays, since the
    /// same versions serve the name.
    ///
    /// # Errors
    ///
    /// [`StoreError::Shadows`] when there are too many, the version is the champion, is of another
    /// name or takes other features, or is no shadow that could be taken off;
    /// [`StoreError::NotServed`], [`StoreError::Pinned`], or what is wrong with an object.
    pub fn shadow(
        &mut self,
        name: &str,
        version: Digest,
        wanted: bool,
    ) -> Result<Served, StoreError> {
        let mut served = self.served(name)?;
        self.refuse_pinned(name)?;
        let refused = |reason: String| StoreError::Shadows { name: name.to_owned(), reason };
        let place = served.shadows.iter().position(|shadow| *shadow == version);
        match (wanted, place) {
            (true, Some(_)) => return Ok(served),
            (true, None) => served.shadows.push(version),
            (false, Some(place)) => _ = served.shadows.remove(place),
            (false, None) => {
                return Err(refused(format!("{} is none of them", version.short())));
            }
        }
        if let Some(reason) = shadows_fault(served.champion, &served.shadows) {
            return Err(refused(reason));
        }
        if wanted {
            let (champion, _) = self.objects.read(&served.champion)?;
            let (shadow, _) = self.objects.read(&version)?;
            check_arms(&champion, &[(version, &shadow)]).map_err(|error| match error {
                StoreError::Split { reason, .. } => refused(reason),
                other => other,
            })?;
        }
        self.change(Verb::Shadow, name, Some(served.clone()), None)?;
        Ok(served)
    }

    /// The shadows of a name that can be scored beside a champion, which may be another one than
    /// before.
    pub(super) fn shadows_beside(
        &self,
        name: &str,
        champion: Digest,
    ) -> Result<Vec<Digest>, StoreError> {
        let Some(served) = self.deployment.names.get(name) else { return Ok(Vec::new()) };
        if served.champion == champion || served.shadows.is_empty() {
            return Ok(served.shadows.clone());
        }
        let (first, _) = self.objects.read(&champion)?;
        let fits = |shadow: &&Digest| {
            let object = self.objects.read(shadow);
            **shadow != champion
                && object
                    .is_ok_and(|(object, _)| check_arms(&first, &[(**shadow, &object)]).is_ok())
        };
        Ok(served.shadows.iter().filter(fits).copied().collect())
    }
}
