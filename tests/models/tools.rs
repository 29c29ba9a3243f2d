//! `factord import`, `check` and `model show`, as a shell sees them.

use crate::common::{Py, array, artifact, dict, dump, linear, shared, text};
use factord_models::file::Artifact;
use prost::Message;
use std::path::Path;
use std::process::{Command, Output};

fn factord(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_factord"));
    command.current_dir(directory).args(arguments);
    // No daemon of this user may answer.
    command.env("FACTORD_SOCKET", directory.join("no.sock")).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn an_imported_pickle_is_checked_and_explained() {
    let directory = tempfile::tempdir().unwrap();
    let pickle = dict(vec![
        ("model", linear(array(&[2], &[1.5, -2.0]), Py::Float(0.5))),
        ("metadata", dict(vec![("author", text("someone"))])),
    ]);
    std::fs::write(directory.path().join("spread.pkl"), dump(&pickle, 4)).unwrap();
    let run = |arguments: &[&str]| factord(directory.path(), arguments);
    let output = run(&["import", "spread.pkl"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("spread.fmodel: linear model \"spread\" of 2 features"));
    assert!(stdout(&output).contains("metadata/author"));
    let written = Artifact::load(&directory.path().join("spread.fmodel")).unwrap();
    let output = run(&["check", "spread.fmodel", "spread.pkl", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let rows = json(&output);
    assert_eq!(rows.as_array().unwrap().len(), 2);
    let hex: String = written.sha256().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(rows[0]["sha256"], hex);
    assert_eq!(rows[0]["sha256"], rows[1]["sha256"]);
    let output = run(&["model", "show", "spread.fmodel"]);
    assert!(stdout(&output).contains("y = 1.5 * x0 + -2.0 * x1 + 0.5"), "{}", stdout(&output));
    let shown = json(&run(&["model", "show", "spread.fmodel", "--json"]));
    assert_eq!(shown["features"][1]["weight"], -2.0);
    assert_eq!(shown["intercept"], 0.5);
    let output = run(&["import", "spread.pkl", "--name", "other", "--json"]);
    assert_eq!(json(&output)["out"], "other.fmodel");
    assert_eq!(json(&output)["left_out"][0], "metadata/author");
}

#[test]
fn an_onnx_model_is_imported_checked_and_explained_like_a_pickle() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = crate::onnx::regression().encode_to_vec();
    std::fs::write(directory.path().join("spread.onnx"), bytes).unwrap();
    // What a file is, its content says.
    let bytes = crate::onnx::classification().encode_to_vec();
    std::fs::write(directory.path().join("odd.pkl"), bytes).unwrap();
    let run = |arguments: &[&str]| factord(directory.path(), arguments);
    let output = run(&["import", "spread.onnx", "--features", "buy,sell"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("spread.fmodel: linear model \"spread\" of 2 features"));
    assert!(stdout(&output).contains("note: its numbers are float32, widened"));
    let shown = json(&run(&["model", "show", "spread.fmodel", "--json"]));
    assert_eq!(shown["features"][1]["name"], "sell");
    assert_eq!(shown["features"][0]["weight"], f64::from(0.1f32));
    let output = run(&["import", "odd.pkl", "--json"]);
    assert_eq!(json(&output)["notes"].as_array().unwrap().len(), 1);
    let output = run(&["check", "spread.onnx", "odd.pkl", "odd.fmodel", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let rows = json(&output);
    assert_eq!(rows[1]["sha256"], rows[2]["sha256"]);
    assert_eq!(
        json(&run(&["model", "show", "spread.onnx", "--json"]))["intercept"],
        f64::from(0.3f32)
    );
    std::fs::write(directory.path().join("cut.onnx"), b"\x08\x08").unwrap();
    let output = run(&["import", "cut.onnx"]);
    assert_eq!(output.status.code(), Some(65));
    assert!(
        stderr(&output).contains("cut.onnx: refused: 0 graphs, not one"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_real_pickle_imports_to_the_very_bytes_that_ship() {
    let (Some(pickle), Some(stats)) =
        (shared("jay/regression_model.pkl"), shared("jay/data_stats.json"))
    else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let (pickle, stats) = (pickle.canonicalize().unwrap(), stats.canonicalize().unwrap());
    let output = Command::new(env!("CARGO_BIN_EXE_factord"))
        .current_dir(directory.path())
        .arg("import")
        .arg(pickle)
        .arg("--stats")
        .arg(stats)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let written = std::fs::read(directory.path().join("regression.fmodel")).unwrap();
    assert_eq!(written, include_bytes!("../../models/regression.fmodel"));
}

#[test]
fn built_in_models_are_shown_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let output = factord(directory.path(), &["model", "show", "classification"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let page = stdout(&output);
    for expected in ["built in", "0.5243", "-25.45976903924657", "class 1 when d > 0", "f1-score"] {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
}

#[test]
fn a_wide_model_is_shown_in_part_and_in_json_whole() {
    let directory = tempfile::tempdir().unwrap();
    artifact("wide", 1000, true).save(&directory.path().join("wide.fmodel")).unwrap();
    let run = |arguments: &[&str]| factord(directory.path(), arguments);
    let page = stdout(&run(&["model", "show", "wide", "--models", "."]));
    assert!(page.contains("and 968 more"), "{page}");
    let shown = json(&run(&["model", "show", "wide.fmodel", "--json"]));
    assert_eq!(shown["features"].as_array().unwrap().len(), 1000);
}

#[test]
fn refusals_name_the_file_and_carry_their_exit_code() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| std::fs::write(directory.path().join(name), bytes);
    file("evil.pkl", b"\x80\x04cos\nsystem\nX\x02\0\0\0id\x85R.").unwrap();
    file("bad.fmodel", b"FMODEL\r\n").unwrap();
    file("good.pkl", &dump(&linear(array(&[1], &[1.0]), Py::Int(0)), 4)).unwrap();
    file("bad.json", b"{\n\"feature_means\": 1}").unwrap();
    std::fs::create_dir(directory.path().join("empty")).unwrap();
    for (arguments, code, expected) in [
        (&["import", "evil.pkl"][..], 65, "evil.pkl: refused: os.system is not on the allow-list"),
        (&["import", "missing.pkl"], 66, "missing.pkl: No such file"),
        (&["import", "good.pkl", "--stats", "missing.json"], 66, "missing.json: No such file"),
        (&["import", "good.pkl", "--stats", "bad.json"], 65, "at line 2 column"),
        (&["import", "good.pkl", "--name", "a/b"], 65, "\"a/b\" is not a valid model name"),
        (&["import", "good.pkl", "--out", "no/where.fmodel"], 73, "no/where.fmodel"),
        (&["import", "empty"], 66, "empty: is a directory"),
        (&["check", "evil.pkl"], 65, "evil.pkl: refused: os.system"),
        (&["check", "bad.fmodel"], 65, "bad.fmodel: 8 bytes are too few"),
        (&["check", "missing.fmodel"], 66, "missing.fmodel"),
        (&["check", "missing.fmodel", "good.pkl", "bad.fmodel"], 66, "2 of 3 refused"),
        (&["check", "--models", "empty"], 66, "empty holds no models"),
        (&["check", "--models", "nowhere"], 66, "nowhere"),
        (&["check"], 64, "FILE"),
        (&["model", "show", "nosuch"], 66, "there are regression, classification"),
        (&["model", "show", "bad.fmodel"], 65, "bad.fmodel"),
        (&["model", "show", "missing.fmodel"], 66, "missing.fmodel"),
        (&["model", "show", "regression", "--served"], 69, "no.sock"),
        (&["model", "reload"], 69, "no.sock"),
    ] {
        let output = factord(directory.path(), arguments);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
    let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().flatten().collect();
    assert_eq!(left.len(), 5, "a refused import left a file behind: {left:?}");
}

#[test]
fn check_reports_every_file_and_the_first_code() {
    let directory = tempfile::tempdir().unwrap();
    artifact("good", 3, true).save(&directory.path().join("good.fmodel")).unwrap();
    std::fs::write(directory.path().join("bad.fmodel"), b"nothing").unwrap();
    let output = factord(directory.path(), &["check", "bad.fmodel", "good.fmodel", "--json"]);
    assert_eq!(output.status.code(), Some(65));
    let rows = json(&output);
    assert_eq!((&rows[0]["ok"], &rows[1]["ok"]), (&false.into(), &true.into()));
    assert!(rows[0]["error"].as_str().unwrap().contains("bad.fmodel"));
}
