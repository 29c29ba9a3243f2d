//! The two real models: import, exactness, and the copies that are built in.

use crate::common::shared;
use factord_eval::eval::eval;
use factord_eval::{Kind, Model};
use factord_models::catalogue::{self, LoadedModel};
use factord_models::import::{self, Import};

fn imported(name: &str) -> Option<Import> {
    let pickle = shared(&format!("jay/{name}_model.pkl"))?;
    let stats = shared("jay/data_stats.json")?;
    Some(
        import::load(&pickle, &import::Given { stats: Some(&stats), ..Default::default() })
            .unwrap(),
    )
}

fn embedded(name: &str) -> LoadedModel {
    let found = catalogue::embedded().into_iter().find(|model| model.artifact.name() == name);
    found.unwrap()
}

#[test]
fn both_pickles_import_with_every_figure() {
    let (Some(regression), Some(classification)) =
        (imported("regression"), imported("classification"))
    else {
        return;
    };
    assert_eq!(regression.left_out, ["metadata/feature_importance"]);
    assert!(classification.left_out.is_empty());
    let linear = Model::linear(
        vec![-0.9997903460196901, 0.0008324003563712284, -0.0003025115330888412],
        0.9998733022488835,
    );
    assert_eq!(regression.artifact.model(), &linear.unwrap());
    let logistic = Model::logistic(
        vec![-25.45976903924657, -0.13574999387855247, 0.18191314824008692],
        0.02882186720909191,
        vec![0.4756751741567573, 0.09088601561740596, 0.11101728283057383],
        vec![0.08738408673478062, 0.06620068124622505, 0.0736027385247339],
    );
    assert_eq!(classification.artifact.model(), &logistic.unwrap());
    let details = classification.artifact.details();
    assert_eq!(details.threshold, Some(0.5243));
    assert_eq!(details.trained_at, "2025-08-28T16:28:55.420497");
    assert_eq!(details.target, "S_LI_INITIATIVESELLRATE_binary");
    assert_eq!(
        details.feature_names,
        ["S_LI_INITIATIVEBUYRATE", "S_LI_LARGEBUYRATE", "S_LI_LARGESELLRATE"]
    );
    assert_eq!(details.feature_stats[1].std, 0.06610691930062207);
    assert_eq!(details.target_stats.unwrap().median, Some(0.5243));
    assert_eq!(
        regression.artifact.metrics_json(),
        serde_json::json!({
            "r2_score": 0.9980743444689731, "rmse": 0.0037932944087318054,
            "training_samples": 30863, "test_samples": 7716,
        })
    );
    let report = classification.artifact.metrics_json();
    assert_eq!(report["classification_report"]["0"]["f1-score"], 0.9983240943663787);
    assert_eq!(report["classification_report"]["weighted avg"]["support"], 7716.0);
}

#[test]
fn the_built_in_models_are_the_imported_ones_byte_for_byte() {
    for name in ["regression", "classification"] {
        let Some(import) = imported(name) else { return };
        assert_eq!(import.artifact.encode(), embedded(name).bytes);
    }
}

#[test]
fn the_built_in_models_come_in_the_order_of_their_ids() {
    let served = catalogue::embedded();
    let names: Vec<&str> = served.iter().map(|model| model.artifact.name()).collect();
    assert_eq!(names, ["regression", "classification"]);
    assert_eq!(served[0].artifact.kind(), Kind::Linear);
    assert_eq!(served[1].artifact.kind(), Kind::Logistic);
    for model in served {
        assert_eq!(model.sha256, model.artifact.sha256());
        assert_eq!(model.artifact.golden().len(), 51);
    }
}

#[test]
fn the_hashes_in_the_models_readme_are_those_of_the_files() {
    let readme = include_str!("../../models/README.md");
    for model in catalogue::embedded() {
        let hex: String = model.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(readme.contains(&hex), "{}: {hex}", model.artifact.name());
    }
}

#[test]
fn the_example_of_the_contract_is_answered_exactly() {
    let x = [0.5, 0.2, 0.3];
    assert_eq!(eval(embedded("regression").artifact.model(), &x).y, 0.500053855850386);
    let classified = eval(embedded("classification").artifact.model(), &x);
    assert_eq!((classified.y, classified.second), (0.0010959928197428772, 0.0));
}

#[test]
fn all_golden_rows_are_answered_as_scikit_learn_does() {
    let Some(path) = shared("jay/golden.csv") else { return };
    let (regression, classification) = (embedded("regression"), embedded("classification"));
    let close = |found: f64, expected: f64| (found - expected).abs() <= 1e-12 * expected.abs();
    let mut row_count = 0;
    for row in csv::Reader::from_path(path).unwrap().deserialize::<[f64; 6]>() {
        let [a, b, c, y, probability, class] = row.unwrap();
        let x = [a, b, c];
        let predicted = eval(regression.artifact.model(), &x);
        assert!(close(predicted.y, y), "{x:?}: {} for {y}", predicted.y);
        let classified = eval(classification.artifact.model(), &x);
        assert!(close(classified.y, probability), "{x:?}: {} for {probability}", classified.y);
        assert_eq!(classified.second, class, "{x:?}");
        row_count += 1;
    }
    assert_eq!(row_count, 4000);
}
