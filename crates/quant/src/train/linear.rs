//! Least squares from triangles: the R factor of rows `[1, x, y]`, merged span by span.
//!
//! Householder reflections (nalgebra's QR) on tiles stacked under the triangle so far are the
//! "tall and skinny" QR of Demmel, Grigori, Hoemmen and Langou (2012): backward stable, where
//! normal equations would square the condition number.

use nalgebra::{DMatrix, DVector};
use std::borrow::Cow;

/// A column whose part that the columns before it do not explain is at most this share of it
/// depends on them.
// 1e-10: rounding leaves 1e-16 to 1e-13 of an exact relation; real columns differ by far more.
const DEPENDENT_MAX: f64 = 1e-10;

/// A column that moves by at most this share of its size is constant.
const CONSTANT_MAX: f64 = 1e-13;

/// What is subtracted from each column and what it is then divided by, the target last. Any numbers
/// near mean and deviation do.
#[derive(Clone, Debug)]
pub(super) struct Units {
    shift: Vec<f64>,
    scale: Vec<f64>,
}

impl Units {
    /// Takes means and deviations; scales become powers of two, which round nothing.
    pub(super) fn new(mean: Vec<f64>, std: &[f64]) -> Units {
        let power = |&std: &f64| {
            let sound = std.is_finite() && std > f64::MIN_POSITIVE && std < 1e300;
            if sound { 2f64.powi(std.log2().round() as i32) } else { 1.0 }
        };
        Units { shift: mean, scale: std.iter().map(power).collect() }
    }
}

/// The triangle of some rows.
#[derive(Clone, Debug)]
pub(super) struct Triangle {
    r: DMatrix<f64>,
}

impl Triangle {
    /// Of no rows; `width` features.
    pub(super) fn new(width: usize) -> Triangle {
        Triangle { r: DMatrix::zeros(width + 2, width + 2) }
    }

    /// Adds `count` rows: `column(j)` gives feature `j`, or the target as `j = width`.
    pub(super) fn add<'a>(
        &mut self,
        units: &Units,
        count: usize,
        column: impl Fn(usize) -> Cow<'a, [f64]>,
    ) {
        let size = self.r.ncols();
        let mut stack = DMatrix::zeros(size + count, size);
        stack.rows_mut(0, size).copy_from(&self.r);
        stack.view_mut((size, 0), (count, 1)).fill(1.0);
        for j in 0..size - 1 {
            let (values, shift, scale) = (column(j), units.shift[j], 1.0 / units.scale[j]);
            let mut target = stack.column_mut(j + 1);
            let target = target.as_mut_slice()[size..].iter_mut();
            target.zip(&*values).for_each(|(to, x)| *to = (x - shift) * scale);
        }
        self.r = triangle(stack);
    }

    /// Adds the rows of another triangle behind those of this one.
    pub(super) fn merge(&mut self, other: &Triangle) {
        let size = self.r.ncols();
        let mut stack = DMatrix::zeros(2 * size, size);
        stack.rows_mut(0, size).copy_from(&self.r);
        stack.rows_mut(size, size).copy_from(&other.r);
        self.r = triangle(stack);
    }

    /// The number of rows, their means and deviations, the target last.
    pub(super) fn moments(&self, units: &Units) -> Moments {
        let root = self.r[(0, 0)];
        // The square of a root of an integer.
        let count = (root * root).round();
        let size = self.r.ncols();
        let squares = |j: usize| self.r.view((1, j), (j, 1)).norm_squared();
        let mean = |j: usize| units.shift[j - 1] + units.scale[j - 1] * self.r[(0, j)] / root;
        let std = |j: usize| units.scale[j - 1] * (squares(j) / count).sqrt();
        Moments {
            count: count as u64,
            mean: (1..size).map(mean).collect(),
            std: (1..size).map(std).collect(),
        }
    }

    /// Fits the target, with `ridge` times the sum of squared weights added to the sum of squares.
    pub(super) fn fit(&self, units: &Units, ridge: f64) -> LinearFit {
        let width = self.r.ncols() - 2;
        let moments = self.moments(units);
        let mut left_out = constants(&moments, width);
        let mut kept: Vec<usize> =
            (0..width).filter(|j| left_out.iter().all(|l| l.0 != *j)).collect();
        // Rows 1 and on are the centred problem; with a penalty, each weight has a row of its own.
        let system = |kept: &[usize]| {
            let extra = if ridge > 0.0 { kept.len() } else { 0 };
            let mut rows = DMatrix::zeros(width + 1 + extra, kept.len() + 1);
            for (to, &j) in kept.iter().chain([&width]).enumerate() {
                rows.view_mut((0, to), (width + 1, 1))
                    .copy_from(&self.r.view((1, j + 1), (width + 1, 1)));
            }
            for at in 0..extra {
                rows[(width + 1 + at, at)] = ridge.sqrt() / units.scale[kept[at]];
            }
            triangle(rows)
        };
        let mut r = system(&kept);
        while let Some(at) = dependent(&r).filter(|_| ridge == 0.0) {
            let relation = solve(&r, at, at);
            let named = (0..at).map(|i| (kept[i], relation[i])).collect();
            left_out.push((kept[at], Some(self.relation(units, &moments, kept[at], named))));
            kept.remove(at);
            r = system(&kept);
        }
        let solution = solve(&r, kept.len(), kept.len());
        let mut beta = DVector::zeros(width);
        kept.iter().zip(solution.iter()).for_each(|(&j, &value)| beta[j] = value);
        let y = self.r.view((1, width + 1), (width + 1, 1));
        let residual = y - self.r.view((1, 1), (width + 1, width)) * &beta;
        let total = y.norm_squared();
        let r2 = if total > 0.0 { 1.0 - residual.norm_squared() / total } else { f64::NAN };
        let weights = (0..width).map(|j| (j, beta[j])).collect();
        let Relation { intercept, weights } = self.relation(units, &moments, width, weights);
        let weights = weights.into_iter().map(|(_, weight)| weight).collect();
        let rmse = units.scale[width] * (residual.norm_squared() / moments.count as f64).sqrt();
        LinearFit { weights, intercept, r2, rmse, left_out }
    }

    /// Sums of products of the features with each other, less their means and in the given scales,
    /// behind the number of rows: the curvature of the squares by intercept and weights.
    pub(super) fn curvature(&self, units: &Units, kept: &[usize], scale: &[f64]) -> DMatrix<f64> {
        let width = self.r.ncols() - 2;
        let mut columns = DMatrix::zeros(width, kept.len());
        for (to, &j) in kept.iter().enumerate() {
            let column = self.r.view((1, j + 1), (width, 1)) * (units.scale[j] / scale[j]);
            columns.view_mut((0, to), (width, 1)).copy_from(&column);
        }
        let mut all = DMatrix::zeros(kept.len() + 1, kept.len() + 1);
        all[(0, 0)] = self.r[(0, 0)] * self.r[(0, 0)];
        let products = columns.transpose() * &columns;
        all.view_mut((1, 1), (kept.len(), kept.len())).copy_from(&products);
        all
    }

    /// A column as a sum of others, in their own units.
    fn relation(
        &self,
        units: &Units,
        moments: &Moments,
        target: usize,
        scaled: Vec<(usize, f64)>,
    ) -> Relation {
        let raw = |(j, value): (usize, f64)| (j, value * (units.scale[target] / units.scale[j]));
        let weights: Vec<(usize, f64)> = scaled.into_iter().map(raw).collect();
        let explained: f64 = weights.iter().map(|(j, weight)| weight * moments.mean[*j]).sum();
        Relation { intercept: moments.mean[target] - explained, weights }
    }
}

