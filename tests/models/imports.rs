//! Imports: what scikit-learn writes is understood, or refused in words.

use crate::common::*;
use factord_eval::Model;
use factord_models::file::MetricValue;
use factord_models::import::{self, Import, ImportError, Options, Stats};
use std::path::Path;

fn import(value: &Py) -> Result<Import, ImportError> {
    import::pickle(&dump(value, 4), &Options::default())
}

fn refusal(value: &Py) -> String {
    import(value).unwrap_err().to_string()
}

fn plain() -> Py {
    linear(array(&[2], &[1.5, -2.0]), Py::Float(0.5))
}

fn plain_model() -> Model {
    Model::linear(vec![1.5, -2.0], 0.5).unwrap()
}

/// The dictionary the replaced service writes.
fn envelope(model: Py, more: Vec<(&str, Py)>) -> Py {
    dict([("model", model)].into_iter().chain(more).collect())
}

#[test]
fn every_protocol_from_2_to_5_gives_the_same_model() {
    for protocol in 2..=5 {
        let bytes = dump(&pipeline(vec![scaler(true, true), logistic(vec![])]), protocol);
        let import = import::pickle(&bytes, &Options::default()).unwrap();
        let expected =
            Model::logistic(vec![0.5, -2.0], 0.25, vec![0.25, 4.0], vec![0.5, 8.0]).unwrap();
        assert_eq!(import.artifact.model(), &expected, "protocol {protocol}");
    }
    for protocol in [0, 1, 6, 255] {
        let bytes = dump(&plain(), protocol);
        assert!(import::pickle(&bytes, &Options::default()).is_err(), "protocol {protocol}");
    }
}

#[test]
fn an_estimator_alone_gets_numbered_features() {
    let import = import(&plain()).unwrap();
    assert_eq!(import.artifact.model(), &plain_model());
    assert_eq!(import.artifact.details().feature_names, ["x0", "x1"]);
    assert_eq!(import.artifact.name(), "regression");
}

#[test]
fn an_estimator_keeps_the_names_it_was_fitted_with() {
    let fitted = raw_array(&[2], dtype("O8", "|"), false, names(&["buy", "sell"]));
    let estimator = object(
        "sklearn.linear_model._ridge",
        "Ridge",
        vec![
            ("coef_", array(&[2], &[1.5, -2.0])),
            ("intercept_", Py::Float(0.5)),
            ("feature_names_in_", fitted),
            ("n_features_in_", Py::Int(2)),
        ],
    );
    let found = import(&estimator).unwrap();
    assert_eq!(found.artifact.details().feature_names, ["buy", "sell"]);
    assert_eq!(found.artifact.model(), &plain_model());
    let swapped = envelope(estimator, vec![("feature_names", names(&["sell", "buy"]))]);
    assert!(refusal(&swapped).contains("feature_names_in_"), "{}", refusal(&swapped));
}

#[test]
fn names_given_name_the_features_unless_the_pickle_names_others() {
    let given = ["a".to_owned(), "b".to_owned()];
    let options = Options { features: Some(&given), ..Options::default() };
    let import = |value: &Py| import::bytes(&dump(value, 4), &options);
    assert_eq!(import(&plain()).unwrap().artifact.details().feature_names, given);
    let same = envelope(plain(), vec![("feature_names", names(&["a", "b"]))]);
    assert!(import(&same).is_ok());
    let others = envelope(plain(), vec![("feature_names", names(&["b", "a"]))]);
    let said = import(&others).unwrap_err().to_string();
    assert!(said.contains("differ from the pickle's `feature_names`"), "{said}");
}

