//! Logistic regression by Newton's method, in passes over the rows.
//!
//! What is made small is scikit-learn's: the sum of the rows' losses and `1 / (2 C)` times the sum
//! of squared weights, on standardised features, the intercept free. Each pass sums gradient and
//! curvature for all models that are still moving. A first search on a part of the tiles gives a
//! start from where two or three whole passes are enough.

use super::TrainError;
use super::mark::{self, Selection};
use super::scratch::{Part, Scratch, TILE_ROWS, Tile};
use factord_eval::exp::exp;
use factord_eval::simd::VECTOR_LEN;
use factord_eval::vectors::Level;
use nalgebra::{DMatrix, DVector};
use std::borrow::Cow;
use std::ops::Range;

/// Passes before a search is given up: a handful is usual.
const PASSES_MAX: usize = 100;

/// A step that moves no parameter by more than this share is the last one.
// 2e-5: each step of Newton's method leaves about the square of the error before it.
const STEP_MIN: f64 = 2e-5;

/// Tiles of the first search.
const FIRST_TILES: usize = 64;

/// Rows that are worked on at once.
// 512: four columns of them take half of the first-level cache.
const BLOCK_ROWS: usize = 512;

/// Columns from which on a general matrix product beats one dot product an entry.
const PRODUCT_MIN: usize = 8;

/// One model to fit.
#[derive(Clone, Debug)]
pub(super) struct Task {
    /// It trains on rows of this group and of lower ones.
    pub(super) group: u64,
    /// The label is 1 above this target.
    pub(super) cut: f64,
    /// Of each feature in these rows.
    pub(super) mean: Vec<f64>,
    pub(super) scale: Vec<f64>,
    /// The features that take part; the others get weight 0.
    pub(super) kept: Vec<usize>,
}

/// What was found for it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LogisticFit {
    /// Of the standardised features.
    pub(super) weights: Vec<f64>,
    pub(super) intercept: f64,
    /// Second derivatives of the objective by intercept and the weights that take part.
    pub(super) curvature: DMatrix<f64>,
    /// Passes over all rows.
    pub(super) passes: usize,
}

/// Gradient and curvature of a sum of losses, and how many rows are on the wrong side.
#[derive(Clone, Debug)]
struct Slope {
    gradient: DVector<f64>,
    curvature: DMatrix<f64>,
    wrong: u64,
}

impl Slope {
    fn new(size: usize) -> Slope {
        let (gradient, curvature) = (DVector::zeros(size), DMatrix::zeros(size, size));
        Slope { gradient, curvature, wrong: 0 }
    }

    /// Adds another one.
    fn merge(&mut self, other: &Slope) {
        self.gradient += &other.gradient;
        self.curvature += &other.curvature;
        self.wrong += other.wrong;
    }

    /// Adds rows of which `z` are the features behind a one, by their decision values and targets.
    #[inline(always)]
    fn add(&mut self, z: &DMatrix<f64>, mut decisions: Vec<f64>, targets: &[f64], cut: f64) {
        let mut bends = vec![0.0; targets.len()];
        let mut wrong = 0.0;
        for ((decision, bend), &target) in decisions.iter_mut().zip(&mut bends).zip(targets) {
            let label = f64::from(u8::from(target > cut));
            let class = f64::from(u8::from(*decision > 0.0));
            wrong += (class - label).abs();
            let probability = 1.0 / (1.0 + exp(-*decision));
            *bend = probability * (1.0 - probability);
            *decision = probability - label;
        }
        self.wrong += wrong as u64;
        let residuals = decisions;
        let column = |j: usize| &z.as_slice()[j * targets.len()..(j + 1) * targets.len()];
        for j in 0..z.ncols() {
            self.gradient[j] += dot(&residuals, column(j), 0.0);
        }
        if z.ncols() >= PRODUCT_MIN {
            let mut bent = z.clone();
            let bends = DVector::from_vec(bends);
            bent.column_iter_mut().for_each(|mut column| column.component_mul_assign(&bends));
            self.curvature.gemm(1.0, &z.transpose(), &bent, 1.0);
            return;
        }
        let mut bent = residuals;
        for j in 0..z.ncols() {
            let both = column(j).iter().zip(&bends);
            bent.iter_mut().zip(both).for_each(|(to, (z, bend))| *to = z * bend);
            for i in 0..=j {
                let sum = dot(&bent, column(i), 0.0);
                self.curvature[(i, j)] += sum;
                if i < j {
                    self.curvature[(j, i)] += sum;
                }
            }
        }
    }
}

/// The sum of products of `a` and `b` less `mean`, in an order that is the same at every [`Level`].
#[inline(always)]
pub(super) fn dot(a: &[f64], b: &[f64], mean: f64) -> f64 {
    let (a, b) = (a.as_chunks::<VECTOR_LEN>(), b.as_chunks::<VECTOR_LEN>());
    let mut sums = [0.0; VECTOR_LEN];
    for (a, b) in a.0.iter().zip(b.0) {
        for at in 0..VECTOR_LEN {
            sums[at] += a[at] * (b[at] - mean);
        }
    }
    sums.iter_mut().zip(a.1.iter().zip(b.1)).for_each(|(sum, (a, b))| *sum += a * (b - mean));
    sums.iter().sum()
}

