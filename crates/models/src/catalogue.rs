//! The models a daemon serves: those it was built with, those of a directory, or those that a
//! store's deployment names.

mod deployed;

use super::file::{self, Artifact, ArtifactFileError, MODEL_COUNT_MAX};
use super::import::{self, Given, ImportFileError};
use crate::store::{self, ARM_COUNT_MAX, StoreError};
use crate::whole;
use factord_eval::Kind;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::Arc;
use thiserror::Error;

/// The two models of the HTTP interface, which come first.
const FIRST: [&str; 2] = ["regression", "classification"];

/// How the files end from which these two may be imported, `regression_model.pkl` first: a pickle
/// holds float64, an ONNX model most often float32.
const IMPORTED: [&str; 2] = ["_model.pkl", "_model.onnx"];

/// Statistics of the training data next to such files.
const IMPORTED_STATS: &str = "data_stats.json";

/// A model ready to be served.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadedModel {
    /// The model, checked.
    pub artifact: Artifact,
    /// Its canonical encoding.
    pub bytes: Vec<u8>,
    /// SHA-256 of that encoding.
    pub sha256: [u8; 32],
    /// Where it came from: a path, or `built in`.
    pub origin: String,
    /// The generation that a store's deployment gives it.
    pub generation: Option<u32>,
    /// What shares its name's requests with it.
    pub split: Option<LoadedSplit>,
}

/// How a store's deployment divides the requests for a name.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadedSplit {
    /// What the hash of unit keys starts from.
    pub salt: u64,
    /// The upper ends of the first three arms' shares, in 1/256.
    pub ends: [u16; ARM_COUNT_MAX - 1],
    /// The further arms, in the order of their numbers, from 1.
    pub arms: Vec<Arc<LoadedModel>>,
}

