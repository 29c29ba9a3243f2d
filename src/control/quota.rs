//! What each user holds, and the limits on it.

use crate::channel::Refusal;
use std::collections::HashMap;

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
}

impl Quota {
    /// Starts with nothing in use.
    pub(super) fn new(limits: Limits) -> Quota {
        Quota { limits, by_uid: HashMap::new() }
    }

    /// Charges one channel of `bytes` to `uid`.
    ///
    /// # Errors
    ///
    /// The refusal to send when a limit would be passed; nothing is charged then.
    pub(super) fn charge(&mut self, uid: u32, bytes: u64) -> Result<(), Refusal> {
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
        held.channels += 1;
        held.bytes = wanted;
        Ok(())
    }

    /// Takes one channel of `bytes` off `uid`'s account.
    pub(super) fn release(&mut self, uid: u32, bytes: u64) {
        if let Some(held) = self.by_uid.get_mut(&uid) {
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
        assert_eq!(quota.charge(7, 60), Ok(()));
        assert_eq!(quota.charge(7, 60), Err(Refusal::ByteQuota { wanted: 120, limit: 100 }));
        assert_eq!(quota.charge(7, 40), Ok(()));
        assert_eq!(quota.charge(7, 0), Err(Refusal::ChannelQuota { used: 2, limit: 2 }));
        assert_eq!(quota.charge(8, 100), Ok(()), "another user has an account of its own");
        quota.release(7, 60);
        assert_eq!(quota.charge(7, 60), Ok(()));
    }
}
