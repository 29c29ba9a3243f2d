//! Who may do what at the control socket, by user and group.

use crate::config::{Grant, Party};
use factord_core::abi::right;
use factord_core::sys::socket::{self, Credentials};
use std::os::fd::BorrowedFd;

/// All rights there are.
const ALL: u64 = right::ATTACH | right::LOCAL | right::OBSERVE | right::READ | right::PUBLISH;

/// What users and groups may do.
#[derive(Clone, Debug)]
pub struct Rights {
    own_uid: u32,
    grants: Vec<Grant>,
    /// Rights that nobody has.
    withheld: u64,
}

impl Rights {
    /// Root and `own_uid`, the daemon's user, may do everything; others what they are granted.
    pub fn new(own_uid: u32, grants: Vec<Grant>) -> Rights {
        Rights { own_uid, grants, withheld: 0 }
    }

    /// The same where nobody may evaluate in its own process, unless `allowed`.
    #[must_use]
    pub fn with_local(mut self, allowed: bool) -> Rights {
        self.withheld = if allowed { 0 } else { right::LOCAL };
        self
    }

    /// Whether anybody may evaluate in its own process.
    pub(super) fn allow_local(&self) -> bool {
        self.withheld & right::LOCAL == 0
    }

    /// What the peer of a socket may do, by the bits of [`right`]. Asks for its supplementary
    /// groups only where a group is granted anything.
    pub(super) fn of_peer(&self, socket: BorrowedFd<'_>, credentials: Credentials) -> u64 {
        let Credentials { uid, gid, .. } = credentials;
        let of_group = |grant: &Grant| matches!(grant.party, Party::Group(_));
        let mut groups = vec![gid];
        if !self.owns(uid) && self.grants.iter().any(of_group) {
            // A kernel that cannot tell leaves the peer with its own group.
            groups.extend(socket::peer_groups(socket).unwrap_or_default());
        }
        self.of(uid, &groups) & !self.withheld
    }

    fn of(&self, uid: u32, groups: &[u32]) -> u64 {
        if self.owns(uid) {
            return ALL;
        }
        let is_meant = |grant: &&Grant| match grant.party {
            Party::User(granted) => granted == uid,
            Party::Group(granted) => groups.contains(&granted),
        };
        self.grants.iter().filter(is_meant).fold(0, |rights, grant| rights | grant.rights)
    }

    /// Whether a user is root or the daemon's own, for which some places are reserved.
    pub(super) fn owns(&self, uid: u32) -> bool {
        uid == 0 || uid == self.own_uid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_is_roots_the_daemons_own_or_granted_to_a_user_or_a_group() {
        let grant = |party, rights| Grant { party, rights };
        let rights = Rights::new(
            10,
            vec![
                grant(Party::User(20), right::ATTACH),
                grant(Party::Group(30), right::OBSERVE),
                grant(Party::Group(31), right::READ),
                grant(Party::User(20), right::PUBLISH),
            ],
        );
        assert_eq!([0, 10].map(|uid| rights.of(uid, &[])), [ALL, ALL]);
        assert_eq!(rights.of(20, &[20]), right::ATTACH | right::PUBLISH);
        assert_eq!(rights.of(20, &[30]), right::ATTACH | right::PUBLISH | right::OBSERVE);
        assert_eq!(rights.of(40, &[1, 31, 30]), right::OBSERVE | right::READ);
        assert_eq!([rights.of(30, &[20]), rights.of(40, &[])], [0, 0], "a group is no user");
    }
}
