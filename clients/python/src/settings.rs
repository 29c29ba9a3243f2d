//! The settings of factors as Python has them, and their comparison with a model's.

use crate::error;
use factord_factors::{SettingsMismatch, Stated};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Settings by the names of `factord.Factors`, with the types that it takes.
pub(crate) fn typed<'py>(py: Python<'py>, stated: &Stated) -> PyResult<Bound<'py, PyDict>> {
    let settings = PyDict::new(py);
    for (name, text) in stated.settings() {
        match name {
            "large" | "outlier" | "multiplier" => settings.set_item(name, text.parse::<f64>()?)?,
            "quantile_last" => settings.set_item(name, text.parse::<u32>()?)?,
            "inverse" => settings.set_item(name, text == "true")?,
            _ => settings.set_item(name, text)?,
        }
    }
    Ok(settings)
}

/// The same as the texts that travel with tables.
pub(crate) fn texts<'py>(py: Python<'py>, stated: &Stated) -> PyResult<Bound<'py, PyDict>> {
    let texts = PyDict::new(py);
    stated.iter().try_for_each(|(name, text)| texts.set_item(name, text))?;
    Ok(texts)
}

/// Compares what a model states with what factors have.
pub(crate) fn require(py: Python<'_>, model: &Stated, factors: &Stated) -> PyResult<()> {
    let refuse =
        |mismatch: SettingsMismatch| error::raise(py, "SettingsError", mismatch.to_string());
    model.require(factors).map_err(refuse)
}