/// Means and deviations (of the population) of the features and, last, the target.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Moments {
    pub(super) count: u64,
    pub(super) mean: Vec<f64>,
    pub(super) std: Vec<f64>,
}

impl Moments {
    /// Whether a column stands still.
    pub(super) fn is_constant(&self, column: usize) -> bool {
        self.std[column] <= CONSTANT_MAX * self.mean[column].abs()
    }
}

/// A column that others give exactly: `intercept + sum of weight * feature`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Relation {
    pub(super) intercept: f64,
    pub(super) weights: Vec<(usize, f64)>,
}

/// What least squares came to.
#[derive(Clone, Debug)]
pub(super) struct LinearFit {
    pub(super) weights: Vec<f64>,
    pub(super) intercept: f64,
    /// In the rows it was fitted to; NaN when their target is constant.
    pub(super) r2: f64,
    pub(super) rmse: f64,
    /// Features with weight 0: constant, or given by those before them.
    pub(super) left_out: Vec<(usize, Option<Relation>)>,
}

fn constants(moments: &Moments, width: usize) -> Vec<(usize, Option<Relation>)> {
    (0..width).filter(|&j| moments.is_constant(j)).map(|j| (j, None)).collect()
}

/// The upper triangle of a matrix with at least as many rows as columns.
fn triangle(rows: DMatrix<f64>) -> DMatrix<f64> {
    rows.qr().r()
}

/// The first column that those before it give, but for the last, the target.
fn dependent(r: &DMatrix<f64>) -> Option<usize> {
    let size = |j: usize| r.view((0, j), (j + 1, 1)).norm();
    (0..r.ncols() - 1).find(|&j| r[(j, j)].abs() <= DEPENDENT_MAX * size(j))
}

