//! The models of every training: one per fold, and the last ones on all rows.

use super::affine::{self, Warning};
use super::assess::Assessed;
use super::bootstrap::Fitted;
use super::figures::loss;
use super::keys::{Query, key_of, value_of};
use super::linear::{LinearFit, Moments, Triangle, Units};
use super::load::Loaded;
use super::logistic::{self, LogisticFit, Task};
use super::mark::{self, Selection};
use super::plots::Frame;
use super::scratch::{Part, Scratch, Tile};
use super::select::select;
use super::split::Split;
use super::trainee::Trainee;
use super::{Coefficient, Settings, TrainError};
use crate::skill::Interval;
use factord_eval::Affine;
use nalgebra::DMatrix;

/// Everything that was fitted.
pub(super) struct Trainees {
    /// One per fold, and the last one on all rows.
    pub(super) all: Vec<Trainee>,
    /// Of the rows of each training.
    pub(super) moments: Vec<Moments>,
    /// The last linear fit.
    pub(super) fit: LinearFit,
    /// Median of the target in each training.
    pub(super) medians: Vec<f64>,
    /// Rows that folds test.
    pub(super) tested: u64,
    /// The last trainings' features, and the curvatures of their losses.
    linear_task: Task,
    linear_curvature: DMatrix<f64>,
    logistic_task: Task,
    logistic_curvature: Option<DMatrix<f64>>,
}

impl Trainees {
    /// Fits all of them.
    pub(super) fn fit(
        scratch: &Scratch,
        loaded: &Loaded,
        split: &Split,
        settings: &Settings,
    ) -> Result<Trainees, TrainError> {
        let width = scratch.width();
        let (means, stds): (Vec<f64>, Vec<f64>) =
            loaded.seen.iter().map(|seen| seen.moments(loaded.used)).unzip();
        let units = Units::new(means, &stds);
        let triangles = triangles(scratch, split, &units)?;
        let moments: Vec<Moments> = triangles.iter().map(|t| t.moments(&units)).collect();
        enough(&moments, width)?;
        let fits: Vec<LinearFit> =
            triangles.iter().map(|t| t.fit(&units, settings.ridge)).collect();
        let medians = medians(scratch, loaded, split, &moments)?;
        let cuts: Vec<f64> = medians.iter().map(|&median| settings.cut.unwrap_or(median)).collect();
        let task = |at: usize, all: bool| {
            let constant = |j: usize| moments[at].is_constant(j);
            let left_out = |j: usize| fits[at].left_out.iter().any(|left| left.0 == j);
            let kept = |j: &usize| !constant(*j) && (all || !left_out(*j));
            let scale = |j: usize| if constant(j) { 1.0 } else { moments[at].std[j] };
            Task {
                group: split.group(at),
                cut: cuts[at],
                mean: moments[at].mean[..width].to_vec(),
                scale: (0..width).map(scale).collect(),
                kept: (0..width).filter(kept).collect(),
            }
        };
        let tasks: Vec<Task> =
            (0..moments.len()).map(|at| task(at, settings.c.is_some())).collect();
        let (shares, tested) = shares(scratch, &tasks, &moments)?;
        let mut logistic = vec![None; tasks.len()];
        if settings.logistic {
            two_classes(&shares, &cuts)?;
            let found = logistic::fit(scratch, &tasks, settings.c)?;
            logistic = found.into_iter().map(Some).collect();
        }
        let all = (0..tasks.len())
            .map(|at| {
                let linear = Some(&fits[at]).filter(|_| settings.linear);
                let models = models(linear, logistic[at].as_ref(), &tasks[at])?;
                let (linear, logistic) = models;
                let (mean, cut, share) = (moments[at].mean[width], cuts[at], shares[at]);
                let share_loss = [1.0 - share, share].map(loss);
                Ok(Trainee { linear, logistic, mean, cut, share, share_loss })
            })
            .collect::<Result<Vec<_>, TrainError>>()?;
        let last = tasks.len() - 1;
        let linear_task = task(last, settings.ridge > 0.0);
        let logistic_task = task(last, settings.c.is_some());
        let (kept, scale) = (&linear_task.kept, &linear_task.scale);
        let linear_curvature = triangles[last].curvature(&units, kept, scale);
        let logistic_curvature = logistic.pop().flatten().map(|fit| fit.curvature);
        let fit = fits.into_iter().next_back().unwrap_or_else(|| triangles[last].fit(&units, 0.0));
        Ok(Trainees {
            all,
            moments,
            fit,
            medians,
            tested,
            linear_task,
            linear_curvature,
            logistic_task,
            logistic_curvature,
        })
    }

    /// The models on all rows.
    pub(super) fn last(&self) -> &Trainee {
        &self.all[self.all.len() - 1]
    }

