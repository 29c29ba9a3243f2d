//! Whose message is next: that of the user who has had the least of the control thread's time.

use std::collections::{HashMap, VecDeque};

/// One user's messages in line and the time they have taken.
#[derive(Debug, Default)]
struct Line {
    keys: VecDeque<u64>,
    spent_ns: u64,
}

/// Connections with a message to read, by user.
#[derive(Debug, Default)]
pub(super) struct Turns {
    lines: HashMap<u32, Line>,
}

impl Turns {
    /// Puts a connection at the end of its user's line.
    pub(super) fn wait(&mut self, uid: u32, key: u64) {
        self.lines.entry(uid).or_default().keys.push_back(key);
    }

    /// Whether anybody waits.
    pub(super) fn is_anybody_waiting(&self) -> bool {
        self.lines.values().any(|line| !line.keys.is_empty())
    }

    /// The user whose turn it is, and its connection.
    pub(super) fn next(&mut self) -> Option<(u32, u64)> {
        let waiting = self.lines.iter_mut().filter(|(_, line)| !line.keys.is_empty());
        let (&uid, line) = waiting.min_by_key(|(_, line)| line.spent_ns)?;
        line.keys.pop_front().map(|key| (uid, key))
    }

    /// Adds time that a turn of `uid` took.
    pub(super) fn spend(&mut self, uid: u32, ns: u64) {
        self.lines.entry(uid).or_default().spent_ns += ns;
    }

    /// Forgets half of the time that everybody has had.
    pub(super) fn fade(&mut self) {
        self.lines.retain(|_, line| {
            line.spent_ns /= 2;
            line.spent_ns > 0 || !line.keys.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_who_took_long_waits_for_the_others() {
        let mut turns = Turns::default();
        (0..10).for_each(|key| turns.wait(7, key));
        assert_eq!(turns.next(), Some((7, 0)));
        turns.spend(7, 30);
        turns.wait(8, 100);
        turns.wait(8, 101);
        assert_eq!(turns.next(), Some((8, 100)));
        turns.spend(8, 40);
        assert_eq!(turns.next(), Some((7, 1)));
        turns.spend(7, 30);
        assert_eq!(turns.next(), Some((8, 101)));
        assert_eq!(turns.next(), Some((7, 2)), "nobody else waits");
        assert!(turns.is_anybody_waiting());
        (0..7).for_each(|_| assert!(turns.next().is_some()));
        assert!(turns.next().is_none() && !turns.is_anybody_waiting());
        (0..7).for_each(|_| turns.fade());
        assert!(turns.lines.is_empty(), "{turns:?}");
    }
}
