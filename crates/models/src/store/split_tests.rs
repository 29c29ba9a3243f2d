use super::*;
use crate::file::Details;
use factord_eval::Model;
use tempfile::TempDir;

fn artifact(name: &str, model: Model, features: &[&str]) -> Artifact {
    let feature_names = features.iter().map(|&feature| feature.to_owned()).collect();
    let details = Details { name: name.to_owned(), feature_names, ..Details::default() };
    Artifact::new(model, details).unwrap()
}

/// A version of `spread` whose every answer is `y`.
fn version(y: f64) -> Artifact {
    artifact("spread", Model::linear(vec![0.0], y).unwrap(), &["a"])
}

/// A store in which the first of five versions serves.
fn setup() -> (TempDir, Store, Vec<Digest>) {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open_or_make(&folder.path().join("store")).unwrap();
    let versions: Vec<Digest> =
        (0..5).map(|y| store.publish(&version(f64::from(y))).unwrap().0).collect();
    store.promote(versions[0]).unwrap();
    (folder, store, versions)
}

fn arms(shares: &[(Digest, u16)]) -> Vec<Arm> {
    shares.iter().map(|&(version, weight)| Arm { version, weight }).collect()
}

fn root(folder: &TempDir) -> PathBuf {
    folder.path().join("store")
}

#[test]
fn a_split_keeps_its_salt_while_weights_change_and_ends_by_a_promotion() {
    let (folder, mut store, v) = setup();
    let first = store.split("spread", &arms(&[(v[0], 179), (v[1], 77)]), None).unwrap();
    let split = first.split.clone().unwrap();
    assert_eq!((first.champion, first.generation, split.ends()), (v[0], 2, [179, 256, 256]));
    let same = store.split("spread", &arms(&[(v[0], 179), (v[1], 77)]), None).unwrap();
    assert_eq!(same, first, "nothing has changed");

    let wider = store.split("spread", &arms(&[(v[0], 128), (v[1], 128)]), None).unwrap();
    let wider_split = wider.split.clone().unwrap();
    assert_eq!((wider.generation, wider_split.salt), (3, split.salt));
    let four = arms(&[(v[4], 96), (v[0], 64), (v[1], 64), (v[2], 32)]);
    let other = store.split("spread", &four, None).unwrap().split.unwrap();
    assert_eq!(other.ends(), [96, 160, 224]);
    assert_ne!(other.salt, split.salt, "another experiment");
    let given = store.split("spread", &four, Some(Salt(7))).unwrap();
    assert_eq!((given.generation, given.split.unwrap().salt), (5, Salt(7)));

    let alone = store.promote(v[4]).unwrap();
    assert_eq!((alone.champion, alone.generation, alone.split), (v[4], 6, None));
    // Back through all of them.
    let before = [Some(Salt(7)), Some(other.salt), Some(split.salt), Some(split.salt), None];
    let back: Vec<Served> = before.iter().map(|_| store.rollback("spread").unwrap()).collect();
    let salts = back.iter().map(|served| served.split.as_ref().map(|split| split.salt));
    assert_eq!(salts.collect::<Vec<_>>(), before);
    assert_eq!(back[2].split.as_ref().unwrap(), &wider_split);
    assert_eq!((back[4].champion, back[4].generation), (v[0], 11));
    assert!(matches!(store.rollback("spread"), Err(StoreError::NothingBefore { .. })));

    drop(store);
    let reopened = Store::open(&root(&folder)).unwrap();
    assert_eq!(reopened.deployment().names["spread"], back[4]);
    let changes = changes(&root(&folder), "spread").unwrap();
    assert_eq!(changes[1].split.as_ref(), Some(&split));
    assert_eq!(changes[5].split, None);
}

#[test]
fn the_ledger_and_the_deployment_name_every_arm_with_its_weight() {
    let (folder, mut store, v) = setup();
    store.split("spread", &arms(&[(v[0], 179), (v[1], 77)]), Some(Salt(0xD1CE))).unwrap();
    store.pin("spread", true).unwrap();
    for arms in [arms(&[(v[0], 128), (v[1], 128)]), arms(&[(v[2], 128), (v[1], 128)])] {
        let pinned = store.split("spread", &arms, None);
        assert!(matches!(pinned, Err(StoreError::Pinned { .. })), "{pinned:?}");
    }
    let served = store.deployment().names["spread"].clone();
    assert_eq!(served.split.unwrap().shares(v[0]), arms(&[(v[0], 179), (v[1], 77)]));
    for file in ["ledger", "deployment"] {
        let text: String = fs::read_to_string(root(&folder).join(file)).unwrap();
        let text: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        let expected = format!(
            r#""split":{{"salt":"000000000000d1ce","champion_weight":179,"arms":[{{"version":"{}","weight":77}}]}}"#,
            v[1]
        );
        assert!(text.contains(&expected), "{file}: {text}");
    }
}

