//! What an ONNX model may not be, each refused in words.

use super::*;

fn refusal(model: &Model) -> String {
    import(model).unwrap_err().to_string()
}

#[track_caller]
fn says(model: &Model, expected: &str) {
    let said = refusal(model);
    assert!(said.contains(expected), "{said:?} does not say {expected:?}");
}

/// A regression whose one node is changed.
fn changed(change: impl FnOnce(&mut Node)) -> Model {
    let mut model = regression();
    change(&mut model.graph.as_mut().unwrap().node[0]);
    model
}

fn graph(change: impl FnOnce(&mut Graph)) -> Model {
    let mut model = regression();
    change(model.graph.as_mut().unwrap());
    model
}

/// A classification whose classifier has other attributes.
fn classes(change: impl Fn(&mut Attribute)) -> Model {
    let mut model = classification();
    model.graph.as_mut().unwrap().node[1].attribute.iter_mut().for_each(change);
    model
}

fn with_ints(labels: &[i64]) -> Model {
    classes(|attribute| {
        if attribute.name == "classlabels_ints" {
            attribute.ints = labels.to_vec();
        }
    })
}

#[test]
fn operators_outside_the_table_are_refused_by_name_with_those_that_are_read() {
    let tree = changed(|node| node.op_type = "TreeEnsembleRegressor".to_owned());
    says(&tree, "node 0 is the operator TreeEnsembleRegressor: factord serves linear and logistic");
    says(&tree, "LinearClassifier, LinearRegressor, MatMul");
    says(&tree, "export the fitted linear or logistic model by itself");
    let fused = changed(|node| {
        node.domain = "com.microsoft".to_owned();
        node.name = "n1".to_owned();
    });
    says(&fused, "node 0 \"n1\" is the operator com.microsoft.LinearRegressor");
    let hostile = changed(|node| node.op_type = format!("\u{1b}[2J{}", "x".repeat(10_000)));
    let said = refusal(&hostile);
    assert!(said.len() < 1_000 && !said.contains('\u{1b}'), "{said}");
}

#[test]
fn classes_other_than_0_and_1_are_refused() {
    says(&with_ints(&[0, 1, 2]), "3 classes (0, 1, 2): factord serves the two classes 0 and 1");
    says(&with_ints(&[1, 0]), "2 classes (1, 0)");
    says(&with_ints(&[]), "attribute `classlabels_ints` is not a list of integers");
    let named = classes(|attribute| {
        if attribute.name == "classlabels_ints" {
            *attribute = Attribute { name: "classlabels_strings".to_owned(), ..text("", "up") };
        }
    });
    says(&named, "classes with names");
}

#[test]
fn transforms_that_are_no_probability_of_one_decision_value_are_refused() {
    let transformed = |coefficients: &[f32], intercepts: &[f32], transform: &str| {
        let classifier = classifier(coefficients, intercepts, transform);
        model(x(2), vec![], vec![scaler(), classifier], &["label", "p"])
    };
    let both: [f32; 4] = [-0.5, 2.0, 0.5, -2.0];
    for transform in ["PROBIT", "SOFTMAX_ZERO", "ELSE"] {
        let said = format!("post_transform \"{transform}\" with coefficients for 2 of 2 classes");
        says(&transformed(&both, &[-0.25, 0.25], transform), &said);
    }
    says(&transformed(&both, &[-0.25, 0.25], "NONE"), "export without raw_scores");
    for transform in ["NONE", "SOFTMAX"] {
        let said = "with coefficients for 1 of 2 classes";
        says(&transformed(&both[2..], &[0.25], transform), said);
    }
    let apart = [-0.5, 2.0, 0.5, -2.5];
    says(&transformed(&apart, &[-0.25, 0.25], "LOGISTIC"), "are not those of class 1 with the");
    says(&transformed(&both, &[-0.25, 0.5], "LOGISTIC"), "are not those of class 1 with the");
    says(&transformed(&both, &[0.25], "LOGISTIC"), "4 coefficients and 1 intercepts for 2 columns");
    says(&transformed(&both[..3], &[0.25], "LOGISTIC"), "3 coefficients and 1 intercepts");
    let logistic = text("post_transform", "LOGISTIC");
    says(&changed(|node| node.attribute.push(logistic)), "post_transform \"LOGISTIC\", only");
}