/// Some rows of a tile as a model sees them.
struct Seen<'a> {
    task: &'a Task,
    /// The features that take part.
    x: Vec<Cow<'a, [f64]>>,
    y: Cow<'a, [f64]>,
}

impl Seen<'_> {
    /// Adds a block of rows to the sums of a model's slope.
    #[inline(always)]
    fn add(&self, rows: Range<usize>, theta: &DVector<f64>, sums: &mut Slope) {
        let mut z = DMatrix::zeros(rows.len(), self.x.len() + 1);
        z.column_mut(0).fill(1.0);
        let mut decisions = vec![theta[0]; rows.len()];
        for (at, (x, &feature)) in self.x.iter().zip(&self.task.kept).enumerate() {
            let mean = self.task.mean[feature];
            // One division instead of one a row; the last digit does not matter to the search.
            let factor = 1.0 / self.task.scale[feature];
            let weight = theta[at + 1];
            let mut column = z.column_mut(at + 1);
            let both = column.as_mut_slice().iter_mut().zip(&mut decisions);
            for ((to, decision), x) in both.zip(&x[rows.clone()]) {
                *to = (x - mean) * factor;
                *decision += *to * weight;
            }
        }
        sums.add(&z, decisions, &self.y[rows], self.task.cut);
    }
}

/// Where one model's search stands.
#[derive(Clone, Debug)]
struct Search {
    theta: DVector<f64>,
    from: DVector<f64>,
    step: DVector<f64>,
    /// Along the step where it began, below 0; 0 before the first.
    slope: f64,
    curvature: DMatrix<f64>,
    passes: usize,
    done: bool,
}

impl Search {
    fn new(theta: DVector<f64>) -> Search {
        let step = DVector::zeros(theta.len());
        let curvature = DMatrix::zeros(0, 0);
        Search { from: theta.clone(), theta, step, slope: 0.0, curvature, passes: 0, done: false }
    }

    /// Moves on by what a pass found; `None` when there is no finite answer.
    fn go(&mut self, mut sums: Slope, penalty: f64) -> Option<()> {
        self.passes += 1;
        let separated = sums.wrong == 0 && penalty == 0.0;
        if separated || self.passes > PASSES_MAX {
            return None;
        }
        for at in 1..self.theta.len() {
            sums.gradient[at] += penalty * self.theta[at];
            sums.curvature[(at, at)] += penalty;
        }
        // The objective is convex: uphill at the end of a step means the step was too long.
        if sums.gradient.dot(&self.step) > -0.5 * self.slope {
            self.step *= 0.5;
            self.slope *= 0.5;
            self.theta = &self.from + &self.step;
            return Some(());
        }
        self.from.copy_from(&self.theta);
        self.curvature.clone_from(&sums.curvature);
        self.step = -sums.curvature.cholesky()?.solve(&sums.gradient);
        self.slope = sums.gradient.dot(&self.step);
        self.theta += &self.step;
        if !self.theta.iter().all(|value| value.is_finite()) {
            return None;
        }
        self.done = self.step.amax() <= STEP_MIN * (1.0 + self.theta.amax());
        Some(())
    }
}

/// Fits all models at once; `c` as scikit-learn's `C`, `None` for no penalty.
///
/// # Errors
///
/// [`TrainError::Separated`] when there are no finite weights, with the index of the model.
pub(super) fn fit(
    scratch: &Scratch,
    tasks: &[Task],
    c: Option<f64>,
) -> Result<Vec<LogisticFit>, TrainError> {
    let penalty = c.map_or(0.0, |c| 1.0 / c);
    let start = |task: &Task| Search::new(DVector::zeros(task.kept.len() + 1));
    let mut searches: Vec<Search> = tasks.iter().map(start).collect();
    let every = scratch.len() / (FIRST_TILES * TILE_ROWS);
    if every > 1 {
        // A part of the rows may have one class only: then the search starts at zero.
        let mut first: Vec<Option<Search>> = searches.iter().cloned().map(Some).collect();
        while first.iter().flatten().any(|search| !search.done) {
            pass(scratch, tasks, &mut first, every, penalty)?;
        }
        for (search, first) in searches.iter_mut().zip(first) {
            *search = first.map_or_else(|| search.clone(), |first| Search::new(first.theta));
        }
    }
    let mut all: Vec<Option<Search>> = searches.into_iter().map(Some).collect();
    while all.iter().flatten().any(|search| !search.done) {
        pass(scratch, tasks, &mut all, 1, penalty)?;
        if let Some(model) = all.iter().position(Option::is_none) {
            return Err(TrainError::Separated { group: tasks[model].group });
        }
    }
    let fits = tasks.iter().zip(all.into_iter().flatten());
    Ok(fits.map(|(task, search)| fitted(task, &search)).collect())
}