#[test]
fn what_cannot_share_the_requests_is_refused_and_what_serves_stays() {
    let (folder, mut store, v) = setup();
    let wide = Model::linear(vec![0.0; 2], 1.0).unwrap();
    let classifier = Model::logistic(vec![0.0], 1.0, vec![0.0], vec![1.0]).unwrap();
    let linear = || Model::linear(vec![0.0], 9.0).unwrap();
    let others = [
        artifact("spread", wide, &["a", "b"]),
        artifact("spread", linear(), &["b"]),
        artifact("spread", classifier, &["a"]),
        artifact("other", linear(), &["a"]),
    ];
    let [wide, renamed, classifier, other] =
        others.map(|artifact| store.publish(&artifact).unwrap().0);
    let before = store.deployment().clone();
    let nowhere = Digest([9; 32]);
    for (shares, reason) in [
        (vec![(v[0], 256)], "1 arms are given"),
        (vec![(v[0], 100), (v[1], 50), (v[2], 50), (v[3], 28), (v[4], 28)], "5 arms are given"),
        (vec![(v[0], 179), (v[1], 76)], "the weights 179 + 76 give 255, and must give 256"),
        (vec![(v[0], 65535), (v[1], 257)], "give 65792, and must give 256"),
        (vec![(v[0], 256), (v[1], 0)], "has the weight 0"),
        (vec![(v[0], 128), (v[0], 128)], "is given twice"),
        (vec![(v[0], 128), (wide, 128)], "takes 2 features, and the champion 1"),
        (vec![(v[0], 128), (renamed, 128)], "has \"b\" as feature 0, and the champion \"a\""),
        (vec![(v[0], 128), (classifier, 128)], "gives a probability, and the champion a value"),
        (vec![(v[0], 128), (other, 128)], "is a version of \"other\""),
        (vec![(other, 128), (v[0], 128)], "is a version of \"other\""),
        (vec![(v[0], 128), (nowhere, 128)], "0909090909"),
    ] {
        let refused = store.split("spread", &arms(&shares), None).unwrap_err().to_string();
        assert!(refused.contains(reason), "{reason}: {refused}");
    }
    let unknown = store.split("other", &arms(&[(other, 128), (v[0], 128)]), None).unwrap_err();
    assert!(matches!(unknown, StoreError::NotServed { .. }), "{unknown}");
    assert_eq!(*store.deployment(), before);
    drop(store);
    assert_eq!(deployment(&root(&folder)).unwrap(), before);
}

#[test]
fn a_split_that_was_edited_by_hand_is_refused_with_the_reason() {
    let (folder, mut store, v) = setup();
    store.split("spread", &arms(&[(v[0], 179), (v[1], 77)]), None).unwrap();
    drop(store);
    let path = root(&folder).join("deployment");
    let whole = fs::read_to_string(&path).unwrap();
    let (first, second, none) = (v[0].to_string(), v[1].to_string(), "f".repeat(64));
    for (from, to, reason) in [
        ("179", "180", "the weights 180 + 77 give 257, and must give 256"),
        ("\"weight\": 77", "\"weight\": -77", "invalid value: integer `-77`"),
        ("\"weight\": 77", "\"weight\": 77, \"shadow\": 1", "unknown field `shadow`"),
        (second.as_str(), first.as_str(), "is given twice"),
        (second.as_str(), none.as_str(), "differs from the ledger in what serves \"spread\""),
        ("\"salt\": \"", "\"salt\": \"x", "a salt is 16 hex digits"),
    ] {
        assert!(whole.contains(from), "{whole}");
        fs::write(&path, whole.replace(from, to)).unwrap();
        let refused = deployment(&root(&folder)).unwrap_err().to_string();
        assert!(refused.contains(reason), "{reason}: {refused}");
    }
    fs::write(&path, &whole).unwrap();
    deployment(&root(&folder)).unwrap();
}