#[test]
fn outputs_that_are_not_one_prediction_are_refused() {
    says(&changed(|node| node.attribute.push(integer("targets", 2))), "2 outputs: factord serves");
    let outputs = |names: &[&str]| {
        let mut model = classification();
        let list = names.iter().map(|name| matrix(name, FLOAT, 1)).collect();
        model.graph.as_mut().unwrap().output = list;
        model
    };
    says(&outputs(&["p", "p"]), "several outputs: \"p\", \"p\"");
    says(&outputs(&["label"]), "it gives only the class");
    says(
        &outputs(&["p", "scaled"]),
        "output \"scaled\" is 2 columns of features, not a prediction",
    );
    says(&outputs(&["nowhere"]), "the list of outputs uses \"nowhere\", which nothing");
    says(&outputs(&[]), "it has no outputs");
    let initializers = vec![tensor("w", &[2, 3], &[0.0; 6])];
    let nodes = vec![node("MatMul", &["x", "w"], &["y"], vec![])];
    says(&model(x(2), initializers, nodes, &["y"]), "3 outputs: factord serves models of one");
}

#[test]
fn a_class_that_does_not_follow_from_the_probability_is_refused() {
    let initializers = vec![tensor("w", &[2, 2], &[-0.5, 0.5, 2.0, -2.0])];
    let other = vec![tensor("v", &[2, 2], &[-0.5, 0.5, 2.0, -2.5])];
    let nodes = vec![
        node("MatMul", &["x", "w"], &["d"], vec![]),
        node("MatMul", &["x", "v"], &["e"], vec![]),
        node("Sigmoid", &["d"], &["p"], vec![]),
        node("ArgMax", &["e"], &["label"], vec![integer("axis", 1)]),
    ];
    let initializers = [initializers, other].concat();
    says(&model(x(2), initializers, nodes, &["p", "label"]), "the class does not follow from");
}

#[test]
fn tensors_in_other_files_are_refused_by_name_and_never_opened() {
    let mut external = tensor("coef", &[2, 1], &[]);
    external.data_location = 1;
    let pair = |key: &str, value: &str| Pair { key: key.to_owned(), value: value.to_owned() };
    external.external_data = vec![pair("offset", "0"), pair("location", "/etc/passwd")];
    let nodes = vec![node("MatMul", &["x", "coef"], &["y"], vec![])];
    let said = refusal(&model(x(2), vec![external], nodes, &["y"]));
    assert!(
        said.contains("tensor \"coef\" keeps its values in the file \"/etc/passwd\""),
        "{said}"
    );
    assert!(said.contains("save_as_external_data=False"), "{said}");
}

#[test]
fn tensors_are_held_to_their_shape_before_anything_is_read() {
    let check = |tensor: Tensor, expected: &str| {
        let nodes = vec![node("MatMul", &["x", "w"], &["y"], vec![])];
        says(&model(x(2), vec![tensor], nodes, &["y"]), expected);
    };
    check(tensor("w", &[1 << 62, 1 << 62], &[0.0]), "has more than 4096 elements");
    check(tensor("w", &[0, i64::MAX], &[]), "has more than 4096 elements");
    check(tensor("w", &[-1, 2], &[0.0; 2]), "an axis of length -1");
    check(tensor("w", &[1; 5], &[0.0]), "5 axes, at most 4 are supported");
    check(tensor("w", &[2, 1], &[0.0; 3]), "3 values instead of 2");
    check(tensor("w", &[3, 1], &[0.0; 3]), "weights of shape [3, 1] for 2 columns");
    let raw = |raw: usize| Tensor { raw_data: Some(vec![0; raw]), ..tensor("w", &[2, 1], &[]) };
    check(raw(7), "7 raw bytes instead of 8");
    check(Tensor { float_data: vec![0.0; 2], ..raw(8) }, "8 raw bytes instead of 8");
    check(Tensor { data_type: 10, ..raw(4) }, "elements of type float16");
    check(Tensor { data_type: 99, ..raw(4) }, "elements of type number 99");
    check(tensor("w", &[2, 1], &[f32::NAN, 0.0]), "`weights` holds NaN at index 0");
}

