//! [`Ranks`]: decision values of tested rows, for the exact area under the ROC curve.

/// The most rows whose decision values are kept: of more, the area is counted in bins.
// 2^21: 16 MiB.
const ROWS_MAX: usize = 1 << 21;

/// The decision values of rows of class 0 and of class 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ranks {
    values: [Vec<f64>; 2],
    /// Whether there were too many to keep.
    many: bool,
}

impl Ranks {
    /// Of a part of so many rows: nothing is kept of too many.
    pub(super) fn of(rows: u64) -> Ranks {
        Ranks { many: rows > ROWS_MAX as u64, ..Ranks::default() }
    }

    pub(super) fn add(&mut self, decision: f64, label: bool) {
        if !self.many {
            self.values[usize::from(label)].push(decision);
        }
    }

    pub(super) fn merge(&mut self, other: &Ranks) {
        for (values, more) in self.values.iter_mut().zip(&other.values) {
            values.extend_from_slice(more);
        }
        self.many |= other.many || self.values.iter().map(Vec::len).sum::<usize>() > ROWS_MAX;
        if self.many {
            self.values = Default::default();
        }
    }

    /// How often a row of class 1 lies above one of class 0, ties counting half: the Mann-Whitney
    /// statistic. `None` for a single class, or too many rows.
    pub(super) fn area(mut self) -> Option<f64> {
        for values in &mut self.values {
            values.sort_unstable_by(f64::total_cmp);
        }
        let [zeros, ones] = &self.values;
        let (mut below, mut not_above, mut halves) = (0, 0, 0_u128);
        for one in ones {
            below += zeros[below..].iter().take_while(|zero| *zero < one).count();
            not_above = not_above.max(below);
            not_above += zeros[not_above..].iter().take_while(|zero| *zero <= one).count();
            halves += (below + not_above) as u128;
        }
        let pairs = zeros.len() as u128 * ones.len() as u128;
        (pairs > 0).then(|| halves as f64 / (2 * pairs) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks(rows: &[(f64, bool)]) -> Ranks {
        let mut ranks = Ranks::default();
        rows.iter().for_each(|&(decision, label)| ranks.add(decision, label));
        ranks
    }

    #[test]
    fn the_area_counts_every_pair_and_ties_as_one_half() {
        let rows = [(0.3, true), (-1.0, false), (0.3, false), (0.1, false), (0.2, true)];
        // The ones win 2 and a half, and 2, of three pairs each.
        assert_eq!(ranks(&rows).area(), Some(4.5 / 6.0));
        assert_eq!(ranks(&[(0.5, true); 2]).area(), None);
        let mut merged = ranks(&rows[..2]);
        merged.merge(&ranks(&rows[2..]));
        assert_eq!(merged.area(), Some(4.5 / 6.0));
    }

    #[test]
    fn too_many_rows_are_not_kept() {
        let mut all = Ranks { values: [vec![0.0; ROWS_MAX], Vec::new()], many: false };
        all.merge(&ranks(&[(1.0, true)]));
        all.merge(&ranks(&[(1.0, true), (0.0, false)]));
        assert_eq!(all.area(), None);
        let mut few = Ranks::of(ROWS_MAX as u64);
        let mut many = Ranks::of(ROWS_MAX as u64 + 1);
        for ranks in [&mut few, &mut many] {
            ranks.add(1.0, true);
            ranks.add(0.0, false);
        }
        assert_eq!((few.area(), many.area()), (Some(1.0), None));
    }
}
