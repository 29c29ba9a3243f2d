//! What a model's artifact says, as Python has it.

use super::Model;
use crate::{error, settings};
use factord_eval::Affine;
use factord_models::file::{Artifact, FeatureStats, TargetStats};
use factord_models::import::{self, Options, Stats};
use numpy::{PyArray1, PyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use std::path::PathBuf;

#[pymethods]
impl Model {
    /// Makes the model of a fitted scikit-learn estimator: a LinearRegression, Ridge, Lasso,
    /// ElasticNet or LogisticRegression of two classes, those that choose their penalty (RidgeCV
    /// and so on) too, and all of them after a StandardScaler in a Pipeline; or of a dictionary
    /// that holds one as `model`, as `factord import` reads it. Its parameters are the estimator's
    /// own, to the last bit, but for a scaler that a linear model takes in.
    ///
    /// name: what it is served under; without one "regression" or "classification".
    /// feature_names: one for each feature, in order; without them those that the estimator was
    /// fitted with, or x0, x1, ... stats: statistics of the training rows by feature name, with the
    /// keys feature_means and feature_stds and, where known, feature_mins, feature_maxs and
    /// target_stats.
    ///
    /// Raises ImportModelError, which names the estimator and why it cannot be served.
    #[staticmethod]
    #[pyo3(signature = (estimator, *, name=None, feature_names=None, stats=None))]
    fn from_sklearn(
        estimator: &Bound<'_, PyAny>,
        name: Option<&str>,
        feature_names: Option<Vec<String>>,
        stats: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Model> {
        let py = estimator.py();
        let class = estimator.get_type().name()?.to_string();
        let refuse =
            |reason: String| error::raise(py, "ImportModelError", format!("{class}: {reason}"));
        let most = import::BYTES_MAX;
        let bytes = py.import("factord._sklearn")?.getattr("pickled")?.call1((estimator, most))?;
        let json = |stats| py.import("json")?.call_method1("dumps", (stats,))?.extract::<String>();
        let stats = stats.map(json).transpose()?;
        let stats = stats.map(|text| Stats::parse(text.as_bytes())).transpose();
        let stats = stats.map_err(|error| refuse(format!("stats: {error}")))?;
        let options = Options {
            name,
            features: feature_names.as_deref(),
            stats: stats.as_ref(),
            origin: "Python",
            ..Options::default()
        };
        let bytes: &[u8] = bytes.extract()?;
        let made = py.detach(|| import::pickle(bytes, &options));
        Ok(Model::new(made.map_err(|error| refuse(error.to_string()))?.artifact))
    }

    /// Writes its artifact to a file, under whose name there is always the old one or the whole new
    /// one: what `factord serve` serves.
    ///
    /// Raises OSError.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        py.detach(|| self.artifact().save(&path)).map_err(|error| error::of_artifact(py, error))
    }

    /// The bytes of its artifact.
    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.artifact().encode())
    }

    /// What makes it again, for pickle and copy.
    fn __getnewargs__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyBytes>,) {
        (self.__bytes__(py),)
    }

    /// One weight a feature; None for a model that is no weighted sum.
    #[getter]
    fn weights<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        self.affine().map(|affine| PyArray1::from_slice(py, affine.weights()))
    }

    /// The constant that is added last; None for a model that is no weighted sum.
    #[getter]
    fn intercept(&self) -> Option<f64> {
        self.affine().map(Affine::intercept)
    }

    /// What a logistic model subtracts from each feature first; None for any other.
    #[getter]
    fn mean<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        let logistic = self.affine().filter(|affine| affine.is_logistic());
        logistic.map(|affine| PyArray1::from_slice(py, affine.mean()))
    }

    /// What a logistic model divides each feature by after that; None for any other.
    #[getter]
    fn scale<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        let logistic = self.affine().filter(|affine| affine.is_logistic());
        logistic.map(|affine| PyArray1::from_slice(py, affine.scale()))
    }

    /// What is predicted, such as "sell_rate[+1]"; empty where the artifact does not state it.
    #[getter]
    fn target(&self) -> &str {
        &self.artifact().details().target
    }

    /// Where the label of a classifier was cut, in the target's units; None where there is none.
    /// The class itself is 1 when the probability is above 0.5.
    #[getter]
    fn threshold(&self) -> Option<f64> {
        self.artifact().details().threshold
    }

    /// When it was trained, as its source wrote it; may be empty.
    #[getter]
    fn trained_at(&self) -> &str {
        &self.artifact().details().trained_at
    }

    /// Where it came from, for people.
    #[getter]
    fn source(&self) -> &str {
        &self.artifact().details().source
    }

    /// The figures of its training, baselines beside them, nested by name.
    #[getter]
    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let text = self.artifact().metrics_json().to_string();
        py.import("json")?.call_method1("loads", (text,))
    }

    /// What the features were like in training, by name: mean, std, min and max, each
    /// None where unknown.
    #[getter]
    fn feature_stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let all = PyDict::new(py);
        let details = self.artifact().details();
        for (name, stats) in details.feature_names.iter().zip(&details.feature_stats) {
            let FeatureStats { mean, std, min, max } = *stats;
            let one = PyDict::new(py);
            one.set_item("mean", mean)?;
            one.set_item("std", std)?;
            one.set_item("min", min)?;
            one.set_item("max", max)?;
            all.set_item(name, one)?;
        }
        Ok(all)
    }

    /// What the target was like in training: mean, std, median, min and max; None where unknown.
    #[getter]
    fn target_stats<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(TargetStats { mean, std, median, min, max }) =
            self.artifact().details().target_stats
        else {
            return Ok(None);
        };
        let stats = PyDict::new(py);
        stats.set_item("mean", mean)?;
        stats.set_item("std", std)?;
        stats.set_item("median", median)?;
        stats.set_item("min", min)?;
        stats.set_item("max", max)?;
        Ok(Some(stats))
    }

    /// On which rows it was trained, and for what: target, horizon, pause_ns, rows, and the nine
    /// edges between ten bins of equally many rows, of each feature (feature_edges) and of its own
    /// answers (answer_edges); None where the artifact does not state it.
    #[getter]
    fn training<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let facts = self.artifact().facts().and_then(|facts| facts.training.as_ref());
        let Some(training) = facts else { return Ok(None) };
        let edges: Vec<Vec<f64>> =
            training.feature_edges.iter().map(|edges| edges.to_vec()).collect();
        let stated = PyDict::new(py);
        stated.set_item("target", &training.target)?;
        stated.set_item("horizon", training.horizon)?;
        stated.set_item("pause_ns", training.pause_ns)?;
        stated.set_item("rows", training.rows)?;
        stated.set_item("feature_edges", PyArray2::from_vec2(py, &edges)?)?;
        stated.set_item("answer_edges", PyArray1::from_slice(py, &training.answer_edges))?;
        Ok(Some(stated))
    }

    /// What it was made from: the SHA-256 of the artifact that it succeeds (parent) and its tables,
    /// each with name, sha256 and held_out; None where the artifact does not state it.
    #[getter]
    fn lineage<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let facts = self.artifact().facts().and_then(|facts| facts.lineage.as_ref());
        let Some(lineage) = facts else { return Ok(None) };
        let tables = PyList::empty(py);
        for table in &lineage.tables {
            let file = PyDict::new(py);
            file.set_item("name", &table.name)?;
            file.set_item("sha256", table.sha256.as_ref().map(hexadecimal))?;
            file.set_item("held_out", table.held_out)?;
            tables.append(file)?;
        }
        let stated = PyDict::new(py);
        stated.set_item("parent", lineage.parent.as_ref().map(hexadecimal))?;
        stated.set_item("tables", tables)?;
        Ok(Some(stated))
    }

    /// The settings of the factors that it was trained on, as far as its artifact states them, by
    /// the names of `Factors`: `factord.Factors(**model.settings)` makes the same windows.
    #[getter]
    fn settings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        settings::typed(py, self.stated())
    }

    /// Where the data came from that it was trained on: "simulated" or "partly simulated" where
    /// their tables say so; None where nothing is stated, as of real data.
    #[getter]
    fn data(&self) -> Option<&str> {
        self.stated().data()
    }

    fn __eq__(&self, other: &Model) -> bool {
        self.hash() == other.hash()
    }

    fn __hash__(&self) -> u64 {
        u64::from_le_bytes(core::array::from_fn(|at| self.hash()[at]))
    }

    fn __repr__(&self) -> String {
        let details = self.artifact().details();
        let names = &details.feature_names;
        let mut text = format!("<factord.Model {}: {}", self.artifact().name(), self.kind_name());
        if !details.target.is_empty() {
            text += &format!(", {}", details.target);
        }
        text += &format!(" of {}", names[..names.len().min(4)].join(", "));
        if names.len() > 4 {
            text += &format!(" and {} more", names.len() - 4);
        }
        if let Some(window) = self.stated().get("window") {
            text += &format!(", windows of {window}");
        }
        if let Some(training) = self.artifact().facts().and_then(|facts| facts.training.as_ref()) {
            text += &format!(", horizon {}, {} rows", training.horizon, training.rows);
        }
        text + &format!(", sha256 {}>", &hexadecimal(self.hash())[..8])
    }

    /// The same as a table of weights, for notebooks.
    fn _repr_html_<'py>(slf: &Bound<'py, Model>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("factord._html")?.getattr("model")?.call1((slf,))
    }
}

impl Model {
    fn affine(&self) -> Option<&Affine> {
        self.artifact().model().affine()
    }
}

/// Reads the bytes of an artifact.
pub(super) fn decoded(py: Python<'_>, bytes: &[u8]) -> PyResult<Artifact> {
    py.detach(|| Artifact::decode(bytes))
        .map_err(|error| error::raise(py, "ArtifactError", error.to_string()))
}

pub(super) fn hexadecimal(hash: &[u8; 32]) -> String {
    hash.map(|byte| format!("{byte:02x}")).concat()
}
