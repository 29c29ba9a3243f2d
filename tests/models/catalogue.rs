//! Directories of models.

use crate::common::{Py, array, artifact, dump, linear, logistic, shared};
use factord_models::catalogue::{self, CatalogueError, LoadedModel};
use factord_models::file::MODEL_COUNT_MAX;
use prost::Message;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

fn save(directory: &Path, file: &str, name: &str, logistic: bool) {
    artifact(name, 3, logistic).save(&directory.join(file)).unwrap();
}

fn names(models: &[LoadedModel]) -> Vec<&str> {
    models.iter().map(|model| model.artifact.name()).collect()
}

fn refusal(directory: &Path) -> String {
    catalogue::load_dir(directory).unwrap_err().to_string()
}

#[test]
fn regression_and_classification_come_first_and_the_rest_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    save(path, "1.fmodel", "zeta", false);
    save(path, "2.fmodel", "classification", true);
    save(path, "3.fmodel", "Alpha", true);
    save(path, "4.fmodel", "regression", false);
    save(path, "5.fmodel", "alpha", false);
    std::fs::write(path.join("notes.txt"), "not a model").unwrap();
    std::fs::write(path.join(".6.fmodel.77.tmp"), "half a model").unwrap();
    std::fs::write(path.join(".hidden.fmodel"), "half a model").unwrap();
    let models = catalogue::load_dir(path).unwrap();
    assert_eq!(names(&models), ["regression", "classification", "Alpha", "alpha", "zeta"]);
    for model in &models {
        assert_eq!(model.bytes, model.artifact.encode());
        assert_eq!(model.sha256, model.artifact.sha256());
    }
    assert!(models[0].origin.ends_with("4.fmodel"));
}

#[test]
fn pickles_are_served_under_their_old_names_with_their_statistics() {
    let Some(jay) = shared("jay") else { return };
    let models = catalogue::load_dir(&jay).unwrap();
    let embedded = catalogue::embedded();
    assert_eq!(models.len(), 2);
    for (model, embedded) in models.iter().zip(&embedded) {
        assert_eq!(model.bytes, embedded.bytes);
    }
}

#[test]
fn onnx_models_are_served_under_the_old_names_where_nothing_more_exact_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let (regression, classification) = (crate::onnx::regression(), crate::onnx::classification());
    std::fs::write(path.join("regression_model.onnx"), regression.encode_to_vec()).unwrap();
    std::fs::write(path.join("classification_model.onnx"), classification.encode_to_vec()).unwrap();
    std::fs::write(path.join("other.onnx"), b"left alone").unwrap();
    let models = catalogue::load_dir(path).unwrap();
    assert_eq!(names(&models), ["regression", "classification"]);
    assert_eq!(models[0].artifact.model().affine().unwrap().weights()[0], f64::from(0.1f32));
    let pickle = dump(&linear(array(&[1], &[2.0]), Py::Int(0)), 4);
    std::fs::write(path.join("regression_model.pkl"), &pickle).unwrap();
    let models = catalogue::load_dir(path).unwrap();
    assert_eq!(models[0].artifact.model().affine().unwrap().weights(), [2.0]);
    assert_eq!(models.len(), 2);
}

#[test]
fn an_artifact_wins_over_the_pickle_of_the_same_model() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let pickle = dump(&linear(array(&[1], &[2.0]), Py::Int(0)), 4);
    std::fs::write(path.join("regression_model.pkl"), &pickle).unwrap();
    std::fs::write(path.join("other.pkl"), b"left alone").unwrap();
    let models = catalogue::load_dir(path).unwrap();
    assert_eq!(names(&models), ["regression"]);
    assert_eq!(models[0].artifact.model().width(), 1);
    save(path, "mine.fmodel", "regression", false);
    let models = catalogue::load_dir(path).unwrap();
    assert_eq!(names(&models), ["regression"]);
    assert_eq!(models[0].artifact.model().width(), 3);
}

