//! [`Decile`]: what came of the rows of each tenth of the prediction.

use super::ascending::Placed;
use super::rows::Row;
use super::undefined::Undefined;

/// Tenths of the rows by their prediction, those of the lowest predictions first, or why there are
/// none. One without rows is left out.
pub type Deciles = Result<Vec<Decile>, Undefined>;

/// A tenth of the rows. Equal predictions stay together, in the tenth of their mean rank, so that
/// tenths may differ in size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decile {
    /// 1 for the lowest predictions, to 10.
    pub number: usize,
    /// Its rows, at least one.
    pub row_count: usize,
    /// Their mean prediction.
    pub predicted: f64,
    /// The mean of their outcomes, of those that are known; `None` when none is.
    pub outcome: Option<f64>,
    /// Of a classifier, the share of them whose label is 1.
    pub positive_share: Option<f64>,
}

/// The deciles of some rows, whose predictions ascend so.
pub(super) fn of(rows: &[Row], ascending: &[Placed], is_class: bool) -> Deciles {
    let ends = ascending.first().zip(ascending.last());
    if ends.is_none_or(|(low, high)| low.value() == high.value()) {
        return Err(Undefined::EqualPredictions);
    }
    let mut tenths = [Tenth::default(); 10];
    let (mut before, mut tenth) = (0, 0);
    for ties in ascending.chunk_by(|a, b| a.value() == b.value()) {
        // Twice the mean rank from 0, and one: ten times that over twice the rows is the tenth.
        let middle = 2 * before + ties.len();
        while tenth < 9 && 10 * middle >= (tenth + 1) * 2 * rows.len() {
            tenth += 1;
        }
        ties.iter().for_each(|placed| tenths[tenth].add(&rows[placed.place()]));
        before += ties.len();
    }
    let filled = tenths.iter().zip(1..).filter(|(tenth, _)| tenth.count > 0);
    Ok(filled.map(|(tenth, number)| tenth.decile(number, is_class)).collect())
}

/// Sums over the rows of a tenth.
#[derive(Clone, Copy, Default)]
struct Tenth {
    count: usize,
    predicted: f64,
    /// Those whose outcome is known.
    known: usize,
    outcome: f64,
    ones: usize,
}

impl Tenth {
    fn add(&mut self, row: &Row) {
        self.count += 1;
        self.predicted += row.predicted;
        if row.outcome.is_finite() {
            self.known += 1;
            self.outcome += row.outcome;
        }
        self.ones += usize::from(row.label);
    }

    fn decile(&self, number: usize, is_class: bool) -> Decile {
        let count = self.count as f64;
        Decile {
            number,
            row_count: self.count,
            predicted: self.predicted / count,
            outcome: (self.known > 0).then(|| self.outcome / self.known as f64),
            positive_share: is_class.then_some(self.ones as f64 / count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ascending::ascending;
    use super::super::rows::tests::value;
    use super::*;

    fn deciles(rows: &[Row], is_class: bool) -> Deciles {
        of(rows, &ascending(rows.iter().map(|row| (row.predicted, row.label))), is_class)
    }

    #[test]
    fn tenths_hold_as_many_rows_and_equal_predictions_stay_together() {
        // Of 20 rows in any order, two each: predictions 0 to 19, outcomes their doubles.
        let rows: Vec<Row> =
            (0..20).map(|at| f64::from(at * 7 % 20)).map(|x| value(0, x, 2.0 * x)).collect();
        let found = deciles(&rows, false).unwrap();
        let expected = |at: usize| Decile {
            number: at + 1,
            row_count: 2,
            predicted: 2.0 * at as f64 + 0.5,
            outcome: Some(4.0 * at as f64 + 1.0),
            positive_share: None,
        };
        assert_eq!(found, (0..10).map(expected).collect::<Vec<_>>());
        // Six zeros of ten have the mean rank 3.5: the fourth tenth; four ones 8.5: the ninth.
        let rows: Vec<Row> = (0..10)
            .map(|at| Row { label: at == 7, ..value(0, f64::from(u8::from(at > 5)), f64::NAN) })
            .collect();
        let found = deciles(&rows, true).unwrap();
        let brief: Vec<_> = found.iter().map(|d| (d.number, d.row_count, d.outcome)).collect();
        assert_eq!(brief, [(4, 6, None), (9, 4, None)]);
        assert_eq!(found[1].positive_share, Some(0.25));
        assert_eq!(deciles(&rows[..6], true), Err(Undefined::EqualPredictions));
    }
}
