//! The rules: each takes sources and returns what breaks it, `path:line: why`.

use crate::source::Source;

/// The crates of the house, lowest first, and the floors of each: a module names only modules of
/// lower floors of its own crate. What a crate may name of others, Cargo holds.
pub(crate) const CRATES: [(&str, &str, &[&[&str]]); 6] = [
    (
        "factord-eval",
        "crates/eval/src/",
        &[
            &["status", "vectors", "fenv", "exp", "kind"],
            &["forest"],
            &["model"],
            &["eval"],
            &["simd"],
            &["evaluator"],
        ],
    ),
    (
        "factord-core",
        "crates/core/src/",
        &[
            &["abi", "sync", "idle"],
            &["sys"],
            &["region", "ring", "tap", "row", "model"],
            &["counters"],
            &["channel"],
            &["client", "worker"],
        ],
    ),
    (
        "factord-factors",
        "crates/factors/src/",
        &[
            &["settings", "times", "panes", "prices", "quantile", "session"],
            &["decimal", "text"],
            &["stated"],
            &["row"],
            &["aggressor", "orders", "columns"],
            &["large"],
            &["factors"],
            &["book"],
        ],
    ),
    (
        "factord-models",
        "crates/models/src/",
        &[&["regular", "whole"], &["file"], &["store", "import"], &["catalogue"]],
    ),
    (
        "factord-quant",
        "crates/quant/src/",
        &[
            &["content"],
            &["table", "plot", "simulate", "audit", "drift"],
            &["stated", "target", "calendar", "skill"],
            &["features"],
            &["trades", "score", "evaluate", "train"],
            &["inspect"],
        ],
    ),
    (
        "factord",
        "src/",
        &[
            &["log", "sys"],
            &["config", "measure", "http"],
            &["control"],
            &["daemon"],
            &["exit"],
            &["tool"],
        ],
    ),
];

/// Where unsafe code may stand.
const UNSAFE: &[&str] = &[
    "src/sys/",
    "crates/core/src/sys/",
    // One cast, from words to read-only words.
    "crates/core/src/sync.rs",
    "crates/core/src/region.rs",
    // Vector instructions can only be called so, once the processor is known to have them.
    "crates/eval/src/vectors.rs",
    "crates/eval/src/simd.rs",
    "crates/eval/src/fenv.rs",
    // Texts and rows in the memory of a C program, which says where they are.
    "clients/factors-c/src/ffi.rs",
    // Arrow's C interface passes pointers.
    "clients/python/src/arrow.rs",
    "tests/",
    "benches/rivals/",
];

/// Where system calls may be made.
const SYSTEM: &[&str] = &[
    "src/sys/",
    "crates/core/src/sys/",
    "crates/models/src/whole/nameless.rs",
    "crates/models/src/regular.rs",
    "tests/",
];

/// The tests of the clients' packages.
const CLIENT_TESTS: [&str; 3] =
    ["clients/conformance/tests/", "clients/factors-c/tests/", "clients/rust/tests/"];

/// Where a word may stand in code: each line a word, then path prefixes.
const PLACES: [(&str, &[&str]); 11] = [
    // It skips destructors: the code travels in a `Failure`.
    ("process::exit", &["tests/"]),
    // It panics when the reader of stdout has gone.
    ("println!(", &["tests/", "benches/", "examples/", "clients/rust/examples/"]),
    (
        ".unwrap()",
        &["tests/", "benches/", "examples/", CLIENT_TESTS[0], CLIENT_TESTS[1], CLIENT_TESTS[2]],
    ),
    ("rustix::", SYSTEM),
    // The rivals are a package of their own, which has no part in the house's floors.
    ("libc::", &["src/sys/", "crates/core/src/sys/", "tests/", "benches/rivals/"]),
    ("memmap2::", &["crates/core/src/region.rs", "tests/"]),
    ("sync::atomic", &["crates/core/src/sync.rs", "tests/", "benches/rivals/"]),
    ("tiny_http::", &["src/http/"]),
    ("httparse::", &["src/http/", "tests/"]),
    ("bincode::", &["crates/models/src/file/codec"]),
    ("unsafe ", UNSAFE),
];

