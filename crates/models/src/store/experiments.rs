//! Experiments: several versions serve a name at once, each for its share of the requests.

use super::{Arm, Digest, Salt, Served, Split, Store, StoreError, Verb, check_arms};

impl Store {
    /// Has several versions serve a name, each for its share of the requests; the first is the
    /// champion. Without a salt, the versions that share the requests already keep theirs, and
    /// others get one of their own.
    ///
    /// # Errors
    ///
    /// [`StoreError::Split`], [`StoreError::NotServed`], [`StoreError::Pinned`], or what is wrong
    /// with an object.
    pub fn split(
        &mut self,
        name: &str,
        arms: &[Arm],
        salt: Option<Salt>,
    ) -> Result<Served, StoreError> {
        let served = self.served(name)?;
        self.refuse_pinned(name)?;
        self.refuse_canary(name)?;
        let versions = |arms: &[Arm]| arms.iter().map(|arm| arm.version).collect::<Vec<_>>();
        let kept = served.split.as_ref().and_then(|split| {
            let same = versions(&split.shares(served.champion)) == versions(arms);
            same.then_some(split.salt)
        });
        let split = Split::new(arms, salt.or(kept).unwrap_or_else(|| self.new_salt(name)));
        let champion = arms.first().map_or(served.champion, |arm| arm.version);
        if let Some(reason) = split.fault(champion) {
            return Err(StoreError::Split { name: name.to_owned(), reason });
        }
        self.read_all(name, champion, Some(&split))?;
        if (served.champion, served.split.as_ref()) == (champion, Some(&split)) {
            return Ok(served);
        }
        self.serve(Verb::Split, name, champion, Some(split), None)
    }

    /// Looks whether a version, and those that share its requests, can serve.
    pub(super) fn read_all(
        &self,
        name: &str,
        champion: Digest,
        split: Option<&Split>,
    ) -> Result<(), StoreError> {
        let (first, _) = self.objects.read(&champion)?;
        if first.name() != name {
            let reason = format!("{} is a version of {:?}", champion.short(), first.name());
            return Err(StoreError::Split { name: name.to_owned(), reason });
        }
        let arms = split.map_or(&[][..], |split| &split.arms);
        for arm in arms {
            check_arms(&first, &[(arm.version, &self.objects.read(&arm.version)?.0)])?;
        }
        Ok(())
    }

    /// A salt that no experiment before has had: of the ledger as it is.
    pub(super) fn new_salt(&self, name: &str) -> Salt {
        let start = Digest::of(format!("{} {name}", self.ledger.head().hash).as_bytes());
        Salt(start.0.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes)))
    }
}
