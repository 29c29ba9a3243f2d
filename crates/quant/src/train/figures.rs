//! Sums over predictions, from which all figures follow, and the figures.

/// Bins of decision values, from which the area under the ROC curve is counted.
pub(super) const BINS: usize = 512;

/// What one row came to under a linear model and its baselines.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineRow {
    /// The target, minus a number near its mean that is the same for all rows.
    pub(super) y: f64,
    /// What the model was off by, and each baseline, in the order of [`BASELINES`].
    pub(super) residual: f64,
    pub(super) baselines: [f64; 3],
}

/// The baselines of a linear model.
pub const BASELINES: [&str; 3] = ["last value", "rolling mean", "training mean"];

/// Sums of the squares that a linear model and its baselines are off by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Line {
    pub(super) count: f64,
    pub(super) sum: f64,
    pub(super) squares: f64,
    pub(super) residual: f64,
    pub(super) model: f64,
    pub(super) absolute: f64,
    pub(super) baselines: [f64; 3],
}

impl Line {
    pub(super) fn add(&mut self, row: &LineRow) {
        self.count += 1.0;
        self.sum += row.y;
        self.squares += row.y * row.y;
        self.residual += row.residual;
        self.model += row.residual * row.residual;
        self.absolute += row.residual.abs();
        for (sum, off) in self.baselines.iter_mut().zip(row.baselines) {
            *sum += off * off;
        }
    }

    pub(super) fn merge(&mut self, other: &Line) {
        self.count += other.count;
        self.sum += other.sum;
        self.squares += other.squares;
        self.residual += other.residual;
        self.model += other.model;
        self.absolute += other.absolute;
        self.baselines.iter_mut().zip(other.baselines).for_each(|(sum, more)| *sum += more);
    }

    /// The figures; `None` without rows.
    pub(super) fn figures(&self) -> Option<LineFigures> {
        let total = self.squares - self.sum * self.sum / self.count;
        let r2 = |squares: f64| if total > 0.0 { 1.0 - squares / total } else { f64::NAN };
        let rmse = |squares: f64| (squares / self.count).sqrt();
        let best = self.baselines.iter().copied().fold(f64::INFINITY, f64::min);
        (self.count > 0.0).then(|| LineFigures {
            rows: self.count as u64,
            r2: r2(self.model),
            rmse: rmse(self.model),
            mae: self.absolute / self.count,
            bias: self.residual / self.count,
            baseline_r2: self.baselines.map(r2),
            baseline_rmse: self.baselines.map(rmse),
            gain: if best > 0.0 { 1.0 - (self.model / best).sqrt() } else { f64::NAN },
        })
    }
}

/// Figures of a linear model on some rows. R2 is `1 - SSE / SST` with the mean of these very rows;
/// a figure that is not defined is NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineFigures {
    /// Rows.
    pub rows: u64,
    /// Coefficient of determination, 1 at best; below 0 when the rows' mean is closer.
    pub r2: f64,
    /// Root of the mean squared error, in the target's unit.
    pub rmse: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// Mean of target minus prediction.
    pub bias: f64,
    /// R2 of each of [`BASELINES`].
    pub baseline_r2: [f64; 3],
    /// RMSE of each of [`BASELINES`].
    pub baseline_rmse: [f64; 3],
    /// By which share the RMSE is below that of the best baseline; negative when above.
    pub gain: f64,
}

impl LineFigures {
    /// The baseline with the smallest error, as an index of [`BASELINES`].
    pub fn best_baseline(&self) -> usize {
        let rmse = &self.baseline_rmse;
        (0..rmse.len()).min_by(|&a, &b| rmse[a].total_cmp(&rmse[b])).unwrap_or(0)
    }
}

/// What one row came to under a classifier and its baselines.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClassRow {
    pub(super) label: bool,
    pub(super) class: bool,
    pub(super) probability: f64,
    /// The probability of the label, but for certain mistakes.
    pub(super) likelihood: f64,
    /// What the training's share of ones costs.
    pub(super) share_loss: f64,
    /// The class by the last value, and the class most seen in training.
    pub(super) last: bool,
    pub(super) majority: bool,
}

/// The baselines of a classifier: the class of the last value, the class most seen in training, and
/// the better of always 0 and always 1 on the rows tested, which nobody knows beforehand.
pub const CLASS_BASELINES: [&str; 3] = ["last class", "majority class", "better constant"];

