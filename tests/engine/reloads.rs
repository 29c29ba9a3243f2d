//! What a reload takes, refuses and withdraws, and how many models there may be.

use crate::data::{self, assert_exact};
use crate::harness::{Engine, Setup, Watchdog, eventually};
use factord_core::channel;
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

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("m{index:02}")).collect()
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
fn fourteen_models_fit_beside_the_two_of_old_and_a_fifteenth_is_refused_with_the_way_out() {
    let _watchdog = Watchdog::start("many models", 60);
    let (full, models) = setup(&numbered(15));
    let (code, _, log) = full.run_to_end();
    assert_eq!(code, Some(65), "{log}");
    let rule = "15 models besides `regression` and `classification`; at most 14 can be served";
    assert!(log.contains(rule) && log.contains("remove 1"), "{log}");
    let program = env!("CARGO_BIN_EXE_factord");
    let mut check = std::process::Command::new(program);
    let check = check.arg("check").arg("--models").arg(&models).output().unwrap();
    let said = String::from_utf8_lossy(&check.stderr).into_owned();
    assert!(check.status.code() == Some(65) && said.contains(rule), "{said}");
    remove(&models, "m14");
    data::save(&models, "regression", &of("regression"));
    let engine = full.start();
    assert_eq!(engine.attach(3, 8).models().len(), 15);
    // The names of one run are used up: it is said which ones, and what helps.
    remove(&models, "m03");
    data::save(&models, "late", &of("late"));
    let said = reload(&engine).unwrap_err();
    assert!(said.contains("`late`") && said.contains("no longer served: m03"), "{said}");
    assert!(said.contains("restart the daemon"), "{said}");
}
