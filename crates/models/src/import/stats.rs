//! Statistics of the training data, from a JSON file next to the pickle.

use super::{ImportError, ImportFileError};
use crate::file::{FeatureStats, TargetStats, read_limited};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;
use thiserror::Error;

/// The most bytes of a statistics file.
// 1 MiB: 1,024 features with long names and four figures each take a quarter of it.
const BYTES_MAX: usize = 1 << 20;

/// Means and deviations by feature name, and what is known of the target. Other keys of the file
/// are not read.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Stats {
    feature_means: HashMap<String, f64>,
    feature_stds: HashMap<String, f64>,
    #[serde(default)]
    feature_mins: HashMap<String, f64>,
    #[serde(default)]
    feature_maxs: HashMap<String, f64>,
    target_stats: Option<TargetStats>,
}

/// Why statistics could not be read.
#[derive(Debug, Error)]
#[error(
    "not a statistics file, which is a JSON object with `feature_means` and `feature_stds` by \
     feature \
     name: {0}"
)]
pub struct StatsError(#[from] serde_json::Error);

impl Stats {
    /// Reads statistics from JSON.
    ///
    /// # Errors
    ///
    /// [`StatsError`] with line and column.
    pub fn parse(bytes: &[u8]) -> Result<Stats, StatsError> {
        Ok(serde_json::from_slice(bytes)?)
    }

    /// Reads a statistics file.
    ///
    /// # Errors
    ///
    /// [`ImportFileError`] names the file.
    pub fn load(path: &Path) -> Result<Stats, ImportFileError> {
        let bytes = read_limited(path, |_| BYTES_MAX)
            .map_err(|error| ImportFileError::Read { path: path.to_owned(), error })?;
        Stats::parse(&bytes)
            .map_err(|error| ImportFileError::Stats { path: path.to_owned(), error })
    }

    /// The statistics of these features, in this order.
    pub(super) fn features(&self, names: &[String]) -> Result<Vec<FeatureStats>, ImportError> {
        let get = |map: &HashMap<String, f64>, field, name: &String| {
            let missing = || ImportError::StatsMissing { field, feature: name.clone() };
            map.get(name).copied().ok_or_else(missing)
        };
        names
            .iter()
            .map(|name| {
                Ok(FeatureStats {
                    mean: get(&self.feature_means, "feature_means", name)?,
                    std: get(&self.feature_stds, "feature_stds", name)?,
                    min: self.feature_mins.get(name).copied(),
                    max: self.feature_maxs.get(name).copied(),
                })
            })
            .collect()
    }

    /// The statistics of the target.
    pub(super) fn target(&self) -> Option<TargetStats> {
        self.target_stats
    }
}
