//! What a model and its baselines come to on some rows, column by column, and the sums of it.
//!
//! Sums are taken in vectors of [`VECTOR_LEN`] that are added up at the end: the same bits at every
//! [`Level`](factord_eval::simd::Level).

use super::figures::{BINS, Class, ClassRow, Line, LineRow, PROBABILITY_MIN};
use super::logistic::dot;
use super::plots::Scale;
use super::trainee::Trainee;
use factord_eval::simd::VECTOR_LEN;
use std::ops::Range;

/// The target of some rows, and the baselines' values known: NaN where there is none yet.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) y: &'a [f64],
    pub(super) last: &'a [f64],
    pub(super) rolling: &'a [f64],
}

/// What rows came to under a linear model.
pub(super) struct LineColumns {
    pub(super) said: Vec<f64>,
    /// As in [`LineRow`].
    y: Vec<f64>,
    /// By what each row steepens the loss: the residual, the other way round.
    pub(super) off: Vec<f64>,
    baselines: [Vec<f64>; 3],
}

/// What rows came to under a classifier.
pub(super) struct ClassColumns {
    pub(super) decision: Vec<f64>,
    probability: Vec<f64>,
    /// 1 or 0.
    pub(super) label: Vec<f64>,
    class: Vec<f64>,
    last: Vec<f64>,
    /// The probability of the label, but for certain mistakes.
    likelihood: Vec<f64>,
    /// By what each row steepens the loss: its probability minus its label.
    pub(super) off: Vec<f64>,
    bin: Vec<usize>,
    share_loss: [f64; 2],
    majority: bool,
}

fn one(condition: bool) -> f64 {
    f64::from(u8::from(condition))
}

impl LineColumns {
    /// By what the model said; `middle` is taken from the target.
    #[inline(always)]
    pub(super) fn new(said: Vec<f64>, known: Known, trainee: &Trainee, middle: f64) -> Self {
        let Known { y, last, rolling } = known;
        let or_mean = |value: f64| if value.is_nan() { trainee.mean } else { value };
        let rows = || y.iter().copied();
        LineColumns {
            y: rows().map(|y| y - middle).collect(),
            off: rows().zip(&said).map(|(y, said)| said - y).collect(),
            baselines: [
                rows().zip(last).map(|(y, &last)| y - or_mean(last)).collect(),
                rows().zip(rolling).map(|(y, &rolling)| y - or_mean(rolling)).collect(),
                rows().map(|y| y - trainee.mean).collect(),
            ],
            said,
        }
    }

    pub(super) fn row(&self, row: usize) -> LineRow {
        let baselines = [0, 1, 2].map(|baseline| self.baselines[baseline][row]);
        LineRow { y: self.y[row], residual: -self.off[row], baselines }
    }

    /// The sums of some rows.
    #[inline(always)]
    pub(super) fn sums(&self, rows: Range<usize>) -> Line {
        let of = |column: &'_ [f64]| -> [f64; 2] {
            [sum(&column[rows.clone()], |x| x), sum(&column[rows.clone()], |x| x * x)]
        };
        let [sum_y, squares] = of(&self.y);
        let [off, model] = of(&self.off);
        Line {
            count: rows.len() as f64,
            sum: sum_y,
            squares,
            residual: -off,
            model,
            absolute: sum(&self.off[rows.clone()], f64::abs),
            baselines: [0, 1, 2].map(|baseline| of(&self.baselines[baseline])[1]),
        }
    }
}

impl ClassColumns {
    /// By decision values and probabilities.
    #[inline(always)]
    pub(super) fn new(
        (decisions, probability): (Vec<f64>, Vec<f64>),
        known: Known,
        trainee: &Trainee,
        scale: Scale,
    ) -> Self {
        let (mean, cut) = (trainee.mean, trainee.cut);
        let or_mean = |value: f64| if value.is_nan() { mean } else { value };
        let label: Vec<f64> = known.y.iter().map(|&y| one(y > cut)).collect();
        let both = || probability.iter().zip(&label);
        let of_label = |(&p, &label): (&f64, &f64)| if label > 0.0 { p } else { 1.0 - p };
        ClassColumns {
            class: decisions.iter().map(|&decision| one(decision > 0.0)).collect(),
            last: known.last.iter().map(|&last| one(or_mean(last) > cut)).collect(),
            likelihood: both().map(|row| of_label(row).max(PROBABILITY_MIN)).collect(),
            off: both().map(|(p, label)| p - label).collect(),
            bin: decisions.iter().map(|&decision| scale.place(decision, BINS)).collect(),
            share_loss: trainee.share_loss,
            majority: trainee.share > 0.5,
            probability,
            label,
            decision: decisions,
        }
    }

    pub(super) fn row(&self, row: usize) -> ClassRow {
        let label = self.label[row] > 0.0;
        ClassRow {
            label,
            class: self.class[row] > 0.0,
            probability: self.probability[row],
            likelihood: self.likelihood[row],
            share_loss: self.share_loss[usize::from(label)],
            last: self.last[row] > 0.0,
            majority: self.majority,
        }
    }

    /// The sums of some rows, without bins.
    #[inline(always)]
    pub(super) fn sums(&self, rows: Range<usize>) -> Class {
        let (label, class) = (&self.label[rows.clone()], &self.class[rows.clone()]);
        let last = &self.last[rows.clone()];
        let all = |column: &[f64]| sum(column, |x| x);
        let both = |a: &[f64], b: &[f64]| dot(a, b, 0.0);
        let (count, ones) = (rows.len() as f64, all(label));
        let (positives, true_positives) = (all(class), both(class, label));
        // All of these are counts, and exact.
        let equal = |some: f64, both: f64| count - ones - some + 2.0 * both;
        let mut sums = Class {
            count,
            ones,
            hits: equal(positives, true_positives),
            positives,
            true_positives,
            share_loss: (count - ones) * self.share_loss[0] + ones * self.share_loss[1],
            baselines: [
                equal(all(last), both(last, label)),
                if self.majority { ones } else { count - ones },
            ],
            ..Class::new(false)
        };
        // Sixteen factors an element do not underflow.
        for some in self.likelihood[rows].chunks(16 * VECTOR_LEN) {
            let mut products = [1.0; VECTOR_LEN];
            for some in some.chunks(VECTOR_LEN) {
                products
                    .iter_mut()
                    .zip(some)
                    .for_each(|(product, likelihood)| *product *= likelihood);
            }
            products.into_iter().for_each(|product| sums.multiply(product));
        }
        sums
    }

    /// Counts rows in a sum's bins.
    pub(super) fn count(&self, rows: Range<usize>, sums: &mut Class) {
        for (&bin, &label) in self.bin[rows.clone()].iter().zip(&self.label[rows]) {
            sums.bins[bin][usize::from(label > 0.0)] += 1.0;
        }
    }
}

/// The sum of what a function makes of values.
#[inline(always)]
fn sum(values: &[f64], of: impl Fn(f64) -> f64) -> f64 {
    let (vectors, rest) = values.as_chunks::<VECTOR_LEN>();
    let mut sums = [0.0; VECTOR_LEN];
    for values in vectors {
        sums.iter_mut().zip(values).for_each(|(sum, &value)| *sum += of(value));
    }
    sums.iter_mut().zip(rest).for_each(|(sum, &value)| *sum += of(value));
    sums.iter().sum()
}
