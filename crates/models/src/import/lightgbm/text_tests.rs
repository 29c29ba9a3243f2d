//! Small texts, right and wrong.

use super::*;
use factord_eval::eval::eval;

const HEAD: &str = "tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=1
objective=binary sigmoid:2
feature_names=spread depth
feature_infos=[0:1] none
tree_sizes=1 1
";

const FIRST: &str = "Tree=0
num_leaves=3
num_cat=0
split_feature=0 1
split_gain=1 1
threshold=0.5 -1e-36
decision_type=10 4
left_child=1 -1
right_child=-2 -3
leaf_value=0.125 -0.25 0.5
leaf_count=1 1 1
is_linear=0
shrinkage=1
";

const SECOND: &str = "Tree=1\nnum_leaves=1\nnum_cat=0\nleaf_value=0.0625\n";

fn text() -> String {
    format!("{HEAD}\n{FIRST}\n\n{SECOND}\n\nend of trees\n\nfeature_importances:\nspread=1\n")
}

fn imported(text: &str) -> Result<Import, ImportError> {
    crate::import::bytes(text.as_bytes(), &Options::default())
}

/// What is said of a text in which `from` was replaced.
fn refusal(from: &str, to: &str) -> String {
    let changed = text().replacen(from, to, 1);
    assert_ne!(changed, text(), "{from} does not occur");
    imported(&changed).unwrap_err().to_string()
}

#[test]
fn a_text_answers_as_its_words_say() {
    let import = imported(&text()).unwrap();
    assert_eq!(import.notes, ["2 trees, 6 nodes"]);
    let artifact = import.artifact;
    assert_eq!((artifact.family(), artifact.kind().name()), ("lightgbm", "forest"));
    assert_eq!(artifact.details().feature_names, ["spread", "depth"]);
    assert_eq!(artifact.format_version(), 2);
    let sum = |x: [f64; 2]| {
        let Model::Forest(forest) = artifact.model() else { panic!("no forest") };
        forest.score(&x)
    };
    // Left at 0.5, then zero is missing and goes right.
    assert_eq!(sum([0.5, 0.0]), 0.5 + 0.0625);
    assert_eq!(sum([0.5, 1e-36]), 0.5 + 0.0625);
    assert_eq!(sum([0.5, -1.0]), 0.125 + 0.0625);
    // NaN is missing in the first and goes left, and is a missing zero in the second.
    assert_eq!(sum([f64::NAN, f64::NAN]), 0.5 + 0.0625);
    assert_eq!(sum([0.5f64.next_up(), 9.0]), -0.25 + 0.0625);
    let output = eval(artifact.model(), &[0.5, 0.0]);
    assert_eq!((output.y, output.second), (1.0 / (1.0 + factord_eval::exp::exp(-1.125)), 1.0));
    let decoded = Artifact::decode(&artifact.encode()).unwrap();
    assert_eq!(decoded, artifact);
}

#[test]
fn where_it_came_from_is_said_as_far_as_there_is_room() {
    let of = |origin: &str| {
        let options = Options { origin, ..Options::default() };
        let import = crate::import::bytes(text().as_bytes(), &options).unwrap();
        import.artifact.details().source.clone()
    };
    let start = "LightGBM text v4, objective binary sigmoid:2, 2 trees, 6 nodes, from ";
    assert_eq!(of("spread.txt"), format!("{start}spread.txt"));
    let long = of(&"é".repeat(200));
    assert!(long.starts_with(start) && (255..=256).contains(&long.len()), "{long}");
}

#[test]
fn an_average_is_divided_by_the_number_of_trees() {
    let average = text().replace("objective=binary sigmoid:2", "average_output\nobjective=mape");
    let artifact = imported(&average).unwrap().artifact;
    assert_eq!(eval(artifact.model(), &[1.0, 0.0]).y, (-0.25 + 0.0625) / 2.0);
    assert_eq!(Artifact::decode(&artifact.encode()).unwrap(), artifact);
}

#[test]
fn names_are_the_text_s_own_unless_they_are_made_up() {
    let names = |features: &[&str], text: &str| {
        let features: Vec<String> = features.iter().map(|&name| name.to_owned()).collect();
        let options = Options { features: Some(&features), ..Options::default() };
        let import = crate::import::bytes(text.as_bytes(), &options);
        import.map(|import| import.artifact.details().feature_names.clone())
    };
    let made_up = text().replace("=spread depth", "=Column_0 Column_1");
    assert_eq!(names(&["a", "b"], &made_up).unwrap(), ["a", "b"]);
    assert_eq!(names(&["spread", "depth"], &text()).unwrap(), ["spread", "depth"]);
    let error = names(&["depth", "spread"], &text()).unwrap_err().to_string();
    assert_eq!(error, "--features says \"depth\" where the model says \"spread\": leave it out");
    let error = names(&["a"], &made_up).unwrap_err().to_string();
    assert_eq!(error, "--features has 1 names for 2 features");
}

