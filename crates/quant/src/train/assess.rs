//! One pass that asks every model about the rows it was not fitted to, and the last ones about all.

use super::TrainError;
use super::columns::{ClassColumns, Known, LineColumns};
use super::figures::Cell;
use super::logistic::dot;
use super::mark::{self, HOLDOUT, Selection};
use super::plots::{Frame, Plots, Scales};
use super::ranks::Ranks;
use super::scratch::{Part, Scratch, Tile};
use super::split::Split;
use super::trainee::Trainee;
use crate::skill::{Row, Rows};
use factord_eval::Affine;
use factord_eval::simd;
use factord_eval::vectors::Level;
use std::borrow::Cow;
use std::ops::Range;

/// The most rows of each model that are kept for correlations, deciles and the ROC curve.
// 2^20: 32 MiB.
const KEPT_MAX: usize = 1 << 20;

/// Which rows the plots and the table of symbols are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The tests of all folds.
    WalkForward,
    /// The tables held out.
    Holdout,
    /// The rows that the models were fitted to.
    Training,
}

/// Everything that was summed.
#[derive(Clone, Debug)]
pub(super) struct Assessed {
    pub(super) training: Cell,
    pub(super) folds: Vec<Cell>,
    /// The tests of all folds together, block by block.
    pub(super) tests: Vec<Cell>,
    pub(super) holdout: Vec<Cell>,
    /// What the rows of training, of each fold and held out were decided by.
    pub(super) training_ranks: Ranks,
    pub(super) fold_ranks: Vec<Ranks>,
    pub(super) holdout_ranks: Ranks,
    /// What the two models said of the tests of all folds, or of the rows that they were fitted to
    /// where nothing is tested; and of the rows held out.
    pub(super) kept: [Rows; 2],
    pub(super) holdout_kept: [Rows; 2],
    /// By symbol, of the rows that are shown.
    pub(super) symbols: Vec<Cell>,
    /// Gradients of the last models' losses in each block of training rows: by the intercept, and
    /// by each feature less its mean.
    pub(super) line_gradients: Vec<Vec<f64>>,
    pub(super) class_gradients: Vec<Vec<f64>>,
    pub(super) plots: Plots,
}

impl Assessed {
    fn new(examiner: &Examiner, width: usize) -> Assessed {
        let Examiner { split, symbols, used, .. } = *examiner;
        let cells = |count: usize, bins: bool| (0..count).map(|_| Cell::new(bins)).collect();
        let kept = |rows: u64| {
            [false, true].map(|is_class| Rows::new(KEPT_MAX, is_class, true).expecting(rows))
        };
        Assessed {
            training: Cell::new(true),
            folds: cells(split.cuts_ns.len(), true),
            // Without folds there are none.
            tests: cells(split.blocks, !split.cuts_ns.is_empty()),
            holdout: cells(split.holdout_blocks, true),
            training_ranks: Ranks::of(used),
            fold_ranks: vec![Ranks::default(); split.cuts_ns.len()],
            holdout_ranks: Ranks::default(),
            kept: kept(if examiner.shown == Shown::Training { used } else { examiner.tested }),
            holdout_kept: kept(0),
            symbols: cells(symbols, false),
            line_gradients: vec![vec![0.0; width + 1]; split.blocks],
            class_gradients: vec![vec![0.0; width + 1]; split.blocks],
            plots: Plots::new(),
        }
    }

    fn merge(&mut self, other: &Assessed) {
        self.training.merge(&other.training);
        let pairs = self.folds.iter_mut().zip(&other.folds);
        let pairs = pairs.chain(self.tests.iter_mut().zip(&other.tests));
        let pairs = pairs.chain(self.holdout.iter_mut().zip(&other.holdout));
        let pairs = pairs.chain(self.symbols.iter_mut().zip(&other.symbols));
        pairs.for_each(|(cell, more)| cell.merge(more));
        let both = self.line_gradients.iter_mut().zip(&other.line_gradients);
        for (sums, more) in both.chain(self.class_gradients.iter_mut().zip(&other.class_gradients))
        {
            sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        }
        self.training_ranks.merge(&other.training_ranks);
        self.holdout_ranks.merge(&other.holdout_ranks);
        let folds = self.fold_ranks.iter_mut().zip(&other.fold_ranks);
        folds.for_each(|(ranks, more)| ranks.merge(more));
        let kept = self.kept.iter_mut().zip(&other.kept);
        let kept = kept.chain(self.holdout_kept.iter_mut().zip(&other.holdout_kept));
        kept.for_each(|(rows, more)| rows.merge(more));
        self.plots.merge(&other.plots);
    }
}

