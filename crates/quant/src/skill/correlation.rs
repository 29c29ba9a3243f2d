//! Pearson's and Spearman's correlation.

use super::ascending::{Placed, ascending};
use super::undefined::{Figure, Undefined};

/// Pearson's correlation of pairs of finite numbers.
pub(super) fn pearson(x: &[f64], y: &[f64]) -> Figure {
    let equal = |values: &[f64]| values.iter().all(|value| *value == values[0]);
    match x.len() {
        0 => return Err(Undefined::NoOutcome),
        1 => return Err(Undefined::OneRow),
        _ if equal(x) => return Err(Undefined::EqualPredictions),
        _ if equal(y) => return Err(Undefined::EqualOutcomes),
        _ => {}
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (x_mean, y_mean) = (mean(x), mean(y));
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        let (x, y) = (x - x_mean, y - y_mean);
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    // Rounding may leave a hair more than 1.
    let ratio: f64 = xy / (xx.sqrt() * yy.sqrt());
    match (xx > 0.0, ratio.is_finite()) {
        (false, _) => Err(Undefined::EqualPredictions),
        // Squares of the outcomes that underflow or overflow.
        (_, false) => Err(Undefined::EqualOutcomes),
        _ => Ok(ratio.clamp(-1.0, 1.0)),
    }
}

/// Spearman's: Pearson's of the ranks, where equal values share their mean rank. The first ascend,
/// with the places that they have beside the second.
pub(super) fn spearman(x: &[Placed], y: &[f64]) -> Figure {
    pearson(&ranks(x), &ranks(&ascending(y.iter().map(|&value| (value, false)))))
}

/// The rank of each value by its place, from 1; equal values have the mean of theirs.
fn ranks(ascending: &[Placed]) -> Vec<f64> {
    let mut ranks = vec![0.0; ascending.len()];
    let mut before = 0;
    for ties in ascending.chunk_by(|a, b| a.value() == b.value()) {
        let rank = before as f64 + (ties.len() + 1) as f64 / 2.0;
        ties.iter().for_each(|placed| ranks[placed.place()] = rank);
        before += ties.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spearman(x: &[f64], y: &[f64]) -> Figure {
        super::spearman(&ascending(x.iter().map(|&value| (value, false))), y)
    }

    fn ranks(values: &[f64]) -> Vec<f64> {
        super::ranks(&ascending(values.iter().map(|&value| (value, false))))
    }

    #[test]
    fn correlations_are_those_worked_out_by_hand() {
        let (x, y) = ([1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 4.0, 3.0]);
        // Both have squares of 5, and products of 3.
        assert!((pearson(&x, &y).unwrap() - 0.6).abs() < 1e-15);
        assert!((pearson(&x, &x.map(|x| 1e9 - 3.0 * x)).unwrap() + 1.0).abs() < 1e-15);
        // Ranks of the second are 1.5, 1.5, 3, 4: products 4.5, squares 5 and 4.5.
        let ties = [7.0, 7.0, 8.0, 1e300];
        assert!((spearman(&x, &ties).unwrap() - 4.5 / 22.5f64.sqrt()).abs() < 1e-15);
        assert_eq!(ranks(&[0.0, 3.0, -0.0, 3.0, 1.0]), [1.5, 4.5, 1.5, 4.5, 3.0]);
    }

    #[test]
    fn what_does_not_vary_has_no_correlation() {
        assert_eq!(pearson(&[], &[]), Err(Undefined::NoOutcome));
        assert_eq!(spearman(&[1.0], &[2.0]), Err(Undefined::OneRow));
        // 0.1 three times has a mean that is not quite 0.1.
        assert_eq!(pearson(&[0.1; 3], &[1.0, 2.0, 3.0]), Err(Undefined::EqualPredictions));
        assert_eq!(pearson(&[1.0, 2.0, 3.0], &[0.1; 3]), Err(Undefined::EqualOutcomes));
        assert_eq!(spearman(&[1.0, 2.0], &[5.0; 2]), Err(Undefined::EqualOutcomes));
        assert_eq!(pearson(&[0.0, 1e-200], &[0.0, 1.0]), Err(Undefined::EqualPredictions));
    }
}