#[test]
fn what_would_give_other_answers_is_refused_by_name() {
    for (from, to, expected) in [
        ("version=v4", "version=v2", "refused: line 2, head: version v2: save"),
        ("num_class=1", "num_class=3", "refused: line 3, head: several classes (num_class=3)"),
        ("iteration=1", "iteration=3", "refused: line 4, head: several trees an iteration"),
        ("binary sigmoid:2", "poisson", "refused: line 7, head: objective `poisson`: train"),
        ("binary sigmoid:2", "regression sqrt", "line 7, head: objective `regression sqrt`"),
        ("binary sigmoid:2", "binary sigmoid:-1", "objective `binary sigmoid:-1`"),
        ("objective=", "aim=", "refused: line 1, head: no objective: train"),
        ("is_linear=0", "is_linear=1", "line 23, tree 0: a linear tree: train with linear_tree"),
        ("num_cat=0", "num_cat=1", "line 14, tree 0: a categorical split: train on numbers"),
        ("=10 4", "=10 5", "line 18, tree 0: node 1: a categorical split (decision_type 5)"),
        ("=10 4", "=12 4", "line 18, tree 0: node 0: unknown bits (decision_type 12)"),
        ("=10 4", "=10 20", "line 18, tree 0: node 1: unknown bits (decision_type 20)"),
    ] {
        let found = refusal(from, to);
        assert!(found.contains(expected), "{found:?} lacks {expected:?}");
    }
}

#[test]
fn hostile_texts_are_refused_by_line_tree_and_node() {
    for (from, to, expected) in [
        ("max_feature_idx=1", "max_feature_idx=x", "line 6, head: `max_feature_idx` holds \"x\""),
        ("max_feature_idx=1", "max_feature_idx=1024", "this one has 1025"),
        ("max_feature_idx=1", "max_feature_idx=2", "`feature_names` has 2 values, 3 are"),
        ("num_leaves=3", "num_leaves=2147483648", "tree 0: a forest has at most 2097152 nodes"),
        ("num_leaves=3", "num_leaves=2", "line 21, tree 0: `leaf_value` has 3 values, 2 are"),
        ("num_leaves=3", "num_leaves=-3", "line 13, tree 0: `num_leaves` holds \"-3\""),
        ("=0.5 -1e-36", "=0.5", "line 17, tree 0: `threshold` has 1 values, 2 are needed"),
        ("=0.5 -1e-36", "=0.5 nan", "tree 0, node 1: threshold NaN is not a number to use"),
        ("split_feature=0 1", "split_feature=0 2", "tree 0, node 1: feature 2 of 2"),
        ("split_feature=0 1", "split_feature=0 -1", "`split_feature` holds \"-1\""),
        ("leaf_value=0.125", "leaf_value=inf", "leaf inf is not a number to use"),
        ("left_child=1", "left_child=0", "line 19, tree 0: node 0 is a child of two nodes or of"),
        ("left_child=1", "left_child=9", "line 19, tree 0: node 9 is a child of"),
        ("left_child=1", "left_child=-9", "line 19, tree 0: node -9 is a child of"),
        ("left_child=1", "left_child=-2", "line 19, tree 0: node -2 is a child of two"),
        ("right_child=-2", "right_child=1", "line 19, tree 0: node 1 is a child of two nodes"),
        ("threshold=", "thresholds=", "line 12, tree 0: `threshold` is missing: save"),
        ("Tree=1", "Tree=2", "line 27: expected `Tree=1` or `end of trees`"),
        ("end of trees", "", "line 37: expected `Tree=2` or `end of trees`"),
        ("num_cat=0", "num_leaves=3", "expected no more than one `num_leaves` in a block"),
    ] {
        let found = refusal(from, to);
        assert!(found.contains(expected), "{from}: {found:?} lacks {expected:?}");
    }
    let cut = text();
    for end in 5..cut.find("end of trees").unwrap() {
        assert!(imported(&cut[..end]).is_err(), "{end}");
    }
    assert_eq!(
        imported("tree\n\u{0}").unwrap_err().to_string(),
        "line 1, head: `version` is missing: save the model again"
    );
    let bytes = [b"tree\n".as_slice(), &[0xff]].concat();
    let error = crate::import::bytes(&bytes, &Options::default()).unwrap_err().to_string();
    assert_eq!(error, "the text is not UTF-8 at byte 5: save the model again");
}
