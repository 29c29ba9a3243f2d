//! Intervals by drawing blocks of consecutive windows with replacement.
//!
//! Neighbouring windows resemble each other, so whole blocks are drawn (Kuensch 1989). A figure is
//! computed again from the blocks' sums; a coefficient takes one step of Newton's method from the
//! fit towards that of the drawn blocks, which for least squares is that very fit. Draws are
//! seeded: the same table gives the same intervals.

use super::TrainError;
use super::assess::Trainee;
use super::figures::{Cell, ClassFigures, LineFigures};
use super::logistic::{Slope, Task, standardised};
use super::mark::{self, HOLDOUT};
use super::scratch::{Chunk, Part, Scratch};
use super::split::Split;
use crate::model::exp::exp;
use nalgebra::{DMatrix, DVector};
use rand::RngExt;
use rand_pcg::Pcg64;

/// Draws for a figure's interval.
const DRAWS: usize = 1000;

/// The most features whose coefficients get intervals, and their draws by the number of features.
pub(super) const WIDTH_MAX: usize = 128;

/// The share of draws between an interval's ends.
const LEVEL: f64 = 0.95;

/// The lower and upper end of an interval of 95 %.
pub type Interval = (f64, f64);

/// Intervals of both models' figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FigureIntervals {
    /// Of R2.
    pub r2: Interval,
    /// Of the RMSE's gain on the best baseline.
    pub line_gain: Interval,
    /// Of accuracy.
    pub accuracy: Interval,
    /// Of the accuracy's gain on the best baseline.
    pub class_gain: Interval,
    /// Of the area under the ROC curve.
    pub auc: Interval,
}

/// The figures' intervals; NaN where a figure is not defined or there are fewer than two blocks.
pub(super) fn figures(blocks: &[Cell], seed: u64) -> FigureIntervals {
    let with_rows = |cell: &&Cell| cell.line.figures().is_some() || cell.class.figures().is_some();
    let blocks: Vec<&Cell> = blocks.iter().filter(with_rows).collect();
    let mut values: [Vec<f64>; 5] = Default::default();
    let mut random = Pcg64::new(seed.into(), 1);
    for _ in 0..if blocks.len() < 2 { 0 } else { DRAWS } {
        let mut drawn = Cell::new(true);
        for _ in 0..blocks.len() {
            drawn.merge(blocks[random.random_range(0..blocks.len())]);
        }
        let line = drawn.line.figures();
        let class = drawn.class.figures();
        let of_line = |figure: fn(&LineFigures) -> f64| line.as_ref().map_or(f64::NAN, figure);
        let of_class = |figure: fn(&ClassFigures) -> f64| class.as_ref().map_or(f64::NAN, figure);
        let all = [
            of_line(|line| line.r2),
            of_line(|line| line.gain),
            of_class(|class| class.accuracy),
            of_class(|class| class.gain),
            of_class(|class| class.auc),
        ];
        values.iter_mut().zip(all).for_each(|(values, value)| values.push(value));
    }
    let [r2, line_gain, accuracy, class_gain, auc] = values.map(interval);
    FigureIntervals { r2, line_gain, accuracy, class_gain, auc }
}

/// What lies between the tails of some draws; those without a value do not count.
fn interval(mut values: Vec<f64>) -> Interval {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    let tail = (1.0 - LEVEL) / 2.0;
    let at = |share: f64| {
        let place = share * (values.len().saturating_sub(1)) as f64;
        values.get(place.round() as usize).copied().unwrap_or(f64::NAN)
    };
    (at(tail), at(1.0 - tail))
}

/// The intervals of both models' weights, one a feature; empty for wide models.
pub(super) struct Coefficients {
    pub(super) linear: Vec<Interval>,
    pub(super) logistic: Vec<Interval>,
}

/// What the pass for coefficients needs: the last models, on all rows.
pub(super) struct Fitted<'a> {
    pub(super) trainee: &'a Trainee,
    pub(super) linear: &'a Task,
    pub(super) logistic: &'a Task,
    pub(super) ridge: f64,
    pub(super) c: Option<f64>,
    pub(super) seed: u64,
}

