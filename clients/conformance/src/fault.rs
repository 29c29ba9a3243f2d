//! What went wrong, in words: the suite's errors are read by people and by nothing else.

use std::fmt::{self, Display};

/// A sentence.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) String);

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says what was being done when an error came.
pub(crate) trait During<T> {
    /// `what: error`.
    fn during(self, what: impl Display) -> Result<T, Fault>;
}

impl<T, E: Display> During<T> for Result<T, E> {
    fn during(self, what: impl Display) -> Result<T, Fault> {
        self.map_err(|error| Fault(format!("{what}: {error}")))
    }
}

/// Fails with a sentence.
pub(crate) fn fail<T>(what: impl Display) -> Result<T, Fault> {
    Err(Fault(what.to_string()))
}

/// Fails with a sentence unless something holds.
pub(crate) fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(Fault(what())) }
}