    /// Means and deviations of all rows.
    pub(super) fn last_moments(&self) -> &Moments {
        &self.moments[self.moments.len() - 1]
    }

    /// Where the drawings' axes lie.
    pub(super) fn frame(&self, loaded: &Loaded) -> Frame {
        let width = self.fit.weights.len();
        let moments = self.last_moments();
        let (mean, std) = (moments.mean[width], moments.std[width]);
        let seen = &loaded.seen[width];
        let around = |deviations: f64| {
            ((mean - deviations).max(seen.min), (mean + deviations).min(seen.max))
        };
        let said = 3.5 * std * self.fit.r2.max(1e-6).sqrt();
        let model = self.last().logistic.as_ref();
        let norm = |model: &Affine| model.weights().iter().map(|w| w * w).sum::<f64>().sqrt();
        let unit = model.map_or(1.0, norm);
        Frame {
            mean,
            said: around(said),
            target: around(3.5 * std),
            // An exact fit leaves rounding, which needs an axis, too.
            residual: self.fit.rmse.max(1e-17 * mean.abs()).max(f64::MIN_POSITIVE),
            decision_middle: model.map_or(0.0, Affine::intercept),
            decision_unit: if unit > 0.0 { unit } else { 1.0 },
        }
    }

    /// What the last fit gives away.
    pub(super) fn warnings(&self, settings: &Settings) -> Vec<Warning> {
        let target = settings.target_name();
        affine::warnings(&self.fit, self.last_moments(), &settings.features, &target)
    }

    /// The last linear model's weights, with their intervals.
    pub(super) fn line_coefficients(
        &self,
        settings: &Settings,
        assessed: &Assessed,
    ) -> Vec<Coefficient> {
        let Some(model) = &self.last().linear else { return Vec::new() };
        let task = &self.linear_task;
        let scale = |j: usize| task.scale[j];
        let penalty = |&j: &usize| settings.ridge / (scale(j) * scale(j));
        let penalties: Vec<f64> = task.kept.iter().map(penalty).collect();
        let mut curvature = self.linear_curvature.clone();
        penalties.iter().enumerate().for_each(|(at, more)| curvature[(at + 1, at + 1)] += more);
        let theta = task.kept.iter().map(|&j| model.weights()[j] * scale(j)).collect();
        let fitted = Fitted { task, theta, penalties, curvature };
        let mut intervals = fitted.intervals(&assessed.line_gradients, settings.seed);
        for (j, ends) in intervals.iter_mut().enumerate() {
            *ends = (ends.0 / scale(j), ends.1 / scale(j));
        }
        let std = &self.last_moments().std;
        coefficients(settings, model.weights(), &intervals, |j, weight| weight * std[j])
    }

    /// The last classifier's weights, with their intervals.
    pub(super) fn class_coefficients(
        &self,
        settings: &Settings,
        assessed: &Assessed,
    ) -> Vec<Coefficient> {
        let (Some(model), Some(curvature)) = (&self.last().logistic, &self.logistic_curvature)
        else {
            return Vec::new();
        };
        let task = &self.logistic_task;
        let penalties = vec![settings.c.map_or(0.0, |c| 1.0 / c); task.kept.len()];
        let theta = task.kept.iter().map(|&j| model.weights()[j]).collect();
        let fitted = Fitted { task, theta, penalties, curvature: curvature.clone() };
        let intervals = fitted.intervals(&assessed.class_gradients, settings.seed);
        coefficients(settings, model.weights(), &intervals, |_, weight| weight)
    }
}

fn coefficients(
    settings: &Settings,
    weights: &[f64],
    intervals: &[Interval],
    per_deviation: impl Fn(usize, f64) -> f64,
) -> Vec<Coefficient> {
    let one = |(at, (name, &weight)): (usize, (&String, &f64))| Coefficient {
        name: name.clone(),
        weight,
        interval: intervals[at],
        per_deviation: per_deviation(at, weight),
    };
    settings.features.iter().zip(weights).enumerate().map(one).collect()
}

/// The triangle of each training: every group's, and those below it.
fn triangles(scratch: &Scratch, split: &Split, units: &Units) -> Result<Vec<Triangle>, TrainError> {
    let width = scratch.width();
    let count = split.cuts_ns.len() + 1;
    let groups: Vec<u64> = (0..count).map(|model| split.group(model)).collect();
    let new = || vec![None; count];
    let mut total: Vec<Option<Triangle>> = new();
    let add = |sums: &mut Vec<Option<Triangle>>, tile: &Tile| {
        for (sum, &group) in sums.iter_mut().zip(&groups) {
            let rows = Selection::of(tile.marks(), |mark| mark::group(mark) == group);
            if rows.len() > 0 {
                let sum = sum.get_or_insert_with(|| Triangle::new(width));
                let column = |j| if j == width { tile.y() } else { tile.x(j) };
                sum.add(units, rows.len(), |j| rows.values(column(j)));
            }
        }
    };
    scratch.fold(Part::Fit, 1, new, add, |sums| {
        for (total, sums) in total.iter_mut().zip(sums) {
            match (total.as_mut(), sums) {
                (Some(total), Some(sums)) => total.merge(&sums),
                (None, Some(sums)) => *total = Some(sums),
                (_, None) => {}
            }
        }
    })?;
    let mut so_far = Triangle::new(width);
    let mut all = Vec::new();
    for group in total {
        if let Some(group) = group {
            so_far.merge(&group);
        }
        all.push(so_far.clone());
    }
    Ok(all)
}