/// What stays the same for all rows.
#[derive(Debug)]
pub(super) struct Examiner<'a> {
    pub(super) split: &'a Split,
    /// One per fold, and the last one on all rows.
    pub(super) trainees: &'a [Trainee],
    pub(super) symbols: usize,
    /// Rows that the last models were fitted to, and rows that folds test.
    pub(super) used: u64,
    pub(super) tested: u64,
    /// Mean of each feature in training.
    pub(super) means: &'a [f64],
    pub(super) shown: Shown,
    pub(super) frame: Frame,
}

/// Columns of some rows of a tile.
struct Columns<'a> {
    x: Vec<Cow<'a, [f64]>>,
    y: Cow<'a, [f64]>,
    marks: Cow<'a, [u64]>,
    starts_ns: Cow<'a, [i64]>,
    last: Cow<'a, [f64]>,
    rolling: Cow<'a, [f64]>,
}

impl<'a> Columns<'a> {
    fn of(tile: &'a Tile, rows: &Selection, width: usize) -> Columns<'a> {
        Columns {
            x: (0..width).map(|j| rows.values(tile.x(j))).collect(),
            y: rows.values(tile.y()),
            marks: rows.values(tile.marks()),
            starts_ns: rows.values(tile.starts_ns()),
            last: rows.values(tile.last()),
            rolling: rows.values(tile.rolling()),
        }
    }
}

/// What the models of one training and its baselines say of some rows.
struct Asked<'a> {
    scales: &'a Scales,
    level: Level,
    x: Vec<&'a [f64]>,
    y: &'a [f64],
    marks: &'a [u64],
    starts_ns: &'a [i64],
    line: Option<LineColumns>,
    class: Option<ClassColumns>,
}

impl Asked<'_> {
    /// Runs of rows that are for the same, by their first row's mark.
    fn runs(&self) -> impl Iterator<Item = (u64, Range<usize>)> {
        let mut first = 0;
        self.marks.chunk_by(|&a, &b| mark::purpose(a) == mark::purpose(b)).map(move |run| {
            let rows = first..first + run.len();
            first = rows.end;
            (run[0], rows)
        })
    }

    /// Adds rows to cells, all of which have bins.
    fn add<const N: usize>(&self, rows: &Range<usize>, mut cells: [&mut Cell; N]) {
        if let Some(line) = &self.line {
            let sums = self.level.run(
                #[inline(always)]
                || line.sums(rows.clone()),
            );
            cells.iter_mut().for_each(|cell| cell.line.merge(&sums));
        }
        if let Some(class) = &self.class {
            let sums = self.level.run(
                #[inline(always)]
                || class.sums(rows.clone()),
            );
            for cell in &mut cells {
                cell.class.merge(&sums);
                class.count(rows.clone(), &mut cell.class);
            }
        }
    }

    /// Keeps what rows were decided by.
    fn rank(&self, rows: &Range<usize>, ranks: &mut Ranks) {
        if let Some(class) = &self.class {
            rows.clone().for_each(|row| ranks.add(class.decision[row], class.label[row] > 0.0));
        }
    }

    /// Keeps what was said of rows, and what came of them.
    fn keep(&self, rows: &Range<usize>, [lines, classes]: &mut [Rows; 2]) {
        for row in rows.clone() {
            let (start_ns, outcome) = (self.starts_ns[row], self.y[row]);
            let said = |predicted: f64, hit: bool, label: bool| Row {
                start_ns,
                predicted,
                outcome,
                hit,
                label,
                symbol: 0,
            };
            if let Some(line) = &self.line {
                lines.add(said(line.said[row], false, false));
            }
            if let Some(class) = &self.class {
                let class = class.row(row);
                classes.add(said(class.probability, class.class == class.label, class.label));
            }
        }
    }

    /// Adds rows to the cells of their symbols, and draws them.
    fn show(&self, rows: &Range<usize>, sums: &mut Assessed) {
        for row in rows.clone() {
            let cell = &mut sums.symbols[mark::symbol(self.marks[row])];
            if let Some(line) = &self.line {
                cell.line.add(&line.row(row));
                sums.plots.add_line(self.scales, self.y[row], line.said[row]);
            }
            if let Some(class) = &self.class {
                let class = class.row(row);
                cell.class.add(&class);
                sums.plots.add_class(self.scales, &class);
            }
        }
    }

    /// Adds rows to a gradient, by what each is off.
    fn steepen(&self, gradient: &mut [f64], rows: &Range<usize>, off: &[f64], means: &[f64]) {
        let off = &off[rows.clone()];
        gradient[0] += off.iter().sum::<f64>();
        for ((sum, x), &mean) in gradient[1..].iter_mut().zip(&self.x).zip(means) {
            *sum += dot(off, &x[rows.clone()], mean);
        }
    }
}

