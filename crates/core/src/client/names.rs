//! The client's own numbers of models: a name keeps its number for the client's life, whatever
//! engine answers. Beside each stands the number that the engine of the present attachment uses.

use crate::abi::request::MODEL_MASK;
use crate::counters::{ModelRow, ModelTable};

/// What is published for a name that the engine does not serve; it answers "unknown model".
pub(super) const NOT_SERVED: u16 = MODEL_MASK as u16;

/// The names whose numbers are the same everywhere, in order.
const FIXED: [&str; 2] = ["regression", "classification"];

/// One name, its number at the engine, and whether it is served now.
#[derive(Debug)]
struct Entry {
    name: String,
    engine: u16,
    served: bool,
}

impl Entry {
    fn new(name: &str) -> Entry {
        Entry { name: name.to_owned(), engine: NOT_SERVED, served: false }
    }
}

/// The table of names; a place in it is the client's number.
#[derive(Debug)]
pub(super) struct Names {
    entries: Vec<Entry>,
    /// What the sequence of the engine's table was when it was last read.
    sequence: u64,
}

impl Names {
    /// Knows the fixed names alone, which no engine has numbered yet.
    pub(super) fn new() -> Names {
        Names { entries: FIXED.map(Entry::new).into(), sequence: 0 }
    }

    /// The engine's number for one of the client's.
    #[inline(always)]
    pub(super) fn engine(&self, number: u16) -> u16 {
        self.entries.get(usize::from(number)).map_or(NOT_SERVED, |entry| entry.engine)
    }

    /// The number of a name that was served when the table was read.
    #[inline]
    pub(super) fn find(&self, name: &str) -> Option<u16> {
        let found = self.entries.iter().position(|entry| entry.served && entry.name == name)?;
        u16::try_from(found).ok()
    }

    /// Whether the table was read when its sequence was this.
    #[inline]
    pub(super) fn are_of(&self, sequence: u64) -> bool {
        self.sequence == sequence
    }

    /// Enters the rows of the engine's table, and gives them the client's numbers.
    // NB: an engine never moves a name, so what is known of it stays, also of one withdrawn.
    pub(super) fn enter(&mut self, table: ModelTable) -> Vec<ModelRow> {
        self.sequence = table.sequence;
        for entry in &mut self.entries {
            entry.served = false;
        }
        let mut known = Vec::with_capacity(table.rows.len());
        for row in table.rows {
            if let Some(number) = self.number(&row.name) {
                let entry = &mut self.entries[usize::from(number)];
                (entry.engine, entry.served) = (row.id, true);
                known.push(ModelRow { id: number, ..row });
            }
        }
        known
    }

    /// The number of a name, new or not; `None` when all numbers are given.
    fn number(&mut self, name: &str) -> Option<u16> {
        let known = self.entries.iter().position(|entry| entry.name == name);
        let number = known.unwrap_or(self.entries.len());
        let number = u16::try_from(number).ok().filter(|&number| number != NOT_SERVED)?;
        if known.is_none() {
            self.entries.push(Entry::new(name));
        }
        Some(number)
    }

    /// Goes over to another engine's table; returns what each of the old engine's numbers is there.
    pub(super) fn renumber(&mut self, table: ModelTable) -> impl Fn(u16) -> u16 + use<> {
        let old: Vec<u16> = self.entries.iter().map(|entry| entry.engine).collect();
        for entry in &mut self.entries {
            entry.engine = NOT_SERVED;
        }
        self.enter(table);
        let pairs: Vec<(u16, u16)> =
            old.into_iter().zip(self.entries.iter().map(|entry| entry.engine)).collect();
        move |number| {
            let pair = pairs.iter().find(|&&(old, _)| old == number && old != NOT_SERVED);
            pair.map_or(NOT_SERVED, |&(_, new)| new)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use factord_eval::Kind;

    fn row(id: u16, name: &str) -> ModelRow {
        let name = name.to_owned();
        ModelRow { id, name, kind: Kind::Linear.into(), width: 3, generation: 1, sha256: [0; 32] }
    }

    fn table(rows: &[(u16, &str)], sequence: u64) -> ModelTable {
        ModelTable { rows: rows.iter().map(|&(id, name)| row(id, name)).collect(), sequence }
    }

    fn numbers(rows: &[ModelRow]) -> Vec<u16> {
        rows.iter().map(|row| row.id).collect()
    }

    #[test]
    fn numbers_are_the_first_engine_s_and_follow_the_names_to_the_next() {
        let mut names = Names::new();
        let rows = [(0, "regression"), (1, "classification"), (2, "bb")];
        assert_eq!(numbers(&names.enter(table(&rows, 2))), [0, 1, 2]);
        assert_eq!(numbers(&names.enter(table(&[(2, "bb"), (3, "aa")], 4))), [2, 3]);
        assert_eq!((names.find("bb"), names.engine(2)), (Some(2), 2));
        let moved = names.renumber(table(&[(2, "aa"), (3, "cc"), (4, "bb")], 2));
        assert_eq!(
            [0, 1, 2, 3, 7, NOT_SERVED].map(&moved),
            [NOT_SERVED, NOT_SERVED, 4, 2, NOT_SERVED, NOT_SERVED]
        );
        assert_eq!([2, 3, 4, 5].map(|number| names.engine(number)), [4, 2, 3, NOT_SERVED]);
        assert_eq!(names.find("regression"), None, "this engine does not serve it");
    }

    #[test]
    fn a_name_withdrawn_keeps_its_number_at_the_engine_and_one_not_served_has_none() {
        let mut names = Names::new();
        names.enter(table(&[(2, "bb")], 2));
        names.enter(table(&[], 4));
        assert_eq!((names.engine(2), names.engine(0)), (2, NOT_SERVED));
        assert_eq!(names.find("bb"), None);
        assert!(names.are_of(4) && !names.are_of(2));
    }
}
