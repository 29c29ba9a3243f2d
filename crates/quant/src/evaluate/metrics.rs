//! The figures, as scikit-learn defines them.

use crate::skill;

/// Bins of equal width that probabilities are put into.
pub const BIN_COUNT: usize = 10;

/// How good predictions of a value are.
#[derive(Clone, Debug, PartialEq)]
pub struct Regression {
    /// Rows compared.
    pub row_count: u64,
    /// Share of the outcomes' variance that is explained; `None` when they do not vary.
    pub r2: Option<f64>,
    /// Root of the mean squared error.
    pub rmse: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// Mean of the outcomes.
    pub mean: f64,
    /// Their deviation, which is the error of always saying that mean.
    pub deviation: f64,
}

/// How good predictions of a class are.
#[derive(Clone, Debug, PartialEq)]
pub struct Classifier {
    /// Rows compared.
    pub row_count: u64,
    /// Share of rows whose class is 1.
    pub positive_share: f64,
    /// Share of rows whose class was predicted.
    pub accuracy: f64,
    /// Share of class 1 among those predicted so; `None` when none was.
    pub precision: Option<f64>,
    /// Share of those of class 1 that were predicted; `None` when there are none.
    pub recall: Option<f64>,
    /// Harmonic mean of the two; `None` when neither prediction nor outcome is ever 1.
    pub f1: Option<f64>,
    /// Chance that a row of class 1 has a higher probability than one of class 0, ties counting
    /// half; `None` when there is one class only.
    pub auc: Option<f64>,
    /// Mean squared error of the probability.
    pub brier: f64,
    /// Expected calibration error over [`BIN_COUNT`] bins of equal width.
    pub ece: f64,
    /// The bins that hold rows.
    pub bins: Vec<Bin>,
}

/// Rows whose probabilities are near each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Bin {
    /// The lowest probability it takes; the highest is a tenth above.
    pub low: f64,
    /// Rows in it, at least 1.
    pub row_count: u64,
    /// Their mean probability.
    pub predicted: f64,
    /// The share of them whose class is 1.
    pub observed: f64,
}

/// Sums over predictions of a value.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    count: u64,
    mean: f64,
    /// Sum of squared distances of the outcomes from their mean.
    spread: f64,
    squared: f64,
    absolute: f64,
}

impl Values {
    pub(super) fn add(&mut self, predicted: f64, outcome: f64) {
        self.count += 1;
        // Welford's way, which does not cancel.
        let from_old = outcome - self.mean;
        self.mean += from_old / self.count as f64;
        self.spread += from_old * (outcome - self.mean);
        let error = predicted - outcome;
        self.squared += error * error;
        self.absolute += error.abs();
    }

    pub(super) fn figures(&self) -> Option<Regression> {
        let count = self.count as f64;
        (self.count > 0).then(|| Regression {
            row_count: self.count,
            r2: (self.spread > 0.0).then(|| 1.0 - self.squared / self.spread),
            rmse: (self.squared / count).sqrt(),
            mae: self.absolute / count,
            mean: self.mean,
            deviation: (self.spread / count).sqrt(),
        })
    }
}

/// Counts over predictions of a class, and every probability with its label.
#[derive(Clone, Debug, Default)]
pub(super) struct Classes {
    /// By prediction, then label.
    counts: [[u64; 2]; 2],
    squared: f64,
    bins: [(u64, f64, u64); BIN_COUNT],
    /// The bits of the probability, which is not negative, and the label as the last one.
    scores: Vec<u64>,
}

impl Classes {
    pub(super) fn add(&mut self, probability: f64, predicted: bool, label: bool) {
        self.counts[usize::from(predicted)][usize::from(label)] += 1;
        let error = probability - f64::from(u8::from(label));
        self.squared += error * error;
        let bin = ((probability * BIN_COUNT as f64) as usize).min(BIN_COUNT - 1);
        let (count, sum, positive) = &mut self.bins[bin];
        *count += 1;
        *sum += probability;
        *positive += u64::from(label);
        self.scores.push(probability.to_bits() << 1 | u64::from(label));
    }

    pub(super) fn figures(self) -> Option<Classifier> {
        let [[true_negative, missed], [false_alarm, hit]] = self.counts;
        let rows = true_negative + missed + false_alarm + hit;
        if rows == 0 {
            return None;
        }
        let share = |part: u64, of: u64| (of > 0).then(|| part as f64 / of as f64);
        let bins: Vec<Bin> = (self.bins.iter().enumerate())
            .filter(|(_, (count, _, _))| *count > 0)
            .map(|(bin, &(count, sum, positive))| Bin {
                low: bin as f64 / BIN_COUNT as f64,
                row_count: count,
                predicted: sum / count as f64,
                observed: positive as f64 / count as f64,
            })
            .collect();
        let gap = |bin: &Bin| bin.row_count as f64 * (bin.predicted - bin.observed).abs();
        Some(Classifier {
            row_count: rows,
            positive_share: (missed + hit) as f64 / rows as f64,
            accuracy: (true_negative + hit) as f64 / rows as f64,
            precision: share(hit, hit + false_alarm),
            recall: share(hit, hit + missed),
            f1: share(2 * hit, 2 * hit + false_alarm + missed),
            auc: area(&self.scores),
            brier: self.squared / rows as f64,
            ece: bins.iter().map(gap).sum::<f64>() / rows as f64,
            bins,
        })
    }
}

