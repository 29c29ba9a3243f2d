//! Drift of what a candidate is asked and answers at a step, for its guard.

use super::scorer::{Scorer, Training};
use factord_eval::status;
use factord_quant::drift::{Bins, Counts, critical_psi};

/// The share of steps without drift in which an index counts although it is chance.
const LEVEL: f64 = 0.01;

/// The answers of one step; memory does not grow.
#[derive(Debug, Default)]
pub(super) struct StepDrift {
    /// Of each feature and of the outputs, where there are bins.
    tracks: Vec<Option<Track>>,
}

#[derive(Debug)]
struct Track {
    bins: Bins,
    counts: Counts,
    training_rows: u64,
    /// The critical index times the rows that it is of.
    quantile: f64,
}

impl StepDrift {
    /// Has seen nothing; of a version that does not say how its training rows were spread, it never
    /// will.
    pub(super) fn new(candidate: &Scorer) -> StepDrift {
        let Some(Training { rows, features, output }) = &candidate.training else {
            return StepDrift::default();
        };
        let level = LEVEL / (features.len() + 1) as f64;
        let track = |bins: &Option<Bins>| {
            let bins = bins.clone()?;
            // Of one row beside as good as infinitely many.
            let quantile = critical_psi(level, bins.count(), 1, u64::MAX);
            Some(Track { counts: Counts::of(&bins), bins, training_rows: *rows, quantile })
        };
        let bins = features.iter().map(|(_, bins)| bins).chain([output]);
        StepDrift { tracks: bins.map(track).collect() }
    }

    /// Adds an answer of the candidate.
    pub(super) fn add(&mut self, x: &[f64], status: u16, y: f64) {
        let output = if status == status::OK { y } else { f64::NAN };
        for (track, value) in self.tracks.iter_mut().zip(x.iter().copied().chain([output])) {
            if let Some(track) = track {
                track.counts.add(&track.bins, value);
            }
        }
    }

    /// The greatest population stability index that is beyond chance, of features and outputs; 0
    /// where none is. `None` before there is a row.
    pub(super) fn psi(&self) -> Option<f64> {
        let index = |track: &Track| {
            let psi = track.counts.psi(&track.bins)?;
            let (n, m) = (track.counts.rows() as f64, track.training_rows as f64);
            Some(if psi > track.quantile * (n + m) / (n * m) { psi } else { 0.0 })
        };
        self.tracks.iter().flatten().filter_map(index).reduce(f64::max)
    }
}
