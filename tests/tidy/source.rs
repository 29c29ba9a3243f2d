//! Reading the project's sources: every file, and its code without comments, texts and tests.

use std::fs;
use std::path::Path;

/// One file.
pub(crate) struct Source {
    /// Path from the root of the project, with `/`.
    pub(crate) path: String,
    /// As it is.
    pub(crate) text: String,
    /// Rust only: the text with comments, the insides of literals and the closing test module
    /// blanked out, line for line.
    pub(crate) code: String,
}

impl Source {
    /// Takes a file as if it stood at `path`.
    pub(crate) fn new(path: &str, text: &str) -> Source {
        // Unit tests may stand in a file of their own beside the module.
        let rust = path.ends_with(".rs") && !path.ends_with("_tests.rs");
        let code = if rust { without_tests(&blanked(text)) } else { String::new() };
        Source { path: path.to_owned(), text: text.to_owned(), code }
    }

    /// Numbered lines of the code.
    pub(crate) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// Every text file under a folder; build output, version control and data are left out.
pub(crate) fn walk(root: &Path) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the project can be listed") {
            let path = entry.expect("an entry can be read").path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if ["target", ".git"].contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let relative = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            sources.push(Source::new(&relative, &text));
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// Cuts the module of unit tests, which style puts last.
fn without_tests(code: &str) -> String {
    let inline = |&(at, head): &(usize, &str)| {
        code[at + head.len()..].split('\n').next().is_some_and(|rest| rest.contains('{'))
    };
    let mut modules = code.match_indices("\n#[cfg(test)]\nmod ");
    let end = modules.find(inline).map(|(at, _)| at).or_else(|| code.find("\n#[cfg(all(test"));
    code[..end.unwrap_or(code.len())].to_owned()
}

/// Blanks out comments and the insides of text and character literals.
fn blanked(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = match (chars[at], chars.get(at + 1)) {
            ('/', Some('/')) => end_of_line(&chars, at),
            ('/', Some('*')) => end_of_block(&chars, at),
            ('"', _) => end_of_text(&chars, at),
            ('r', Some('"' | '#')) if !follows_name(&chars, at) => end_of_raw(&chars, at),
            ('\'', _) => end_of_char(&chars, at),
            _ => at,
        };
        if end == at {
            out.push(chars[at]);
            at += 1;
            continue;
        }
        let keep = |c: &char| if *c == '\n' { '\n' } else { ' ' };
        out.extend(chars[at..end.min(chars.len())].iter().map(keep));
        at = end;
    }
    out
}

fn follows_name(chars: &[char], at: usize) -> bool {
    at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_')
}

fn end_of_line(chars: &[char], at: usize) -> usize {
    (at..chars.len()).find(|&i| chars[i] == '\n').unwrap_or(chars.len())
}

fn end_of_block(chars: &[char], at: usize) -> usize {
    let closes = |&i: &usize| chars[i - 1] == '*' && chars[i] == '/';
    (at + 3..chars.len()).find(closes).map_or(chars.len(), |i| i + 1)
}

fn end_of_text(chars: &[char], at: usize) -> usize {
    let mut i = at + 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

fn end_of_raw(chars: &[char], at: usize) -> usize {
    let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
    if chars.get(at + 1 + hashes) != Some(&'"') {
        return at;
    }
    let closing: Vec<char> = std::iter::once('"').chain(vec!['#'; hashes]).collect();
    let start = at + 2 + hashes;
    let found = chars[start..].windows(closing.len()).position(|window| window == closing);
    found.map_or(chars.len(), |i| start + i + closing.len())
}

/// A character literal ends at its quote; a lifetime is left as it is.
fn end_of_char(chars: &[char], at: usize) -> usize {
    match chars.get(at + 1) {
        Some('\\') => {
            (at + 3..chars.len()).find(|&i| chars[i] == '\'').map_or(chars.len(), |i| i + 1)
        }
        Some(_) if chars.get(at + 2) == Some(&'\'') => at + 3,
        _ => at,
    }
}

#[test]
fn comments_texts_and_tests_are_no_code() {
    let text = "a // unsafe\nb /* unsafe\n */ c \"unsafe \\\" unsafe\" d r#\"un\"safe\"# 'x' '\\'' \
                &'a e\n#[cfg(test)]\nmod tests { unsafe }\n";
    let source = Source::new("src/a.rs", text);
    assert!(!source.code.contains("unsafe"), "{}", source.code);
    for kept in ["a ", "b ", "c ", "d ", "&'a e"] {
        assert!(source.code.contains(kept), "{kept}: {}", source.code);
    }
    assert_eq!(source.code_lines().count(), 3);
}

#[test]
fn tests_in_a_file_of_their_own_hide_nothing_behind_them() {
    let text = "mod a;\n#[cfg(test)]\nmod b_tests;\nuse c;\n#[cfg(test)]\nmod tests {\n d\n}\n";
    let source = Source::new("src/a.rs", text);
    assert!(source.code.contains("use c;"), "{}", source.code);
    assert!(!source.code.contains("d\n}"), "{}", source.code);
}
