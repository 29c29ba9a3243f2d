//! [`Prices`]: the first and the last price of a window.

use std::collections::VecDeque;

/// The first and last price of the steps with trades, the open one last. They are kept apart from
/// the tree of sums, which does not know which of its steps came first.
#[derive(Debug, Default)]
pub(super) struct Prices {
    /// Number, first and last price of closed steps that may still be in the window.
    closed: VecDeque<(u64, f64, f64)>,
    open: Option<(f64, f64)>,
}

impl Prices {
    /// Takes the price of a trade of the open step.
    #[inline]
    pub(super) fn take(&mut self, price: f64) {
        match &mut self.open {
            Some((_, last)) => *last = price,
            None => self.open = Some((price, price)),
        }
    }

    /// Closes the open step, and forgets those before `oldest`.
    pub(super) fn close(&mut self, pane: u64, oldest: u64) {
        while self.closed.front().is_some_and(|step| step.0 < oldest) {
            self.closed.pop_front();
        }
        if let Some((first, last)) = self.open.take() {
            self.closed.push_back((pane, first, last));
        }
    }

    /// First and last price of the steps from `oldest` on, the open one among them; NaN without a
    /// trade.
    pub(super) fn since(&self, oldest: u64) -> (f64, f64) {
        let first = self.closed.iter().find(|step| step.0 >= oldest).map(|step| step.1);
        let last = self.closed.back().filter(|step| step.0 >= oldest).map(|step| step.2);
        let (open_first, open_last) = self.open.unzip();
        let or_none = |price: Option<f64>| price.unwrap_or(f64::NAN);
        (or_none(first.or(open_first)), or_none(open_last.or(last)))
    }

    /// Forgets every step.
    pub(super) fn clear(&mut self) {
        self.closed.clear();
        self.open = None;
    }
}
