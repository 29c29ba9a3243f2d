//! [`ContentError`]: why a file cannot be looked into.

use super::unread::Unread;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why a file cannot be opened, or is nothing that is read.
#[derive(Debug, Error)]
pub enum ContentError {
    /// It is not there or cannot be opened.
    #[error("cannot read {}: {error}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// There is nothing in it.
    #[error("{}: the file is empty, not even a header", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// It is of a known format that is not read.
    #[error("{}: it is {}, which is not read here: {}", path.display(), unread.name, unread.way)]
    Unread {
        /// The file.
        path: PathBuf,
        /// What it is.
        unread: &'static Unread,
    },
    /// It is a model where a table is looked for.
    #[error("{}: it is {what}, not a table: {way}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// The command that takes it.
        way: &'static str,
    },
    /// It is no text, and of no known format.
    #[error(
        "{}: it is neither text nor of a known format; its first bytes are {bytes}: give CSV or \
         Parquet", path.display()
    )]
    Unknown {
        /// The file.
        path: PathBuf,
        /// In hexadecimal.
        bytes: String,
    },
    /// What is packed in it has to be read from a file of its own.
    #[error("{}: {packing} with {what} inside: unpack it first", path.display())]
    Inside {
        /// The file.
        path: PathBuf,
        /// How it is packed.
        packing: &'static str,
        /// What is inside.
        what: String,
    },
    /// An archive does not hold one table.
    #[error(
        "{}: a zip of {count} files, where one table is looked for: unpack the one that is meant{}",
        path.display(), if names.is_empty() { String::new() } else { format!(" ({names})") }
    )]
    Several {
        /// The file.
        path: PathBuf,
        /// How many files it holds.
        count: usize,
        /// Their names, the first few.
        names: String,
    },
    /// It is cut short or damaged.
    #[error("{}: the {packing} stream ends early or is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How it is packed.
        packing: &'static str,
        /// The decoder's reason.
        reason: String,
    },
    /// A pipe can be read once, from front to back.
    #[error("{}: a zip archive cannot be read from a pipe: name a file", path.display())]
    Pipe {
        /// As it was named.
        path: PathBuf,
    },
}
