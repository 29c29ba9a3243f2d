//! Manual pages: what clap knows of each command, and beside it the lines of its examples as they
//! stand, the variables and files that matter to it, and its exit status.

use crate::exit::Code;
use clap::Command;
use clap_mangen::Man;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Variables of the replaced service that are still read.
const OLD_VARIABLES: [&str; 3] = ["LOG_LEVEL", "MODEL_DIR", "PORT"];
/// Files, in the order in which a page lists them.
const FILES: [(&str, &str); 4] = [
    ("$XDG_RUNTIME_DIR/factord/factord.sock", "The control socket of a user's own daemon."),
    ("/run/factord/factord.sock", "That of root's, where XDG_RUNTIME_DIR is not set."),
    ("/tmp/factord-UID/factord.sock", "That of any other user's, where it is not set."),
    ("*.fmodel", "A model: docs/models.md says what it holds."),
];

/// Writes a page for `command` and one for each command below it, hidden ones aside.
pub(super) fn write_all(mut command: Command, directory: &Path) -> io::Result<()> {
    command = command.disable_help_subcommand(true);
    // Only a built command has its global options.
    command.build();
    write_below(&command, "factord", directory)
}

fn write_below(command: &Command, name: &str, directory: &Path) -> io::Result<()> {
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        write_below(sub, &format!("{name}-{}", sub.get_name()), directory)?;
    }
    fs::write(directory.join(format!("{name}.1")), page(command, name)?)
}

fn page(command: &Command, name: &str) -> io::Result<Vec<u8>> {
    let man = Man::new(command.clone().display_name(name))
        .title(name)
        .source(format!("factord {}", env!("CARGO_PKG_VERSION")))
        .manual("factord");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if command.get_arguments().any(|argument| !argument.is_hide_set()) {
        man.render_options_section(&mut page)?;
    }
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let after = command.get_after_long_help().or_else(|| command.get_after_help());
    if let Some(after) = after {
        // The table of exit codes has a section of its own.
        let text = after.to_string();
        let text = text.split("\n\nExit codes:").next().unwrap_or_default();
        writeln!(page, ".SH NOTES\n.nf\n{}\n.fi", escaped(text))?;
    }
    let variables = variables(command);
    if !variables.is_empty() {
        writeln!(page, ".SH ENVIRONMENT\nA flag goes before a variable.")?;
        for (name, help) in variables {
            writeln!(page, ".TP\n\\fB{}\\fR\n{}", escaped(&name), escaped(&help))?;
        }
    }
    writeln!(page, ".SH FILES")?;
    for (path, meaning) in FILES {
        writeln!(page, ".TP\n\\fI{}\\fR\n{}", escaped(path), escaped(meaning))?;
    }
    writeln!(page, ".SH EXIT STATUS")?;
    for code in Code::ALL {
        writeln!(page, ".TP\n\\fB{}\\fR\n{}", code.number(), escaped(code.meaning()))?;
    }
    if command.get_version().is_some() {
        man.render_version_section(&mut page)?;
    }
    Ok(page)
}

/// The variables that the help of the options names, each with that help.
fn variables(command: &Command) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        for word in help.split(|letter| !is_word(letter)) {
            let is_variable = word.starts_with("FACTORD_") || OLD_VARIABLES.contains(&word);
            if is_variable && !found.iter().any(|(name, _)| name == word) {
                let said = help.split(" (").next().unwrap_or_default();
                found.push((word.to_owned(), format!("{said}.")));
            }
        }
    }
    found
}

/// Text as roff prints it unchanged.
fn escaped(text: &str) -> String {
    let line = |line: &str| {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        // A dot or a quote at the start of a line would be a request.
        if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_lines_and_nothing_is_taken_for_a_request() {
        assert_eq!(escaped("a --b\n.c\n'd\\e"), "a \\-\\-b\n\\&.c\n\\&'d\\ee");
    }
}