impl Examiner<'_> {
    /// Passes over all rows.
    pub(super) fn examine(&self, scratch: &Scratch) -> Result<Assessed, TrainError> {
        let width = scratch.width();
        let new = || Assessed::new(self, width);
        let mut total = new();
        let scales = Scales::new(&self.frame);
        let add = |sums: &mut Assessed, tile: &Tile| {
            let Some((last, others)) = self.trainees.split_last() else { return };
            let columns = Columns::of(tile, &Selection::All(tile.y().len()), width);
            self.last(sums, &self.ask(last, &scales, &columns));
            for (test, trainee) in others.iter().enumerate() {
                let rows = Selection::of(tile.marks(), |mark| mark::test(mark) == test as u64);
                if rows.len() > 0 {
                    let columns = Columns::of(tile, &rows, width);
                    self.test(sums, test, &self.ask(trainee, &scales, &columns));
                }
            }
        };
        scratch.fold(Part::All, 1, new, add, |sums| total.merge(&sums))?;
        Ok(total)
    }

    fn ask<'a>(&self, trainee: &Trainee, scales: &'a Scales, columns: &'a Columns) -> Asked<'a> {
        let Columns { y, marks, starts_ns, last, rolling, .. } = columns;
        let x: Vec<&[f64]> = columns.x.iter().map(|x| &**x).collect();
        let level = Level::best();
        let decide = |model: &Affine| {
            let mut decisions = vec![0.0; y.len()];
            simd::decide(level, model, &x, &mut decisions);
            decisions
        };
        let known = Known { y, last, rolling };
        let line = trainee.linear.as_ref().map(decide).map(|said| {
            level.run(
                #[inline(always)]
                || LineColumns::new(said, known, trainee, self.frame.mean),
            )
        });
        let class = trainee.logistic.as_ref().map(decide).map(|decisions| {
            let mut probabilities = vec![0.0; decisions.len()];
            simd::probabilities(level, &decisions, &mut probabilities);
            let both = (decisions, probabilities);
            level.run(
                #[inline(always)]
                || ClassColumns::new(both, known, trainee, scales.decision),
            )
        });
        Asked { scales, level, x, y, marks, starts_ns, line, class }
    }

    /// The models on all rows.
    fn last(&self, sums: &mut Assessed, asked: &Asked) {
        for (mark, rows) in asked.runs() {
            let (held_out, block) = (mark::group(mark) == HOLDOUT, mark::block(mark));
            asked
                .add(&rows, [if held_out { &mut sums.holdout[block] } else { &mut sums.training }]);
            let ranks = if held_out { &mut sums.holdout_ranks } else { &mut sums.training_ranks };
            asked.rank(&rows, ranks);
            if !held_out {
                if let Some(line) = &asked.line {
                    let gradient = &mut sums.line_gradients[block];
                    asked.steepen(gradient, &rows, &line.off, self.means);
                }
                if let Some(class) = &asked.class {
                    let gradient = &mut sums.class_gradients[block];
                    asked.steepen(gradient, &rows, &class.off, self.means);
                }
            }
            if held_out {
                asked.keep(&rows, &mut sums.holdout_kept);
            } else if self.shown == Shown::Training {
                asked.keep(&rows, &mut sums.kept);
            }
            let shown = match self.shown {
                Shown::Holdout => held_out,
                Shown::Training => !held_out,
                Shown::WalkForward => false,
            };
            if shown {
                asked.show(&rows, sums);
            }
        }
    }

    /// The models of a fold on the rows that test it.
    fn test(&self, sums: &mut Assessed, test: usize, asked: &Asked) {
        for (mark, rows) in asked.runs() {
            asked.add(&rows, [&mut sums.folds[test], &mut sums.tests[mark::block(mark)]]);
            asked.rank(&rows, &mut sums.fold_ranks[test]);
            asked.keep(&rows, &mut sums.kept);
            if self.shown == Shown::WalkForward {
                asked.show(&rows, sums);
            }
        }
    }
}
