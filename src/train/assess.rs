//! One pass that asks every model about the rows it was not fitted to, and the last ones about all.

use super::TrainError;
use super::figures::{BINS, Cell, ClassRow, LineRow};
use super::mark::{self, HOLDOUT, Rows};
use super::plots::{Frame, Plots};
use super::scratch::{Chunk, Part, Scratch};
use super::split::Split;
use crate::model::Model;
use crate::model::lanes::{self, Level};
use std::borrow::Cow;

/// The models of one training, and what its baselines need to know.
#[derive(Clone, Debug)]
pub(super) struct Trainee {
    pub(super) linear: Option<Model>,
    pub(super) logistic: Option<Model>,
    /// Mean of the target.
    pub(super) mean: f64,
    /// Where the label was cut, and the share of rows above.
    pub(super) cut: f64,
    pub(super) share: f64,
    /// What saying that share costs a row of label 0 and one of label 1.
    pub(super) share_loss: [f64; 2],
}

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
    /// By symbol, of the rows that are shown.
    pub(super) symbols: Vec<Cell>,
    /// Gradients of the last models' losses in each block of training rows: by the intercept, and
    /// by each feature less its mean.
    pub(super) line_gradients: Vec<Vec<f64>>,
    pub(super) class_gradients: Vec<Vec<f64>>,
    pub(super) plots: Plots,
}

impl Assessed {
    fn new(split: &Split, symbols: usize, width: usize) -> Assessed {
        let cells = |count: usize, bins: bool| (0..count).map(|_| Cell::new(bins)).collect();
        Assessed {
            training: Cell::new(true),
            folds: cells(split.cuts_ns.len(), true),
            tests: cells(split.blocks, true),
            holdout: cells(split.holdout_blocks, true),
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
        self.plots.merge(&other.plots);
    }
}

/// What stays the same for all rows.
#[derive(Debug)]
pub(super) struct Examiner<'a> {
    pub(super) split: &'a Split,
    /// One a fold, and the last one on all rows.
    pub(super) trainees: &'a [Trainee],
    pub(super) symbols: usize,
    /// Mean of each feature in training.
    pub(super) means: &'a [f64],
    pub(super) shown: Shown,
    pub(super) frame: Frame,
}

/// A row's answers.
struct Answers {
    line: Option<(LineRow, f64)>,
    class: Option<ClassRow>,
}

impl Answers {
    fn add(&self, cell: &mut Cell) {
        if let Some((row, _)) = &self.line {
            cell.line.add(row);
        }
        if let Some(row) = &self.class {
            cell.class.add(row);
        }
    }
}

/// What a model and its baselines are asked about some rows of a chunk, and what the models say.
struct Asked<'a> {
    trainee: &'a Trainee,
    x: Vec<Cow<'a, [f64]>>,
    y: Cow<'a, [f64]>,
    marks: Cow<'a, [u64]>,
    last: Cow<'a, [f64]>,
    rolling: Cow<'a, [f64]>,
    /// Predictions of the linear model; decision values and probabilities of the logistic one.
    said: Option<Vec<f64>>,
    classed: Option<(Vec<f64>, Vec<f64>)>,
}

impl<'a> Asked<'a> {
    fn new(trainee: &'a Trainee, chunk: &'a Chunk, rows: &Rows, width: usize) -> Asked<'a> {
        let x: Vec<Cow<[f64]>> = (0..width).map(|j| rows.values(chunk.x(j))).collect();
        let columns: Vec<&[f64]> = x.iter().map(|x| &**x).collect();
        let level = Level::best();
        let decide = |model: &Model| {
            let mut decisions = vec![0.0; rows.len()];
            lanes::decide(level, model, &columns, &mut decisions);
            decisions
        };
        let said = trainee.linear.as_ref().map(decide);
        let classed = trainee.logistic.as_ref().map(decide).map(|decisions| {
            let mut probabilities = vec![0.0; rows.len()];
            lanes::probabilities(level, &decisions, &mut probabilities);
            (decisions, probabilities)
        });
        Asked {
            trainee,
            x,
            y: rows.values(chunk.y()),
            marks: rows.values(chunk.marks()),
            last: rows.values(chunk.last()),
            rolling: rows.values(chunk.rolling()),
            said,
            classed,
        }
    }

    /// What came of a row.
    fn answers(&self, row: usize, frame: &Frame) -> Answers {
        let trainee = self.trainee;
        let or_mean = |value: f64| if value.is_nan() { trainee.mean } else { value };
        let (last, rolling) = (or_mean(self.last[row]), or_mean(self.rolling[row]));
        let y = self.y[row];
        let line = self.said.as_ref().map(|said| {
            let baselines = [y - last, y - rolling, y - trainee.mean];
            (LineRow { y: y - frame.mean, residual: y - said[row], baselines }, said[row])
        });
        let class = self.classed.as_ref().map(|(decisions, probabilities)| ClassRow {
            label: y > trainee.cut,
            class: decisions[row] > 0.0,
            probability: probabilities[row],
            share_loss: trainee.share_loss[usize::from(y > trainee.cut)],
            last: last > trainee.cut,
            majority: trainee.share > 0.5,
            bin: bin(decisions[row], frame),
        });
        Answers { line, class }
    }

    /// Adds a row to a gradient.
    fn steepen(&self, gradient: &mut [f64], off: f64, row: usize, means: &[f64]) {
        gradient[0] += off;
        for ((sum, x), mean) in gradient[1..].iter_mut().zip(&self.x).zip(means) {
            *sum += off * (x[row] - mean);
        }
    }
}

