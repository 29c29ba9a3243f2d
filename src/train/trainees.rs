//! The models of every training: one a fold, and the last ones on all rows.

use super::affine::{self, Warning};
use super::assess::Trainee;
use super::bootstrap::{Coefficients, Fitted, Interval};
use super::linear::{LinearFit, Moments, Triangle, Units};
use super::load::Loaded;
use super::logistic::{self, LogisticFit, Task};
use super::mark;
use super::plots::Frame;
use super::scratch::{Chunk, Part, Scratch};
use super::select::{Query, key_of, select, value_of};
use super::split::Split;
use super::{Coefficient, Settings, TrainError};
use crate::model::Model;

/// Everything that was fitted.
pub(super) struct Trainees {
    /// One a fold, and the last one on all rows.
    pub(super) all: Vec<Trainee>,
    /// Of the rows of each training.
    pub(super) moments: Vec<Moments>,
    /// The last linear fit.
    pub(super) fit: LinearFit,
    /// Median of the target in each training.
    pub(super) medians: Vec<f64>,
    /// The last trainings as the search for coefficients' intervals sees them.
    linear_task: Task,
    logistic_task: Task,
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
        let needed = width as u64 + 2;
        for (at, moments) in moments.iter().enumerate() {
            if moments.count < needed {
                let fold = Some(at + 1).filter(|_| at < split.cuts_ns.len());
                return Err(TrainError::TooFew { fold, found: moments.count, needed });
            }
        }
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
        let shares = shares(scratch, &tasks, &moments)?;
        let mut logistic = vec![None; tasks.len()];
        if settings.logistic {
            for (at, (&share, &cut)) in shares.iter().zip(&cuts).enumerate() {
                let fold = Some(at + 1).filter(|_| at < split.cuts_ns.len());
                if share == 0.0 || share == 1.0 {
                    let side = if share == 1.0 { "above" } else { "not above" };
                    return Err(TrainError::OneClass { fold, side, cut });
                }
            }
            let found = logistic::fit(scratch, &tasks, settings.c)?;
            logistic = found.into_iter().map(Some).collect();
        }
        let all = (0..tasks.len())
            .map(|at| {
                let linear = Some(&fits[at]).filter(|_| settings.linear);
                let models = models(linear, logistic[at].as_ref(), &tasks[at])?;
                let (linear, logistic) = models;
                let (mean, cut, share) = (moments[at].mean[width], cuts[at], shares[at]);
                Ok(Trainee { linear, logistic, mean, cut, share })
            })
            .collect::<Result<Vec<_>, TrainError>>()?;
        let last = tasks.len() - 1;
        let linear_task = task(last, settings.ridge > 0.0);
        let logistic_task = task(last, settings.c.is_some());
        let fit = fits.into_iter().next_back().unwrap_or_else(|| triangles[last].fit(&units, 0.0));
        Ok(Trainees { all, moments, fit, medians, linear_task, logistic_task })
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
        let norm = |model: &Model| model.weights().iter().map(|w| w * w).sum::<f64>().sqrt();
        let unit = model.map_or(1.0, norm);
        Frame {
            mean,
            said: around(said),
            target: around(3.5 * std),
            // An exact fit leaves rounding, which needs an axis, too.
            residual: self.fit.rmse.max(1e-17 * mean.abs()).max(f64::MIN_POSITIVE),
            decision_middle: model.map_or(0.0, Model::intercept),
            decision_unit: if unit > 0.0 { unit } else { 1.0 },
        }
    }

    /// What the last fit gives away.
    pub(super) fn warnings(&self, settings: &Settings) -> Vec<Warning> {
        let target = settings.target_name();
        affine::warnings(&self.fit, self.last_moments(), &settings.features, &target)
    }

    /// The intervals of the last models' coefficients.
    pub(super) fn intervals(
        &self,
        scratch: &Scratch,
        split: &Split,
        settings: &Settings,
    ) -> Result<Coefficients, TrainError> {
        let fitted = Fitted {
            trainee: self.last(),
            linear: &self.linear_task,
            logistic: &self.logistic_task,
            ridge: settings.ridge,
            c: settings.c,
            seed: settings.seed,
        };
        fitted.intervals(scratch, split)
    }

    /// The last linear model's weights.
    pub(super) fn line_coefficients(
        &self,
        settings: &Settings,
        intervals: &[Interval],
    ) -> Vec<Coefficient> {
        let Some(model) = &self.last().linear else { return Vec::new() };
        let std = &self.last_moments().std;
        coefficients(settings, model.weights(), intervals, |j, weight| weight * std[j])
    }

    /// The last classifier's weights.
    pub(super) fn class_coefficients(
        &self,
        settings: &Settings,
        intervals: &[Interval],
    ) -> Vec<Coefficient> {
        let Some(model) = &self.last().logistic else { return Vec::new() };
        coefficients(settings, model.weights(), intervals, |_, weight| weight)
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
        interval: intervals.get(at).copied(),
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
    let add = |sums: &mut Vec<Option<Triangle>>, chunk: &Chunk| {
        for (sum, &group) in sums.iter_mut().zip(&groups) {
            let held = |(row, &mark): (usize, &u64)| (mark::group(mark) == group).then_some(row);
            let rows: Vec<usize> = chunk.marks().iter().enumerate().filter_map(held).collect();
            if !rows.is_empty() {
                let sum = sum.get_or_insert_with(|| Triangle::new(width));
                sum.add(units, &rows, |j| if j == width { chunk.y() } else { chunk.x(j) });
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
        [(moments.count - 1) / 2, moments.count / 2].map(|rank| Query { class, rank })
    };
    let queries: Vec<Query> = moments.iter().enumerate().flat_map(middle).collect();
    let target = &loaded.seen[scratch.width()];
    let range = (key_of(target.min), key_of(target.max));
    let folds = split.cuts_ns.len();
    let keys = select(scratch, Part::Target, &queries, range, |chunk, take| {
        for (&mark, &y) in chunk.marks().iter().zip(chunk.y()) {
            if mark::group(mark) != mark::HOLDOUT {
                take((mark::group(mark) as usize).min(folds), key_of(y));
            }
        }
    })?;
    Ok(keys.chunks(2).map(|pair| 0.5 * (value_of(pair[0]) + value_of(pair[1]))).collect())
}

/// The share of labels that are 1 in each training.
fn shares(scratch: &Scratch, tasks: &[Task], moments: &[Moments]) -> Result<Vec<f64>, TrainError> {
    let mut total = vec![0u64; tasks.len()];
    let add = |sums: &mut Vec<u64>, chunk: &Chunk| {
        for (sum, task) in sums.iter_mut().zip(tasks) {
            let rows = chunk.marks().iter().zip(chunk.y());
            *sum += rows
                .map(|(&mark, &y)| u64::from(mark::group(mark) <= task.group && y > task.cut))
                .sum::<u64>();
        }
    };
    let new = || vec![0u64; tasks.len()];
    scratch.fold(Part::Target, 1, new, add, |sums| {
        total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
    })?;
    Ok(total.iter().zip(moments).map(|(&ones, m)| ones as f64 / m.count as f64).collect())
}

/// The models of one training.
fn models(
    linear: Option<&LinearFit>,
    logistic: Option<&LogisticFit>,
    task: &Task,
) -> Result<(Option<Model>, Option<Model>), TrainError> {
    let linear = linear.map(|fit| Model::linear(fit.weights.clone(), fit.intercept));
    let logistic = logistic.map(|fit| {
        let (mean, scale) = (task.mean.clone(), task.scale.clone());
        Model::logistic(fit.weights.clone(), fit.intercept, mean, scale)
    });
    let unsound = |name: &'static str| move |error| TrainError::Model { name, error };
    Ok((
        linear.transpose().map_err(unsound("linear"))?,
        logistic.transpose().map_err(unsound("logistic"))?,
    ))
}