/// Column `target` as a sum of the first `count` columns.
fn solve(r: &DMatrix<f64>, count: usize, target: usize) -> DVector<f64> {
    let right = r.view((0, target), (count, 1)).column(0).into_owned();
    // The diagonal has no zero: dependent columns were taken out.
    r.view((0, 0), (count, count)).solve_upper_triangular(&right).unwrap_or(right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;
    use rand_pcg::Pcg64;

    fn triangle_of(columns: &[Vec<f64>], pieces: usize) -> (Triangle, Units) {
        let count = columns[0].len();
        let mean = columns.iter().map(|c| c.iter().sum::<f64>() / count as f64).collect();
        let std: Vec<f64> = columns.iter().map(|_| 1.0).collect();
        let units = Units::new(mean, &std);
        let mut whole = Triangle::new(columns.len() - 1);
        let len = count.div_ceil(pieces);
        for first in (0..count).step_by(len) {
            let piece = first..(first + len).min(count);
            let mut part = Triangle::new(columns.len() - 1);
            part.add(&units, piece.len(), |j| Cow::from(&columns[j][piece.clone()]));
            whole.merge(&part);
        }
        (whole, units)
    }

    fn random(count: usize, seed: u64) -> Vec<f64> {
        let mut random = Pcg64::new(seed.into(), 7);
        (0..count).map(|_| random.random::<f64>()).collect()
    }

    #[test]
    fn a_plane_is_found_to_the_last_digits_whatever_the_scales() {
        let (a, b) = (random(500, 1), random(500, 2));
        let b: Vec<f64> = b.iter().map(|b| 1e8 + 1e6 * b).collect();
        let y = a.iter().zip(&b).map(|(a, b)| 3.0 - 2.0 * a + 1e-6 * b).collect();
        let (triangle, units) = triangle_of(&[a, b, y], 7);
        let fit = triangle.fit(&units, 0.0);
        assert!((fit.weights[0] + 2.0).abs() < 1e-12, "{fit:?}");
        assert!((fit.weights[1] / 1e-6 - 1.0).abs() < 1e-10, "{fit:?}");
        assert!((fit.intercept - 3.0).abs() < 1e-9, "{fit:?}");
        assert!(1.0 - fit.r2 < 1e-15 && fit.left_out.is_empty(), "{fit:?}");
        assert_eq!(triangle.moments(&units).count, 500);
    }

    #[test]
    fn the_way_rows_are_cut_into_pieces_moves_nothing_but_the_last_digits() {
        let columns = [random(1000, 3), random(1000, 4), random(1000, 5), random(1000, 6)];
        let (whole, units) = triangle_of(&columns, 1);
        let (pieces, _) = triangle_of(&columns, 13);
        let (one, other) = (whole.fit(&units, 0.5), pieces.fit(&units, 0.5));
        for (a, b) in one.weights.iter().zip(&other.weights) {
            assert!((a - b).abs() < 1e-13, "{one:?} {other:?}");
        }
        assert!((one.r2 - other.r2).abs() < 1e-12);
    }

    #[test]
    fn a_constant_feature_and_one_that_others_give_get_weight_zero_and_are_named() {
        let (a, c) = (random(300, 8), random(300, 9));
        let b: Vec<f64> = a.iter().map(|a| 1.0 - a).collect();
        let y = a.iter().zip(&c).map(|(a, c)| a + c).collect();
        let (triangle, units) = triangle_of(&[a, vec![0.25; 300], b, c, y], 3);
        let fit = triangle.fit(&units, 0.0);
        assert_eq!(fit.left_out.iter().map(|l| l.0).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(fit.left_out[0].1, None);
        let relation = fit.left_out[1].1.as_ref().unwrap();
        assert!((relation.intercept - 1.0).abs() < 1e-12, "{relation:?}");
        assert!(relation.weights.len() == 1 && relation.weights[0].0 == 0, "{relation:?}");
        assert!((relation.weights[0].1 + 1.0).abs() < 1e-12, "{relation:?}");
        assert_eq!((fit.weights[1], fit.weights[2]), (0.0, 0.0));
        assert!((fit.weights[0] - 1.0).abs() < 1e-12 && (fit.weights[3] - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_penalty_gives_the_closed_form_of_one_feature() {
        let x = random(200, 10);
        let y: Vec<f64> = x.iter().zip(random(200, 11)).map(|(x, e)| 2.0 * x + e).collect();
        let n = 200.0;
        let (mx, my) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
        let sxy: f64 = x.iter().zip(&y).map(|(x, y)| (x - mx) * (y - my)).sum();
        let sxx: f64 = x.iter().map(|x| (x - mx) * (x - mx)).sum();
        let (triangle, units) = triangle_of(&[x, y], 2);
        let fit = triangle.fit(&units, 5.0);
        assert!((fit.weights[0] - sxy / (sxx + 5.0)).abs() < 1e-13, "{fit:?}");
        assert!((fit.intercept - (my - fit.weights[0] * mx)).abs() < 1e-13, "{fit:?}");
    }
}