/// The area under the curve: the Mann-Whitney statistic with the mean rank for ties.
fn area(scores: &[u64]) -> Option<f64> {
    let scores = skill::sorted(scores.iter().copied(), 0, |score| score);
    let (mut positive, mut negative, mut wins) = (0u64, 0u64, 0.0);
    for tied in scores.chunk_by(|a, b| a >> 1 == b >> 1) {
        let ones: u64 = tied.iter().map(|score| score & 1).sum();
        let zeros = tied.len() as u64 - ones;
        wins += ones as f64 * (negative as f64 + zeros as f64 / 2.0);
        positive += ones;
        negative += zeros;
    }
    (positive > 0 && negative > 0).then(|| wins / (positive as f64 * negative as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(rows: &[(f64, f64)]) -> Option<Regression> {
        let mut values = Values::default();
        rows.iter().for_each(|&(predicted, outcome)| values.add(predicted, outcome));
        values.figures()
    }

    fn classes(rows: &[(f64, u8)]) -> Option<Classifier> {
        let mut classes = Classes::default();
        rows.iter().for_each(|&(p, label)| classes.add(p, p > 0.5, label == 1));
        classes.figures()
    }

    #[track_caller]
    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }

    #[test]
    fn regression_figures_are_those_worked_out_by_hand() {
        // Errors 0.5, 0, -1, 0; outcomes 1, 2, 3, 6 of mean 3 and squared distances 4, 1, 0, 9.
        let found = values(&[(1.5, 1.0), (2.0, 2.0), (2.0, 3.0), (6.0, 6.0)]).unwrap();
        assert_eq!(found.row_count, 4);
        near(found.r2.unwrap(), 1.0 - 1.25 / 14.0);
        near(found.rmse, (1.25f64 / 4.0).sqrt());
        near(found.mae, 0.375);
        near(found.mean, 3.0);
        near(found.deviation, 3.5f64.sqrt());
        assert_eq!(values(&[(1.0, 2.0), (3.0, 2.0)]).unwrap().r2, None);
        assert_eq!(values(&[]), None);
    }

    #[test]
    fn classifier_figures_are_those_worked_out_by_hand() {
        let found = classes(&[(0.9, 1), (0.8, 0), (0.6, 1), (0.4, 1), (0.2, 0), (0.1, 0)]).unwrap();
        near(found.accuracy, 4.0 / 6.0);
        near(found.precision.unwrap(), 2.0 / 3.0);
        near(found.recall.unwrap(), 2.0 / 3.0);
        near(found.f1.unwrap(), 2.0 / 3.0);
        // Of nine pairs the ones win 3 + 2 + 2.
        near(found.auc.unwrap(), 7.0 / 9.0);
        near(found.brier, (0.01 + 0.64 + 0.16 + 0.36 + 0.04 + 0.01) / 6.0);
        near(found.ece, (0.1 + 0.8 + 0.4 + 0.6 + 0.2 + 0.1) / 6.0);
        assert_eq!(found.bins.len(), 6);
    }

    #[test]
    fn ties_count_half_and_one_class_has_no_area() {
        near(classes(&[(0.5, 1), (0.5, 0)]).unwrap().auc.unwrap(), 0.5);
        // Pairs of ones and zeros: 0.7 beats 0.3 and ties 0.7; 0.3 ties 0.3 and loses to 0.7.
        near(classes(&[(0.7, 1), (0.7, 0), (0.3, 1), (0.3, 0)]).unwrap().auc.unwrap(), 0.5);
        near(classes(&[(0.7, 1), (0.7, 0), (0.3, 0), (0.3, 0)]).unwrap().auc.unwrap(), 5.0 / 6.0);
        near(classes(&[(0.0, 1), (0.0, 0)]).unwrap().auc.unwrap(), 0.5);
        assert_eq!(classes(&[(0.5, 1), (0.6, 1)]).unwrap().auc, None);
        let never = classes(&[(0.1, 0), (0.2, 0)]).unwrap();
        assert_eq!((never.precision, never.recall, never.f1), (None, None, None));
    }

    #[test]
    fn a_probability_of_one_belongs_to_the_last_bin() {
        let found = classes(&[(1.0, 1), (0.95, 0), (0.0, 0)]).unwrap();
        let counts: Vec<(f64, u64)> = found.bins.iter().map(|b| (b.low, b.row_count)).collect();
        assert_eq!(counts, [(0.0, 1), (0.9, 2)]);
        near(found.bins[1].observed, 0.5);
        near(found.bins[1].predicted, 0.975);
    }
}