/// Why a directory cannot be served.
#[derive(Debug, Error)]
pub enum CatalogueError {
    /// It could not be listed.
    #[error("cannot read the model directory {}: {error}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// It holds no models.
    #[error(
        "{} holds no models: put *.fmodel files or regression_model.pkl there",
        path.display()
    )]
    Empty {
        /// The directory.
        path: PathBuf,
    },
    /// It holds more models than the table in shared memory has rows.
    #[error(
        "{} holds {found} models: at most {MODEL_COUNT_MAX} can be served; remove {}",
        path.display(),
        found - MODEL_COUNT_MAX
    )]
    TooMany {
        /// The directory.
        path: PathBuf,
        /// The number of models.
        found: usize,
    },
    /// Two artifacts have the same name.
    #[error("{first} and {second} both hold a model named {name:?}: remove one")]
    DuplicateName {
        /// The name.
        name: String,
        /// One file.
        first: String,
        /// The other.
        second: String,
    },
    /// The model of a reserved name computes something else.
    #[error("{origin}: a model named {name:?} must be {}, this one is {}", expected.name(), found.name())]
    WrongKind {
        /// The file.
        origin: String,
        /// The name.
        name: String,
        /// What its users expect.
        expected: Kind,
        /// What it is.
        found: Kind,
    },
    /// The file of a name holds another one.
    #[error("{origin} holds a model named {found:?}, not {expected:?}: reload all models instead")]
    OtherName {
        /// The file.
        origin: String,
        /// The name that was asked for.
        expected: String,
        /// The name in the file.
        found: String,
    },
    /// There is no such name.
    #[error("there is no built-in model named {name:?}")]
    NotBuiltIn {
        /// The name that was asked for.
        name: String,
    },
    /// A store is not sound, or serves nothing of that name.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An artifact is not sound.
    #[error(transparent)]
    Artifact(#[from] ArtifactFileError),
    /// A pickle or ONNX model cannot be imported.
    #[error(transparent)]
    Import(#[from] ImportFileError),
}

impl LoadedModel {
    /// Makes a model ready to be served.
    pub fn new(artifact: Artifact, origin: String) -> LoadedModel {
        let bytes = artifact.encode();
        let sha256 = file::sha256(&bytes);
        LoadedModel { artifact, bytes, sha256, origin, generation: None, split: None }
    }

    /// Reads a file. One with the very bytes that `before` holds from there was checked then, and
    /// is not checked again.
    fn read(
        path: &Path,
        before: &HashMap<&str, &Arc<LoadedModel>>,
    ) -> Result<Arc<LoadedModel>, ArtifactFileError> {
        let (bytes, origin) = (file::read(path)?, path.display().to_string());
        if let Some(&known) = before.get(origin.as_str())
            && known.bytes == bytes
        {
            return Ok(Arc::clone(known));
        }
        let artifact = Artifact::decode_file(path, &bytes)?;
        // Only the one canonical encoding is accepted, so that these bytes are it.
        let sha256 = file::sha256(&bytes);
        let (generation, split) = (None, None);
        Ok(Arc::new(LoadedModel { artifact, bytes, sha256, origin, generation, split }))
    }
}

/// The models built into the program: `regression`, then `classification`.
pub fn embedded() -> Vec<LoadedModel> {
    let files: [&[u8]; 2] = [
        include_bytes!("../../../models/regression.fmodel"),
        include_bytes!("../../../models/classification.fmodel"),
    ];
    files
        .into_iter()
        .map(|bytes| {
            let artifact = Artifact::decode(bytes).expect("tests/models decodes these very bytes");
            LoadedModel::new(artifact, "built in".to_owned())
        })
        .collect()
}

/// Reads the models of a directory: every `*.fmodel`, and `regression_model` and
/// `classification_model` as `.pkl` or `.onnx`, in this order of preference. `regression` comes
/// first, then `classification`, then the others by name.
///
/// # Errors
///
/// [`CatalogueError`] names the file; one bad file refuses the whole directory.
pub fn load_dir(path: &Path) -> Result<Vec<LoadedModel>, CatalogueError> {
    let models = load_dir_again(path, &[])?;
    Ok(models.into_iter().map(Arc::unwrap_or_clone).collect())
}

/// The same, when the models of `before` are being served: artifacts that have not changed are
/// taken from there.
///
/// # Errors
///
/// As for [`load_dir`].
pub fn load_dir_again(
    path: &Path,
    before: &[Arc<LoadedModel>],
) -> Result<Vec<Arc<LoadedModel>>, CatalogueError> {
    if store::is_store(path) {
        return Ok(load_store(path, before)?.0);
    }
    let unreadable = |error| CatalogueError::Directory { path: path.to_owned(), error };
    // A training that was killed may have left files that count without their names. Whoever may
    // not write here reads them as they stand.
    let _ = whole::finish(path);
    let (mut files, mut found) = (Vec::new(), 0);
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes()[0] == b'.');
        if !hidden && file.extension().is_some_and(|extension| extension == "fmodel") {
            found += 1;
            if found <= MODEL_COUNT_MAX {
                files.push(file);
            }
        }
    }
    if found > MODEL_COUNT_MAX {
        return Err(CatalogueError::TooMany { path: path.to_owned(), found });
    }
    // Sorted, so that the same directory gives the same refusal.
    files.sort();
    let before = by_origin(before);
    let mut models = Models::default();
    for file in files {
        models.add(LoadedModel::read(&file, &before)?)?;
    }
    let stats = Some(path.join(IMPORTED_STATS)).filter(|stats| stats.exists());
    for (name, ending) in FIRST.into_iter().flat_map(|name| IMPORTED.map(|ending| (name, ending))) {
        let file = path.join(format!("{name}{ending}"));
        if file.exists() && !models.places.contains_key(name) {
            models.add(imported(&file, name, stats.as_deref())?)?;
        }
    }
    let models = models.in_order();
    if models.is_empty() {
        return Err(CatalogueError::Empty { path: path.to_owned() });
    }
    if models.len() > MODEL_COUNT_MAX {
        return Err(CatalogueError::TooMany { path: path.to_owned(), found: models.len() });
    }
    Ok(models)
}

/// Reads what a store serves, in the order of [`load_dir`]; returns the line of its ledger, too, up
/// to which that is so.
///
/// # Errors
///
/// [`CatalogueError`] names the file; one bad object refuses the whole deployment.
pub fn load_store(
    root: &Path,
    before: &[Arc<LoadedModel>],
) -> Result<(Vec<Arc<LoadedModel>>, u64), CatalogueError> {
    let objects = store::objects(root)?;
    let deployment = store::deployment(root)?;
    if deployment.names.is_empty() {
        return Err(CatalogueError::Empty { path: root.to_owned() });
    }
    let before = by_origin(before);
    let mut models = Models::default();
    for (name, served) in &deployment.names {
        models.add(LoadedModel::of_object(&objects, name, served, &before)?)?;
    }
    Ok((models.in_order(), deployment.line))
}

