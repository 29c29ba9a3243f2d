//! What each user holds, and the limits on it.

use factord_core::channel::Refusal;
use std::collections::HashMap;

/// Channels of all users.
// 1,024: three times the default quota of one user.
const CHANNEL_COUNT_MAX: u32 = 1024;
/// Of these, kept for root and the daemon's own user.
const CHANNELS_KEPT: u32 = 16;

/// Limits for each user.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Channels, half-made ones included.
    pub channels_per_uid: u32,
    /// Bytes of rings.
    pub bytes_per_uid: u64,
}

#[derive(Debug, Default)]
struct Use {
    channels: u32,
    bytes: u64,
}

/// The ledger of all users.
#[derive(Debug)]
pub(super) struct Quota {
    limits: Limits,
    by_uid: HashMap<u32, Use>,
    channels: u32,
}

impl Quota {
    /// Starts with nothing in use.
    pub(super) fn new(limits: Limits) -> Quota {
        Quota { limits, by_uid: HashMap::new(), channels: 0 }
    }

    /// Charges one channel of `bytes` to `uid`; `owns` says that it is root or the daemon's own.
    ///
    /// # Errors
    ///
    /// The refusal to send when a limit would be passed; nothing is charged then.
    pub(super) fn charge(&mut self, uid: u32, owns: bool, bytes: u64) -> Result<(), Refusal> {
        if self.channels >= CHANNEL_COUNT_MAX - if owns { 0 } else { CHANNELS_KEPT } {
            return Err(Refusal::Busy);
        }
        let held = self.by_uid.entry(uid).or_default();
        let limits = self.limits;
        if held.channels >= limits.channels_per_uid {
            return Err(Refusal::ChannelQuota {
                used: held.channels.into(),
                limit: limits.channels_per_uid.into(),
            });
        }
        let wanted = held.bytes + bytes;
        if wanted > limits.bytes_per_uid {
            return Err(Refusal::ByteQuota { wanted, limit: limits.bytes_per_uid });
        }
        self.channels += 1;
        held.channels += 1;
        held.bytes = wanted;
        Ok(())
    }

    /// Takes one channel of `bytes` off `uid`'s account.
    pub(super) fn release(&mut self, uid: u32, bytes: u64) {
        if let Some(held) = self.by_uid.get_mut(&uid) {
            self.channels -= 1;
            held.channels = held.channels.saturating_sub(1);
            held.bytes = held.bytes.saturating_sub(bytes);
            if held.channels == 0 {
                self.by_uid.remove(&uid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_beyond_a_limit_changes_nothing() {
        let mut quota = Quota::new(Limits { channels_per_uid: 2, bytes_per_uid: 100 });
        assert_eq!(quota.charge(7, false, 60), Ok(()));
        assert_eq!(quota.charge(7, false, 60), Err(Refusal::ByteQuota { wanted: 120, limit: 100 }));
        assert_eq!(quota.charge(7, false, 40), Ok(()));
        assert_eq!(quota.charge(7, false, 0), Err(Refusal::ChannelQuota { used: 2, limit: 2 }));
        assert_eq!(quota.charge(8, false, 100), Ok(()), "another user has an account of its own");
        quota.release(7, 60);
        assert_eq!(quota.charge(7, false, 60), Ok(()));
    }
    #[test]
    fn some_channels_are_kept_for_the_owner() {
        let mut quota = Quota::new(Limits { channels_per_uid: 2000, bytes_per_uid: 1 << 30 });
        assert!((0..1008).all(|_| quota.charge(7, false, 1).is_ok()));
        assert_eq!(quota.charge(8, false, 1), Err(Refusal::Busy));
        assert!((0..16).all(|_| quota.charge(0, true, 1).is_ok()));
        assert_eq!(quota.charge(0, true, 1), Err(Refusal::Busy));
        quota.release(7, 1);
        assert_eq!(quota.charge(0, true, 1), Ok(()));
    }
}
