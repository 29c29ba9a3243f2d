//! What each channel is charged to its user, until nobody holds its rings any more.
//!
//! A client may keep a ring's descriptor or mapping, pass it on, or leave it unread in a socket:
//! each keeps the memory alive after the channel's end.

use super::quota::Quota;
use crate::sys::endings::Endings;
use factord_core::channel::Refusal;
use factord_core::region::Region;
use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd};
use tracing::warn;

#[derive(Debug)]
struct Charge {
    uid: u32,
    bytes: u64,
    /// Rings that have not ended.
    ring_count: u32,
    /// The connection has.
    is_over: bool,
}

/// The charges of all channels, by connection.
#[derive(Debug)]
pub(super) struct Accounts {
    quota: Quota,
    endings: Option<Endings>,
    charges: HashMap<u64, Charge>,
    /// Whose ring a watched one is.
    rings: HashMap<i32, u64>,
    unwatched_told: bool,
}

impl Accounts {
    /// Starts without channels.
    pub(super) fn new(quota: Quota) -> Accounts {
        let endings = Endings::new();
        if let Err(error) = &endings {
            warn!(
                "rings that clients keep cannot be watched ({error}): they are charged for as long \
                 as their channel lasts; raise fs.inotify.max_user_instances"
            );
        }
        let (charges, rings) = (HashMap::new(), HashMap::new());
        Accounts { quota, endings: endings.ok(), charges, rings, unwatched_told: false }
    }

    /// What becomes readable when rings have ended.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.endings.as_ref().map(AsFd::as_fd)
    }

    /// Charges a channel of `bytes` to `uid`, on the account of the connection `key`.
    ///
    /// # Errors
    ///
    /// The refusal to send when a limit would be passed; nothing is charged then.
    pub(super) fn charge(
        &mut self,
        key: u64,
        uid: u32,
        owns: bool,
        bytes: u64,
    ) -> Result<(), Refusal> {
        self.quota.charge(uid, owns, bytes)?;
        self.charges.insert(key, Charge { uid, bytes, ring_count: 0, is_over: false });
        Ok(())
    }

    /// Keeps the charge of a connection up until a ring of it has ended.
    pub(super) fn watch(&mut self, key: u64, ring: &Region) {
        let (Some(endings), Some(charge)) = (&self.endings, self.charges.get_mut(&key)) else {
            return;
        };
        match endings.watch(ring.fd()) {
            Ok(number) => {
                self.rings.insert(number, key);
                charge.ring_count += 1;
            }
            Err(error) if !self.unwatched_told => {
                self.unwatched_told = true;
                warn!(
                    "a ring cannot be watched ({error}): it is charged for as long as its channel \
                     lasts; raise fs.inotify.max_user_watches"
                );
            }
            Err(_) => {}
        }
    }

    /// Notes that a connection is over.
    pub(super) fn close(&mut self, key: u64) {
        if let Some(charge) = self.charges.get_mut(&key) {
            charge.is_over = true;
            self.release_if_free(key);
        }
    }

    /// Frees what was charged for rings that have ended.
    pub(super) fn take_ended(&mut self) {
        let Some(endings) = &self.endings else { return };
        let mut ended = Vec::new();
        if let Err(error) = endings.read(|number| ended.push(number)) {
            warn!("the ends of rings cannot be read: {error}");
        }
        for number in ended {
            let Some(key) = self.rings.remove(&number) else { continue };
            if let Some(charge) = self.charges.get_mut(&key) {
                charge.ring_count -= 1;
                self.release_if_free(key);
            }
        }
    }

    fn release_if_free(&mut self, key: u64) {
        if let Some(charge) = self.charges.get(&key)
            && charge.is_over
            && charge.ring_count == 0
        {
            self.quota.release(charge.uid, charge.bytes);
            self.charges.remove(&key);
        }
    }
}
