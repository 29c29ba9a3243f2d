//! What the columns are like, before anything is fitted to them.

use factord_eval::simd::VECTOR_LEN;

/// What was seen of a column: enough to choose units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seen {
    first: f64,
    sum: f64,
    squares: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Seen {
    pub(super) const NOTHING: Seen = Seen {
        first: f64::NAN,
        sum: 0.0,
        squares: 0.0,
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
    };

    /// Adds values, eight at a time.
    pub(super) fn add(&mut self, values: &[f64]) {
        let Some(&first) = values.first() else { return };
        if self.first.is_nan() {
            self.first = first;
        }
        let first = self.first;
        let (mut sums, mut squares) = ([0.0; VECTOR_LEN], [0.0; VECTOR_LEN]);
        let (mut min, mut max) = ([first; VECTOR_LEN], [first; VECTOR_LEN]);
        for values in values.chunks(VECTOR_LEN) {
            for (at, &value) in values.iter().enumerate() {
                let moved = value - first;
                sums[at] += moved;
                squares[at] += moved * moved;
                min[at] = if value < min[at] { value } else { min[at] };
                max[at] = if value > max[at] { value } else { max[at] };
            }
        }
        self.sum += sums.iter().sum::<f64>();
        self.squares += squares.iter().sum::<f64>();
        self.min = min.into_iter().fold(self.min, f64::min);
        self.max = max.into_iter().fold(self.max, f64::max);
    }

    /// Mean and deviation, to a few digits.
    pub(super) fn moments(&self, count: u64) -> (f64, f64) {
        let mean = self.sum / count as f64;
        let variance = self.squares / count as f64 - mean * mean;
        (self.first + mean, variance.max(0.0).sqrt())
    }
}