impl Fitted<'_> {
    /// Passes over all rows, then draws blocks.
    pub(super) fn intervals(
        &self,
        scratch: &Scratch,
        split: &Split,
    ) -> Result<Coefficients, TrainError> {
        let width = scratch.width();
        if width > WIDTH_MAX {
            return Ok(Coefficients { linear: Vec::new(), logistic: Vec::new() });
        }
        let new = || {
            let slopes = |task: &Task| vec![Slope::new(task.kept.len() + 1); split.blocks];
            (slopes(self.linear), slopes(self.logistic))
        };
        let mut total = new();
        let add = |sums: &mut (Vec<Slope>, Vec<Slope>), chunk: &Chunk| self.chunk(sums, chunk);
        scratch.fold(Part::Fit, 1, new, add, |sums| {
            total.0.iter_mut().zip(&sums.0).for_each(|(total, sums)| total.merge(sums));
            total.1.iter_mut().zip(&sums.1).for_each(|(total, sums)| total.merge(sums));
        })?;
        let mut linear = Vec::new();
        if let Some(model) = &self.trainee.linear {
            let task = self.linear;
            let scale = |j: usize| task.scale[j];
            let theta = task.kept.iter().map(|&j| model.weights()[j] * scale(j));
            let penalties = task.kept.iter().map(|&j| self.ridge / (scale(j) * scale(j)));
            let draws = steps(&total.0, theta.collect(), &penalties.collect::<Vec<_>>(), self.seed);
            linear = spread(width, task, draws);
            for (j, ends) in linear.iter_mut().enumerate() {
                *ends = (ends.0 / scale(j), ends.1 / scale(j));
            }
        }
        let mut logistic = Vec::new();
        if let Some(model) = &self.trainee.logistic {
            let task = self.logistic;
            let theta = task.kept.iter().map(|&j| model.weights()[j]).collect();
            let penalties = vec![self.c.map_or(0.0, |c| 1.0 / c); task.kept.len()];
            logistic = spread(width, task, steps(&total.1, theta, &penalties, self.seed));
        }
        Ok(Coefficients { linear, logistic })
    }

    fn chunk(&self, sums: &mut (Vec<Slope>, Vec<Slope>), chunk: &Chunk) {
        let mut blocks: Vec<Vec<usize>> = vec![Vec::new(); sums.0.len()];
        for (row, &mark) in chunk.marks().iter().enumerate() {
            if mark::group(mark) != HOLDOUT {
                blocks[mark::block(mark)].push(row);
            }
        }
        for (block, rows) in blocks.iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
            if let Some(model) = &self.trainee.linear {
                let z = standardised(chunk, rows, self.linear);
                let theta =
                    self.linear.kept.iter().map(|&j| model.weights()[j] * self.linear.scale[j]);
                let said = &z * theta_of(self.trainee.mean, theta);
                let off = said.iter().zip(rows).map(|(said, &row)| said - chunk.y()[row]);
                let off = DVector::from_iterator(rows.len(), off);
                sums.0[block].add(&z, &off, &vec![1.0; rows.len()]);
            }
            if let Some(model) = &self.trainee.logistic {
                let z = standardised(chunk, rows, self.logistic);
                let theta = self.logistic.kept.iter().map(|&j| model.weights()[j]);
                let decision = &z * theta_of(model.intercept(), theta);
                let said: Vec<f64> = decision.iter().map(|d| 1.0 / (1.0 + exp(-d))).collect();
                let bends: Vec<f64> = said.iter().map(|p| p * (1.0 - p)).collect();
                let label = |row: usize| f64::from(u8::from(chunk.y()[row] > self.trainee.cut));
                let off = said.iter().zip(rows).map(|(said, &row)| said - label(row));
                sums.1[block].add(&z, &DVector::from_iterator(rows.len(), off), &bends);
            }
        }
    }
}

fn theta_of(intercept: f64, weights: impl Iterator<Item = f64>) -> DVector<f64> {
    DVector::from_vec(std::iter::once(intercept).chain(weights).collect())
}

/// The parameters, without the intercept, that each draw steps to.
fn steps(blocks: &[Slope], theta: Vec<f64>, penalties: &[f64], seed: u64) -> Vec<Vec<f64>> {
    let size = theta.len() + 1;
    let blocks: Vec<&Slope> = blocks.iter().filter(|block| block.curvature[(0, 0)] > 0.0).collect();
    // A draw costs as the cube of the width.
    let draws = if blocks.len() < 2 {
        0
    } else if size <= 17 {
        DRAWS
    } else {
        DRAWS / 5
    };
    let mut random = Pcg64::new(seed.into(), 2);
    let mut found = Vec::new();
    for _ in 0..draws {
        let mut gradient = DVector::zeros(size);
        let mut curvature = DMatrix::zeros(size, size);
        for _ in 0..blocks.len() {
            let block = blocks[random.random_range(0..blocks.len())];
            gradient += &block.gradient;
            curvature += &block.curvature;
        }
        for (at, (penalty, weight)) in penalties.iter().zip(&theta).enumerate() {
            gradient[at + 1] += penalty * weight;
            curvature[(at + 1, at + 1)] += penalty;
        }
        // A draw in which a feature stands still has no answer, and does not count.
        if let Some(curvature) = curvature.cholesky() {
            let step = curvature.solve(&gradient);
            found.push(theta.iter().zip(step.iter().skip(1)).map(|(t, s)| t - s).collect());
        }
    }
    found
}

/// The intervals of all features from the draws of those that take part.
fn spread(width: usize, task: &Task, draws: Vec<Vec<f64>>) -> Vec<Interval> {
    let mut all = vec![(0.0, 0.0); width];
    for (at, &feature) in task.kept.iter().enumerate() {
        all[feature] = interval(draws.iter().map(|draw| draw[at]).collect());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_leaves_out_the_tails_and_what_is_not_a_number() {
        let values = (0..=1000).map(f64::from).chain([f64::NAN]).collect();
        assert_eq!(interval(values), (25.0, 975.0));
        assert!(interval(Vec::new()).0.is_nan());
    }
}
