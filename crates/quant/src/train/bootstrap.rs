//! Intervals by drawing blocks of consecutive windows with replacement.
//!
//! Neighbouring windows resemble each other, so whole blocks are drawn (Kuensch 1989). A figure is
//! computed again from the blocks' sums; a coefficient takes one step of Newton's method from the
//! fit towards that of the drawn blocks, with the curvature of all rows: the score bootstrap of
//! Kline and Santos (2012). Draws are seeded: the same table gives the same intervals.

use super::figures::{Cell, ClassFigures, LineFigures};
use super::logistic::Task;
use crate::skill::{DRAWS, Interval, draw, generator, interval};
use nalgebra::{DMatrix, DVector};

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
    let mut random = generator(seed, 1);
    for _ in 0..if blocks.len() < 2 { 0 } else { DRAWS } {
        let mut drawn = Cell::new(true);
        draw(&mut random, blocks.len()).for_each(|block| drawn.merge(blocks[block]));
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

/// One fit, as the intervals of its weights see it.
pub(super) struct Fitted<'a> {
    /// Which features take part, and their units.
    pub(super) task: &'a Task,
    /// Their weights, of standardised features.
    pub(super) theta: Vec<f64>,
    /// The penalty on each squared weight.
    pub(super) penalties: Vec<f64>,
    /// Second derivatives by the intercept and these weights, the penalty included.
    pub(super) curvature: DMatrix<f64>,
}

impl Fitted<'_> {
    /// The interval of each weight of a standardised feature; 0 for one that takes no part.
    /// `gradients` are those of each block, by the intercept and by all features less their mean;
    /// blocks without rows have none.
    pub(super) fn intervals(self, gradients: &[Vec<f64>], seed: u64) -> Vec<Interval> {
        let mut all = vec![(0.0, 0.0); self.task.mean.len()];
        let size = self.theta.len() + 1;
        let Some(curvature) = self.curvature.cholesky() else {
            return vec![(f64::NAN, f64::NAN); all.len()];
        };
        let step = |gradient: &Vec<f64>| {
            let kept = self.task.kept.iter().map(|&j| gradient[j + 1] / self.task.scale[j]);
            let kept = std::iter::once(gradient[0]).chain(kept);
            curvature.solve(&DVector::from_iterator(size, kept))
        };
        let filled = gradients.iter().filter(|gradient| gradient.iter().any(|&g| g != 0.0));
        let steps: Vec<DVector<f64>> = filled.map(step).collect();
        let pull = self.penalties.iter().zip(&self.theta).map(|(penalty, weight)| penalty * weight);
        let pull = DVector::from_iterator(size, std::iter::once(0.0).chain(pull));
        let pull = curvature.solve(&pull);
        let draws = if steps.len() < 2 { 0 } else { DRAWS };
        let mut random = generator(seed, 2);
        let mut drawn = vec![Vec::with_capacity(draws); self.theta.len()];
        for _ in 0..draws {
            let mut sum = pull.clone();
            draw(&mut random, steps.len()).for_each(|block| sum += &steps[block]);
            let ends = self.theta.iter().zip(sum.iter().skip(1));
            drawn.iter_mut().zip(ends).for_each(|(drawn, (theta, step))| drawn.push(theta - step));
        }
        for (&feature, drawn) in self.task.kept.iter().zip(drawn) {
            all[feature] = interval(drawn);
        }
        all
    }
}