#[test]
fn inputs_that_are_no_matrix_of_floats_are_refused() {
    let input = |info: Info| graph(|graph| graph.input = vec![info]);
    says(&input(matrix("x", INT64, 2)), "input \"x\" is int64: export with a FloatTensorType");
    says(&input(matrix("x", FLOAT, 0)), "not a matrix of a known width");
    says(&input(matrix("x", FLOAT, -1)), "not a matrix of a known width");
    says(&input(matrix("x", FLOAT, 1025)), "1025 columns of an input, at most 1024");
    says(&input(Info { name: "x".to_owned(), r#type: None }), "input \"x\" is not a tensor");
    let mut open = matrix("x", FLOAT, 2);
    open.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap().shape = None;
    says(&input(open), "not a matrix of a known width");
    let extra = graph(|graph| graph.input.push(matrix("more", FLOAT, 1)));
    says(&extra, "feature \"x2\" is not used: leave it out");
    let many =
        graph(|graph| graph.input = vec![matrix("a", FLOAT, 1000), matrix("b", FLOAT, 1000)]);
    says(&many, "2000 features, at most 1024");
}

#[test]
fn attributes_of_other_names_types_or_numbers_are_refused() {
    says(
        &changed(|node| node.attribute.push(integer("new", 1))),
        "attribute \"new\" is not supported",
    );
    says(&changed(|node| node.attribute[0].floats.clear()), "is not a list of numbers");
    let twice = changed(|node| node.attribute.push(node.attribute[0].clone()));
    says(&twice, "attribute \"coefficients\" occurs twice");
    says(&changed(|node| node.attribute.push(text("targets", "1"))), "is not an integer");
    says(&changed(|node| node.input.push("x".to_owned())), "2 inputs instead of 1");
    says(&changed(|node| node.input.clear()), "0 inputs instead of 1");
    says(&changed(|node| node.input[0] = "y".to_owned()), "uses \"y\", which nothing before it");
    says(&changed(|node| node.output.push("z".to_owned())), "2 outputs of a node, at most 1");
    says(&changed(|node| node.output[0] = "x".to_owned()), "\"x\" is defined twice");
    let scaler = |offset: &[f32], scale: &[f32]| {
        let mut model = classification();
        let node = &mut model.graph.as_mut().unwrap().node[0];
        node.attribute = vec![floats("offset", offset), floats("scale", scale)];
        model
    };
    says(&scaler(&[0.0], &[1.0, 2.0]), "1 offsets and 2 scales for 2 columns");
    says(&scaler(&[0.0; 3], &[1.0; 3]), "3 offsets and 3 scales for 2 columns");
    says(&scaler(&[0.0; 2], &[1.0, 0.0]), "holds inf at index 1");
}

#[test]
fn versions_and_graphs_outside_of_what_is_known_are_refused() {
    let opset = |index: usize, version: i64| {
        let mut model = regression();
        model.opset_import[index].version = version;
        model
    };
    says(
        &opset(0, 6),
        "opset 6 of ai.onnx: 7 to 28 are supported, export with target_opset={\"\": 28}",
    );
    says(&opset(1, 99), "opset 99 of ai.onnx.ml: 1 to 5 are supported");
    let mut model = regression();
    model.opset_import.pop();
    says(&model, "LinearRegressor of ai.onnx.ml, whose opset is not imported");
    model.graph = None;
    says(&model, "0 graphs, not one");
    let sparse = graph(|graph| graph.sparse_initializer.push(vec![]));
    says(&sparse, "sparse initializers: export dense ones");
}
