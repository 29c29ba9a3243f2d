//! [`Rows`]: predictions and outcomes, kept for figures that need all of them at once.

use super::ascending::{Placed, ascending};
use std::collections::BTreeMap;

/// One prediction and what came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// When its window started, in nanoseconds since 1970 UTC; the row's number from 0 in a table
    /// without times.
    pub start_ns: i64,
    /// The prediction: of a value, or the probability of class 1.
    pub predicted: f64,
    /// The outcome; NaN where only the class is known.
    pub outcome: f64,
    /// Of a classifier, whether the class predicted is the label.
    pub hit: bool,
    /// Of a classifier, whether the label is 1.
    pub label: bool,
    /// The number of its symbol, where rows are grouped by symbol; else 0.
    pub symbol: u32,
}

/// Rows of one model, up to a limit: 32 bytes each.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    rows: Vec<Row>,
    limit: usize,
    is_class: bool,
    is_dated: bool,
    /// Whether there were more than the limit, so that none is kept.
    many: bool,
    /// Their predictions in ascending order, marked by their label; empty until it is asked for.
    ascending: Vec<Placed>,
}

impl Rows {
    /// None yet: of a classifier or of predictions of a value, with times or without.
    pub fn new(limit: usize, is_class: bool, is_dated: bool) -> Rows {
        Rows { rows: Vec::new(), limit, is_class, is_dated, many: false, ascending: Vec::new() }
    }

    /// The same, of so many rows: if these are more than the limit, none is kept.
    #[must_use]
    pub fn expecting(self, rows: u64) -> Rows {
        Rows { many: rows > self.limit as u64, ..self }
    }

    /// Keeps a row, unless there are too many.
    pub fn add(&mut self, row: Row) {
        if !self.many {
            self.rows.push(row);
            self.bound();
        }
    }

    /// Keeps the rows of another part of the same table.
    pub fn merge(&mut self, other: &Rows) {
        self.rows.extend_from_slice(&other.rows);
        self.many |= other.many;
        self.bound();
    }

    fn bound(&mut self) {
        self.ascending.clear();
        self.many |= self.rows.len() > self.limit;
        if self.many {
            self.rows = Vec::new();
        }
    }

    /// The rows of each group, by its key; `None` when there were too many to keep.
    pub fn split(&self, key: impl Fn(&Row) -> i64) -> Option<BTreeMap<i64, Rows>> {
        let mut groups = BTreeMap::new();
        let empty = || Rows::new(self.limit, self.is_class, self.is_dated);
        for row in &self.rows {
            groups.entry(key(row)).or_insert_with(empty).rows.push(*row);
        }
        (!self.many).then_some(groups)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && !self.many
    }

    pub(super) fn is_class(&self) -> bool {
        self.is_class
    }

    pub(super) fn is_dated(&self) -> bool {
        self.is_dated
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// The rows in the order of time; `None` when there were too many to keep.
    pub(super) fn sorted(&mut self) -> Option<&[Row]> {
        if self.many {
            return None;
        }
        if !self.rows.is_sorted_by_key(|row| row.start_ns) {
            self.rows.sort_by_key(|row| row.start_ns);
            self.ascending.clear();
        }
        Some(&self.rows)
    }

    /// The rows in the order of time, and their places there in the order of their predictions;
    /// `None` when there were too many to keep.
    pub(super) fn ascending(&mut self) -> Option<(&[Row], &[Placed])> {
        self.sorted()?;
        if self.ascending.len() != self.rows.len() {
            self.ascending = ascending(self.rows.iter().map(|row| (row.predicted, row.label)));
        }
        Some((&self.rows, &self.ascending))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A prediction of a value.
    pub(crate) fn value(start_ns: i64, predicted: f64, outcome: f64) -> Row {
        Row { start_ns, predicted, outcome, hit: false, label: false, symbol: 0 }
    }

    #[test]
    fn more_rows_than_the_limit_are_not_kept() {
        let row = value(0, 1.0, 2.0);
        let mut rows = Rows::new(2, false, true);
        (0..2).for_each(|_| rows.add(row));
        assert_eq!(rows.sorted().map(<[Row]>::len), Some(2));
        let mut both = rows.clone();
        both.merge(&rows);
        rows.add(row);
        let mut expected = Rows::new(2, false, true).expecting(3);
        expected.add(row);
        for rows in [&mut rows, &mut both, &mut expected] {
            assert_eq!(rows.sorted(), None);
            assert!(!rows.is_empty());
            let skill = super::super::Skill::of(rows, 1);
            let why = super::super::Undefined::TooMany { limit: 2 };
            let both = skill.map(|skill| (skill.rank_ic.mean, skill.deciles));
            assert_eq!(both, Some((Err(why), Err(why))));
        }
    }
}
