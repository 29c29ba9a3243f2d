//! A training that is killed while it puts its files in place.

use crate::support::{Place, rates};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

/// Trains on a table, killed at the `nth` rename; tells whether it was, `None` without strace.
fn train_killed(place: &Place, table: &str, nth: usize) -> Option<bool> {
    let plain = place.factord(&["train", table, "--out", "out", "--folds", "0"]);
    let mut command = Command::new("strace");
    let inject = format!("inject=rename,renameat,renameat2:signal=KILL:when={nth}");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=rename,renameat,renameat2"]);
    command.args(["-e", &inject]).arg(plain.get_program()).args(plain.get_args());
    command.current_dir(place.path(""));
    match command.output() {
        Ok(output) => Some(output.status.signal() == Some(9)),
        Err(error) => {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "strace: {error}");
            println!("SKIPPED: strace: {error}");
            None
        }
    }
}

#[test]
fn a_training_killed_at_any_rename_leaves_all_of_the_old_files_or_all_of_the_new() {
    let mut kills = 0;
    for nth in 1..10 {
        let place = Place::new();
        place.write("old.csv", rates(1, 300, 5).text);
        place.write("new.csv", rates(2, 300, 6).text);
        let ran = place.run(&["train", "old.csv", "--out", "out", "--folds", "0"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let files = ["out/regression.fmodel", "out/classification.fmodel", "out/report.html"];
        let read = || files.map(|file| std::fs::read(place.path(file)).unwrap());
        let old = read();
        let Some(killed) = train_killed(&place, "new.csv", nth) else { return };
        // Whoever reads the folder first gives files that count their names.
        assert_eq!(place.run(&["check", "--models", "out"]).code, 0);
        let now = read();
        let changed = [0, 1, 2].map(|file| now[file] != old[file]);
        assert!(changed == [true; 3] || changed == [false; 3], "rename {nth}: {changed:?}");
        kills += usize::from(killed);
        let ran = place.run(&["train", "new.csv", "--out", "out", "--folds", "0"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let names = ["classification.fmodel", "regression.fmodel", "report.html"];
        assert_eq!(place.names("out"), names, "nothing is left behind after rename {nth}");
        if !killed {
            break;
        }
    }
    assert!(kills >= 4, "only {kills} kills");
}
