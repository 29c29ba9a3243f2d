//! `factord.train`: the code of `factord train`, on tables that Python holds or names.

use crate::error;
use crate::model::Model;
use crate::table::Table;
use factord_eval::fenv;
use factord_models::file::Artifact;
use factord_quant::table::{Memory, Stored};
use factord_quant::target::Target;
use factord_quant::train::{self as quant, FOLDS_MAX, HORIZON_MAX, Settings, Trained};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::path::{Path, PathBuf};

/// A table as Python's half gives it, with what messages call it.
#[derive(FromPyObject)]
pub(crate) enum Given<'py> {
    Table(PyRef<'py, Table>, String),
    File(PathBuf),
}

impl Given<'_> {
    fn stored(&self) -> Stored {
        match self {
            Given::Table(table, name) => {
                let (schema, batches) = table.batches();
                Stored::Memory(Memory::new(name, schema, batches))
            }
            Given::File(path) => Stored::File(path.clone()),
        }
    }
}

/// Models, warnings, and the outcome as text, as JSON and as a page.
type Outcome = (Option<Model>, Option<Model>, Vec<String>, String, String, String);

/// Trains: see `factord.train`.
#[pyfunction]
#[pyo3(signature = (
    tables, holdout, *, features, target, horizon, linear, logistic, folds, parents, ridge, c, cut,
    rolling, pause, strict, seed, threads, scratch, out
))]
#[expect(clippy::too_many_arguments, reason = "a keyword each, as the command line has them")]
pub(crate) fn train(
    py: Python<'_>,
    tables: Vec<Given<'_>>,
    holdout: Vec<Given<'_>>,
    features: Vec<String>,
    target: String,
    horizon: Option<usize>,
    linear: bool,
    logistic: bool,
    folds: usize,
    parents: Vec<PyRef<'_, Model>>,
    ridge: f64,
    c: Option<f64>,
    cut: Option<f64>,
    rolling: usize,
    pause: Option<f64>,
    strict: bool,
    seed: u64,
    threads: Option<usize>,
    scratch: Option<PathBuf>,
    out: Option<PathBuf>,
) -> PyResult<Outcome> {
    let (target, horizon) = asked(&target, horizon)?;
    within("horizon", horizon, 0..=HORIZON_MAX)?;
    within("folds", folds, 0..=FOLDS_MAX)?;
    within("rolling", rolling, 1..=100_000)?;
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.unwrap_or_else(cores);
    within("threads", threads, 1..=1024)?;
    number("ridge", Some(ridge), "a number of 0 or more", |ridge| ridge >= 0.0)?;
    number("c", c, "a number above 0, or None for no penalty", |c| c > 0.0)?;
    number("cut", cut, "a finite number, or None for the median", |_| true)?;
    number("pause", pause, "seconds, 0 or more", |pause| pause >= 0.0)?;
    let settings = Settings {
        features,
        target,
        horizon,
        linear,
        logistic,
        folds,
        ridge,
        c,
        cut,
        rolling,
        // Longer pauses than the whole of time make no difference.
        pause_ns: pause.map(|seconds| (seconds * 1e9) as i64),
        strict,
        seed,
        threads,
        trained_at: quant::trained_at(),
        parents: parents.iter().map(|parent| parent.artifact().clone()).collect(),
        name: None,
    };
    let stored = |given: &[Given<'_>]| given.iter().map(Given::stored).collect::<Vec<_>>();
    let (tables, holdout) = (stored(&tables), stored(&holdout));
    let folder = scratch.unwrap_or_else(std::env::temp_dir);
    let work = || {
        let trained = quant::train(&tables, &holdout, &settings, &folder, &mut |_| {})?;
        let page = quant::page(&trained);
        if let Some(out) = &out {
            write(out, &trained, &page)?;
        }
        Ok((trained, page))
    };
    // The same bits as the command line's, whatever a library has set in this thread.
    let done = py.detach(|| fenv::with_default(work));
    py.check_signals()?;
    let (trained, page) = done.map_err(|error| error::of_train(py, error))?;
    Ok(outcome(trained, page))
}

/// A target, and how many windows after its inputs it is.
fn asked(target: &str, horizon: Option<usize>) -> PyResult<(Target, usize)> {
    let target =
        Target::of(target).map_err(|error| PyValueError::new_err(format!("target: {error}")))?;
    let horizon = horizon.or(target.horizon()).unwrap_or(1);
    Ok((target, horizon))
}

fn outcome(trained: Trained, page: String) -> Outcome {
    let warnings = trained.warnings.iter().map(|warning| error::in_python(&warning.to_string()));
    let warnings = warnings.collect();
    let text = quant::text(&trained).replace("--json has", "figures have");
    let text = error::in_python(&text);
    let json = quant::json(&trained).to_string();
    let Trained { regression, classification, .. } = trained;
    (regression.map(Model::new), classification.map(Model::new), warnings, text, json, page)
}

/// Writes the files of the command line's `--out`.
fn write(out: &Path, trained: &Trained, page: &str) -> Result<(), quant::TrainError> {
    let mut files: Vec<(&str, Vec<u8>)> = vec![("report.html", page.as_bytes().to_vec())];
    let artifacts = [
        ("regression.fmodel", &trained.regression),
        ("classification.fmodel", &trained.classification),
    ];
    for (name, artifact) in artifacts {
        files.extend(artifact.as_ref().map(|artifact: &Artifact| (name, artifact.encode())));
    }
    quant::write_all(out, &files)
}

fn within(name: &str, value: usize, range: std::ops::RangeInclusive<usize>) -> PyResult<()> {
    if range.contains(&value) {
        return Ok(());
    }
    let (least, most) = range.into_inner();
    Err(PyValueError::new_err(format!("{name} is {value}: give {least} to {most}")))
}

fn number(
    name: &str,
    value: Option<f64>,
    what: &str,
    is_right: impl Fn(f64) -> bool,
) -> PyResult<()> {
    match value.filter(|&value| !value.is_finite() || !is_right(value)) {
        None => Ok(()),
        Some(value) => Err(PyValueError::new_err(format!("{name} is {value}: give {what}"))),
    }
}
