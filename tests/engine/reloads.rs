//! What a reload takes, refuses and withdraws, and how many models there may be.

use crate::data::{self, assert_exact};
use crate::harness::{Engine, Setup, Watchdog, eventually};
use factord_core::channel;
use factord_core::client::PredictError;
use factord_eval::Model;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A setup whose model directory holds these models.
fn setup(names: &[String]) -> (Setup, PathBuf) {
    let setup = Setup::new();
    let models = setup.directory.path().join("models");
    fs::create_dir(&models).unwrap();
    for name in names {
        data::save(&models, name, &of(name));
    }
    let setup = setup.with(&["--models", models.to_str().unwrap()]);
    (setup, models)
}

fn of(name: &str) -> Model {
    data::model(3, false, name.bytes().map(u64::from).sum())
}

/// The name at a place in a round; in the first one `m00` to `m39`.
fn name_of(round: usize, index: usize) -> String {
    if round == 0 { format!("m{index:02}") } else { format!("m{index:02}.of-round-{round}") }
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|index| name_of(0, index)).collect()
}

fn reload(engine: &Engine) -> Result<String, String> {
    channel::reload(engine.socket()).map_err(|error| error.to_string())
}

fn remove(models: &Path, name: &str) {
    fs::remove_file(models.join(format!("{name}.fmodel"))).unwrap();
}

#[test]
fn a_good_change_beside_a_bad_file_is_not_adopted_until_the_bad_one_is_mended() {
    let _watchdog = Watchdog::start("a bad file", 60);
    let (setup, models) = setup(&["a".into(), "b".into()]);
    let engine = setup.start();
    let mut client = engine.attach(3, 8);
    let rows = client.models();
    let good = fs::read(models.join("b.fmodel")).unwrap();
    // `a` changes soundly, `c` is new and sound, `b` is cut.
    data::save(&models, "a", &of("another"));
    data::save(&models, "c", &of("c"));
    fs::write(models.join("b.fmodel"), &good[..good.len() / 2]).unwrap();
    let said = reload(&engine).unwrap_err();
    assert!(said.contains("b.fmodel"), "{said}");
    assert_eq!(client.models(), rows, "all the old ones stay");
    let x = [0.5, -0.25, 0.125];
    for row in &rows {
        assert_exact(&of(&row.name), &x, &client.predict(row.id, &x, SECOND));
        assert_exact(&of(&row.name), &x, &client.predict_local(row.id, &x));
    }
    fs::write(models.join("b.fmodel"), &good).unwrap();
    let said = reload(&engine).unwrap();
    assert_eq!(said.lines().count(), 3, "{said}");
    let row = client.model("a").unwrap();
    assert_eq!(row.generation, 2);
    assert_exact(&of("another"), &x, &client.predict(row.id, &x, SECOND));
}

#[test]
fn a_reload_says_which_models_it_withdraws() {
    let _watchdog = Watchdog::start("a withdrawal", 60);
    let (setup, models) = setup(&["a".into(), "b".into()]);
    let engine = setup.start();
    remove(&models, "b");
    let said = reload(&engine).unwrap();
    assert!(said.ends_with("\nwithdrawn: b, whose file is gone\n"), "{said}");
    // A thread of its own writes the log.
    let logged = || engine.setup.log().contains("withdrawn: b, whose file is gone");
    eventually("the line in the log", SECOND, || logged().then_some(()));
    let said = reload(&engine).unwrap();
    assert!(!said.contains("withdrawn"), "it is told once: {said}");
    data::save(&models, "b", &of("b"));
    assert!(!reload(&engine).unwrap().contains("withdrawn"));
}

#[test]
fn names_come_and_go_without_end_and_their_numbers_serve_again() {
    let _watchdog = Watchdog::start("many names", 120);
    let (full, models) = setup(&numbered(40));
    let engine = full.start();
    let mut client = engine.attach(3, 8);
    let old = client.number("m00").unwrap();
    for round in 0..10 {
        for index in 0..40 {
            remove(&models, &name_of(round, index));
            let name = name_of(round + 1, index);
            data::save(&models, &name, &of(&name));
        }
        reload(&engine).unwrap();
        let rows = engine.snapshot().models.unwrap();
        assert_eq!(rows.len(), 40);
        assert!(rows.iter().all(|row| row.id < 40), "numbers of names that went are given again");
        let x = [0.25, 0.5, 0.75];
        for row in &rows {
            let number = client.number(&row.name).unwrap();
            assert_exact(&of(&row.name), &x, &client.predict(number, &x, SECOND));
        }
        assert_eq!(client.predict(old, &x, SECOND), Err(PredictError::UnknownModel));
        assert_eq!(client.number("m00"), None);
    }
}

#[test]
fn two_names_with_one_check_are_not_served_together() {
    let _watchdog = Watchdog::start("two names with one check", 60);
    // Found by trying names: the first four bytes of their SHA-256 are the same.
    let (first, second) = ("n18622", "n41826");
    let (engine, models) = setup(&[first.to_owned()]);
    let engine = engine.start();
    data::save(&models, second, &of(second));
    let said = reload(&engine).unwrap_err();
    assert!(said.contains(first) && said.contains(second) && said.contains("same check"), "{said}");
    let mut client = engine.attach(3, 8);
    assert_eq!(client.number(second), None);
    let x = [0.25, 0.5, 0.75];
    let number = client.number(first).unwrap();
    assert_exact(&of(first), &x, &client.predict(number, &x, SECOND));
}
