//! The ROC curve of a classifier.

use super::ascending::Placed;
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
/// evenly among the rows. Probabilities ascend, each marked by its label. Every point lies on the
/// curve of all.
pub(super) fn of(ascending: &[Placed]) -> Result<Vec<Point>, Undefined> {
    let ones = ascending.iter().filter(|placed| placed.mark()).count();
    let zeros = ascending.len() - ones;
    if ones == 0 || zeros == 0 {
        return Err(Undefined::OneClass);
    }
    let ties = || ascending.chunk_by(|a, b| a.value() == b.value());
    let count = 1 + ties().count();
    let (mut points, mut negative, mut positive) = (Vec::new(), 0, 0);
    let mut add = |threshold, negative: usize, positive: usize| {
        points.push(Point {
            threshold,
            false_positive_rate: negative as f64 / zeros as f64,
            true_positive_rate: positive as f64 / ones as f64,
        });
    };
    add(None, 0, 0);
    // From the highest probability down. Of too many places, those where the step among the kept
    // ones changes; the last is one of them.
    let mut step = 1;
    for (ties, at) in ties().rev().zip(1..) {
        let hits = ties.iter().filter(|placed| placed.mark()).count();
        (negative, positive) = (negative + ties.len() - hits, positive + hits);
        if count <= POINTS_MAX || at * (POINTS_MAX - 1) >= step * (count - 1) {
            step = at * (POINTS_MAX - 1) / (count - 1) + 1;
            add(Some(ties[ties.len() - 1].value()), negative, positive);
        }
    }
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::super::ascending::ascending;
    use super::*;

    fn curve(of_rows: &[(f64, u8)]) -> Result<Vec<Point>, Undefined> {
        of(&ascending(of_rows.iter().map(|&(p, label)| (p, label == 1))))
    }

    #[test]
    fn points_are_those_counted_by_hand() {
        let curve = curve(&[(0.9, 1), (0.4, 1), (0.8, 0), (0.4, 0), (0.1, 0)]).unwrap();
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
        assert_eq!(super::tests::curve(&[(0.1, 1), (0.2, 1)]), Err(Undefined::OneClass));
    }

    #[test]
    fn a_long_curve_is_thinned_to_points_of_its_own_with_both_ends() {
        let many: Vec<(f64, u8)> =
            (0..5000).map(|at| (f64::from(at) / 5000.0, u8::from(at % 3 == 0))).collect();
        let curve = curve(&many).unwrap();
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