#[test]
fn a_reserved_name_keeps_its_meaning() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    std::fs::write(path.join("regression_model.pkl"), dump(&logistic(vec![]), 4)).unwrap();
    let said = refusal(path);
    assert!(said.contains("regression_model.pkl: a model named \"regression\" must be linear"));
    let directory = tempfile::tempdir().unwrap();
    save(directory.path(), "c.fmodel", "classification", false);
    let said = refusal(directory.path());
    assert!(said.contains("c.fmodel: a model named \"classification\" must be logistic"), "{said}");
}

#[test]
fn two_models_of_one_name_are_refused_with_both_files() {
    let directory = tempfile::tempdir().unwrap();
    save(directory.path(), "a.fmodel", "same", false);
    save(directory.path(), "b.fmodel", "same", true);
    let said = refusal(directory.path());
    assert!(said.contains("a.fmodel and ") && said.contains("b.fmodel both hold"), "{said}");
}

#[test]
fn an_empty_or_missing_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    assert!(matches!(catalogue::load_dir(directory.path()), Err(CatalogueError::Empty { .. })));
    let missing = directory.path().join("missing");
    assert!(matches!(catalogue::load_dir(&missing), Err(CatalogueError::Directory { .. })));
}

#[test]
fn more_models_than_an_engine_has_rows_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    save(path, "0.fmodel", "m", false);
    for index in 1..=MODEL_COUNT_MAX + 5 {
        std::fs::hard_link(path.join("0.fmodel"), path.join(format!("{index}.fmodel"))).unwrap();
    }
    let said = refusal(path);
    assert!(said.contains("holds 4102 models: at most 4096"), "{said}");
    assert!(said.ends_with("remove 6"), "{said}");
}

#[test]
fn one_bad_file_refuses_the_directory_and_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    save(path, "good.fmodel", "good", false);
    let mut bytes = artifact("bad", 3, false).encode();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(path.join("bad.fmodel"), bytes).unwrap();
    let said = refusal(path);
    assert!(said.contains("bad.fmodel: the payload does not match its SHA-256"), "{said}");
    std::fs::remove_file(path.join("bad.fmodel")).unwrap();
    std::fs::write(path.join("classification_model.pkl"), b"\x80\x04cos\nsystem\n.").unwrap();
    let said = refusal(path);
    assert!(said.contains("classification_model.pkl: refused: os.system is not"), "{said}");
}

#[test]
fn a_pipe_or_a_folder_named_like_a_model_is_refused_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe.fmodel");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let said = refusal(directory.path());
    assert!(said.contains("pipe.fmodel: not a regular file"), "{said}");
    std::fs::remove_file(&pipe).unwrap();
    std::fs::create_dir(directory.path().join("folder.fmodel")).unwrap();
    assert!(refusal(directory.path()).contains("folder.fmodel"));
}

#[test]
fn a_file_that_has_not_changed_is_taken_over_and_any_other_is_checked() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    save(path, "a.fmodel", "a", false);
    save(path, "b.fmodel", "b", true);
    let mut before = catalogue::load_dir(path).unwrap();
    // Marks that only a model that was taken over carries.
    before.iter_mut().for_each(|model| model.sha256 = [7; 32]);
    let before: Vec<Arc<LoadedModel>> = before.into_iter().map(Arc::new).collect();
    let again = catalogue::load_dir_again(path, &before).unwrap();
    assert!(again.iter().zip(&before).all(|(again, before)| again == before));
    // The same bytes under another name are another file.
    std::fs::rename(path.join("b.fmodel"), path.join("c.fmodel")).unwrap();
    let again = catalogue::load_dir_again(path, &before).unwrap();
    assert_eq!((again[0].sha256, again[1].sha256), ([7; 32], again[1].artifact.sha256()));
    // One bit, with the size and the times that the file had.
    let file = path.join("a.fmodel");
    let time = std::fs::metadata(&file).unwrap().modified().unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[60] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    std::fs::File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
    let said = catalogue::load_dir_again(path, &before).unwrap_err().to_string();
    assert!(said.contains("a.fmodel: the payload does not match its SHA-256"), "{said}");
}
