//! Who may do what at the control socket, by user.

use factord_core::abi::right;

/// The users that may attach, and those that may use verbs.
#[derive(Clone, Debug)]
pub struct Rights {
    own_uid: u32,
    allowed: Vec<u32>,
    operators: Vec<u32>,
}

impl Rights {
    /// Root and `own_uid`, the daemon's user, may do everything; `allowed` attach; `operators`
    /// attach and use verbs.
    pub fn new(own_uid: u32, allowed: &[u32], operators: &[u32]) -> Rights {
        Rights { own_uid, allowed: allowed.to_vec(), operators: operators.to_vec() }
    }

    /// Whether a user may attach and observe.
    pub(super) fn may_attach(&self, uid: u32) -> bool {
        self.may_operate(uid) || self.allowed.contains(&uid)
    }

    /// What a user may do, by the bits of [`right`].
    pub(super) fn of(&self, uid: u32) -> u64 {
        let operator = right::OBSERVE | right::READ | right::PUBLISH;
        match (self.may_operate(uid), self.may_attach(uid)) {
            (true, _) => right::ATTACH | right::LOCAL | operator,
            (false, true) => right::ATTACH | right::LOCAL,
            (false, false) => 0,
        }
    }

    /// Whether a user may reload models and read artifacts.
    pub(super) fn may_operate(&self, uid: u32) -> bool {
        self.owns(uid) || self.operators.contains(&uid)
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
    fn a_right_is_roots_the_daemons_own_or_named() {
        let rights = Rights::new(10, &[20], &[30]);
        let of = |uid| (rights.may_attach(uid), rights.may_operate(uid), rights.owns(uid));
        assert_eq!(of(0), (true, true, true));
        assert_eq!(of(10), (true, true, true));
        assert_eq!(of(20), (true, false, false));
        assert_eq!(of(30), (true, true, false));
        assert_eq!(of(40), (false, false, false));
        assert_eq!([0, 20, 30, 40].map(|uid| rights.of(uid)), [31, 3, 31, 0]);
    }
}
