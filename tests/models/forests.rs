//! Forests against LightGBM's own raw scores, on rows of thresholds and their neighbours, missing
//! values, zeros and huge numbers.

use crate::common::shared;
use factord_core::model::image::{self, Content};
use factord_eval::Model;
use factord_eval::evaluator::{Evaluator, evaluate_forest};
use factord_models::file::Artifact;
use factord_models::import::{self, Options};
use flate2::read::GzDecoder;
use std::fs::File;
use std::io::Read;
use std::process::Command;

const MODELS: [&str; 4] = ["lgb_dart", "lgb_nomissing", "lgb_s100x6x32", "lgb_s128x8lv"];

/// A text beside the project.
fn text(file: &str) -> Option<String> {
    let mut text = String::new();
    let path = shared(&format!("trees/{file}"))?;
    GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    Some(text)
}

/// Features and the library's raw score, a row each; an empty cell is NaN.
fn rows(text: &str) -> Vec<(Vec<f64>, f64)> {
    let cell = |cell: &str| if cell.is_empty() { f64::NAN } else { cell.parse().unwrap() };
    let row = |line: &str| {
        let mut row: Vec<f64> = line.split(',').map(cell).collect();
        let raw = row.pop().unwrap();
        (row, raw)
    };
    text.lines().skip(1).map(row).collect()
}

fn imported(name: &str) -> Option<Artifact> {
    let text = text(&format!("{name}.txt.gz"))?;
    let options = Options { name: Some(name), ..Options::default() };
    Some(import::bytes(text.as_bytes(), &options).unwrap().artifact)
}

#[test]
fn every_raw_score_has_the_bits_of_lightgbm() {
    for name in MODELS {
        let (Some(artifact), Some(rows)) = (imported(name), text(&format!("{name}.csv.gz"))) else {
            return;
        };
        let rows = self::rows(&rows);
        assert!(rows.len() >= 1500, "{name}");
        let read = Artifact::decode(&artifact.encode()).unwrap();
        let evaluators = [&artifact, &read].map(|artifact| Evaluator::new(artifact.model()));
        // As a client maps it.
        let words = image::words(1, read.model());
        let Some(Content::Forest(mut check)) = image::read(&words, 1) else { panic!("{name}") };
        let parameters = &words[8..];
        while !check.step(parameters, 100).unwrap() {}
        let local = check.forest(parameters).unwrap();
        let mut differ = 0;
        for (x, raw) in &rows {
            let Model::Forest(forest) = read.model() else { panic!("{name} is no forest") };
            let answers = [
                forest.score(x).to_bits(),
                evaluators[0].evaluate(x).y,
                evaluators[1].evaluate(x).y,
                evaluate_forest(&local, x).y,
            ];
            differ += usize::from(answers != [raw.to_bits(); 4]);
        }
        println!("{name}: {} of {} rows have LightGBM's bits", rows.len() - differ, rows.len());
        assert_eq!(differ, 0, "{name}");
    }
}

#[test]
fn an_import_proves_itself_on_the_library_s_own_answers() {
    let (Some(model), Some(rows)) =
        (text("lgb_s128x8lv.txt.gz"), shared("trees/lgb_s128x8lv.csv.gz"))
    else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("own.txt");
    let run = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let mut import = Command::new(env!("CARGO_BIN_EXE_factord"));
        import.args(["import", "own.txt", "--verify"]).arg(&rows).current_dir(directory.path());
        import.output().unwrap()
    };
    let output = run(&model);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(
        said.starts_with("own.fmodel: forest model \"own\" of 16 features, 64 golden"),
        "{said}"
    );
    assert!(said.contains("verified: 1500 of 1500 raw scores in "), "{said}");
    assert!(said.contains("note: 128 trees, 1920 nodes"), "{said}");
    // Another leaf in the last tree: its rows are found, and nothing is written over the first.
    let before = std::fs::read(directory.path().join("own.fmodel")).unwrap();
    let place = model.rfind("leaf_value=").unwrap() + "leaf_value=".len();
    let changed = format!("{}7{}", &model[..place], &model[place + 1..]);
    let output = run(&changed);
    assert_eq!(output.status.code(), Some(65));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("raw scores have the library's bits; the first that differs is"),
        "{said}"
    );
    assert_eq!(std::fs::read(directory.path().join("own.fmodel")).unwrap(), before);
}
