//! Printing for people.

use std::fmt::Display;
use std::io::{self, Write};

/// Prints a line. A reader that has gone away stops nothing: the exit code tells as well.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}
