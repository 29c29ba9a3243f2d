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

/// A range of values, ready to find places in it without a division.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    from: f64,
    factor: f64,
}

impl Scale {
    /// A range without length puts everything in the middle.
    pub(super) fn new((low, high): (f64, f64)) -> Scale {
        match high > low {
            true => Scale { from: low, factor: 1.0 / (high - low) },
            false => Scale { from: low - 0.5, factor: 1.0 },
        }
    }

    /// The place of a value among `count`; values outside go to the ends.
    pub(super) fn place(&self, value: f64, count: usize) -> usize {
        let share = ((value - self.from) * self.factor).clamp(0.0, 1.0);
        // As a signed integer: one instruction.
        ((share * count as f64) as i64 as usize).min(count - 1)
    }
}

/// The scales of a [`Frame`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Scales {
    said: Scale,
    target: Scale,
    residual: Scale,
    probability: Scale,
    pub(super) decision: Scale,
}

impl Scales {
    pub(super) fn new(frame: &Frame) -> Scales {
        let around = |middle: f64, span: f64| Scale::new((middle - span, middle + span));
        Scales {
            said: Scale::new(frame.said),
            target: Scale::new(frame.target),
            residual: around(0.0, RESIDUALS_SPAN * frame.residual),
            probability: Scale::new((0.0, 1.0)),
            // Eight units to either side hold all but one row in 10^15.
            decision: around(frame.decision_middle, 8.0 * frame.decision_unit),
        }
    }
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

    pub(super) fn add_line(&mut self, scales: &Scales, y: f64, said: f64) {
        let (across, up) = (scales.said.place(said, ACROSS), scales.target.place(y, UP));
        self.boxes[up * ACROSS + across] += 1;
        self.residuals[scales.residual.place(y - said, RESIDUALS)] += 1;
        let sums = &mut self.line[scales.said.place(said, PLACES)];
        sums.iter_mut().zip([1.0, said, y]).for_each(|(sum, more)| *sum += more);
    }

    pub(super) fn add_class(&mut self, scales: &Scales, row: &ClassRow) {
        let sums = &mut self.class[scales.probability.place(row.probability, PLACES)];
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
