//! The rule of promises: the specification numbers what it promises, and every promise names a
//! test or a check that exists, or says why there is none yet.

use crate::source::Source;
use std::collections::BTreeSet;

/// Where the promises stand.
pub(crate) const SPECIFICATION: &str = "docs/specification.md";

/// One promise: its line, its number and its words, which may go on over several lines.
struct Promise {
    line: usize,
    number: Option<usize>,
    words: String,
}

/// A promise starts with `* **SPEC-n**` and ends before the next one, a heading or an empty line.
fn promises(text: &str) -> Vec<Promise> {
    let mut found: Vec<Promise> = Vec::new();
    let mut open = false;
    for (index, line) in text.lines().enumerate() {
        if let Some(rest) = line.strip_prefix("* **SPEC-") {
            let (number, words) = rest.split_once("**").unwrap_or((rest, ""));
            let number = number.parse().ok();
            found.push(Promise { line: index + 1, number, words: words.to_owned() });
            open = true;
        } else if line.trim().is_empty() || line.starts_with('#') {
            open = false;
        } else if let (true, Some(last)) = (open, found.last_mut()) {
            last.words.push(' ');
            last.words.push_str(line.trim());
        }
    }
    found
}

/// How many promises the specification makes.
pub(crate) fn count(sources: &[Source]) -> usize {
    sources.iter().filter(|s| s.path == SPECIFICATION).map(|s| promises(&s.text).len()).sum()
}

/// Whether a file defines a test of that name.
fn has_test(source: &Source, name: &str) -> bool {
    let lines: Vec<&str> = source.text.lines().map(str::trim).collect();
    let definition = format!("fn {name}(");
    lines.iter().enumerate().any(|(index, line)| {
        line.starts_with(&definition)
            && lines[..index]
                .iter()
                .rev()
                .take_while(|l| l.starts_with("#["))
                .any(|l| *l == "#[test]")
    })
}

/// What is wrong with one citation; `None` when it names a test or a check that exists.
fn fault(sources: &[Source], citation: &str) -> Option<String> {
    if let Some(check) = citation.strip_prefix(".ci/").and_then(|c| c.strip_suffix(".sh")) {
        let listed = sources.iter().filter(|s| s.path == ".ci/run").any(|run| {
            run.text.lines().any(|line| {
                ["first", "checks", "left", "right", "seldom", "seldom_waiting", "last"]
                    .iter()
                    .any(|list| line.starts_with(&format!("{list}=(")))
                    && line.split(['(', ' ', ')']).any(|word| word == check)
            })
        });
        let exists = sources.iter().any(|source| source.path == citation);
        return (!listed || !exists).then(|| format!("`{citation}` is no check of .ci/run"));
    }
    let (path, name) = citation.split_once("::")?;
    let Some(source) = sources.iter().find(|source| source.path == path) else {
        return Some(format!("there is no file `{path}`"));
    };
    (!has_test(source, name)).then(|| format!("`{path}` has no test `{name}`"))
}

/// Every promise has a number of its own (a number is never given again, so there may be gaps), and
/// tests or checks that exist.
pub(crate) fn held(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    let Some(document) = sources.iter().find(|source| source.path == SPECIFICATION) else {
        return vec![format!("{SPECIFICATION}:1: it is not there")];
    };
    let mut given = BTreeSet::new();
    for promise in &promises(&document.text) {
        let mut say =
            |what: String| broken.push(format!("{SPECIFICATION}:{}: {what}", promise.line));
        match promise.number {
            Some(number) if given.insert(number) => {}
            _ => say("a promise needs a number of its own".to_owned()),
        }
        let quoted = promise.words.split('`').skip(1).step_by(2);
        let citations: Vec<&str> = quoted
            .filter(|text| {
                let code = ["tests/", "src/", "crates/", "clients/"];
                let test = code.iter().any(|at| text.starts_with(at)) && text.contains("::");
                test || text.starts_with(".ci/") && text.ends_with(".sh")
            })
            .collect();
        if citations.is_empty() && !promise.words.contains("[test pending: ") {
            say("no test is named, and no reason why there is none".to_owned());
        }
        citations.iter().filter_map(|citation| fault(sources, citation)).for_each(say);
    }
    broken
}
