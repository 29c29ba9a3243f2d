//! Counts for the report's drawings: their size does not depend on the number of rows.

use super::figures::ClassRow;

/// Boxes of the plot of target over prediction.
pub(super) const ACROSS: usize = 56;
pub(super) const UP: usize = 36;

/// Bars of the plot of residuals, and places of the calibrations.
pub(super) const RESIDUALS: usize = 61;
pub(super) const PLACES: usize = 20;

/// Deviations of residuals that are drawn, to either side.
pub(super) const RESIDUALS_SPAN: f64 = 4.0;

/// Where the drawings' axes lie, chosen before any row is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// Mean of the target in training.
    pub(super) mean: f64,
    /// The predictions and targets that are drawn.
    pub(super) said: (f64, f64),
    pub(super) target: (f64, f64),
    /// One deviation of the residuals in training.
    pub(super) residual: f64,
    /// Middle and unit of the classifier's decision values.
    pub(super) decision_middle: f64,
    pub(super) decision_unit: f64,
}

/// What was counted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plots {
    /// Rows in each box, row by row from the bottom.
    pub(super) boxes: Vec<u64>,
    pub(super) residuals: Vec<u64>,
    /// Rows, sum of predictions and sum of targets, by prediction.
    pub(super) line: Vec<[f64; 3]>,
    /// Rows, sum of probabilities and number of ones, by probability.
    pub(super) class: Vec<[f64; 3]>,
}

/// The place of a value among `count` of a range; values outside go to its ends.
fn place(value: f64, (low, high): (f64, f64), count: usize) -> usize {
    let share = if high > low { (value - low) / (high - low) } else { 0.5 };
    ((share.clamp(0.0, 1.0) * count as f64) as usize).min(count - 1)
}

impl Plots {
    pub(super) fn new() -> Plots {
        Plots {
            boxes: vec![0; ACROSS * UP],
            residuals: vec![0; RESIDUALS],
            line: vec![[0.0; 3]; PLACES],
            class: vec![[0.0; 3]; PLACES],
        }
    }

    pub(super) fn add_line(&mut self, frame: &Frame, y: f64, said: f64) {
        let (across, up) = (place(said, frame.said, ACROSS), place(y, frame.target, UP));
        self.boxes[up * ACROSS + across] += 1;
        let span = RESIDUALS_SPAN * frame.residual;
        self.residuals[place(y - said, (-span, span), RESIDUALS)] += 1;
        let sums = &mut self.line[place(said, frame.said, PLACES)];
        sums.iter_mut().zip([1.0, said, y]).for_each(|(sum, more)| *sum += more);
    }

    pub(super) fn add_class(&mut self, row: &ClassRow) {
        let sums = &mut self.class[place(row.probability, (0.0, 1.0), PLACES)];
        let more = [1.0, row.probability, f64::from(u8::from(row.label))];
        sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
    }

    pub(super) fn merge(&mut self, other: &Plots) {
        let counts = self.boxes.iter_mut().chain(&mut self.residuals);
        let more = other.boxes.iter().chain(&other.residuals);
        counts.zip(more).for_each(|(count, more)| *count += more);
        let sums = self.line.iter_mut().chain(&mut self.class);
        for (sums, more) in sums.zip(other.line.iter().chain(&other.class)) {
            sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        }
    }
}
