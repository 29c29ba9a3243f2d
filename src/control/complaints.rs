//! Lines about refusals: one a user and second, with the number of those that were not written.

use factord_core::channel::Refusal;
use factord_core::sys::socket::Credentials;
use std::collections::HashMap;
use tracing::info;

/// Time between two lines about one user.
const PAUSE_NS: u64 = 1_000_000_000;
/// Users with lines of their own; somebody may have thousands of user ids.
const USER_COUNT_MAX: usize = 64;

#[derive(Debug)]
struct Complaint {
    last_ns: u64,
    held_back: u64,
}

/// The users that were logged recently.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    by_uid: HashMap<u32, Complaint>,
    /// Refusals of users without a line of their own.
    others: u64,
}

impl Complaints {
    /// Writes a line about a refusal, or counts it; returns how many were counted this second.
    pub(super) fn refused(&mut self, who: Credentials, refusal: Refusal, now_ns: u64) -> u64 {
        if let Some(complaint) = self.by_uid.get_mut(&who.uid) {
            complaint.held_back += 1;
            return complaint.held_back;
        }
        if self.by_uid.len() == USER_COUNT_MAX {
            self.others += 1;
            return self.others;
        }
        self.by_uid.insert(who.uid, Complaint { last_ns: now_ns, held_back: 0 });
        info!("refused {who}: {refusal}");
        0
    }

    /// Writes the counts that are due.
    pub(super) fn tell(&mut self, now_ns: u64) {
        let before = self.by_uid.len();
        self.by_uid.retain(|uid, complaint| {
            if now_ns < complaint.last_ns + PAUSE_NS {
                return true;
            }
            let held_back = std::mem::take(&mut complaint.held_back);
            if held_back > 0 {
                info!("refused user {uid} {held_back} more times");
            }
            complaint.last_ns = now_ns;
            held_back > 0
        });
        if self.by_uid.len() < before && self.others > 0 {
            info!("refused other users {} times", std::mem::take(&mut self.others));
        }
    }
}
