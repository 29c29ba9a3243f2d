//! [`Decile`]: what came of the rows of each tenth of the prediction.

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

/// The deciles of some rows.
pub(super) fn of(rows: &[Row], is_class: bool) -> Deciles {
    let mut order: Vec<&Row> = rows.iter().collect();
    order.sort_by(|a, b| a.predicted.total_cmp(&b.predicted));
    if order.first().zip(order.last()).is_none_or(|(low, high)| low.predicted == high.predicted) {
        return Err(Undefined::EqualPredictions);
    }
    let mut tenths: Vec<Vec<&Row>> = vec![Vec::new(); 10];
    let mut before = 0;
    for ties in order.chunk_by(|a, b| a.predicted == b.predicted) {
        // Twice the mean rank from 0, and one: ten times that over twice the rows is the tenth.
        let middle = 2 * before + ties.len();
        tenths[(10 * middle / (2 * rows.len())).min(9)].extend(ties);
        before += ties.len();
    }
    let filled = tenths.iter().enumerate().filter(|(_, rows)| !rows.is_empty());
    Ok(filled.map(|(at, rows)| decile(at + 1, rows, is_class)).collect())
}

fn decile(number: usize, rows: &[&Row], is_class: bool) -> Decile {
    let count = rows.len() as f64;
    let known: Vec<f64> = rows.iter().map(|row| row.outcome).filter(|y| y.is_finite()).collect();
    let ones = rows.iter().filter(|row| row.label).count() as f64;
    Decile {
        number,
        row_count: rows.len(),
        predicted: rows.iter().map(|row| row.predicted).sum::<f64>() / count,
        outcome: (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64),
        positive_share: is_class.then_some(ones / count),
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::value;
    use super::*;

    #[test]
    fn tenths_hold_as_many_rows_and_equal_predictions_stay_together() {
        // Of 20 rows in any order, two each: predictions 0 to 19, outcomes their doubles.
        let rows: Vec<Row> =
            (0..20).map(|at| f64::from(at * 7 % 20)).map(|x| value(0, x, 2.0 * x)).collect();
        let deciles = of(&rows, false).unwrap();
        let expected = |at: usize| Decile {
            number: at + 1,
            row_count: 2,
            predicted: 2.0 * at as f64 + 0.5,
            outcome: Some(4.0 * at as f64 + 1.0),
            positive_share: None,
        };
        assert_eq!(deciles, (0..10).map(expected).collect::<Vec<_>>());
        // Six zeros of ten have the mean rank 3.5: the fourth tenth; four ones 8.5: the ninth.
        let rows: Vec<Row> = (0..10)
            .map(|at| Row { label: at == 7, ..value(0, f64::from(u8::from(at > 5)), f64::NAN) })
            .collect();
        let deciles = of(&rows, true).unwrap();
        let brief: Vec<_> = deciles.iter().map(|d| (d.number, d.row_count, d.outcome)).collect();
        assert_eq!(brief, [(4, 6, None), (9, 4, None)]);
        assert_eq!(deciles[1].positive_share, Some(0.25));
        assert_eq!(of(&rows[..6], true), Err(Undefined::EqualPredictions));
    }
}
