//! How much the shares of bins vary from window to window.

use nalgebra::DMatrix;
use std::collections::VecDeque;

/// What replaces chi-square for flow that is not independent: it is `scale / freedom` times
/// Fisher's distribution with `freedom` and `below` degrees of freedom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    /// The mean of the index times the pooled rows, without drift.
    pub(super) scale: f64,
    pub(super) freedom: f64,
    pub(super) below: f64,
}

/// Of windows before, each with its rows in each bin, none of which is without rows, beside the
/// expected shares.
///
/// The index of a window is a weighted sum of squares, whose weights are the eigenvalues of the
/// shares' covariance beside that of independent rows; two moments of it are kept, as Rao and Scott
/// do for samples in clusters (1981; Thomas and Rao 1987 for Fisher's distribution), with the
/// windows as clusters. Flow with a long memory moves all shares along one direction: `freedom` is
/// then near 1. Independent rows are the least that is believed.
pub(super) fn of(windows: &VecDeque<Vec<u64>>, expected: &[f64]) -> Spread {
    let (bins, count) = (expected.len(), windows.len() as f64);
    let freedom = (bins - 1) as f64;
    let independent = Spread { scale: freedom, freedom, below: freedom * (count - 1.0) };
    if windows.len() < 3 {
        return independent;
    }
    let rows: Vec<f64> = windows.iter().map(|window| window.iter().sum::<u64>() as f64).collect();
    let all: f64 = rows.iter().sum();
    let mean = |bin: usize| windows.iter().map(|window| window[bin] as f64).sum::<f64>() / all;
    let means: Vec<f64> = (0..bins).map(mean).collect();
    let deviation = DMatrix::from_fn(windows.len(), bins, |window, bin| {
        let share = windows[window][bin] as f64 / rows[window];
        (rows[window] / expected[bin]).sqrt() * (share - means[bin])
    });
    let covariance = deviation.transpose() * &deviation / (count - 1.0);
    let (sum, below) = (covariance.trace(), count - 1.0);
    if sum <= freedom {
        return independent;
    }
    // The sum of squared eigenvalues, without what so few windows add to it.
    let squares = covariance.norm_squared();
    let squares = below * below / ((below - 1.0) * (below + 2.0)) * (squares - sum * sum / below);
    let freedom = (sum * sum / squares.max(sum * sum / freedom)).clamp(1.0, freedom);
    Spread { scale: sum, freedom, below: freedom * below }
}
