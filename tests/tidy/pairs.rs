//! The rule of pairs: an ordering stronger than relaxed names its other side.

use crate::source::Source;

/// One `SYNC(name)` comment.
struct Side<'a> {
    name: String,
    place: String,
    words: &'a str,
}

fn sides(sources: &[Source]) -> Vec<Side<'_>> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with("src/")) {
        for (index, line) in source.text.lines().enumerate() {
            let Some((_, rest)) = line.split_once("// SYNC(") else { continue };
            let (name, words) = rest.split_once(')').unwrap_or((rest, ""));
            let place = format!("{}:{}", source.path, index + 1);
            found.push(Side { name: name.to_owned(), place, words });
        }
    }
    found
}

/// Every `SYNC(name)` names a function that exists and has a counterpart of the other ordering.
pub(crate) fn sync_pairs(sources: &[Source]) -> Vec<String> {
    let all = sides(sources);
    let mut broken = Vec::new();
    for side in &all {
        let names = |ordering: &str, words: &str| words.contains(&format!("with the {ordering}"));
        let other = match (names("Acquire", side.words), names("Release", side.words)) {
            (true, false) => "Release",
            (false, true) => "Acquire",
            _ => {
                let place = &side.place;
                broken.push(format!("{place}: say `pairs with the Acquire ...` or Release"));
                continue;
            }
        };
        if !all.iter().any(|peer| peer.name == side.name && names(other, peer.words)) {
            broken.push(format!("{}: SYNC({}) has no counterpart", side.place, side.name));
        }
        let function = side.words.split('`').nth(1).unwrap_or("").rsplit("::").next();
        let defined = format!("fn {}", function.unwrap_or(""));
        let exists = |source: &Source| {
            source.code.match_indices(&defined).any(|(at, _)| {
                let next = source.code[at + defined.len()..].chars().next();
                next == Some('(') || next == Some('<')
            })
        };
        if !sources.iter().any(exists) {
            broken.push(format!("{}: there is no `{defined}`", side.place));
        }
    }
    broken
}

/// Every ordering stronger than relaxed has a `SYNC(...)` comment close above.
pub(crate) fn orderings(sources: &[Source]) -> Vec<String> {
    let strong = ["Ordering::Acquire", "Ordering::Release", "Ordering::AcqRel", "Ordering::SeqCst"];
    let mut broken = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with("src/")) {
        let lines: Vec<&str> = source.text.lines().collect();
        for (line, code) in source.code_lines() {
            if !strong.iter().any(|word| code.contains(word)) {
                continue;
            }
            let above = &lines[line.saturating_sub(8)..line];
            if !above.iter().any(|text| text.contains("SYNC(")) {
                broken.push(format!("{}:{line}: an ordering without SYNC(...)", source.path));
            }
        }
    }
    broken
}
