//! Canaries: a candidate gets a name's requests step by step, and goes when a guard says so.

use super::canary::{Canary, check};
use super::{Arm, Digest, Guards, Hold, Served, Split, Store, StoreError, Verb, WEIGHT_SUM};

/// The most letters of a reason, so that a line of the ledger holds it.
const REASON_LEN_MAX: usize = 300;

impl Store {
    /// Gives a candidate its first share of a name's requests.
    ///
    /// # Errors
    ///
    /// [`StoreError::Canary`] when the steps, the hold or a guard cannot be honoured, the candidate
    /// cannot share the champion's requests, or an experiment is under way;
    /// [`StoreError::UnderWay`], [`StoreError::NotServed`], [`StoreError::Pinned`], or what is
    /// wrong with an object.
    pub fn canary(
        &mut self,
        name: &str,
        candidate: Digest,
        steps: Vec<u16>,
        hold: Hold,
        guards: Guards,
    ) -> Result<Served, StoreError> {
        let champion = self.served(name)?.champion;
        self.refuse_pinned(name)?;
        self.refuse_canary(name)?;
        let refused = |reason: String| StoreError::Canary { name: name.to_owned(), reason };
        if self.served(name)?.split.is_some() {
            return Err(refused(format!(
                "its requests are divided by an experiment: `factord model promote {name} VERSION` \
                 ends that first"
            )));
        }
        let canary = Canary { candidate, champion, steps, step: 0, hold, guards };
        if let Some(reason) = canary.own_fault() {
            return Err(refused(reason));
        }
        let (first, _) = self.objects.read(&champion)?;
        let (other, _) = self.objects.read(&candidate)?;
        check(&first, (candidate, &other), &canary.guards)?;
        self.serve_step(Verb::Canary, name, canary)
    }

    /// Takes a canary one step further; behind its last step, ends it: the candidate is champion
    /// then, and the generation stays.
    ///
    /// # Errors
    ///
    /// [`StoreError::Changed`] when another generation than `generation`, or no canary, serves the
    /// name; or what is wrong with an object.
    pub fn step(&mut self, name: &str, generation: u32) -> Result<Served, StoreError> {
        let (served, mut canary) = self.under_way(name, generation)?;
        if canary.is_last() {
            let served = Served { canary: None, ..served };
            self.change(Verb::Settle, name, Some(served.clone()), None)?;
            return Ok(served);
        }
        canary.step += 1;
        self.objects.read(&canary.candidate)?;
        self.serve_step(Verb::Step, name, canary)
    }

    /// Ends a canary by what served before it, for a reason that the ledger keeps.
    ///
    /// # Errors
    ///
    /// As [`Store::step`].
    pub fn stop_canary(
        &mut self,
        name: &str,
        generation: u32,
        reason: &str,
    ) -> Result<Served, StoreError> {
        let (_, canary) = self.under_way(name, generation)?;
        self.objects.read(&canary.champion)?;
        let shadows = self.shadows_beside(name, canary.champion)?;
        let alone = Served::alone(canary.champion, self.next_generation(name));
        let served = Served { shadows, ..alone };
        let reason = reason.chars().take(REASON_LEN_MAX).collect();
        self.change(Verb::Rollback, name, Some(served.clone()), Some(reason))?;
        Ok(served)
    }

    fn under_way(&self, name: &str, generation: u32) -> Result<(Served, Canary), StoreError> {
        let served = self.deployment.names.get(name).filter(|it| it.generation == generation);
        let canary = served.and_then(|served| Some((served.clone(), served.canary.clone()?)));
        canary.ok_or_else(|| StoreError::Changed { name: name.to_owned(), expected: generation })
    }

    fn serve_step(&mut self, verb: Verb, name: &str, canary: Canary) -> Result<Served, StoreError> {
        let (candidate, weight) = (canary.candidate, canary.weight());
        if weight == WEIGHT_SUM {
            return self.serve(verb, name, candidate, None, Some(canary));
        }
        let before = self.served(name)?.split.map(|split| split.salt);
        let champion = Arm { version: canary.champion, weight: WEIGHT_SUM - weight };
        let arms = [champion, Arm { version: candidate, weight }];
        let split = Split::new(&arms, before.unwrap_or_else(|| self.new_salt(name)));
        self.serve(verb, name, canary.champion, Some(split), Some(canary))
    }

    pub(super) fn refuse_canary(&self, name: &str) -> Result<(), StoreError> {
        let served = self.deployment.names.get(name);
        match served.and_then(|served| served.canary.as_ref()) {
            None => Ok(()),
            Some(canary) => Err(StoreError::UnderWay {
                name: name.to_owned(),
                candidate: canary.candidate.short(),
                weight: canary.weight(),
            }),
        }
    }
}
