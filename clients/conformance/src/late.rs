//! How late calls end beside an engine that neither answers nor takes connections.

use crate::fault::{Fault, fail};
use crate::say::say;
use crate::stage::{Made, Stage, lines_of, ready};

/// What every runner prints a line for.
const CALLS: [&str; 5] = ["predict", "submit", "poll", "local", "idle"];

/// The two figures of `NAME p99_ns P worst_ns W`.
fn figures(line: &str, name: &str) -> Option<(u64, u64)> {
    match line.split(' ').collect::<Vec<_>>().as_slice() {
        [found, "p99_ns", p99, "worst_ns", worst] if *found == name => {
            Some((p99.parse().ok()?, worst.parse().ok()?))
        }
        _ => None,
    }
}

/// Measures, and prints a table: a row a language and call.
pub(crate) fn run(runners: &[Made]) -> Result<(), Fault> {
    say(format_args!("| client | call | late by, p99, us | worst, us |"));
    say(format_args!("|---|---|---|---|"));
    for (language, runner) in ready(runners) {
        let stage = Stage::set("backoff", None)?;
        let lines = lines_of(stage.spawn(runner, &["late"])?)?;
        for name in CALLS {
            let found = lines.iter().find_map(|line| figures(line, name));
            let Some((p99, worst)) = found else {
                return fail(format!("{}: no figures of {name}: {lines:?}", language.name));
            };
            let us = |ns: u64| ns as f64 / 1e3;
            say(format_args!("| {} | {name} | {:.1} | {:.1} |", language.name, us(p99), us(worst)));
        }
    }
    Ok(())
}
