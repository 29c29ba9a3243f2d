//! A model evaluated in this process, from its artifact: the code of the daemon's worker, and so
//! the same bits.

mod artifact;

use crate::prediction::Columns;
use crate::rows::{self, Blocks};
use crate::{error, stream};
use factord_core::counters;
use factord_eval::evaluator::Evaluator;
use factord_eval::simd::VECTOR_LEN;
use factord_eval::vectors::Level;
use factord_factors::Stated;
use factord_models::file::Artifact;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::path::PathBuf;

/// A model with everything that its artifact holds, evaluated in this process by the very code of
/// the daemon: a backtest and production agree to the last bit.
///
/// `train` and `from_sklearn` make one, `load` reads its file, and `Model(data)` its bytes, which
/// `bytes(model)` gives. It can be pickled, and equals a model of the same bytes.
///
/// >>> model = factord.Model.load("models/regression.fmodel")
/// >>> model.name, model.kind, model.width
/// ('regression', 'linear', 3)
/// >>> model.predict(np.array([[0.5, 0.2, 0.3]])).y
/// array([0.50005386])
#[pyclass(frozen, module = "factord")]
pub(crate) struct Model {
    artifact: Artifact,
    evaluator: Evaluator,
    level: Level,
    hash: [u8; 32],
}

#[pymethods]
impl Model {
    #[new]
    fn of_bytes(py: Python<'_>, data: &[u8]) -> PyResult<Model> {
        Ok(Model::new(artifact::decoded(py, data)?))
    }

    /// Reads an artifact and checks everything it claims, its golden vectors included.
    ///
    /// Raises ArtifactError for anything but a sound artifact, and OSError when it cannot be read.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Model> {
        let artifact =
            py.detach(|| Artifact::load(&path)).map_err(|error| error::of_artifact(py, error))?;
        Ok(Model::new(artifact))
    }

    /// Predicts each row of an array of shape (n, width), a data frame or an Arrow table.
    ///
    /// Columns of a table are found by the model's feature names, or by buy_rate, large_buy and
    /// large_sell; a table with none of these gives its first columns. The interpreter is let go
    /// meanwhile. A row with no prediction reads NaN and has a status.
    fn predict<'py>(&self, rows: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = rows.py();
        let names = PyTuple::new(py, [PyTuple::new(py, self.feature_names())?])?;
        let segments = rows::segments(rows, self.width(), &names)?;
        stream::in_process(py, &segments, |blocks, columns| self.evaluate(blocks, columns))?
            .into_python(py)
    }

    /// The name it is served under.
    #[getter]
    fn name(&self) -> &str {
        self.artifact.name()
    }

    /// What it computes: "linear", "logistic" or "forest".
    #[getter]
    fn kind(&self) -> &'static str {
        self.kind_name()
    }

    /// Its number of features.
    #[getter]
    fn width(&self) -> usize {
        self.artifact.model().width()
    }

    /// One name a feature, in the order of evaluation.
    #[getter]
    fn feature_names(&self) -> Vec<String> {
        self.artifact.details().feature_names.clone()
    }

    /// SHA-256 of the artifact, in hexadecimal: what the daemon's model table says too.
    #[getter]
    fn sha256(&self) -> String {
        artifact::hexadecimal(&self.hash)
    }

    /// The first eight bytes of the SHA-256, little-endian: what answers carry.
    #[getter]
    fn fingerprint(&self) -> u64 {
        self.own_fingerprint()
    }

    /// How many windows after its inputs the target is; None where the artifact does not state it.
    #[getter]
    fn horizon(&self) -> Option<u32> {
        let training = self.artifact.facts().and_then(|facts| facts.training.as_ref());
        training.map(|training| training.horizon)
    }
}

impl Model {
    pub(crate) fn new(artifact: Artifact) -> Model {
        let evaluator = Evaluator::new(artifact.model());
        let hash = artifact.sha256();
        Model { evaluator, level: Level::best(), hash, artifact }
    }

    pub(crate) fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    pub(crate) fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    pub(crate) fn kind_name(&self) -> &'static str {
        self.artifact.kind().name()
    }

    fn own_fingerprint(&self) -> u64 {
        counters::fingerprint(&self.hash)
    }

    /// The settings that its artifact states.
    pub(crate) fn stated(&self) -> &Stated {
        self.artifact.settings()
    }

    fn evaluate(&self, blocks: &Blocks<'_>, columns: &mut Columns) {
        let rows = blocks.rows();
        let first = columns.lay_out(blocks.count());
        let (width, fingerprint) = (self.width(), self.own_fingerprint());
        let (mut rest, mut row) = (rows, first);
        if width == 3 {
            let groups = rows.chunks_exact(3 * VECTOR_LEN);
            rest = groups.remainder();
            for group in groups {
                let x = core::array::from_fn(|feature| {
                    core::array::from_fn(|at| group[3 * at + feature])
                });
                for evaluation in &self.evaluator.evaluate_vector(self.level, &x) {
                    columns.set_evaluated(row, evaluation, fingerprint);
                    row += 1;
                }
            }
        }
        for x in rest.chunks_exact(width) {
            columns.set_evaluated(row, &self.evaluator.evaluate(x), fingerprint);
            row += 1;
        }
    }
}
