//! Places for connections that are not channels yet, counted by user.

use factord_core::channel::Refusal;
use std::collections::HashMap;

/// The most connections without a channel, of all users.
// 1,024: as many as wait in the listener's queue; each takes six descriptors at most.
const PLACE_COUNT_MAX: u64 = 1024;

/// How many connections without a channel there may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlaceLimits {
    /// Of all users.
    total: u64,
    /// Of one user that is neither root nor the daemon's own.
    per_uid: u64,
    /// Kept for root and the daemon's own user.
    kept: u64,
}

impl PlaceLimits {
    /// As many as fit a limit of descriptors, and no more than [`PLACE_COUNT_MAX`].
    pub(super) fn within(descriptor_limit: u64) -> PlaceLimits {
        // An eighth: a place takes up to six descriptors, and channels need most of them.
        let total = (descriptor_limit / 8).clamp(8, PLACE_COUNT_MAX);
        PlaceLimits { total, per_uid: total / 8, kept: total / 32 }
    }
}

/// Who holds how many places.
#[derive(Debug)]
pub(super) struct Places {
    limits: PlaceLimits,
    held: HashMap<u32, u64>,
    held_total: u64,
}

impl Places {
    /// Starts with nobody.
    pub(super) fn new(limits: PlaceLimits) -> Places {
        Places { limits, held: HashMap::new(), held_total: 0 }
    }

    /// Takes a place for `uid`; `owns` says that it is root or the daemon's own.
    ///
    /// # Errors
    ///
    /// The refusal to send when there is no place.
    pub(super) fn take(&mut self, uid: u32, owns: bool) -> Result<(), Refusal> {
        let PlaceLimits { total, per_uid, kept } = self.limits;
        let used = self.held.get(&uid).copied().unwrap_or(0);
        if !owns && used >= per_uid {
            return Err(Refusal::TooMany { used, limit: per_uid });
        }
        if self.held_total >= if owns { total } else { total - kept } {
            return Err(Refusal::Busy);
        }
        self.held.insert(uid, used + 1);
        self.held_total += 1;
        Ok(())
    }

    /// Gives a place of `uid` back.
    pub(super) fn give_back(&mut self, uid: u32) {
        let Some(held) = self.held.get_mut(&uid) else { return };
        *held -= 1;
        self.held_total -= 1;
        if *held == 0 {
            self.held.remove(&uid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_takes_an_eighth_and_some_places_are_kept_for_the_owner() {
        let mut places = Places::new(PlaceLimits::within(65_536));
        for uid in 1..=7 {
            assert!((0..128).all(|_| places.take(uid, false).is_ok()), "{uid}");
            let refused = places.take(uid, false);
            assert_eq!(refused, Err(Refusal::TooMany { used: 128, limit: 128 }));
        }
        assert!((0..96).all(|_| places.take(8, false).is_ok()));
        assert_eq!(places.take(8, false), Err(Refusal::Busy));
        assert!((0..32).all(|_| places.take(0, true).is_ok()));
        assert_eq!(places.take(0, true), Err(Refusal::Busy));
        places.give_back(3);
        assert_eq!(places.take(0, true), Ok(()), "a place given back is anybody's");
    }

    #[test]
    fn few_descriptors_make_few_places() {
        let PlaceLimits { total, per_uid, kept } = PlaceLimits::within(64);
        assert_eq!((total, per_uid, kept), (8, 1, 0));
    }
}
