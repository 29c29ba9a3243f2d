//! One feature's windows, or the answers', one after the other.

use super::judgement::{self, Judgement};
use super::{Band, Bins, Counts, spread};
use std::collections::VecDeque;

/// Windows before flow is judged by how much it varies.
pub const HISTORY_MIN: usize = 16;
/// Windows that are kept to say so: the last ones that were no lasting drift.
// 256: of 64, their variation is known too badly, and twice as many windows of simulated flow are
// called drift.
pub const HISTORY_MAX: usize = 256;

/// Judges windows; memory does not grow.
#[derive(Clone, Debug)]
pub struct Series {
    bins: Bins,
    training_rows: u64,
    level: f64,
    /// The critical index of one pooled row, if rows were independent.
    quantile: f64,
    /// Rows in each bin.
    history: VecDeque<Vec<u64>>,
    /// The same of windows that were drift, since the last that was none.
    held: Vec<Vec<u64>>,
}

/// Windows of drift, at most, after which flow that is as before was merely restless: they are
/// remembered.
// Without them the variation of flow with a long memory is underrated, and 4 % of its windows
// instead of 2 are called drift (measured on normal numbers, correlated by 0.98).
const RESTLESS_MAX: usize = 4;

impl Series {
    /// Has seen nothing yet. `level` is the share of windows without drift that are called drift.
    pub fn new(bins: Bins, training_rows: u64, level: f64) -> Series {
        let quantile = judgement::critical(level, bins.count(), 1.0);
        let training_rows = training_rows.max(1);
        let (history, held) = (VecDeque::new(), Vec::new());
        Series { bins, training_rows, level, quantile, history, held }
    }

    /// Its bins.
    pub fn bins(&self) -> &Bins {
        &self.bins
    }

    /// Judges a window and remembers it, unless it is one of lasting drift; `None` of no finite
    /// values.
    pub fn judge(&mut self, counts: &Counts) -> Option<Judgement> {
        let psi = counts.psi(&self.bins)?;
        let pooled = judgement::pooled(counts.rows(), self.training_rows);
        let freedom = (self.bins.count() - 1) as f64;
        let critical_independent = self.quantile / pooled;
        let spread = (self.history.len() >= HISTORY_MIN)
            .then(|| spread::of(&self.history, self.bins.shares()));
        let critical = spread.map(|spread| {
            let fisher = judgement::fisher(self.level, spread.freedom, spread.below);
            // Of independent rows, chi-square's is the least.
            (spread.scale * fisher / pooled).max(critical_independent)
        });
        let is_drift = match critical {
            Some(critical) => psi > critical,
            None => psi > critical_independent && Band::of(psi) == Band::Major,
        };
        let window = counts.bins().to_vec();
        if is_drift {
            // One more than is remembered tells a longer run.
            if self.held.len() <= RESTLESS_MAX {
                self.held.push(window);
            }
        } else {
            let mut held = std::mem::take(&mut self.held);
            if held.len() <= RESTLESS_MAX {
                held.drain(..).for_each(|window| self.remember(window));
            }
            self.remember(window);
        }
        let rows = counts.rows();
        let inflation = spread.map(|spread| spread.scale / freedom);
        Some(Judgement { rows, psi, critical_independent, critical, inflation, is_drift })
    }

    fn remember(&mut self, window: Vec<u64>) {
        if self.history.len() == HISTORY_MAX {
            self.history.pop_front();
        }
        self.history.push_back(window);
    }

    /// Rows in each bin of the windows that are remembered, the oldest first.
    pub fn history(&self) -> impl ExactSizeIterator<Item = &[u64]> {
        self.history.iter().map(Vec::as_slice)
    }

    /// Remembers a window that was kept elsewhere; one of other bins, or of no rows, is left out.
    pub fn restore(&mut self, window: Vec<u64>) {
        let rows = window.iter().try_fold(0u64, |sum, count| sum.checked_add(*count));
        if window.len() == self.bins.count() && rows.is_some_and(|rows| rows > 0) {
            self.remember(window);
        }
    }
}

#[cfg(test)]
#[path = "series_tests.rs"]
mod tests;
