//! Training: from feature tables to linear and logistic artifacts, with honest figures.
//!
//! A table is parsed once into a `scratch` file and then passed over: least squares by triangles
//! (`linear`), logistic regression by Newton's method (`logistic`), walk-forward tests (`split`),
//! figures next to baselines (`figures`), intervals by drawing blocks (`bootstrap`). Memory does
//! not grow with the rows, and sums are merged in a fixed order: the same table gives the same bits
//! with any number of threads. Nothing is ever fitted to rows that are tested, the label's cut
//! included.
//!
//! `docs/training.md` has the formulas. This module prints nothing; `factord train` calls it.

mod affine;
mod artifacts;
mod assemble;
mod assess;
mod bootstrap;
mod columns;
mod edges;
mod error;
mod figures;
mod guess;
mod keys;
mod linear;
mod load;
mod logistic;
mod mark;
mod origin;
mod outputs;
mod plots;
mod ranks;
mod report;
mod scratch;
mod seen;
mod select;
mod split;
mod summary;
mod tile;
mod trainee;
mod trainees;

pub use crate::skill::Interval;
pub use crate::target::HORIZON_MAX;
pub use affine::Warning;
pub use assess::Shown;
pub use bootstrap::FigureIntervals;
pub use error::TrainError;
pub use figures::{BASELINES, CLASS_BASELINES, ClassFigures, LineFigures};
pub use outputs::{CLASSIFICATION, REGRESSION, write_all};
pub use report::page;
pub use summary::{date_time, json, text, trained_at};

use crate::calendar::{Calendar, Sessions};
use crate::skill::Skill;
use crate::table::Stored;
use crate::target::Target;
use assemble::assemble;
use assess::Examiner;
use factord_factors::Stated;
use factord_models::file::{Artifact, name_is_sound};
use load::Loader;
use origin::{Hashing, Origin};
use plots::{Frame, Plots};
use scratch::Scratch;
use std::path::Path;
use trainees::Trainees;

/// The most folds.
pub const FOLDS_MAX: usize = 100;

/// What to learn, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Columns to learn from, in the order of evaluation.
    pub features: Vec<String>,
    /// What to learn.
    pub target: Target,
    /// How many windows after its inputs the target is; 0 is the same window. A return says it
    /// itself.
    pub horizon: usize,
    /// Whether to fit the linear model.
    pub linear: bool,
    /// Whether to fit the logistic model.
    pub logistic: bool,
    /// Walk-forward tests, 0 to [`FOLDS_MAX`].
    pub folds: usize,
    /// Penalty on the linear model's squared weights, in the features' own units; 0 is none.
    pub ridge: f64,
    /// Inverse strength of the penalty on the logistic model's squared weights, of standardised
    /// features; `None` is no penalty.
    pub c: Option<f64>,
    /// Where the label is cut; `None` is the median of each training.
    pub cut: Option<f64>,
    /// Values in the rolling mean, at least 1.
    pub rolling: usize,
    /// The longest pause between two windows of one session, in nanoseconds; `None` is anything
    /// shorter than the earlier window.
    pub pause_ns: Option<i64>,
    /// Whether a row without all its numbers ends the training.
    pub strict: bool,
    /// Seed of the draws for intervals.
    pub seed: u64,
    /// Threads, at least 1. They change no figure.
    pub threads: usize,
    /// When the training is said to have happened.
    pub trained_at: String,
    /// Artifacts that those of the same name succeed.
    pub parents: Vec<Artifact>,
    /// The name that a single model is served under, in place of [`REGRESSION`] or
    /// [`CLASSIFICATION`].
    pub name: Option<String>,
}

impl Settings {
    /// The target as artifacts and reports name it: see [`Target::named`].
    pub fn target_name(&self) -> String {
        self.target.named(self.horizon)
    }

    /// The name of the linear model.
    pub(crate) fn regression_name(&self) -> &str {
        self.name.as_deref().unwrap_or(REGRESSION)
    }