/// Reads what a store serves under one name; returns the line as [`load_store`] does.
///
/// # Errors
///
/// [`CatalogueError`] names the file.
pub fn load_served(
    root: &Path,
    name: &str,
    before: Option<&Arc<LoadedModel>>,
) -> Result<(Arc<LoadedModel>, u64), CatalogueError> {
    let objects = store::objects(root)?;
    let deployment = store::deployment(root)?;
    let served = deployment.names.get(name);
    let served = served.ok_or_else(|| StoreError::NotServed { name: name.to_owned() })?;
    let before = by_origin(before.map(slice::from_ref).unwrap_or_default());
    let model = LoadedModel::of_object(&objects, name, served, &before)?;
    check_kind(&model)?;
    Ok((model, deployment.line))
}

/// Reads the model of one name: from where `before` came from or, without it, from `NAME.fmodel` in
/// the directory. It does not look whether another file holds a model of that name too.
///
/// # Errors
///
/// [`CatalogueError`] names the file.
pub fn load_one(
    directory: &Path,
    name: &str,
    before: Option<&Arc<LoadedModel>>,
) -> Result<Arc<LoadedModel>, CatalogueError> {
    let plain = || directory.join(format!("{name}.fmodel"));
    let file = before.map_or_else(plain, |before| PathBuf::from(&before.origin));
    let model = if file.extension().is_some_and(|extension| extension == "fmodel") {
        LoadedModel::read(&file, &by_origin(before.map(slice::from_ref).unwrap_or_default()))?
    } else {
        let stats = Some(directory.join(IMPORTED_STATS)).filter(|stats| stats.exists());
        imported(&file, name, stats.as_deref())?
    };
    let found = model.artifact.name();
    if found != name {
        let (origin, expected) = (model.origin.clone(), name.to_owned());
        return Err(CatalogueError::OtherName { origin, expected, found: found.to_owned() });
    }
    check_kind(&model)?;
    Ok(model)
}

fn by_origin(models: &[Arc<LoadedModel>]) -> HashMap<&str, &Arc<LoadedModel>> {
    models.iter().map(|model| (model.origin.as_str(), model)).collect()
}

fn imported(
    file: &Path,
    name: &str,
    stats: Option<&Path>,
) -> Result<Arc<LoadedModel>, ImportFileError> {
    let given = Given { name: Some(name), stats, ..Given::default() };
    let import = import::load(file, &given)?;
    Ok(Arc::new(LoadedModel::new(import.artifact, file.display().to_string())))
}

/// Refuses a model whose kind is not the one its name promises.
fn check_kind(model: &LoadedModel) -> Result<(), CatalogueError> {
    let name = model.artifact.name();
    let expected = match name {
        "regression" => Kind::Linear,
        "classification" => Kind::Logistic,
        _ => return Ok(()),
    };
    let found = model.artifact.kind();
    if found == expected {
        return Ok(());
    }
    let (name, origin) = (name.to_owned(), model.origin.clone());
    Err(CatalogueError::WrongKind { origin, name, expected, found })
}

/// Models of different names.
#[derive(Default)]
struct Models {
    models: Vec<Arc<LoadedModel>>,
    /// Where the model of a name stands.
    places: HashMap<String, usize>,
}

impl Models {
    /// The first two first, the others by name.
    fn in_order(self) -> Vec<Arc<LoadedModel>> {
        let mut models = self.models;
        models.sort_by_key(|model| (rank(model.artifact.name()), model.artifact.name().to_owned()));
        models
    }

    /// Adds a model whose name is new, and whose kind is the one its name promises.
    fn add(&mut self, model: Arc<LoadedModel>) -> Result<(), CatalogueError> {
        check_kind(&model)?;
        let name = model.artifact.name();
        if let Some(&place) = self.places.get(name) {
            let (first, second) = (self.models[place].origin.clone(), model.origin.clone());
            return Err(CatalogueError::DuplicateName { name: name.to_owned(), first, second });
        }
        self.places.insert(name.to_owned(), self.models.len());
        self.models.push(model);
        Ok(())
    }
}

fn rank(name: &str) -> usize {
    FIRST.iter().position(|first| *first == name).unwrap_or(FIRST.len())
}
