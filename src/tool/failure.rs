//! [`Failure`]: what a sub-command ends with when it does not end well.

use crate::exit::{Code, Coded};
use std::fmt;
use std::io::{self, Write};
use std::path::Path;

/// Why a sub-command ended, and the code the process reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub code: Code,
    /// One or more lines for stderr; empty when nothing needs saying.
    pub message: String,
}

impl Failure {
    /// Makes a failure of a code and a message.
    pub fn new(code: Code, message: impl fmt::Display) -> Failure {
        Failure { code, message: message.to_string() }
    }

    /// A file could not be opened or read.
    pub fn reading(path: &Path, error: &io::Error) -> Failure {
        Failure::new(Code::of_reading(error), format!("cannot read {}: {error}", path.display()))
    }

    /// A file could not be created.
    pub fn creating(path: &Path, error: &io::Error) -> Failure {
        let code = Code::of_creating(error);
        Failure::new(code, format!("cannot create {}: {error}", path.display()))
    }

    /// A file could not be written to.
    pub fn writing(path: &Path, error: &io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure::reader_gone();
        }
        Failure::new(Code::Io, format!("cannot write {}: {error}", path.display()))
    }

    /// Puts in front what the failure is about.
    #[must_use]
    pub fn about(mut self, subject: impl fmt::Display) -> Failure {
        self.message = format!("{subject}: {}", self.message);
        self
    }

    /// Whoever read stdout has seen enough: the process ends without a word, and well.
    pub fn reader_gone() -> Failure {
        Failure { code: Code::Ok, message: String::new() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<E: Coded + fmt::Display> From<E> for Failure {
    fn from(error: E) -> Failure {
        match error.code() {
            // An error that ends the run well is one that nobody is left to read.
            Code::Ok => Failure::reader_gone(),
            code => Failure { code, message: error.to_string() },
        }
    }
}

/// Text of several lines as a terminal may show it: what moves a cursor or changes colours is
/// written out, whatever file, peer or argument it came from.
pub fn escaped(text: &str) -> String {
    let lines: Vec<String> =
        text.split('\n').map(|line| factord_quant::content::shown(line, usize::MAX)).collect();
    lines.join("\n")
}

/// Says something on stderr, on a line of its own, escaped.
pub(super) fn say(text: impl fmt::Display) {
    // With stderr closed there is no one left to tell.
    let _ = writeln!(io::stderr(), "factord: {}", escaped(&text.to_string()));
}

/// Prints text on stdout, as it is: a line feed at the end is the caller's.
///
/// # Errors
///
/// [`Failure`]; a closed pipe is [`Failure::reader_gone`], which `println!` would panic on.
pub fn print(text: impl fmt::Display) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    write!(stdout, "{text}")
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::writing(Path::new("stdout"), &error))
}