/// The most lines of a file, columns of a line and lines of a function.
const FILE_LINES_MAX: usize = 400;
const LINE_COLUMNS_MAX: usize = 100;
const FUNCTION_LINES_MAX: usize = 70;

/// The floors of the crate that a file belongs to, and the file's path inside that crate.
fn house_of(path: &str) -> Option<(&'static [&'static [&'static str]], &str)> {
    let (_, root, floors) = CRATES.iter().find(|(_, root, _)| path.starts_with(root))?;
    path.strip_prefix(root).filter(|inside| inside.ends_with(".rs")).map(|inside| (*floors, inside))
}

fn is_rust(source: &&Source) -> bool {
    source.path.ends_with(".rs")
}

/// The top-level module a file of a crate belongs to; empty for the crate's roots.
fn module_of(inside: &str) -> &str {
    let top = inside.split('/').next().unwrap_or("");
    match top.strip_suffix(".rs") {
        Some("lib" | "main") => "",
        Some(name) => name,
        None => top,
    }
}

/// A module names only lower floors.
pub(crate) fn floors(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources {
        let Some((floors, inside)) = house_of(&source.path) else { continue };
        let floor_of = |name: &str| floors.iter().position(|floor| floor.contains(&name));
        let from = module_of(inside);
        if from.is_empty() {
            continue;
        }
        let Some(floor) = floor_of(from) else {
            broken.push(format!("{}:1: `{from}` is on no floor: add it to the table", source.path));
            continue;
        };
        for (line, to) in named_modules(source, inside) {
            let lower = floor_of(&to).is_some_and(|other| other < floor);
            if to != from && !lower {
                broken.push(format!("{}:{line}: `{from}` names `{to}`", source.path));
            }
        }
    }
    broken
}

/// The floors that a crate's documentation tells: after these words, up to a full stop, floors are
/// separated by semicolons and modules are in backquotes.
const FROM_THE_GROUND: &str = "from the ground:";

/// The map and the crates' own documentation tell the floors of the table.
pub(crate) fn told_floors(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, root, floors) in CRATES {
        let wanted: Vec<Vec<&str>> = floors.iter().map(|floor| floor.to_vec()).collect();
        let library = format!("{root}lib.rs");
        let Some(source) = sources.iter().find(|source| source.path == library) else { continue };
        let text = source.text.replace("//!", "");
        let told = text.split_once(FROM_THE_GROUND).and_then(|(_, rest)| rest.split_once('.'));
        let told = told.map_or("", |(told, _)| told);
        if told.split(';').map(quoted).collect::<Vec<_>>() != wanted {
            broken.push(format!("{library}:1: it tells other floors: {told}"));
        }
        let Some(map) = sources.iter().find(|source| source.path == "ARCHITECTURE.md") else {
            continue;
        };
        let row = format!("| `{name}` |");
        let told: Vec<Vec<&str>> =
            map.text.lines().filter_map(|line| line.strip_prefix(&row)).map(first_cell).collect();
        if told != wanted {
            broken.push(format!("ARCHITECTURE.md:1: it tells other floors of {name}: {told:?}"));
        }
    }
    broken
}

/// The words in backquotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn first_cell(row: &str) -> Vec<&str> {
    quoted(row.split('|').next().unwrap_or(""))
}

