use super::*;
use crate::file::Details;
use factord_eval::Model;
use std::io::Write;
use tempfile::TempDir;

/// An artifact of a name whose every answer is `y`.
fn artifact(name: &str, y: f64) -> Artifact {
    let feature_names = vec!["a".to_owned()];
    let details = Details { name: name.to_owned(), feature_names, ..Details::default() };
    Artifact::new(Model::linear(vec![0.0], y).unwrap(), details).unwrap()
}

struct Setup {
    _folder: TempDir,
    root: PathBuf,
}

fn setup() -> Setup {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    Setup { _folder: folder, root }
}

impl Setup {
    fn store(&self) -> Store {
        Store::open_or_make(&self.root).unwrap()
    }

    /// Publishes and promotes a version.
    fn serve(&self, name: &str, y: f64) -> Served {
        let mut store = self.store();
        let (version, _) = store.publish(&artifact(name, y)).unwrap();
        store.promote(version).unwrap()
    }

    fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        lines(&self.root, |line, _| events.push(line.event.clone())).unwrap();
        events
    }

    fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn refusal(&self) -> String {
        let read = deployment(&self.root).unwrap_err().to_string();
        assert_eq!(Store::open(&self.root).unwrap_err().to_string(), read, "with the lock too");
        read
    }
}

#[test]
fn versions_are_promoted_rolled_back_pinned_and_withdrawn() {
    let setup = setup();
    let versions = [1.0, 2.0, 3.0].map(|y| setup.serve("spread", y).champion);
    let mut store = setup.store();
    assert_eq!(store.deployment().names["spread"].generation, 3);

    let back = store.rollback("spread").unwrap();
    assert_eq!((back.champion, back.generation), (versions[1], 4));
    assert_eq!(store.rollback("spread").unwrap().champion, versions[0]);
    let none = store.rollback("spread").unwrap_err();
    assert!(matches!(none, StoreError::NothingBefore { .. }), "{none}");

    // A version that was gone back from is not what to go back to.
    assert_eq!(store.promote(versions[2]).unwrap().generation, 6);
    assert_eq!(store.rollback("spread").unwrap().champion, versions[0]);

    store.pin("spread", true).unwrap();
    let pinned = store.promote(versions[1]).unwrap_err().to_string();
    assert!(pinned.contains("factord model pin spread --off"), "{pinned}");
    assert!(store.withdraw("spread").is_err() && store.rollback("spread").is_err());
    assert_eq!(store.pin("spread", false).unwrap().generation, 7, "the version is the same");

    store.withdraw("spread").unwrap();
    assert!(store.deployment().names.is_empty());
    drop(store);
    assert_eq!(setup.serve("spread", 1.0).generation, 9, "a generation never comes again");
    let changes = changes(&setup.root, "spread").unwrap();
    let verbs: Vec<Verb> = changes.iter().map(|change| change.verb).collect();
    use Verb::{Pin, Promote, Rollback, Unpin, Withdraw};
    let expected = [
        Promote, Promote, Promote, Rollback, Rollback, Promote, Rollback, Pin, Unpin, Withdraw,
        Promote,
    ];
    assert_eq!(verbs, expected);
    assert_eq!(deployment(&setup.root).unwrap(), *setup.store().deployment());
}

#[test]
fn the_same_artifact_is_published_once_and_promoting_what_serves_changes_nothing() {
    let setup = setup();
    let served = setup.serve("spread", 1.0);
    let before = setup.events().len();
    let mut store = setup.store();
    assert_eq!(store.publish(&artifact("spread", 1.0)).unwrap(), (served.champion, false));
    assert_eq!(store.promote(served.champion).unwrap(), served);
    assert_eq!(setup.events().len(), before);
    let prefix = &served.champion.to_string()[..5];
    assert_eq!(store.version("spread", prefix).unwrap(), served.champion);
    let unknown = store.version("spread", "zz").unwrap_err().to_string();
    assert!(unknown.contains(&served.champion.short()), "it lists what there is: {unknown}");
    assert!(store.version("spread", "").is_err() && store.version("other", prefix).is_err());
}

#[test]
fn a_change_whose_deployment_did_not_come_is_dropped() {
    let setup = setup();
    let first = setup.serve("spread", 1.0);
    let before = fs::read(setup.file("deployment")).unwrap();
    setup.serve("spread", 2.0);
    // As if the writer had ended before the rename.
    fs::write(setup.file("deployment"), before).unwrap();
    assert_eq!(deployment(&setup.root).unwrap().names["spread"], first, "readers see the old one");
    let store = setup.store();
    assert_eq!(store.deployment().names["spread"], first);
    drop(store);
    assert!(matches!(setup.events()[..], [.., Event::Dropped { line: 4 }]), "{:?}", setup.events());
    assert_eq!(setup.serve("spread", 3.0).generation, 2, "what was dropped was never served");
    assert_eq!(setup.store().rollback("spread").unwrap().champion, first.champion);
}

