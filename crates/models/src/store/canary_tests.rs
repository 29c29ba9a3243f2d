use super::*;
use crate::file::Details;
use factord_eval::Model;
use tempfile::TempDir;

/// A store in which the first of five versions serves; each always answers its number.
fn setup() -> (TempDir, Store, Vec<Digest>) {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open_or_make(&folder.path().join("store")).unwrap();
    let version = |y: u32| {
        let (name, feature_names) = ("spread".to_owned(), vec!["a".to_owned()]);
        let details = Details { name, feature_names, ..Details::default() };
        Artifact::new(Model::linear(vec![0.0], f64::from(y)).unwrap(), details).unwrap()
    };
    let versions: Vec<Digest> = (0..5).map(|y| store.publish(&version(y)).unwrap().0).collect();
    store.promote(versions[0]).unwrap();
    (folder, store, versions)
}

fn guards() -> Guards {
    let mut guards = Guards::default();
    guards.set(Guard::Error, Limit::try_from(0.001).unwrap());
    guards
}

fn begin(store: &mut Store, candidate: Digest) -> Served {
    store.canary("spread", candidate, vec![13, 64, 256], Hold::Requests(10), guards()).unwrap()
}

/// Opens it anew: deployment and ledger agree.
fn again(folder: &TempDir, store: Store) -> Store {
    drop(store);
    Store::open(&folder.path().join("store")).unwrap()
}

#[test]
fn a_canary_goes_from_step_to_step_with_one_salt_and_becomes_champion() {
    let (folder, mut store, v) = setup();
    let first = begin(&mut store, v[1]);
    let split = first.split.clone().unwrap();
    assert_eq!((first.champion, first.generation, split.ends()), (v[0], 2, [243, 256, 256]));
    let mut store = again(&folder, store);
    assert!(matches!(store.step("spread", 1), Err(StoreError::Changed { .. })));
    let second = store.step("spread", 2).unwrap();
    let wider = second.split.unwrap();
    assert_eq!((second.generation, wider.champion_weight, wider.salt), (3, 192, split.salt));
    let mut store = again(&folder, store);
    let all = store.step("spread", 3).unwrap();
    assert_eq!((all.champion, all.generation, all.split), (v[1], 4, None));
    assert!(all.canary.is_some(), "its last step is watched too");
    let over = store.step("spread", 4).unwrap();
    assert_eq!((over.champion, over.generation, over.canary), (v[1], 4, None));
    assert!(matches!(store.step("spread", 4), Err(StoreError::Changed { .. })));
    let mut store = again(&folder, store);
    assert_eq!(store.rollback("spread").unwrap().champion, v[0], "not to one of its steps");
    assert!(matches!(store.rollback("spread"), Err(StoreError::NothingBefore { .. })));
}

#[test]
fn a_canary_ends_by_what_served_before_it_at_every_step() {
    let (folder, mut store, v) = setup();
    for steps in 0..3 {
        let mut served = begin(&mut store, v[1]);
        for _ in 0..steps {
            served = store.step("spread", served.generation).unwrap();
        }
        let reason = "guard error: 0.5 of 100".to_owned();
        let back = store.stop_canary("spread", served.generation, &reason).unwrap();
        assert_eq!((back.champion, back.split, back.canary), (v[0], None, None));
        assert_eq!(back.generation, served.generation + 1);
        let last = changes(&folder.path().join("store"), "spread").unwrap().pop().unwrap();
        assert_eq!((last.verb, last.reason), (Verb::Rollback, Some(reason)));
        store = again(&folder, store);
        // By hand, too; and a promotion by hand ends it.
        begin(&mut store, v[1]);
        assert_eq!(store.rollback("spread").unwrap().champion, v[0]);
        begin(&mut store, v[1]);
        assert_eq!(store.promote(v[2]).unwrap().canary, None);
        assert_eq!(store.rollback("spread").unwrap().champion, v[0], "not to the canary");
        store = again(&folder, store);
        assert!(matches!(store.rollback("spread"), Err(StoreError::NothingBefore { .. })));
    }
    let long = "x".repeat(5000);
    let served = begin(&mut store, v[1]);
    store.stop_canary("spread", served.generation, &long).unwrap();
    again(&folder, store);
}

#[test]
fn shadows_stay_while_the_champion_changes_and_go_when_they_serve() {
    let (folder, mut store, v) = setup();
    for version in [v[1], v[2]] {
        let served = store.shadow("spread", version, true).unwrap();
        assert_eq!(served.generation, 1, "the same version serves");
    }
    assert_eq!(store.shadow("spread", v[1], true).unwrap().shadows, [v[1], v[2]]);
    let mut store = again(&folder, store);
    let served = begin(&mut store, v[1]);
    assert_eq!(served.shadows, [v[1], v[2]]);
    let served = store.step("spread", served.generation).unwrap();
    let served = store.step("spread", served.generation).unwrap();
    assert_eq!((served.champion, served.shadows), (v[1], vec![v[2]]));
    store.rollback("spread").unwrap();
    let mut store = again(&folder, store);
    assert_eq!(store.shadow("spread", v[2], false).unwrap().shadows, []);
    store.pin("spread", true).unwrap();
    assert!(matches!(store.shadow("spread", v[2], true), Err(StoreError::Pinned { .. })));
}

#[test]
fn a_canary_or_shadows_that_were_edited_by_hand_are_refused_with_the_reason() {
    let (folder, mut store, v) = setup();
    begin(&mut store, v[1]);
    store.shadow("spread", v[2], true).unwrap();
    drop(store);
    let root = folder.path().join("store");
    let path = root.join("deployment");
    let whole = fs::read_to_string(&path).unwrap();
    let (shadow, champion) = (v[2].to_string(), v[0].to_string());
    let unknown = Digest([7; 32]).to_string();
    for (from, to, reason) in [
        ("\"error\":", "\"service_time\": 2, \"error\":", "unknown field `service_time`"),
        (
            "\"step\": 0",
            "\"step\": 1",
            "canary of \"spread\" cannot be honoured: what serves is not",
        ),
        ("\"step\": 0", "\"step\": 3", "it is at step 3, and has 3"),
        ("\"requests\": 10", "\"requests\": 0", "held for nothing"),
        ("\"requests\"", "\"answers\"", "unknown variant `answers`"),
        ("0.001", "-0.001", "a limit is 0 or more"),
        ("0.001", "1.5", "the limit of its guard error is a share"),
        (shadow.as_str(), champion.as_str(), "is the champion itself"),
        (shadow.as_str(), unknown.as_str(), "differs from the ledger in what serves \"spread\""),
    ] {
        assert!(whole.contains(from), "{whole}");
        fs::write(&path, whole.replace(from, to)).unwrap();
        let refused = deployment(&root).unwrap_err().to_string();
        assert!(refused.contains(reason), "{reason}: {refused}");
    }
    fs::write(&path, &whole).unwrap();
    deployment(&root).unwrap();
}
