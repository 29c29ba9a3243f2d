//! The driver: one daemon, all runners one after the other, one table.

use crate::fault::{During, Fault, fail};
use crate::language::{LANGUAGES, Language, Runner};
use crate::say::say;
use crate::stage::{Made, Stage, lines_of};
use crate::table::{self, Outcome};
use crate::{late, latency, spoilt, units};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The table of the `csv` call, where the test data is.
const TABLE: &str = "jay/golden.csv";

/// The languages named, or all.
fn chosen(names: &[&str]) -> Result<Vec<&'static Language>, Fault> {
    if let Some(name) = names.iter().find(|name| !LANGUAGES.iter().any(|l| l.name == **name)) {
        let all = LANGUAGES.map(|language| language.name).join(", ");
        return fail(format!("no language {name}: there are {all}"));
    }
    let wanted = |language: &&Language| names.is_empty() || names.contains(&language.name);
    Ok(LANGUAGES.iter().filter(wanted).collect())
}

/// Makes the runners of the languages named; says of each that is left out why.
pub(crate) fn runners(names: &[&str]) -> Result<Vec<Made>, Fault> {
    let out = target()?.join("clients");
    let make = |language: &'static Language| {
        let runner = match language.missing() {
            Some(missing) => Err(Outcome::Skipped(missing)),
            None => language.make(&out).map_err(|fault| Outcome::failed(&fault)),
        };
        (language, runner)
    };
    Ok(chosen(names)?.into_iter().map(make).collect())
}

/// Where builds go: this program is at `TARGET/release/`, by cargo's `--target` a folder deeper.
fn target() -> Result<PathBuf, Fault> {
    let this = env::current_exe().during("this program")?;
    let target = this.ancestors().nth(2);
    target.map(Path::to_owned).ok_or_else(|| Fault(format!("{} is in no build", this.display())))
}

/// Runs what the arguments ask for; true when all went well.
pub(crate) fn run(arguments: &[String]) -> Result<bool, Fault> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--latency", names @ ..] => latency::run(&runners(names)?).map(|()| true),
        ["--late", names @ ..] => late::run(&runners(names)?).map(|()| true),
        ["--spoilt", names @ ..] => spoilt::run(&runners(names)?),
        names => conform(names),
    }
}

/// Tells whether what is missing is a failure.
fn all_must_run() -> bool {
    env::var("CI").is_ok_and(|value| value == "true")
}

fn conform(names: &[&str]) -> Result<bool, Fault> {
    let runners = runners(names)?;
    // Yielding would give a busy core away for a time slice; sleeping at times does not.
    let stage = Stage::set("backoff", None)?;
    let mut columns = Vec::new();
    for (language, runner) in &runners {
        let start = Instant::now();
        let outcome = match runner {
            Ok(runner) => ran(&stage, runner)?,
            Err(outcome) => outcome.clone(),
        };
        let seconds = start.elapsed().as_secs_f64();
        say(format_args!("{}: {}, {seconds:.1} s", language.name, outcome.summary()));
        columns.push((language.name, outcome));
    }
    let tables_agree = compare_tables(&stage, &runners)?;
    let units_agree = units::agree(&stage, &runners)?;
    let (table, faults) = table::of(&columns, all_must_run());
    say(format_args!("\n{table}"));
    for fault in &faults {
        say(format_args!("{fault}"));
    }
    Ok(faults.is_empty() && tables_agree && units_agree)
}

/// Runs all cases of one language.
fn ran(stage: &Stage, runner: &Runner) -> Result<Outcome, Fault> {
    let mut lines = lines_of(stage.spawn(runner, &[])?)?;
    let status = lines.pop().unwrap_or_default();
    Ok(Outcome::of(lines, &status))
}

/// The bits of every row of the table of the replaced service's models, through each client.
fn compare_tables(stage: &Stage, runners: &[Made]) -> Result<bool, Fault> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = env::var_os("FACTORD_SHARED").map_or(beside, PathBuf::from);
    let table = shared.join(TABLE);
    if !table.is_file() {
        say(format_args!("csv: skipped, there is no {}", table.display()));
        return Ok(!all_must_run());
    }
    let rows = fs::read_to_string(&table).during(table.display())?.lines().count() - 1;
    stage.conductor.command(&["reset"])?;
    let mut first: Option<(&str, String)> = None;
    let mut agree = true;
    for (language, runner) in runners {
        let Ok(runner) = runner else { continue };
        let out = stage.folder().join(format!("{}.bits", language.name));
        let (input, output) = (table.display().to_string(), out.display().to_string());
        let mut lines = lines_of(stage.spawn(runner, &["csv", &input, &output])?)?;
        let status = lines.pop().unwrap_or_default();
        let bits = fs::read_to_string(&out).unwrap_or_default();
        let (reference, expected) = first.get_or_insert_with(|| (language.name, bits.clone()));
        let same = status == "exit status: 0" && bits == *expected && bits.lines().count() == rows;
        let verdict = if same { "the same bits" } else { "FAILED: other bits" };
        say(format_args!(
            "csv: {}, {rows} rows: {verdict} as {reference} ({status})",
            language.name
        ));
        agree &= same && rows > 0;
    }
    Ok(agree)
}
