//! One pass that asks every model about the rows it was not fitted to, and the last ones about all.

use super::TrainError;
use super::figures::{BINS, Cell, ClassRow, LineRow, loss};
use super::mark::{self, HOLDOUT, NONE};
use super::plots::{Frame, Plots};
use super::scratch::{Chunk, Part, Scratch};
use super::split::Split;
use crate::model::Model;
use crate::model::eval::eval;

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

/// Adds one row to a gradient.
fn steepen(gradient: &mut [f64], off: f64, x: &[f64], means: &[f64]) {
    gradient[0] += off;
    for ((sum, x), mean) in gradient[1..].iter_mut().zip(x).zip(means) {
        *sum += off * (x - mean);
    }
}

impl Examiner<'_> {
    /// Passes over all rows.
    pub(super) fn examine(&self, scratch: &Scratch) -> Result<Assessed, TrainError> {
        let new = || Assessed::new(self.split, self.symbols, scratch.width());
        let mut total = new();
        let add = |sums: &mut Assessed, chunk: &Chunk| self.chunk(scratch.width(), sums, chunk);
        scratch.fold(Part::All, 1, new, add, |sums| total.merge(&sums))?;
        Ok(total)
    }

    fn chunk(&self, width: usize, sums: &mut Assessed, chunk: &Chunk) {
        let Some(last) = self.trainees.last() else { return };
        let columns: Vec<&[f64]> = (0..width).map(|j| chunk.x(j)).collect();
        let mut x = vec![0.0; width];
        let given = chunk.y().iter().zip(chunk.marks()).zip(chunk.last()).zip(chunk.rolling());
        for (row, (((&y, &mark), &before), &rolling)) in given.enumerate() {
            x.iter_mut().zip(&columns).for_each(|(x, column)| *x = column[row]);
            let known = [y, before, rolling];
            let held_out = mark::group(mark) == HOLDOUT;
            let (block, test) = (mark::block(mark), mark::test(mark));
            let answers = self.ask(last, &x, known);
            if held_out {
                answers.add(&mut sums.holdout[block]);
            } else {
                answers.add(&mut sums.training);
                if let Some((row, _)) = &answers.line {
                    steepen(&mut sums.line_gradients[block], -row.residual, &x, self.means);
                }
                if let Some(row) = &answers.class {
                    let off = row.probability - f64::from(u8::from(row.label));
                    steepen(&mut sums.class_gradients[block], off, &x, self.means);
                }
            }
            let shown = match self.shown {
                Shown::Holdout => held_out,
                Shown::Training => !held_out,
                Shown::WalkForward => false,
            };
            if shown {
                self.show(sums, mark, y, &answers);
            }
            if !held_out && test != NONE {
                let answers = self.ask(&self.trainees[test as usize], &x, known);
                answers.add(&mut sums.folds[test as usize]);
                answers.add(&mut sums.tests[block]);
                if self.shown == Shown::WalkForward {
                    self.show(sums, mark, y, &answers);
                }
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

    fn ask(&self, trainee: &Trainee, x: &[f64], [y, last, rolling]: [f64; 3]) -> Answers {
        let or_mean = |value: f64| if value.is_nan() { trainee.mean } else { value };
        let (last, rolling) = (or_mean(last), or_mean(rolling));
        let line = trainee.linear.as_ref().map(|model| {
            let said = eval(model, x).y;
            let baselines = [y - last, y - rolling, y - trainee.mean];
            (LineRow { y: y - self.frame.mean, residual: y - said, baselines }, said)
        });
        let class = trainee.logistic.as_ref().map(|model| {
            let output = eval(model, x);
            let logarithms = [(1.0 - output.y).ln(), output.y.ln()];
            ClassRow {
                label: y > trainee.cut,
                class: output.second > 0.0,
                probability: output.y,
                loss: loss(logarithms[usize::from(y > trainee.cut)]),
                share_loss: trainee.share_loss[usize::from(y > trainee.cut)],
                last: last > trainee.cut,
                majority: trainee.share > 0.5,
                bin: self.bin(logarithms[1] - logarithms[0]),
            }
        });
        Answers { line, class }
    }

    /// The bin of a decision value, in units of the last classifier's.
    fn bin(&self, decision: f64) -> usize {
        let place = (decision - self.frame.decision_middle) / self.frame.decision_unit;
        // Eight units to either side hold all but one row in 10^15.
        let place = ((place + 8.0) / 16.0).clamp(0.0, 1.0);
        ((place * BINS as f64) as usize).min(BINS - 1)
    }
}