/// Sums over what a classifier and its baselines said.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Class {
    pub(super) count: f64,
    pub(super) ones: f64,
    pub(super) hits: f64,
    pub(super) positives: f64,
    pub(super) true_positives: f64,
    /// The loss, but for the rows whose probabilities are multiplied in `likelihood`: a logarithm
    /// of many costs as much as that of one.
    pub(super) loss: f64,
    pub(super) likelihood: f64,
    pub(super) share_loss: f64,
    pub(super) baselines: [f64; 2],
    /// Rows of class 0 and of class 1 in each bin; empty where nobody asks for the area.
    pub(super) bins: Vec<[f64; 2]>,
}

/// What a label of probability 0 counts as: a certain mistake costs 36 nats instead of all.
pub(super) const PROBABILITY_MIN: f64 = 2.3e-16;

/// A likelihood below this one becomes a loss. The product of two that are above and of one row
/// is still far from underflow.
const LIKELIHOOD_MIN: f64 = 1e-100;

/// The loss of a row whose label has this probability.
pub(super) fn loss(probability: f64) -> f64 {
    -probability.max(PROBABILITY_MIN).ln()
}

impl Class {
    pub(super) fn new(with_bins: bool) -> Class {
        Class {
            count: 0.0,
            ones: 0.0,
            hits: 0.0,
            positives: 0.0,
            true_positives: 0.0,
            loss: 0.0,
            likelihood: 1.0,
            share_loss: 0.0,
            baselines: [0.0; 2],
            bins: if with_bins { vec![[0.0; 2]; BINS] } else { Vec::new() },
        }
    }

    /// Adds a row, but to no bin.
    pub(super) fn add(&mut self, row: &ClassRow) {
        let one = |condition: bool| f64::from(u8::from(condition));
        self.count += 1.0;
        self.ones += one(row.label);
        self.hits += one(row.class == row.label);
        self.positives += one(row.class);
        self.true_positives += one(row.class && row.label);
        self.multiply(row.likelihood);
        self.share_loss += row.share_loss;
        self.baselines[0] += one(row.last == row.label);
        self.baselines[1] += one(row.majority == row.label);
    }

    pub(super) fn merge(&mut self, other: &Class) {
        if other.count == 0.0 {
            return;
        }
        self.count += other.count;
        self.ones += other.ones;
        self.hits += other.hits;
        self.positives += other.positives;
        self.true_positives += other.true_positives;
        self.loss += other.loss;
        self.multiply(other.likelihood);
        self.share_loss += other.share_loss;
        self.baselines.iter_mut().zip(other.baselines).for_each(|(sum, more)| *sum += more);
        for (bin, more) in self.bins.iter_mut().zip(&other.bins) {
            bin[0] += more[0];
            bin[1] += more[1];
        }
    }

    /// Multiplies the likelihood.
    pub(super) fn multiply(&mut self, likelihood: f64) {
        self.likelihood *= likelihood;
        if self.likelihood < LIKELIHOOD_MIN {
            self.loss -= self.likelihood.ln();
            self.likelihood = 1.0;
        }
    }

    /// The figures; `None` without rows.
    pub(super) fn figures(&self) -> Option<ClassFigures> {
        let ratio = |a: f64, b: f64| if b > 0.0 { a / b } else { f64::NAN };
        let precision = ratio(self.true_positives, self.positives);
        let recall = ratio(self.true_positives, self.ones);
        let share = self.ones / self.count;
        let [last, majority] = self.baselines.map(|hits| hits / self.count);
        let baselines = [last, majority, share.max(1.0 - share)];
        (self.count > 0.0).then(|| ClassFigures {
            rows: self.count as u64,
            ones: self.ones / self.count,
            accuracy: self.hits / self.count,
            precision,
            recall,
            f1: ratio(2.0 * self.true_positives, self.positives + self.ones),
            auc: self.auc(),
            auc_is_exact: false,
            log_loss: (self.loss - self.likelihood.ln()) / self.count,
            share_log_loss: self.share_loss / self.count,
            baseline_accuracy: baselines,
            gain: self.hits / self.count - baselines.into_iter().fold(0.0, f64::max),
        })
    }

