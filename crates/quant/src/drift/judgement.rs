//! What a window says.

use statrs::distribution::{ChiSquared, ContinuousCDF, FisherSnedecor};

/// The usual bands of the population stability index, which know nothing of the number of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Band {
    /// Below 0.1.
    Stable,
    /// 0.1 to 0.25.
    Moderate,
    /// 0.25 and above.
    Major,
}

impl Band {
    /// Of an index.
    pub fn of(psi: f64) -> Band {
        match psi {
            psi if psi < 0.1 => Band::Stable,
            psi if psi < 0.25 => Band::Moderate,
            _ => Band::Major,
        }
    }

    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Band::Stable => "stable",
            Band::Moderate => "moderate",
            Band::Major => "major",
        }
    }
}

/// What is found of one window of one series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// Finite values.
    pub rows: u64,
    /// The population stability index.
    pub psi: f64,
    /// Its critical value for so many independent rows.
    pub critical_independent: f64,
    /// Its critical value for flow that varies from window to window as the windows before did;
    /// `None` before there are [`super::HISTORY_MIN`] of those.
    pub critical: Option<f64>,
    /// How many times as much the shares vary from window to window as those of independent rows.
    pub inflation: Option<f64>,
    /// Whether it is drift: beyond the critical value; before there is one, an index that is both
    /// [`Band::Major`] and beyond that of independent rows.
    pub is_drift: bool,
}

impl Judgement {
    /// The band of its index.
    pub fn band(&self) -> Band {
        Band::of(self.psi)
    }
}

/// Rows that have as much to say as `rows` beside `training_rows`.
pub(super) fn pooled(rows: u64, training_rows: u64) -> f64 {
    let (n, m) = (rows as f64, training_rows as f64);
    n * m / (n + m)
}

/// The critical index of independent rows.
pub(super) fn critical(level: f64, bins: usize, pooled: f64) -> f64 {
    let freedom = bins.saturating_sub(1).max(1) as f64;
    let quantile =
        ChiSquared::new(freedom).map_or(f64::INFINITY, |chi| chi.inverse_cdf(1.0 - level));
    quantile / pooled
}

/// The quantile of Fisher's distribution that leaves `level` above it.
pub(super) fn fisher(level: f64, above: f64, below: f64) -> f64 {
    FisherSnedecor::new(above, below).map_or(f64::INFINITY, |f| f.inverse_cdf(1.0 - level))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By scipy: `stats.chi2.ppf(0.99, 9)` is 21.665994.
    #[test]
    fn critical_values_are_those_of_the_tables() {
        let found = critical(0.01, 10, pooled(1000, 100_000));
        assert!((found - 21.665_994 * 101_000.0 / 1e8).abs() < 1e-7, "{found}");
        // Abramowitz and Stegun, table 26.9: 1 % of F with 9 and 20 degrees of freedom is 3.46.
        assert!((fisher(0.01, 9.0, 20.0) - 3.4567).abs() < 1e-3);
        assert_eq!(Band::of(0.0999).name(), "stable");
        assert_eq!(Band::of(0.1).name(), "moderate");
        assert_eq!(Band::of(0.25).name(), "major");
    }
}