    /// The name of the logistic model.
    pub(crate) fn classification_name(&self) -> &str {
        self.name.as_deref().unwrap_or(CLASSIFICATION)
    }

    fn check(&self) -> Result<(), TrainError> {
        let refuse = |reason: String| Err(TrainError::Settings { reason });
        if let Some(name) = &self.name {
            if !name_is_sound(name) {
                return refuse(format!(
                    "{name:?} is no name: use 1 to 64 letters, digits, and any of -_."
                ));
            }
            if self.linear && self.logistic {
                return refuse(format!(
                    "two models cannot both be named {name}: fit one, with --only"
                ));
            }
        }
        let widest = factord_eval::FEATURE_COUNT_MAX;
        if self.features.is_empty() || self.features.len() > widest {
            let found = self.features.len();
            return refuse(format!("a model takes 1 to {widest} features, not {found}"));
        }
        for (at, name) in self.features.iter().enumerate() {
            if name.is_empty() || self.features[..at].contains(name) {
                return refuse(format!("feature {name:?} is named twice, or empty"));
            }
        }
        if self.target.horizon().is_some_and(|windows| windows != self.horizon) {
            return refuse(format!(
                "{} says over how many windows it is: leave --horizon {} out",
                self.target_name(),
                self.horizon
            ));
        }
        let target = self.target.column();
        if self.horizon == 0 && self.features.iter().any(|name| name == target) {
            return refuse(format!(
                "{target} is target and feature of the same window: leave it out of --features, \
                 or give --horizon"
            ));
        }
        Ok(())
    }
}

/// How many rows there were, and how they were used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Read from the tables.
    pub read: u64,
    /// Learnt from.
    pub used: u64,
    /// Dropped for a number that is missing or not finite.
    pub not_finite: u64,
    /// Dropped for want of a window so much later in the same session.
    pub no_target: u64,
    /// Used of the tables held out.
    pub held_out: u64,
    /// Symbols in the tables that were learnt from.
    pub symbols: usize,
}

/// One walk-forward test.
#[derive(Clone, Debug, PartialEq)]
pub struct Fold {
    /// When its first window may start, in nanoseconds since 1970.
    pub from_ns: i64,
    /// Rows trained on.
    pub trained: u64,
    /// Rows before it that were left out, so that no target reaches into the test.
    pub purged: u64,
    /// Where the label was cut.
    pub cut: f64,
    /// Figures of the linear model.
    pub line: Option<LineFigures>,
    /// Figures of the classifier.
    pub class: Option<ClassFigures>,
}

/// Figures of both models on some rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Of the linear model.
    pub line: Option<LineFigures>,
    /// Of the classifier.
    pub class: Option<ClassFigures>,
    /// Of those, where rows fall into blocks.
    pub intervals: Option<FigureIntervals>,
    /// How well the linear model orders the targets, by day; of what was tested, or of all if
    /// nothing was.
    pub line_skill: Option<Skill>,
    /// The same of the classifier.
    pub class_skill: Option<Skill>,
}

impl Figures {
    /// How well each model orders the targets, by the model's kind.
    fn skills(&self) -> impl Iterator<Item = (&'static str, &Skill)> {
        let all = [("linear", &self.line_skill), ("logistic", &self.class_skill)];
        all.into_iter().filter_map(|(name, skill)| Some((name, skill.as_ref()?)))
    }
}

/// One model's weight of one feature.
#[derive(Clone, Debug, PartialEq)]
pub struct Coefficient {
    /// The feature.
    pub name: String,
    /// As in the artifact: in the features' own units for the linear model, in deviations for the
    /// logistic one.
    pub weight: f64,
    /// An interval of 95 %; its ends are NaN where there are too few rows.
    pub interval: Interval,
    /// The same weight for one deviation of the feature.
    pub per_deviation: f64,
}

