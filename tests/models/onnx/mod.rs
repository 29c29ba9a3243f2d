//! ONNX models: what exporters write is understood, or refused in words.

mod hostile;
mod proto;
mod refusals;

use factord_eval::Model as CoreModel;
use factord_eval::eval::eval;
use factord_models::import::{self, Import, ImportError, Options, Stats};
use prost::Message;
pub(crate) use proto::*;

fn import(model: &Model) -> Result<Import, ImportError> {
    import::bytes(&model.encode_to_vec(), &Options::default())
}

fn served(model: &Model) -> CoreModel {
    import(model).unwrap().artifact.model().clone()
}

fn x(width: i64) -> Vec<Info> {
    vec![matrix("x", FLOAT, width)]
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

/// What skl2onnx makes of LinearRegression.
pub(crate) fn regression() -> Model {
    let attributes = vec![floats("coefficients", &[0.1, -2.0]), floats("intercepts", &[0.3])];
    let node = node("ml.LinearRegressor", &["x"], &["variable"], attributes);
    model(x(2), vec![], vec![node], &["variable"])
}

fn classifier(coefficients: &[f32], intercepts: &[f32], transform: &str) -> Node {
    let attributes = vec![
        integers("classlabels_ints", &[0, 1]),
        floats("coefficients", coefficients),
        floats("intercepts", intercepts),
        integer("multi_class", 0),
        text("post_transform", transform),
    ];
    node("ml.LinearClassifier", &["scaled"], &["label", "p"], attributes)
}

fn scaler() -> Node {
    let attributes = vec![floats("offset", &[0.25, 4.0]), floats("scale", &[2.0, 0.125])];
    node("ml.Scaler", &["x"], &["scaled"], attributes)
}

/// What skl2onnx makes of StandardScaler and LogisticRegression, without its ZipMap.
pub(crate) fn classification() -> Model {
    let classifier = classifier(&[-0.5, 2.0, 0.5, -2.0], &[-0.25, 0.25], "LOGISTIC");
    model(x(2), vec![], vec![scaler(), classifier], &["label", "p"])
}

fn expected_classification() -> CoreModel {
    CoreModel::logistic(vec![0.5, -2.0], 0.25, vec![0.25, 4.0], vec![0.5, 8.0]).unwrap()
}

#[test]
fn a_linear_regressor_is_widened_exactly_and_says_that_it_was_float32() {
    let import = import(&regression()).unwrap();
    let model = CoreModel::linear(wide(&[0.1, -2.0]), f64::from(0.3f32)).unwrap();
    assert_eq!(import.artifact.model(), &model);
    assert_eq!(import.artifact.details().feature_names, ["x0", "x1"]);
    assert_eq!(import.artifact.name(), "regression");
    let source = "tests LinearRegressor (float32), imported from an ONNX model";
    assert_eq!(import.artifact.details().source, source);
    assert_eq!(import.notes.len(), 1);
    assert!(import.notes[0].contains("float32, widened"), "{}", import.notes[0]);
    assert!(!import.artifact.golden().is_empty());
}

#[test]
fn both_layouts_of_a_binary_classifier_give_the_probability_of_class_1() {
    let both = import(&classification()).unwrap();
    assert_eq!(both.artifact.model(), &expected_classification());
    assert_eq!(both.artifact.name(), "classification");
    let stats = &both.artifact.details().feature_stats;
    assert_eq!((stats[1].mean, stats[1].std), (4.0, 8.0));
    let one = classifier(&[0.5, -2.0], &[0.25], "LOGISTIC");
    let one = model(x(2), vec![], vec![scaler(), one], &["label", "p"]);
    assert_eq!(served(&one), expected_classification());
}

#[test]
fn a_softmax_of_two_classes_is_the_logistic_of_their_difference() {
    let softmax = classifier(&[0.25, 1.0, 0.75, -1.0], &[0.125, 0.375], "SOFTMAX");
    let softmax = model(x(2), vec![], vec![scaler(), softmax], &["label", "p"]);
    assert_eq!(served(&softmax), expected_classification());
    let logits = classifier(&[0.25, 1.0, 0.75, -1.0], &[0.125, 0.375], "NONE");
    let operator = node("Softmax", &["p"], &["q"], vec![integer("axis", 1)]);
    let softmax = model(x(2), vec![], vec![scaler(), logits, operator], &["label", "q"]);
    assert_eq!(served(&softmax), expected_classification());
}

#[test]
fn normalizing_mapping_and_casting_keep_the_answer() {
    let mut model = classification();
    let graph = model.graph.as_mut().unwrap();
    graph.node.push(node("ml.Normalizer", &["p"], &["n"], vec![text("norm", "L1")]));
    graph.node.push(node("Cast", &["label"], &["c"], vec![integer("to", 7)]));
    let classes = integers("classlabels_int64s", &[0, 1]);
    graph.node.push(node("ml.ZipMap", &["n"], &["z"], vec![classes]));
    graph.output = vec![matrix("c", INT64, 1), Info { name: "z".to_owned(), r#type: None }];
    assert_eq!(served(&model), expected_classification());
}

#[test]
fn a_regression_behind_a_scaler_is_folded_into_its_weights() {
    let attributes = vec![floats("coefficients", &[0.5, -2.0]), floats("intercepts", &[0.25])];
    let regressor = node("ml.LinearRegressor", &["scaled"], &["y"], attributes);
    let found = served(&model(x(2), vec![], vec![scaler(), regressor], &["y"]));
    assert_eq!(found, CoreModel::linear(vec![1.0, -0.25], 0.25 - 0.25 + 1.0).unwrap());
    // Far from 0 in deviations, the weights on raw features could not hold the digits.
    let far = vec![floats("offset", &[3e8, 0.0]), floats("scale", &[1e4, 1.0])];
    let far = node("ml.Scaler", &["x"], &["scaled"], far);
    let attributes = vec![floats("coefficients", &[0.5, -2.0])];
    let regressor = node("ml.LinearRegressor", &["scaled"], &["y"], attributes);
    let said = import(&model(x(2), vec![], vec![far, regressor], &["y"])).unwrap_err().to_string();
    assert!(said.contains("fit the model on raw features"), "{said}");
}

#[test]
fn inputs_of_one_column_each_name_the_features_in_the_order_of_the_inputs() {
    let inputs = || ["buy", "large"].map(|name| matrix(name, FLOAT, 1)).to_vec();
    let attributes = || vec![floats("coefficients", &[0.5, -2.0])];
    let joined = node("ml.FeatureVectorizer", &["buy", "large"], &["all"], vec![]);
    let regressor = node("ml.LinearRegressor", &["all"], &["y"], attributes());
    let import = import(&model(inputs(), vec![], vec![joined, regressor], &["y"])).unwrap();
    assert_eq!(import.artifact.details().feature_names, ["buy", "large"]);
    assert_eq!(import.artifact.model().affine().unwrap().weights(), [0.5, -2.0]);
    let joined = node("Concat", &["large", "buy"], &["all"], vec![integer("axis", 1)]);
    let regressor = node("ml.LinearRegressor", &["all"], &["y"], attributes());
    let crossed = served(&model(inputs(), vec![], vec![joined, regressor], &["y"]));
    assert_eq!(crossed.affine().unwrap().weights(), [-2.0, 0.5]);
}

#[test]
fn plain_operators_of_other_exporters_give_the_same_models() {
    let expected = CoreModel::logistic(vec![0.5, -2.0], 0.25, vec![0.0; 2], vec![1.0; 2]).unwrap();
    let sigmoid = || node("Sigmoid", &["d"], &["p"], vec![]);
    let initializers = vec![tensor("w", &[2, 1], &[0.5, -2.0]), tensor("b", &[1], &[0.25])];
    let nodes = vec![
        node("MatMul", &["x", "w"], &["m"], vec![]),
        node("Add", &["b", "m"], &["d"], vec![]),
        sigmoid(),
    ];
    assert_eq!(served(&model(x(2), initializers, nodes, &["p"])), expected);
    // As PyTorch keeps weights, a row for each output.
    let initializers = vec![tensor("w", &[1, 2], &[0.25, -1.0]), tensor("b", &[1], &[0.5])];
    let number = |name: &str, f| Attribute { name: name.to_owned(), f: Some(f), ..integer("", 0) };
    let number = |name: &str, f| Attribute { i: None, ..number(name, f) };
    let attributes = vec![integer("transB", 1), number("alpha", 2.0), number("beta", 0.5)];
    let nodes = vec![node("Gemm", &["x", "w", "b"], &["d"], attributes), sigmoid()];
    assert_eq!(served(&model(x(2), initializers, nodes, &["p"])), expected);
    let turn = |perm: &[i64]| vec![integers("perm", perm)];
    let initializers = vec![tensor("w", &[1, 2], &[0.5, -2.0]), tensor("b", &[], &[0.25])];
    let nodes = vec![
        node("Transpose", &["w"], &["t"], turn(&[1, 0])),
        node("MatMul", &["x", "t"], &["m"], vec![]),
        node("Add", &["m", "b"], &["d"], vec![]),
        sigmoid(),
        node("Flatten", &["x"], &["unused"], vec![]),
        node("Squeeze", &["p"], &["q"], vec![integers("axes", &[1])]),
    ];
    assert_eq!(served(&model(x(2), initializers, nodes, &["q"])), expected);
}

/// What skl2onnx makes of the same pipeline for float64, in plain operators.
#[test]
fn a_float64_export_keeps_every_digit_and_has_no_note() {
    let initializers = vec![
        doubles("mean", &[2], &[0.1, 4.0]),
        doubles("std", &[2], &[0.3, 8.0]),
        doubles("coef", &[2, 2], &[-0.7, 0.7, 2.1, -2.1]),
        doubles("intercept", &[1, 2], &[-0.9, 0.9]),
        whole("classes", &[0, 1]),
        whole("shape", &[-1]),
        whole("axis", &[1]),
    ];
    let axis = || vec![integer("axis", 1)];
    let nodes = vec![
        node("Sub", &["x", "mean"], &["centred"], vec![]),
        node("Div", &["centred", "std"], &["z"], vec![]),
        node("MatMul", &["z", "coef"], &["m"], vec![]),
        node("Add", &["m", "intercept"], &["raw"], vec![]),
        node("ArgMax", &["raw"], &["index"], axis()),
        node("Sigmoid", &["raw"], &["s"], vec![]),
        node("Abs", &["s"], &["a"], vec![]),
        node("ml.ArrayFeatureExtractor", &["classes", "index"], &["class"], vec![]),
        node("ReduceSum", &["a", "axis"], &["sum"], vec![integer("keepdims", 1)]),
        node("Div", &["s", "sum"], &["p"], vec![]),
        node("Reshape", &["class", "shape"], &["flat"], vec![]),
        node("Cast", &["flat"], &["label"], vec![integer("to", 7)]),
    ];
    let exported = model(vec![matrix("x", DOUBLE, 2)], initializers, nodes, &["label", "p"]);
    let import = import(&exported).unwrap();
    let expected = CoreModel::logistic(vec![0.7, -2.1], 0.9, vec![0.1, 4.0], vec![0.3, 8.0]);
    assert_eq!(import.artifact.model(), &expected.unwrap());
    assert!(import.notes.is_empty());
    assert!(import.artifact.details().source.contains("(float64)"));
}

#[test]
fn one_probability_and_its_complement_are_both_probabilities() {
    let initializers = vec![tensor("w", &[2, 1], &[0.5, -2.0]), tensor("one", &[1], &[1.0])];
    let nodes = vec![
        node("MatMul", &["x", "w"], &["d"], vec![]),
        node("Sigmoid", &["d"], &["p"], vec![]),
        node("Sub", &["one", "p"], &["q"], vec![]),
        node("Concat", &["q", "p"], &["both"], vec![integer("axis", 1)]),
        node("ArgMax", &["both"], &["label"], vec![integer("axis", 1)]),
    ];
    let found = served(&model(x(2), initializers, nodes, &["label", "both"]));
    assert_eq!(found.affine().unwrap().weights(), [0.5, -2.0]);
    assert_eq!(eval(&found, &[1.0, 0.0]).second, 1.0);
}

#[test]
fn names_given_replace_those_of_the_graph_and_find_their_statistics() {
    let bytes = regression().encode_to_vec();
    let features = ["buy".to_owned(), "sell".to_owned()];
    let stats =
        br#"{"feature_means": {"sell": 2, "buy": 1}, "feature_stds": {"buy": 3, "sell": 4}}"#;
    let stats = Stats::parse(stats).unwrap();
    let options = Options {
        features: Some(&features),
        stats: Some(&stats),
        name: Some("spread"),
        origin: "spread.onnx",
        ..Options::default()
    };
    let artifact = import::bytes(&bytes, &options).unwrap().artifact;
    assert_eq!(artifact.details().feature_names, features);
    assert_eq!((artifact.details().feature_stats[1].mean, artifact.name()), (2.0, "spread"));
    assert!(artifact.details().source.ends_with("imported from spread.onnx"));
    let one = &features[..1];
    let said = import::bytes(&bytes, &Options { features: Some(one), ..Options::default() });
    let said = said.unwrap_err().to_string();
    assert_eq!(said, "1 feature names for a model of 2 features");
}
