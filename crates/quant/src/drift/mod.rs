//! Drift: whether what is seen now is spread as the training rows were.
//!
//! [`Bins`] are frozen in the artifact, [`Counts`] are of a window of rows, and a [`Series`] judges
//! one window after the other by the population stability index, whose critical value is that of
//! flow that varies as much from window to window as this one did.

mod bins;
mod counts;
mod judgement;
mod series;
mod spread;

pub use bins::Bins;
pub use counts::Counts;
pub use judgement::{Band, Judgement};
pub use series::{HISTORY_MAX, HISTORY_MIN, Series};

/// The population stability index of which a critical value at `level` would be exceeded, if rows
/// were independent and spread as the training rows, by a share `level` of windows of `rows`.
///
/// `bins` are two at least. Without drift, `psi * n * m / (n + m)` is spread as chi-square with one
/// degree of freedom less than there are bins, of `n` rows beside `m` training rows (Yurdakul and
/// Naranjo 2020).
pub fn critical_psi(level: f64, bins: usize, rows: u64, training_rows: u64) -> f64 {
    judgement::critical(level, bins, judgement::pooled(rows, training_rows))
}