#[test]
fn a_last_line_without_its_end_is_cut_off() {
    let setup = setup();
    setup.serve("spread", 1.0);
    let whole = fs::read(setup.file("ledger")).unwrap();
    for len in [1, 30, 200] {
        let mut torn = whole.clone();
        torn.extend(&whole[..len]);
        fs::write(setup.file("ledger"), torn).unwrap();
        deployment(&setup.root).unwrap();
        drop(setup.store());
        assert_eq!(fs::read(setup.file("ledger")).unwrap(), whole, "{len}");
    }
}

#[test]
fn a_ledger_that_was_changed_or_cut_short_is_refused() {
    let setup = setup();
    setup.serve("spread", 1.0);
    setup.serve("spread", 2.0);
    let whole = fs::read_to_string(setup.file("ledger")).unwrap();
    let changed = whole.replacen("\"uid\":", "\"uid\":1", 1);
    fs::write(setup.file("ledger"), changed).unwrap();
    assert!(setup.refusal().contains("ledger, line 2: it says that it follows"));
    let cut: String = whole.lines().take(2).map(|line| format!("{line}\n")).collect();
    fs::write(setup.file("ledger"), cut).unwrap();
    assert!(setup.refusal().contains("no line 4 of the hash that it names"));
    fs::write(setup.file("ledger"), format!("{whole}hello\n")).unwrap();
    assert!(setup.refusal().contains("line 5: "));
    fs::write(setup.file("ledger"), whole + &"x".repeat(5000)).unwrap();
    assert!(setup.refusal().contains("longer than any line"));
}

#[test]
fn a_deployment_that_cannot_be_honoured_is_refused_by_name() {
    let setup = setup();
    setup.serve("spread", 1.0);
    let whole = fs::read_to_string(setup.file("deployment")).unwrap();
    let other = "f".repeat(64);
    let champion = deployment(&setup.root).unwrap().names["spread"].champion.to_string();
    for (from, to, reason) in [
        ("\"generation\"", "\"weight\": 128, \"generation\"", "unknown field `weight`"),
        ("\"spread\"", "\"/spread\"", "no model can be named \"/spread\""),
        ("\"spread\"", "\"others\"", "differs from the ledger in what serves \"spread\""),
        (champion.as_str(), other.as_str(), "differs from the ledger in what serves \"spread\""),
        (champion.as_str(), "0", "64 hex digits"),
        ("\"format\": 1", "\"format\": 2", "it has format 2, and this program reads 1"),
        ("\"line\": 2", "\"line\": 1", "the ledger has no line 1 of the hash"),
    ] {
        assert!(whole.contains(from), "{whole}");
        fs::write(setup.file("deployment"), whole.replace(from, to)).unwrap();
        assert!(setup.refusal().contains(reason), "{}", setup.refusal());
    }
}

#[test]
fn an_object_whose_bytes_are_not_its_name_s_is_refused() {
    let setup = setup();
    let served = setup.serve("spread", 1.0);
    let mut store = setup.store();
    let path = store.objects().path(&served.champion);
    let other = artifact("spread", 2.0).encode();
    fs::write(&path, &other).unwrap();
    let found = Digest::of(&other).to_string();
    for error in [
        store.objects().read(&served.champion).unwrap_err(),
        store.publish(&artifact("spread", 1.0)).unwrap_err(),
        store.promote(served.champion).unwrap_err(),
    ] {
        assert!(error.to_string().contains(&found), "{error}");
    }
    fs::remove_file(path).unwrap();
    assert!(store.promote(served.champion).is_err());
}

#[test]
fn two_artifacts_with_one_fingerprint_are_refused() {
    let setup = setup();
    let mut store = setup.store();
    let new = artifact("spread", 1.0);
    let twin = format!("{}{}", &Digest::of(&new.encode()).to_string()[..16], "0".repeat(48));
    fs::write(setup.file("objects").join(format!("{twin}.fmodel")), "any").unwrap();
    let refused = store.publish(&new).unwrap_err();
    assert!(matches!(refused, StoreError::SameFingerprint { .. }), "{refused}");
}

#[test]
fn serving_is_told_by_daemons_and_a_folder_of_others_is_no_store() {
    let setup = setup();
    let (first, other) = (setup.serve("spread", 1.0), setup.serve("other", 1.0));
    assert_eq!((first.generation, other.generation), (1, 1));
    let mut store = setup.store();
    let line = store.deployment().line;
    store.serving(line, None).unwrap();
    drop(store);
    setup.serve("spread", 2.0);
    setup.serve("other", 2.0);
    let mut store = setup.store();
    let line = store.deployment().line;
    store.serving(line, Some("other".to_owned())).unwrap();
    drop(store);
    let served = |name: &str| {
        let changes = changes(&setup.root, name).unwrap();
        changes.iter().map(|change| change.serving_unix_ns.is_some()).collect::<Vec<_>>()
    };
    assert_eq!((served("spread"), served("other")), (vec![true, false], vec![true, true]));

    let folder = tempfile::tempdir().unwrap();
    let mut file = File::create(folder.path().join("regression.fmodel")).unwrap();
    file.write_all(b"any").unwrap();
    let refused = Store::open_or_make(folder.path()).unwrap_err();
    assert!(matches!(refused, StoreError::NoStore { .. }), "{refused}");
    assert!(deployment(folder.path()).is_err() && !folder.path().join("objects").exists());
}