/// The crate's top-level modules that a file names, by `crate::`, or by `super::` from its top.
fn named_modules(source: &Source, inside: &str) -> Vec<(usize, String)> {
    let depth = inside.matches('/').count();
    let depth = if inside.ends_with("/mod.rs") { depth } else { depth + 1 };
    let climb = "super::".repeat(depth);
    let code = &source.code;
    let mut named = Vec::new();
    for prefix in ["crate::", climb.as_str()] {
        for (at, _) in code.match_indices(prefix) {
            let before = code[..at].chars().next_back().unwrap_or(' ');
            let longer = before.is_alphanumeric() || before == '_' || code[..at].ends_with("::");
            if longer && !code[..at].ends_with("pub(in ") {
                continue;
            }
            let line = code[..at].matches('\n').count() + 1;
            let rest = &code[at + prefix.len()..];
            named.extend(heads(rest).into_iter().map(|name| (line, name)));
        }
    }
    // Constants, types and functions at the root are no modules.
    named.retain(|(_, name)| {
        name != "super" && name != "self" && name.chars().all(|c| c.is_lowercase() || c == '_')
    });
    named
}

/// The first names of a path, or of every path of a `{...}` group.
fn heads(rest: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let Some(group) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let mut depth = 1;
    let mut names = vec![name(group)];
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(name(&group[at + 1..])),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Some words stand in few places only.
pub(crate) fn places(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources.iter().filter(is_rust) {
        for (line, code) in source.code_lines() {
            for (word, prefixes) in PLACES {
                let stands = format!("{code} ").match_indices(word).any(|(at, _)| {
                    word.starts_with('.')
                        || !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
                });
                if stands && !prefixes.iter().any(|prefix| source.path.starts_with(prefix)) {
                    let word = word.trim();
                    broken.push(format!("{}:{line}: `{word}` belongs elsewhere", source.path));
                }
            }
        }
    }
    broken
}

/// Files, lines and functions stay short.
pub(crate) fn sizes(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources.iter().filter(is_rust) {
        let count = source.text.lines().count();
        if count > FILE_LINES_MAX {
            broken.push(format!("{}:{count}: more than {FILE_LINES_MAX} lines", source.path));
        }
        for (index, line) in source.text.lines().enumerate() {
            let columns = line.chars().count();
            // A line with a text literal is rustfmt's to break; it leaves texts whole.
            if columns > LINE_COLUMNS_MAX && !line.contains('"') {
                broken.push(format!("{}:{}: {columns} columns", source.path, index + 1));
            }
        }
        for (line, name, count) in functions(&source.code) {
            if count > FUNCTION_LINES_MAX {
                broken.push(format!("{}:{line}: `{name}` has {count} lines", source.path));
            }
        }
    }
    broken
}

/// Line, name and number of lines of every function with a body.
fn functions(code: &str) -> Vec<(usize, String, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let name: String =
            code[at + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let rest = &code[at..];
        let body = rest.find(['{', ';']).filter(|&open| rest[open..].starts_with('{'));
        let (Some(open), false) = (body, name.is_empty()) else { continue };
        let mut depth = 0usize;
        for (offset, c) in rest[open..].char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                let line = code[..at].matches('\n').count() + 1;
                found.push((line, name, rest[..open + offset].matches('\n').count() + 1));
                break;
            }
        }
    }
    found
}

/// Words that never land, in any file.
pub(crate) fn words(sources: &[Source]) -> Vec<String> {
    // Put together here, so that this file does not break its own rule.
    let forbidden = [
        ["TO", "DO"],
        ["FIX", "ME"],
        ["todo", "!("],
        ["unimplemented", "!("],
        ["dbg", "!("],
        ["/ho", "me/"],
        ["/ro", "ot/"],
        ["/wo", "rk/"],
        ["/tmp/", "wt"],
    ]
    .map(|[a, b]| format!("{a}{b}"));
    let mut broken = Vec::new();
    for source in sources.iter().filter(|source| !source.path.ends_with(".lock")) {
        for (index, line) in source.text.lines().enumerate() {
            for word in forbidden.iter().filter(|word| line.contains(word.as_str())) {
                broken.push(format!("{}:{}: `{word}`", source.path, index + 1));
            }
        }
    }
    broken
}
