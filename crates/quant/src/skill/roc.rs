//! The ROC curve of a classifier.

use super::rows::Row;
use super::undefined::Undefined;

/// The most points of a curve.
const POINTS_MAX: usize = 201;

/// One point: what saying 1 from a threshold on comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The lowest probability that is said to be 1; `None` where none is.
    pub threshold: Option<f64>,
    /// Share of rows of class 0 that are said to be 1.
    pub false_positive_rate: f64,
    /// Share of rows of class 1 that are said to be 1.
    pub true_positive_rate: f64,
}

/// The curve from (0, 0) to (1, 1): a point for each probability, or for [`POINTS_MAX`] of them
/// evenly among the rows. Every point lies on the curve of all.
pub(super) fn of(rows: &[Row]) -> Result<Vec<Point>, Undefined> {
    let ones = rows.iter().filter(|row| row.label).count();
    let zeros = rows.len() - ones;
    if ones == 0 || zeros == 0 {
        return Err(Undefined::OneClass);
    }
    let mut order: Vec<(f64, bool)> = rows.iter().map(|row| (row.predicted, row.label)).collect();
    order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let mut all = vec![(None, 0, 0)];
    let (mut negative, mut positive) = (0, 0);
    for ties in order.chunk_by(|a, b| a.0 == b.0) {
        let hits = ties.iter().filter(|row| row.1).count();
        (negative, positive) = (negative + ties.len() - hits, positive + hits);
        all.push((Some(ties[0].0), negative, positive));
    }
    let count = all.len();
    let kept = |at: &usize| {
        // The step among the places kept changes here, or it is one of the ends.
        let step = |at: usize| at * (POINTS_MAX - 1) / (count - 1);
        count <= POINTS_MAX || *at == 0 || step(*at) != step(at - 1)
    };
    let point = |(threshold, negative, positive): (Option<f64>, usize, usize)| Point {
        threshold,
        false_positive_rate: negative as f64 / zeros as f64,
        true_positive_rate: positive as f64 / ones as f64,
    };
    Ok((0..count).filter(kept).map(|at| point(all[at])).collect())
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::value;
    use super::*;

    fn rows(of: &[(f64, u8)]) -> Vec<Row> {
        of.iter().map(|&(p, label)| Row { label: label == 1, ..value(0, p, f64::NAN) }).collect()
    }

    #[test]
    fn points_are_those_counted_by_hand() {
        let curve = of(&rows(&[(0.9, 1), (0.4, 1), (0.8, 0), (0.4, 0), (0.1, 0)])).unwrap();
        let triples: Vec<_> = curve
            .iter()
            .map(|p| (p.threshold, p.false_positive_rate, p.true_positive_rate))
            .collect();
        let third = 1.0 / 3.0;
        assert_eq!(
            triples,
            [
                (None, 0.0, 0.0),
                (Some(0.9), 0.0, 0.5),
                (Some(0.8), third, 0.5),
                (Some(0.4), 2.0 * third, 1.0),
                (Some(0.1), 1.0, 1.0),
            ]
        );
        assert_eq!(of(&rows(&[(0.1, 1), (0.2, 1)])), Err(Undefined::OneClass));
    }

    #[test]
    fn a_long_curve_is_thinned_to_points_of_its_own_with_both_ends() {
        let many: Vec<(f64, u8)> =
            (0..5000).map(|at| (f64::from(at) / 5000.0, u8::from(at % 3 == 0))).collect();
        let curve = of(&rows(&many)).unwrap();
        assert!((150..=POINTS_MAX).contains(&curve.len()), "{}", curve.len());
        let ends = [curve[0], curve[curve.len() - 1]].map(|p| p.true_positive_rate);
        assert_eq!(ends, [0.0, 1.0]);
        for point in &curve[1..] {
            let from = point.threshold.unwrap();
            let said = many.iter().filter(|row| row.0 >= from);
            let ones = said.filter(|row| row.1 == 1).count() as f64;
            assert_eq!(point.true_positive_rate, ones / 1667.0);
        }
    }
}