#[test]
fn penalised_linear_models_predict_like_any_other() {
    for (module, name) in [
        ("sklearn.linear_model._ridge", "Ridge"),
        ("sklearn.linear_model._coordinate_descent", "Lasso"),
        ("sklearn.linear_model._coordinate_descent", "ElasticNet"),
        ("sklearn.linear_model.base", "LinearRegression"),
        ("sklearn.linear_model._ridge", "RidgeCV"),
        ("sklearn.linear_model._coordinate_descent", "LassoCV"),
        ("sklearn.linear_model._coordinate_descent", "ElasticNetCV"),
    ] {
        let state =
            vec![("coef_", array(&[1, 2], &[1.5, -2.0])), ("intercept_", array(&[1], &[0.5]))];
        let import = import(&object(module, name, state)).unwrap();
        assert_eq!(import.artifact.model(), &plain_model(), "{name}");
        assert!(import.artifact.details().source.contains(name));
    }
}

#[test]
fn a_logistic_model_that_chose_its_penalty_is_one_like_any_other() {
    let Py::Build(_, state) = logistic(vec![]) else { panic!("an object with a state") };
    let class = Py::Global("sklearn.linear_model._logistic", "LogisticRegressionCV");
    let chosen = Py::Build(Box::new(Py::New(Box::new(class))), state);
    let import_of = |value: &Py| import(value).unwrap().artifact;
    assert_eq!(import_of(&chosen).model(), import_of(&logistic(vec![])).model());
    assert!(import_of(&chosen).details().source.contains("LogisticRegressionCV"));
}

#[test]
fn arrays_of_every_known_element_type_and_order_are_read() {
    let check = |content: Vec<u8>, code: &str, order: &str| {
        let coef = raw_array(&[2], dtype(code, order), false, Py::Bytes(content));
        let import = import(&linear(coef, Py::Int(0))).unwrap();
        assert_eq!(
            import.artifact.model().affine().unwrap().weights(),
            [3.0, -2.0],
            "{order}{code}"
        );
    };
    check([3f64, -2.0].iter().flat_map(|x| x.to_le_bytes()).collect(), "f8", "<");
    check([3f64, -2.0].iter().flat_map(|x| x.to_be_bytes()).collect(), "f8", ">");
    check([3f32, -2.0].iter().flat_map(|x| x.to_le_bytes()).collect(), "f4", "<");
    check([3f32, -2.0].iter().flat_map(|x| x.to_be_bytes()).collect(), "f4", ">");
    check([3i64, -2].iter().flat_map(|x| x.to_le_bytes()).collect(), "i8", "<");
    check([3i64, -2].iter().flat_map(|x| x.to_be_bytes()).collect(), "i8", ">");
    check([3i32, -2].iter().flat_map(|x| x.to_le_bytes()).collect(), "i4", "<");
    check([3i32, -2].iter().flat_map(|x| x.to_be_bytes()).collect(), "i4", ">");
}

#[test]
fn arrays_of_unknown_types_and_wrong_lengths_are_refused() {
    let coef = |shape: &[i64], dtype: Py, bytes: usize| {
        refusal(&linear(raw_array(shape, dtype, false, Py::Bytes(vec![0; bytes])), Py::Int(0)))
    };
    let refusals = [
        coef(&[2], dtype("f2", "<"), 4),
        coef(&[2], dtype("f8", "="), 16),
        coef(&[2], dtype("f8", "|"), 16),
        coef(&[2], dtype("f8", "<"), 15),
        coef(&[2], dtype("O8", "|"), 16),
        coef(&[-2], dtype("f8", "<"), 16),
        coef(&[1 << 62, 1 << 62], dtype("f8", "<"), 16),
        coef(&[2, 1, 1], dtype("f8", "<"), 16),
    ];
    let expected = [
        "array `coef_`: elements of type \"f2\", not f4, f8, or integers of 1 to 8 bytes",
        "array `coef_`: an element type does not say its byte order",
        "array `coef_`: an element type does not say its byte order",
        "array `coef_`: 15 bytes instead of 16",
        "array `coef_`: an array of objects where numbers are needed",
        "array `coef_`: more than 4096 elements",
        "array `coef_`: more than 4096 elements",
        "array `coef_`: a shape is not a tuple of at most two lengths",
    ];
    assert_eq!(refusals, expected);
}

