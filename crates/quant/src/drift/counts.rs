//! A window of values.

use super::Bins;

/// How many values a window has in each bin, and how many that are no numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    bins: Vec<u64>,
    rows: u64,
    nulls: u64,
}

impl Counts {
    /// None yet.
    pub fn of(bins: &Bins) -> Counts {
        Counts { bins: vec![0; bins.count()], ..Counts::default() }
    }

    /// As they were kept; `None` when they are not of these bins, or do not add up.
    pub fn restore(bins: &Bins, counts: Vec<u64>, nulls: u64) -> Option<Counts> {
        let rows = counts.iter().try_fold(0u64, |sum, count| sum.checked_add(*count))?;
        (counts.len() == bins.count()).then_some(Counts { bins: counts, rows, nulls })
    }

    /// Adds a value; one that is not finite is in no bin.
    #[inline]
    pub fn add(&mut self, bins: &Bins, value: f64) {
        if !value.is_finite() {
            self.nulls += 1;
        } else if let Some(count) = self.bins.get_mut(bins.place(value)) {
            *count += 1;
            self.rows += 1;
        }
    }

    /// In each bin.
    pub fn bins(&self) -> &[u64] {
        &self.bins
    }

    /// Finite values.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Values that were no numbers.
    pub fn nulls(&self) -> u64 {
        self.nulls
    }

    /// The population stability index; `None` of no rows. An empty bin counts as half a row, as the
    /// index of nothing at all would be infinite.
    pub fn psi(&self, bins: &Bins) -> Option<f64> {
        if self.rows == 0 {
            return None;
        }
        let rows = self.rows as f64;
        let term = |(&count, &expected): (&u64, &f64)| {
            let share = (count as f64).max(0.5) / rows;
            (share - expected) * libm::log(share / expected)
        };
        Some(self.bins.iter().zip(bins.shares()).map(term).sum())
    }

    /// Starts again.
    pub fn clear(&mut self) {
        self.bins.fill(0);
        (self.rows, self.nulls) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bins() -> Bins {
        Bins::of(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], None, None).unwrap()
    }

    /// By Python: sum((q - 0.1) * math.log(q / 0.1)) of the shares.
    #[test]
    fn the_index_is_that_of_the_shares_and_an_empty_bin_is_half_a_row() {
        let bins = bins();
        let mut counts = Counts::of(&bins);
        assert_eq!(counts.psi(&bins), None);
        (0..10).for_each(|value| counts.add(&bins, f64::from(value) + 0.5));
        assert!(counts.psi(&bins).unwrap().abs() < 1e-15);
        counts.clear();
        // 10, 10, 0, 20, and 10 in each of six: 0.125 four-eighths, one empty, one doubled.
        for (value, count) in [(0, 10), (1, 10), (3, 20)].into_iter().chain((4..8).map(|v| (v, 10)))
        {
            (0..count).for_each(|_| counts.add(&bins, f64::from(value) + 0.5));
        }
        [f64::NAN, f64::INFINITY].iter().for_each(|value| counts.add(&bins, *value));
        assert_eq!((counts.rows(), counts.nulls()), (80, 2));
        let share = |q: f64| (q - 0.1) * (q / 0.1f64).ln();
        let expected = 6.0 * share(0.125) + share(0.25) + 3.0 * share(0.5 / 80.0);
        assert!((counts.psi(&bins).unwrap() - expected).abs() < 1e-12);
    }
}
