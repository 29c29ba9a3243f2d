//! How far a version's outputs are from another's, for the same requests.

use factord_eval::evaluator::Evaluation;
use factord_eval::status;
use serde_json::{Value, json};

/// Counts and moments; memory does not grow.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Divergence {
    /// Requests that both answered.
    pub(super) count: u64,
    /// Of the absolute differences: the mean,
    pub(super) mean: f64,
    /// the sum of squared distances from it,
    squares: f64,
    /// and the greatest.
    pub(super) max: f64,
    /// Of those, how many got another class.
    pub(super) class_count: u64,
    /// Requests that the champion alone answered.
    pub(super) refused: u64,
    /// Requests that the other alone answered.
    pub(super) answered: u64,
}

impl Divergence {
    /// Adds one request.
    pub(super) fn add(&mut self, champion: &Evaluation, other: &Evaluation) {
        match [champion.status, other.status].map(|status| status == status::OK) {
            [true, true] => {}
            [true, false] => return self.refused += 1,
            [false, true] => return self.answered += 1,
            [false, false] => return,
        }
        let difference = (f64::from_bits(champion.y) - f64::from_bits(other.y)).abs();
        self.count += 1;
        // Welford: no sum grows until small differences vanish in it.
        let distance = difference - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (difference - self.mean);
        self.max = self.max.max(difference);
        self.class_count += u64::from(champion.second != other.second);
    }

    /// The standard deviation of the absolute differences; `None` of fewer than two.
    pub(super) fn deviation(&self) -> Option<f64> {
        (self.count > 1).then(|| (self.squares / (self.count - 1) as f64).sqrt())
    }

    /// The share of requests with another class; `None` before there is any.
    pub(super) fn class_share(&self) -> Option<f64> {
        (self.count > 0).then(|| self.class_count as f64 / self.count as f64)
    }

    /// As JSON; a classifier's differences are of probabilities.
    pub(super) fn json(&self, is_classifier: bool) -> Value {
        let known = self.count > 0;
        json!({
            "output": if is_classifier { "probability" } else { "value" },
            "count": self.count,
            "mean_abs_difference": known.then_some(self.mean),
            "deviation": self.deviation(),
            "max_abs_difference": known.then_some(self.max),
            "class_share": self.class_share().filter(|_| is_classifier),
            "refused_alone": self.refused,
            "answered_alone": self.answered,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use factord_eval::eval::Output;

    fn of(y: f64, second: f64) -> Evaluation {
        Evaluation::prediction(Output { y, second })
    }

    #[test]
    fn differences_are_counted_by_their_size_and_class() {
        let mut all = Divergence::default();
        let none = Evaluation::refusal(status::BAD_INPUT);
        for (champion, other) in [
            (of(0.25, 0.0), of(0.75, 1.0)),
            (of(0.75, 1.0), of(0.75, 1.0)),
            (of(1.0, 1.0), of(0.0, 0.0)),
            (of(0.5, 0.0), of(0.5, 0.0)),
            (of(0.5, 0.0), none),
            (none, of(0.5, 0.0)),
            (none, none),
        ] {
            all.add(&champion, &other);
        }
        // |d| is 0.5, 0, 1, 0: mean 0.375, squared distances 0.015625 + 2 * 0.140625 + 0.390625.
        assert_eq!((all.count, all.mean, all.max, all.class_count), (4, 0.375, 1.0, 2));
        assert_eq!((all.refused, all.answered), (1, 1));
        assert_eq!(all.deviation(), Some((0.6875f64 / 3.0).sqrt()));
        assert_eq!(all.json(true)["class_share"], 0.5);
        assert_eq!(all.json(false)["class_share"], Value::Null);
        assert_eq!(Divergence::default().json(true)["mean_abs_difference"], Value::Null);
    }
}