    /// The area under the ROC curve: how often a row of class 1 lies above one of class 0. Two in
    /// one bin count one half.
    fn auc(&self) -> f64 {
        let (mut zeros, mut above) = (0.0, 0.0);
        for bin in &self.bins {
            above += bin[1] * (zeros + bin[0] / 2.0);
            zeros += bin[0];
        }
        let pairs = self.ones * (self.count - self.ones);
        if pairs > 0.0 && !self.bins.is_empty() { above / pairs } else { f64::NAN }
    }
}

/// Figures of a classifier on some rows; a figure that is not defined is NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassFigures {
    /// Rows.
    pub rows: u64,
    /// Share of rows with label 1.
    pub ones: f64,
    /// Share of rows whose class is their label.
    pub accuracy: f64,
    /// Share of right ones among rows of class 1.
    pub precision: f64,
    /// Share of rows with label 1 that have class 1.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// Area under the ROC curve.
    pub auc: f64,
    /// Whether that is of all pairs of rows; of more than 2^21 rows it is counted in bins, to
    /// about three digits.
    pub auc_is_exact: bool,
    /// Mean loss, in nats.
    pub log_loss: f64,
    /// The loss of always saying the training's share of ones.
    pub share_log_loss: f64,
    /// Accuracy of each of [`CLASS_BASELINES`].
    pub baseline_accuracy: [f64; 3],
    /// By how much the accuracy is above that of the best baseline.
    pub gain: f64,
}

impl ClassFigures {
    /// The baseline with the greatest accuracy, as an index of [`CLASS_BASELINES`]: the first of
    /// equals.
    pub fn best_baseline(&self) -> usize {
        let accuracy = &self.baseline_accuracy;
        (0..accuracy.len()).rev().max_by(|&a, &b| accuracy[a].total_cmp(&accuracy[b])).unwrap_or(0)
    }
}

/// Both models' sums on some rows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cell {
    pub(super) line: Line,
    pub(super) class: Class,
}

impl Cell {
    pub(super) fn new(with_bins: bool) -> Cell {
        Cell { line: Line::default(), class: Class::new(with_bins) }
    }

    pub(super) fn merge(&mut self, other: &Cell) {
        self.line.merge(&other.line);
        self.class.merge(&other.class);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_a_line_are_those_of_its_rows() {
        let mut line = Line::default();
        for (y, said) in [(1.0, 1.5), (2.0, 2.0), (3.0, 2.0), (6.0, 6.5)] {
            let residual: f64 = y - said;
            line.add(&LineRow { y: y - 3.0, residual, baselines: [y - 3.0, y, y - 2.0] });
        }
        let figures = line.figures().unwrap();
        // SST is 14, SSE is 1.5, and the mean of these rows has R2 0.
        assert!((figures.r2 - (1.0 - 1.5 / 14.0)).abs() < 1e-15, "{figures:?}");
        assert!((figures.rmse - (1.5f64 / 4.0).sqrt()).abs() < 1e-15, "{figures:?}");
        assert!((figures.mae - 0.5).abs() < 1e-15 && figures.bias == 0.0, "{figures:?}");
        assert!(figures.baseline_r2[0].abs() < 1e-15, "{figures:?}");
        assert_eq!(figures.best_baseline(), 0);
        assert!(Line::default().figures().is_none());
    }

    #[test]
    fn the_area_counts_pairs_and_ties_as_one_half() {
        let mut class = Class::new(true);
        for (bin, label) in [(1, false), (2, true), (2, false), (3, true)] {
            let row = ClassRow {
                label,
                class: bin >= 2,
                probability: 0.5,
                likelihood: 0.5,
                share_loss: loss(0.5),
                last: true,
                majority: false,
            };
            class.add(&row);
            class.bins[bin][usize::from(label)] += 1.0;
        }
        let figures = class.figures().unwrap();
        assert_eq!(figures.auc, 3.5 / 4.0);
        assert_eq!((figures.accuracy, figures.precision, figures.recall), (0.75, 2.0 / 3.0, 1.0));
        assert_eq!((figures.baseline_accuracy, figures.gain), ([0.5, 0.5, 0.5], 0.25));
        assert_eq!(figures.best_baseline(), 0);
        assert!((figures.log_loss - 2f64.ln()).abs() < 1e-15);
        assert_eq!(figures.f1, 0.8);
    }
}