/// The bin of a decision value, in units of the last classifier's.
fn bin(decision: f64, frame: &Frame) -> usize {
    let place = (decision - frame.decision_middle) / frame.decision_unit;
    // Eight units to either side hold all but one row in 10^15.
    let place = ((place + 8.0) / 16.0).clamp(0.0, 1.0);
    ((place * BINS as f64) as usize).min(BINS - 1)
}

impl Examiner<'_> {
    /// Passes over all rows.
    pub(super) fn examine(&self, scratch: &Scratch) -> Result<Assessed, TrainError> {
        let width = scratch.width();
        let new = || Assessed::new(self.split, self.symbols, width);
        let mut total = new();
        let add = |sums: &mut Assessed, chunk: &Chunk| {
            let Some((last, others)) = self.trainees.split_last() else { return };
            self.last(sums, &Asked::new(last, chunk, &Rows::All(chunk.y().len()), width));
            for (test, trainee) in others.iter().enumerate() {
                let rows = Rows::of(chunk.marks(), |mark| mark::test(mark) == test as u64);
                if rows.len() > 0 {
                    self.test(sums, test, &Asked::new(trainee, chunk, &rows, width));
                }
            }
        };
        scratch.fold(Part::All, 1, new, add, |sums| total.merge(&sums))?;
        Ok(total)
    }

    /// The models on all rows.
    fn last(&self, sums: &mut Assessed, asked: &Asked) {
        for (row, &mark) in asked.marks.iter().enumerate() {
            let answers = asked.answers(row, &self.frame);
            let (held_out, block) = (mark::group(mark) == HOLDOUT, mark::block(mark));
            if held_out {
                answers.add(&mut sums.holdout[block]);
            } else {
                answers.add(&mut sums.training);
                if let Some((line, _)) = &answers.line {
                    let gradient = &mut sums.line_gradients[block];
                    asked.steepen(gradient, -line.residual, row, self.means);
                }
                if let Some(class) = &answers.class {
                    let off = class.probability - f64::from(u8::from(class.label));
                    asked.steepen(&mut sums.class_gradients[block], off, row, self.means);
                }
            }
            let shown = match self.shown {
                Shown::Holdout => held_out,
                Shown::Training => !held_out,
                Shown::WalkForward => false,
            };
            if shown {
                self.show(sums, mark, asked.y[row], &answers);
            }
        }
    }

    /// The models of a fold on the rows that test it.
    fn test(&self, sums: &mut Assessed, test: usize, asked: &Asked) {
        for (row, &mark) in asked.marks.iter().enumerate() {
            let answers = asked.answers(row, &self.frame);
            answers.add(&mut sums.folds[test]);
            answers.add(&mut sums.tests[mark::block(mark)]);
            if self.shown == Shown::WalkForward {
                self.show(sums, mark, asked.y[row], &answers);
            }
        }
    }

    fn show(&self, sums: &mut Assessed, mark: u64, y: f64, answers: &Answers) {
        answers.add(&mut sums.symbols[mark::symbol(mark)]);
        if let Some((_, said)) = answers.line {
            sums.plots.add_line(&self.frame, y, said);
        }
        if let Some(row) = &answers.class {
            sums.plots.add_class(row);
        }
    }
}