/// The outcome of a training.
#[derive(Clone, Debug)]
pub struct Trained {
    /// What was asked for.
    pub settings: Settings,
    /// The settings of the factors, as far as the tables state them.
    pub stated: Stated,
    /// The linear model.
    pub regression: Option<Artifact>,
    /// The logistic model.
    pub classification: Option<Artifact>,
    /// Rows.
    pub counts: Counts,
    /// What the reader must know first.
    pub warnings: Vec<Warning>,
    /// The walk-forward tests, in order.
    pub folds: Vec<Fold>,
    /// All tests together; `None` without folds.
    pub walk_forward: Option<Figures>,
    /// On tables held out; `None` without any.
    pub holdout: Option<Figures>,
    /// On the rows that the models were fitted to.
    pub training: Figures,
    /// Weights of the linear model.
    pub line_coefficients: Vec<Coefficient>,
    /// Weights of the classifier.
    pub class_coefficients: Vec<Coefficient>,
    /// Where the classifier's label was cut.
    pub cut: f64,
    /// Which rows the report's drawings and its table of symbols are about.
    pub shown: Shown,
    /// Figures by symbol, of the rows that are shown.
    pub symbols: Vec<(String, Figures)>,
    /// Figures by block of windows, of the tests.
    periods: Vec<Figures>,
    plots: Plots,
    frame: Frame,
}

/// Trains on tables, and tests on those held out as well. The rows are kept in a file without a
/// name in `folder`; `progress` gets the number of rows read so far.
///
/// # Errors
///
/// [`TrainError`]; nothing is left behind.
pub fn train(
    tables: &[Stored],
    holdout: &[Stored],
    settings: &Settings,
    folder: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<Trained, TrainError> {
    settings.check()?;
    let origin = Origin::read(tables, holdout, settings)?;
    let hashing = Hashing::start(tables, holdout);
    let mut scratch = Scratch::create(folder, settings.features.len(), settings.threads)?;
    let calendar = Calendar::of(&origin.stated).map_err(|error| TrainError::Settings {
        reason: format!("the tables' session: {error}"),
    })?;
    let sessions = Sessions { calendar, pause_ns: settings.pause_ns };
    let mut loader = Loader::new(settings, sessions, &mut scratch);
    loader.read(tables, false, progress)?;
    let learnt = loader.symbol_count();
    loader.read(holdout, true, progress)?;
    let loaded = loader.finish()?;
    let needed = settings.features.len() as u64 + 2;
    if loaded.used < needed {
        return Err(TrainError::TooFew { fold: None, found: loaded.used, needed });
    }
    let target = &loaded.seen[settings.features.len()];
    if target.min == target.max {
        let (name, value) = (settings.target_name(), target.min);
        return Err(TrainError::ConstantTarget { name, value });
    }
    let split = split::split(&mut scratch, &loaded, settings.folds)?;
    let trainees = Trainees::fit(&scratch, &loaded, &split, settings)?;
    let shown = match (settings.folds, loaded.held_out) {
        (0, 0) => Shown::Training,
        (0, _) => Shown::Holdout,
        _ => Shown::WalkForward,
    };
    let examiner = Examiner {
        split: &split,
        trainees: &trainees.all,
        symbols: loaded.symbols.len(),
        used: loaded.used,
        tested: trainees.tested,
        means: &trainees.last_moments().mean,
        shown,
        frame: trainees.frame(&loaded),
    };
    let assessed = examiner.examine(&scratch)?;
    let frame = examiner.frame;
    let counts = Counts {
        read: loaded.read,
        used: loaded.used,
        not_finite: loaded.not_finite,
        no_target: loaded.no_target,
        held_out: loaded.held_out,
        symbols: learnt,
    };
    let mut trained =
        assemble(settings, &loaded, counts, &split, &trainees, assessed, (shown, frame));
    trained.stated = origin.stated;
    let unread = origin.unread.into_iter();
    trained.warnings.extend(unread.map(|reason| Warning::Unstated { reason }));
    artifacts::make(&mut trained, &scratch, &loaded, &trainees, &hashing.finish())?;
    Ok(trained)
}