#[test]
fn column_major_matrices_of_two_outputs_are_refused_by_count_and_not_misread() {
    let bytes = [1f64, 2.0, 3.0, 4.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let coef = raw_array(&[2, 2], dtype("f8", "<"), true, Py::Bytes(bytes));
    let said = refusal(&linear(coef, array(&[2], &[0.0, 0.0])));
    assert!(said.contains("LinearRegression with 2 rows of coefficients (outputs)"), "{said}");
    let bytes = [1f64, 2.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let row = raw_array(&[1, 2], dtype("f8", "<"), true, Py::Bytes(bytes));
    let found = import(&linear(row, Py::Int(0))).unwrap();
    assert_eq!(found.artifact.model().affine().unwrap().weights(), [1.0, 2.0]);
}

#[test]
fn arrays_of_protocol_5_are_read() {
    let bytes = [1.5f64, -2.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let args = vec![Py::Bytes(bytes), dtype("f8", "<"), Py::Tuple(vec![Py::Int(2)]), text("C")];
    let from_buffer = Box::new(Py::Global("numpy._core.numeric", "_frombuffer"));
    let coef = Py::Reduce(from_buffer, args);
    let bytes = dump(&linear(coef, Py::Float(0.5)), 5);
    let import = import::pickle(&bytes, &Options::default()).unwrap();
    assert_eq!(import.artifact.model(), &plain_model());
}

#[test]
fn a_scaler_without_mean_or_deviation_does_nothing_there() {
    let with = |mean, std| {
        let import = import(&pipeline(vec![scaler(mean, std), logistic(vec![])])).unwrap();
        let model = import.artifact.model().affine().unwrap().clone();
        (model.mean().to_vec(), model.scale().to_vec())
    };
    assert_eq!(with(true, false), (vec![0.25, 4.0], vec![1.0, 1.0]));
    assert_eq!(with(false, true), (vec![0.0, 0.0], vec![0.5, 8.0]));
    assert_eq!(with(false, false), (vec![0.0, 0.0], vec![1.0, 1.0]));
    let alone = import(&logistic(vec![])).unwrap();
    assert_eq!(alone.artifact.model().affine().unwrap().mean(), [0.0, 0.0]);
    assert_eq!(alone.artifact.model().affine().unwrap().scale(), [1.0, 1.0]);
    assert_eq!(alone.artifact.name(), "classification");
}

#[test]
fn steps_that_do_nothing_are_passed_over() {
    let steps = vec![Py::None, text("passthrough"), logistic(vec![])];
    assert!(import(&pipeline(steps)).is_ok());
}

#[test]
fn what_cannot_be_served_is_refused_in_words() {
    let bytes = |values: &[i64]| values.iter().flat_map(|x| x.to_le_bytes()).collect();
    let classes = |values: &[i64]| {
        let shape = [values.len() as i64];
        let array = raw_array(&shape, dtype("i8", "<"), false, Py::Bytes(bytes(values)));
        logistic(vec![("classes_", array)])
    };
    for (value, expected) in [
        (classes(&[0, 1, 2]), "LogisticRegression with 3 classes (0, 1, 2)"),
        (classes(&[1, 2]), "LogisticRegression with 2 classes (1, 2)"),
        (classes(&[1, 0]), "LogisticRegression with 2 classes (1, 0)"),
        (logistic(vec![("multi_class", text("multinomial"))]), "multi_class=\"multinomial\""),
        (logistic(vec![("n_features_in_", Py::Int(3))]), "differs from the 2 coefficients"),
        (logistic(vec![("coef_", array(&[3, 2], &[0.0; 6]))]), "3 rows of coefficients"),
        (logistic(vec![("intercept_", array(&[2], &[0.0; 2]))]), "with 2 intercepts"),
        (pipeline(vec![scaler(true, true)]), "StandardScaler is not a model that predicts"),
        (pipeline(vec![]), "a pipeline of no steps"),
        (
            pipeline(vec![scaler(true, true), scaler(true, true), logistic(vec![])]),
            "a pipeline of StandardScaler + StandardScaler + LogisticRegression",
        ),
        (pipeline(vec![pipeline(vec![plain()])]), "Pipeline is not a model that predicts"),
        (linear(array(&[2], &[f64::NAN, 0.0]), Py::Int(0)), "`weights` holds NaN at index 0"),
        (linear(array(&[0], &[]), Py::Int(0)), "1 to 1024 features, this one has 0"),
        (linear(array(&[1025], &[0.0; 1025]), Py::Int(0)), "this one has 1025"),
        (
            object("sklearn.linear_model._base", "LinearRegression", vec![]),
            "LinearRegression has no `coef_`: is it fitted?",
        ),
        (Py::Int(3), "the integer 3 is not an estimator"),
        (dict(vec![]), "the pickle's dictionary has no `model`"),
    ] {
        let said = refusal(&value);
        assert!(said.contains(expected), "{said:?} does not say {expected:?}");
    }
}

#[test]
fn contradictions_of_the_dictionary_are_refused() {
    for (more, expected) in [
        (vec![("scaler", scaler(true, true))], "has the key the string \"scaler\""),
        (vec![("model_type", text("classification"))], "the model is linear"),
        (vec![("threshold", Py::Float(0.5))], "`threshold` belongs to a classifier"),
        (vec![("feature_names", names(&["a"]))], "1 feature names for a model of 2 features"),
        (vec![("feature_names", names(&["a", "a"]))], "feature name \"a\" occurs twice"),
        (vec![("feature_names", Py::Int(2))], "not a one-dimensional array of strings"),
        (vec![("performance", Py::Int(2))], "`performance` of the pickle's dictionary"),
    ] {
        let said = refusal(&envelope(plain(), more));
        assert!(said.contains(expected), "{said:?} does not say {expected:?}");
    }
}

#[test]
fn a_report_keeps_its_nesting_and_names_what_it_leaves_out() {
    let scalar = Py::Reduce(
        Box::new(Py::Global("numpy._core.multiarray", "scalar")),
        vec![dtype("f8", "<"), Py::Bytes(0.75f64.to_le_bytes().to_vec())],
    );
    let classes = Py::Dict(vec![(Py::Int(0), Py::Int(17)), (Py::Int(1), scalar)]);
    let performance = dict(vec![
        ("by class", classes),
        ("note", text("fine")),
        ("loss", Py::Float(f64::NAN)),
        ("r2", Py::Float(0.5)),
    ]);
    let metadata = dict(vec![("trained_at", text("today")), ("author", text("someone"))]);
    let found =
        import(&envelope(plain(), vec![("performance", performance), ("metadata", metadata)]))
            .unwrap();
    let details = found.artifact.details();
    assert_eq!(details.metrics[0].path, ["by class", "0"]);
    assert_eq!(details.metrics[0].value, MetricValue::Integer(17));
    assert_eq!(
        found.artifact.metrics_json(),
        serde_json::json!({"by class": {"0": 17, "1": 0.75}, "r2": 0.5})
    );
    assert_eq!(found.left_out, ["note", "loss", "metadata/author"]);
    assert_eq!(details.trained_at, "today");
}

#[test]
fn statistics_are_taken_by_name_and_missing_ones_refused() {
    let stats = |json: &str| Stats::parse(json.as_bytes());
    let both = stats(
        r#"{"feature_means": {"x1": 2, "x0": 1, "other": 9},
            "feature_stds": {"x0": 0.5, "x1": 0.25}, "feature_mins": {"x0": -1}}"#,
    )
    .unwrap();
    let bytes = dump(&plain(), 4);
    let with =
        |stats| import::pickle(&bytes, &Options { stats: Some(stats), ..Options::default() });
    let found = with(&both).unwrap();
    let features = &found.artifact.details().feature_stats;
    assert_eq!((features[0].mean, features[0].std, features[0].min), (1.0, 0.5, Some(-1.0)));
    assert_eq!((features[1].mean, features[1].std, features[1].min), (2.0, 0.25, None));
    let half = stats(r#"{"feature_means": {"x0": 1}, "feature_stds": {}}"#).unwrap();
    let said = with(&half).unwrap_err().to_string();
    assert!(said.contains("no feature_stds for feature \"x0\""), "{said}");
    for malformed in ["", "[]", "{}", r#"{"feature_means": {"x0": "a"}, "feature_stds": {}}"#] {
        assert!(stats(malformed).is_err(), "{malformed}");
    }
}

#[test]
fn the_name_is_the_one_given_else_the_model_type() {
    let bytes = dump(&envelope(plain(), vec![("model_type", text("regression"))]), 4);
    let name = |options: Options<'_>| {
        import::pickle(&bytes, &options).map(|import| import.artifact.name().to_owned())
    };
    let fallback_name = Some("file");
    assert_eq!(name(Options { fallback_name, ..Options::default() }).unwrap(), "regression");
    let given = Options { name: Some("mine"), fallback_name, ..Options::default() };
    assert_eq!(name(given).unwrap(), "mine");
    let said = name(Options { name: Some("no/name"), ..Options::default() }).unwrap_err();
    assert!(said.to_string().contains("\"no/name\" is not a valid model name"), "{said}");
}

#[test]
fn labels_of_every_width_of_integers_are_classes() {
    let classes = |code: &str, order: &str, content: Vec<u8>| {
        let array = raw_array(&[2], dtype(code, order), false, Py::Bytes(content));
        logistic(vec![("classes_", array)])
    };
    for (code, order, content) in [
        ("i1", "|", vec![0, 1]),
        ("u1", "|", vec![0, 1]),
        ("i2", "<", vec![0, 0, 1, 0]),
        ("u2", ">", vec![0, 0, 0, 1]),
        ("u4", "<", vec![0, 0, 0, 0, 1, 0, 0, 0]),
        ("u8", "<", [[0; 8], [1, 0, 0, 0, 0, 0, 0, 0]].concat()),
    ] {
        let imported = import(&classes(code, order, content)).unwrap();
        assert_eq!(imported.artifact.model().affine().unwrap().weights(), [0.5, -2.0], "{code}");
    }
    let other = classes("u1", "|", vec![0, 2]);
    assert!(refusal(&other).contains("2 classes (0, 2)"));
}

#[test]
fn a_scaler_is_folded_into_the_weights_of_a_linear_model() {
    let scaled = import(&pipeline(vec![scaler(true, true), plain()])).unwrap();
    // 1.5 (x - 0.25) / 0.5 - 2 (y - 4) / 8 + 0.5
    let expected = Model::linear(vec![3.0, -0.25], 0.5 - 0.75 + 1.0).unwrap();
    assert_eq!(scaled.artifact.model(), &expected);
    assert_eq!(scaled.notes.len(), 1);
    assert!(scaled.notes[0].contains("folded into the weights"), "{:?}", scaled.notes);
    assert_eq!(import(&plain()).unwrap().notes, [""; 0]);
}

#[test]
fn dumps_of_joblib_are_the_models_of_their_pickles() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models/joblib");
    let model = |name: &str| {
        let import = import::load(&folder.join(name), &import::Given::default()).unwrap();
        let artifact = import.artifact;
        (artifact.model().clone(), artifact.details().feature_names.clone())
    };
    let right = model("same.pkl");
    assert_eq!(model("plain.joblib"), right);
    assert_eq!(model("compressed.joblib"), right);
    // The bytes of an array end early, or say another length.
    let whole = std::fs::read(folder.join("plain.joblib")).unwrap();
    for len in (0..whole.len()).step_by(7) {
        assert!(import::bytes(&whole[..len], &Options::default()).is_err(), "{len}");
    }
    let said = import::bytes(b"\xfd7zXZ\0", &Options::default()).unwrap_err().to_string();
    assert!(said.starts_with("it is packed, and xz is not unpacked here"), "{said}");
    let packed = std::fs::read(folder.join("compressed.joblib")).unwrap();
    let said = import::bytes(&packed[..300], &Options::default()).unwrap_err().to_string();
    assert!(said.starts_with("it is packed, and the stream ends early or is damaged"), "{said}");
}
