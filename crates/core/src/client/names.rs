//! The client's own numbers of models: a name keeps its number for the client's life, whatever
//! engine answers and wherever its row stands. Such a number is a handle; beside it stands what
//! requests carry for it.

use crate::abi::{self, request::MODEL_NONE};
use crate::counters::{ModelRow, ModelTable, Observer};
use std::collections::HashMap;

/// The names whose numbers are the same everywhere, in order.
const FIXED: [&str; 2] = ["regression", "classification"];

/// The most numbers of one client.
const NUMBER_COUNT_MAX: u16 = MODEL_NONE as u16;

/// The `meta` of a request for a name that is not served: the engine refuses it in its turn.
const NOTHING: u64 = MODEL_NONE;

/// No engine's sequence of names: of a number that was never looked up.
const NEVER: u64 = u64::MAX;

/// One name, and what its requests carry.
#[derive(Debug)]
struct Entry {
    /// Engine's number and check, as requests carry them.
    meta: u64,
    /// The engine's sequence of names when the number was looked up.
    seen: u64,
    /// The only fingerprint whose answers count.
    pin: Option<u64>,
    name: String,
}

impl Entry {
    fn new(name: &str, pin: Option<u64>) -> Entry {
        Entry { meta: NOTHING, seen: NEVER, pin, name: name.to_owned() }
    }

    fn is_served(&self) -> bool {
        self.meta & abi::request::MODEL_MASK != MODEL_NONE
    }
}

/// The table of names; a place in it is the client's number.
#[derive(Debug)]
pub(super) struct Names {
    entries: Vec<Entry>,
    /// The numbers of names that are not pinned.
    by_name: HashMap<String, u16>,
    pinned: bool,
}

impl Names {
    /// Knows the fixed names and those of a table, in this order, and has looked none of them up.
    pub(super) fn new(table: &ModelTable) -> Names {
        let mut names = Names { entries: Vec::new(), by_name: HashMap::new(), pinned: false };
        let served = table.rows.iter().map(|row| row.name.as_str());
        for name in FIXED.into_iter().chain(served) {
            names.number(name, None);
        }
        names
    }

    /// What a request carries for one of the client's numbers, if the engine's names are those of
    /// `sequence` still.
    #[inline(always)]
    pub(super) fn meta(&self, number: u16, sequence: u64) -> Option<u64> {
        let entry = self.entries.get(usize::from(number))?;
        (entry.seen == sequence).then_some(entry.meta)
    }

    /// Looks the name of a number up again, and returns what its requests carry. A row that is
    /// being written is left for the next call.
    #[cold]
    pub(super) fn look_up(&mut self, number: u16, observer: &Observer) -> u64 {
        let sequence = observer.names_sequence();
        let Some(entry) = self.entries.get_mut(usize::from(number)) else { return NOTHING };
        let was = (entry.meta & abi::request::MODEL_MASK) as u16;
        let stands = |row: ModelRow| row.name == entry.name;
        if entry.is_served() && observer.row_now(was).is_ok_and(|row| row.is_some_and(stands)) {
            entry.seen = sequence;
            return entry.meta;
        }
        if let Ok(row) = observer.find(&entry.name) {
            entry.meta = row.map_or(NOTHING, |row| abi::meta(row.id, row.check));
            entry.seen = sequence;
        }
        entry.meta
    }

    /// The number of a name, new or not; `None` when all numbers are given.
    pub(super) fn number(&mut self, name: &str, pin: Option<u64>) -> Option<u16> {
        let known = match pin {
            None => self.known(name),
            Some(_) => self.pinned_to(name, pin),
        };
        if known.is_some() {
            return known;
        }
        let number = u16::try_from(self.entries.len()).ok().filter(|&n| n < NUMBER_COUNT_MAX)?;
        self.entries.push(Entry::new(name, pin));
        if pin.is_none() {
            self.by_name.insert(name.to_owned(), number);
        }
        self.pinned |= pin.is_some();
        Some(number)
    }

    /// The number that a name has.
    #[inline]
    pub(super) fn known(&self, name: &str) -> Option<u16> {
        self.by_name.get(name).copied()
    }

    fn pinned_to(&self, name: &str, pin: Option<u64>) -> Option<u16> {
        let same = |entry: &Entry| entry.pin == pin && entry.name == name;
        u16::try_from(self.entries.iter().position(same)?).ok()
    }

    /// Forgets the engine's numbers: another engine gives its own.
    pub(super) fn forget(&mut self) {
        for entry in &mut self.entries {
            entry.seen = NEVER;
        }
    }

    /// Whether any number is pinned.
    #[inline(always)]
    pub(super) fn are_pinned(&self) -> bool {
        self.pinned
    }

    /// Whether an artifact may answer for a number.
    #[cold]
    pub(super) fn accepts(&self, number: u16, fingerprint: u64) -> bool {
        let pin = self.entries.get(usize::from(number)).and_then(|entry| entry.pin);
        pin.is_none_or(|pin| pin == fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_and_a_pinned_one_has_its_own() {
        let mut names = Names::new(&ModelTable { rows: Vec::new(), sequence: 0 });
        assert_eq!(
            ["regression", "classification"].map(|name| names.known(name)),
            [Some(0), Some(1)]
        );
        assert_eq!(names.number("bb", None), Some(2));
        assert_eq!(names.number("bb", Some(7)), Some(3));
        assert_eq!((names.number("bb", None), names.known("bb")), (Some(2), Some(2)));
        assert!(names.are_pinned());
        assert!(names.accepts(2, 9) && names.accepts(3, 7) && !names.accepts(3, 9));
    }

    #[test]
    fn what_was_never_looked_up_is_published_under_no_number() {
        let names = Names::new(&ModelTable { rows: Vec::new(), sequence: 0 });
        assert_eq!(names.meta(0, 0), None, "it has to be looked up first");
        assert_eq!(Entry::new("aa", None).meta, 0xFFFF);
    }
}