/// The median of the target in each training, as numpy's: the mean of the two in the middle.
fn medians(
    scratch: &Scratch,
    loaded: &Loaded,
    split: &Split,
    moments: &[Moments],
) -> Result<Vec<f64>, TrainError> {
    let middle = |(class, moments): (usize, &Moments)| {
        [(moments.count - 1) / 2, moments.count / 2].map(|rank| Query {
            class,
            rank,
            of: moments.count,
        })
    };
    let queries: Vec<Query> = moments.iter().enumerate().flat_map(middle).collect();
    let target = &loaded.seen[scratch.width()];
    let range = (key_of(target.min), key_of(target.max));
    let folds = split.cuts_ns.len() as u64;
    let keys = select(scratch, Part::Target, &queries, range, |tile, rows| {
        let both = tile.marks().iter().map(|&mark| mark::group(mark)).zip(tile.y());
        let meant = both.filter(|both| both.0 != mark::HOLDOUT);
        meant.for_each(|(group, &y)| rows.push(group.min(folds), key_of(y)));
    })?;
    Ok(keys.chunks(2).map(|pair| 0.5 * (value_of(pair[0]) + value_of(pair[1]))).collect())
}

/// The share of labels that are 1 in each training, and the number of rows that are tested.
fn shares(
    scratch: &Scratch,
    tasks: &[Task],
    moments: &[Moments],
) -> Result<(Vec<f64>, u64), TrainError> {
    let new = || (vec![0u64; tasks.len()], 0u64);
    let (mut total, mut tested) = new();
    let add = |(sums, tested): &mut (Vec<u64>, u64), tile: &Tile| {
        for (sum, task) in sums.iter_mut().zip(tasks) {
            let rows = tile.marks().iter().zip(tile.y());
            *sum += rows
                .map(|(&mark, &y)| u64::from(mark::group(mark) <= task.group && y > task.cut))
                .sum::<u64>();
        }
        *tested +=
            tile.marks().iter().filter(|&&mark| mark::test(mark) != mark::NONE).count() as u64;
    };
    scratch.fold(Part::Target, 1, new, add, |(sums, more)| {
        total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        tested += more;
    })?;
    let shares = total.iter().zip(moments).map(|(&ones, m)| ones as f64 / m.count as f64);
    Ok((shares.collect(), tested))
}

/// Sees to it that every training has more rows than parameters.
fn enough(moments: &[Moments], width: usize) -> Result<(), TrainError> {
    let needed = width as u64 + 2;
    for (at, found) in moments.iter().map(|moments| moments.count).enumerate() {
        if found < needed {
            let fold = Some(at + 1).filter(|&fold| fold < moments.len());
            return Err(TrainError::TooFew { fold, found, needed });
        }
    }
    Ok(())
}

/// Sees to it that every training has rows of both labels.
fn two_classes(shares: &[f64], cuts: &[f64]) -> Result<(), TrainError> {
    for (at, (&share, &cut)) in shares.iter().zip(cuts).enumerate() {
        if share == 0.0 || share == 1.0 {
            let fold = Some(at + 1).filter(|&fold| fold < shares.len());
            let side = if share == 1.0 { "above" } else { "not above" };
            return Err(TrainError::OneClass { fold, side, cut });
        }
    }
    Ok(())
}

/// The models of one training.
fn models(
    linear: Option<&LinearFit>,
    logistic: Option<&LogisticFit>,
    task: &Task,
) -> Result<(Option<Affine>, Option<Affine>), TrainError> {
    let linear = linear.map(|fit| Affine::linear(fit.weights.clone(), fit.intercept));
    let logistic = logistic.map(|fit| {
        let (mean, scale) = (task.mean.clone(), task.scale.clone());
        Affine::logistic(fit.weights.clone(), fit.intercept, mean, scale)
    });
    let unsound = |name: &'static str| move |error| TrainError::Model { name, error };
    Ok((
        linear.transpose().map_err(unsound("linear"))?,
        logistic.transpose().map_err(unsound("logistic"))?,
    ))
}