fn fitted(task: &Task, search: &Search) -> LogisticFit {
    let mut weights = vec![0.0; task.mean.len()];
    for (&feature, &weight) in task.kept.iter().zip(search.theta.iter().skip(1)) {
        weights[feature] = weight;
    }
    let (intercept, curvature) = (search.theta[0], search.curvature.clone());
    LogisticFit { weights, intercept, curvature, passes: search.passes }
}

/// One pass over every `every`-th tile; a search without an answer becomes `None`.
fn pass(
    scratch: &Scratch,
    tasks: &[Task],
    searches: &mut [Option<Search>],
    every: usize,
    penalty: f64,
) -> Result<(), TrainError> {
    let thetas: Vec<Option<&DVector<f64>>> = searches
        .iter()
        .map(|search| search.as_ref().filter(|search| !search.done).map(|search| &search.theta))
        .collect();
    let new = || tasks.iter().map(|task| Slope::new(task.kept.len() + 1)).collect::<Vec<_>>();
    let mut total = new();
    let level = Level::best();
    let add = |sums: &mut Vec<Slope>, tile: &Tile| {
        for ((task, theta), sums) in tasks.iter().zip(&thetas).zip(sums) {
            let Some(theta) = theta else { continue };
            let rows = Selection::of(tile.marks(), |mark| mark::group(mark) <= task.group);
            let x = task.kept.iter().map(|&feature| rows.values(tile.x(feature))).collect();
            let seen = Seen { task, x, y: rows.values(tile.y()) };
            for first in (0..rows.len()).step_by(BLOCK_ROWS) {
                let block = first..rows.len().min(first + BLOCK_ROWS);
                level.run(
                    #[inline(always)]
                    || seen.add(block, theta, sums),
                );
            }
        }
    };
    scratch.fold(Part::Fit, every, new, add, |sums| {
        total.iter_mut().zip(&sums).for_each(|(total, sums)| total.merge(sums));
    })?;
    for (search, sums) in searches.iter_mut().zip(total) {
        if let Some(moving) = search.as_mut().filter(|search| !search.done)
            && moving.go(sums, penalty).is_none()
        {
            *search = None;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::scratch::tests::filled;
    use super::*;
    use rand::RngExt;
    use rand_pcg::Pcg64;

    fn task(width: usize) -> Task {
        let kept = (0..width).collect();
        Task { group: 0, cut: 0.5, mean: vec![0.0; width], scale: vec![1.0; width], kept }
    }

    fn noisy(count: usize) -> Vec<(Vec<f64>, f64)> {
        let mut random = Pcg64::new(5, 11);
        (0..count)
            .map(|_| {
                let x = vec![random.random::<f64>() - 0.5, 3.0 * random.random::<f64>()];
                let lift = 2.0 * x[0] - 0.4 * x[1] + 0.3;
                let one = random.random::<f64>() < 1.0 / (1.0 + (-lift).exp());
                (x, f64::from(u8::from(one)))
            })
            .collect()
    }

    #[test]
    fn the_gradient_vanishes_where_the_search_ends() {
        let rows = noisy(5000);
        let scratch = filled(&rows, 2);
        for c in [None, Some(1.0), Some(0.01)] {
            let fit = &fit(&scratch, &[task(2)], c).unwrap()[0];
            let mut gradient = [0.0; 3];
            for (x, y) in &rows {
                let decision = fit.intercept + fit.weights[0] * x[0] + fit.weights[1] * x[1];
                let residual = 1.0 / (1.0 + (-decision).exp()) - y;
                gradient[0] += residual;
                gradient[1] += residual * x[0];
                gradient[2] += residual * x[1];
            }
            let penalty = c.map_or(0.0, |c: f64| 1.0 / c);
            gradient[1] += penalty * fit.weights[0];
            gradient[2] += penalty * fit.weights[1];
            assert!(gradient.iter().all(|g| g.abs() < 1e-5), "{c:?}: {gradient:?} {fit:?}");
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let rows = noisy(70 * TILE_ROWS);
        let fits: Vec<_> = [1, 2, 3, 7]
            .map(|threads| fit(&filled(&rows, threads), &[task(2)], Some(1.0)).unwrap())
            .into();
        assert!(fits.windows(2).all(|pair| pair[0] == pair[1]), "{fits:?}");
        assert!(fits[0][0].passes < 8, "{fits:?}");
    }

    #[test]
    fn classes_that_a_plane_separates_need_a_penalty() {
        let rows: Vec<(Vec<f64>, f64)> =
            (0..100).map(|i| (vec![f64::from(i)], f64::from(u8::from(i >= 50)))).collect();
        let scratch = filled(&rows, 1);
        let mut task = task(1);
        (task.mean[0], task.scale[0]) = (49.5, 28.9);
        let refused = fit(&scratch, std::slice::from_ref(&task), None);
        assert!(matches!(refused, Err(TrainError::Separated { group: 0 })), "{refused:?}");
        assert!(fit(&scratch, &[task], Some(1.0)).unwrap()[0].weights[0] > 0.0);
    }
}
