//! The table of all cases in all languages, and what is wrong in it.

use crate::fault::Fault;
use crate::runner;
use std::fmt::Write;

/// What became of one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Why it was not run.
    Skipped(String),
    /// What it said of each case, and its last line.
    Ran(Vec<(String, String)>, String),
}

impl Outcome {
    /// Reads what a runner printed, and compares its end with it: a runner that counts wrongly or
    /// ends otherwise than it says has failed.
    pub(crate) fn of(mut lines: Vec<String>, status: &str) -> Outcome {
        let case = |line: &String| {
            let (name, said) = line.split_once(" ... ")?;
            Some((name.to_owned(), said.to_owned()))
        };
        let cases: Vec<(String, String)> = lines.iter().filter_map(case).collect();
        let passed = cases.iter().filter(|(_, said)| said == "ok").count();
        let expected = format!("{passed} passed, {} failed", cases.len() - passed);
        let code = u8::from(passed < cases.len());
        let expected_status = format!("exit status: {code}");
        let mut end = lines.pop().unwrap_or_default();
        if end != expected || status != expected_status {
            end = format!("FAILED: the last line is `{end}`, {status}");
        }
        Outcome::Ran(cases, end)
    }

    /// Nothing was run, and not because something is missing.
    pub(crate) fn failed(fault: &Fault) -> Outcome {
        Outcome::Ran(Vec::new(), format!("FAILED: {fault}"))
    }

    /// One line about it.
    pub(crate) fn summary(&self) -> String {
        match self {
            Outcome::Skipped(why) => format!("skipped, {why}"),
            Outcome::Ran(_, end) => end.clone(),
        }
    }
}

/// The table, and a line for each fault in it. A language that was skipped is one when all must
/// run, and so is a table in which nothing ran.
pub(crate) fn of(columns: &[(&str, Outcome)], all_must_run: bool) -> (String, Vec<String>) {
    let mut table = format!("{:<26}", "case");
    let mut faults = Vec::new();
    // A string takes every write.
    for (language, _) in columns {
        let _ = write!(table, "{language:<9}");
    }
    table.push('\n');
    for (index, name) in runner::names().iter().enumerate() {
        let case = format!("{:02} {name}", index + 1);
        let _ = write!(table, "{case:<26}");
        for (language, outcome) in columns {
            let word = word_of(outcome, &case).unwrap_or_else(|(word, why)| {
                faults.extend(why.map(|why| format!("{language}: {case}: {why}")));
                word
            });
            let _ = write!(table, "{word:<9}");
        }
        table.push('\n');
    }
    for (language, outcome) in columns {
        match outcome {
            Outcome::Skipped(why) if all_must_run => faults.push(format!("{language}: {why}")),
            Outcome::Ran(_, end) if end.starts_with("FAILED") => {
                faults.push(format!("{language}: {end}"));
            }
            _ => {}
        }
    }
    if !columns.iter().any(|(_, outcome)| matches!(outcome, Outcome::Ran(..))) {
        faults.push("nothing was run".to_owned());
    }
    (table, faults)
}

/// The word of one field, or the word and what is wrong. A runner that ran no case at all has that
/// said once, by its end.
fn word_of(outcome: &Outcome, case: &str) -> Result<&'static str, (&'static str, Option<String>)> {
    let Outcome::Ran(cases, _) = outcome else { return Ok("-") };
    match cases.iter().find(|(name, _)| name == case) {
        Some((_, said)) if said == "ok" => Ok("ok"),
        Some((_, said)) => Err(("FAILED", Some(said.clone()))),
        None if cases.is_empty() => Err(("NOT RUN", None)),
        None => Err(("NOT RUN", Some("was not run".to_owned()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a flawless runner prints.
    fn lines() -> Vec<String> {
        let names = runner::names();
        let case = |(index, name)| format!("{:02} {name} ... ok", index + 1);
        let mut lines: Vec<String> = names.iter().enumerate().map(case).collect();
        lines.push(format!("{} passed, 0 failed", names.len()));
        lines
    }

    fn faults(lines: Vec<String>, status: &str) -> Vec<String> {
        of(&[("c", Outcome::of(lines, status))], false).1
    }

    #[test]
    fn a_flawless_runner_has_no_fault() {
        assert_eq!(faults(lines(), "exit status: 0"), Vec::<String>::new());
    }

    #[test]
    fn a_runner_that_ends_otherwise_than_it_says_has_failed() {
        for status in ["exit status: 1", "signal: 11 (SIGSEGV)", "killed as it did not end"] {
            assert_eq!(faults(lines(), status).len(), 1, "{status}");
        }
        let mut silent = lines();
        silent.pop();
        assert_eq!(faults(silent, "exit status: 0").len(), 1);
        assert_eq!(faults(Vec::new(), "exit status: 0").len(), 1);
    }

    #[test]
    fn a_case_that_is_left_out_or_failed_is_a_fault() {
        let mut short = lines();
        short.remove(2);
        short.pop();
        short.push(format!("{} passed, 0 failed", runner::names().len() - 1));
        assert_eq!(faults(short, "exit status: 0"), ["c: 03 golden-regression: was not run"]);
        let mut failed = lines();
        failed[0] = "01 attach ... FAILED: no daemon".to_owned();
        failed.pop();
        failed.push(format!("{} passed, 1 failed", runner::names().len() - 1));
        assert_eq!(faults(failed.clone(), "exit status: 1"), ["c: 01 attach: FAILED: no daemon"]);
        assert_eq!(faults(failed, "exit status: 0").len(), 2);
    }

    #[test]
    fn a_language_left_out_is_a_fault_where_all_must_run() {
        let column = || ("java", Outcome::Skipped("javac is missing".to_owned()));
        let rust = || ("rust", Outcome::of(lines(), "exit status: 0"));
        assert_eq!(of(&[rust(), column()], false).1, Vec::<String>::new());
        assert_eq!(of(&[rust(), column()], true).1, ["java: javac is missing"]);
        assert_eq!(of(&[column()], false).1, ["nothing was run"]);
    }
}
