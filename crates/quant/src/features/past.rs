//! [`Past`]: what the windows before it add to a window of a symbol.

use crate::target::log_return;
use factord_factors::Row;
use std::collections::HashMap;

/// One symbol's last window: start and end, and its last price.
#[derive(Clone, Copy, Debug)]
struct Before {
    times: (i64, i64),
    last: f64,
}

/// The windows of all symbols as far as later ones need them.
#[derive(Debug, Default)]
pub struct Past {
    before: HashMap<String, Before>,
    values: Vec<f64>,
}

impl Past {
    /// The names of what it adds, in order.
    pub fn names(&self) -> Vec<String> {
        vec!["log_return".to_owned()]
    }

    /// Takes the next window of a symbol; returns what the windows before it add, in the order of
    /// [`Past::names`], NaN where its session has none.
    pub fn of(&mut self, symbol: &str, row: &Row) -> &[f64] {
        self.look(symbol, row);
        let now = Before { times: (row.start_ns, row.end_ns), last: row.last };
        match self.before.get_mut(symbol) {
            Some(before) => *before = now,
            None => drop(self.before.insert(symbol.to_owned(), now)),
        }
        &self.values
    }

    /// What the windows before it add to a window that is open, which is not taken.
    pub fn look(&mut self, symbol: &str, row: &Row) -> &[f64] {
        let goes_on = |before: &&Before| factord_factors::goes_on(before.times, row.start_ns, None);
        let from = self.before.get(symbol).filter(goes_on).map_or(f64::NAN, |before| before.last);
        self.values.clear();
        self.values.push(log_return(from, row.last));
        &self.values
    }
}
