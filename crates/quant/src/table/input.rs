//! [`Input`]: a table in a file, opened.

use super::chunk::{At, Place};
use super::error::TableError;
use super::line_ends::LineEnds;
use crate::content::{Content, Kind, Opened, Progress, shown};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

/// How a table is held, whatever it is packed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text, in lines.
    Csv,
    /// Parquet.
    Parquet,
    /// An Arrow file or stream; Feather of version 2 is one.
    Arrow,
}

/// A file, or stdin for `-`, opened for reading, that may hold a table.
pub struct Input {
    opened: Opened,
    format: Format,
}

impl Input {
    /// Opens a file, and tells by its first bytes what it holds.
    ///
    /// # Errors
    ///
    /// [`TableError`] when it cannot be opened or read, holds nothing, or is no table.
    pub fn open(path: &Path) -> Result<Input, TableError> {
        Input::of(Opened::open(path)?)
    }

    /// Takes a file that was opened.
    ///
    /// # Errors
    ///
    /// [`TableError::Content`] when it is no table.
    pub fn of(opened: Opened) -> Result<Input, TableError> {
        opened.require_table()?;
        let format = match opened.content().kind {
            Kind::Parquet => Format::Parquet,
            Kind::Arrow | Kind::ArrowStream => Format::Arrow,
            _ => Format::Csv,
        };
        Ok(Input { opened, format })
    }

    /// How it is held.
    pub fn format(&self) -> Format {
        self.format
    }

    /// What the file is.
    pub fn content(&self) -> &Content {
        self.opened.content()
    }

    /// The file, as it was named.
    pub fn path(&self) -> &Arc<Path> {
        self.opened.path()
    }

    /// What tells how much was read, now and later.
    pub(crate) fn progress(&self) -> Progress {
        self.opened.progress()
    }

    /// The text from its first byte on, unpacked and in UTF-8; its lines end with a feed, whatever
    /// ended them.
    pub fn into_text(self) -> Box<dyn Read + Send> {
        Box::new(LineEnds::new(self.opened.into_text()))
    }

    /// The file itself, for formats that are not read from front to back.
    ///
    /// # Errors
    ///
    /// [`TableError::Pipe`] when it is not a file.
    pub fn into_file(self) -> Result<File, TableError> {
        let path = self.path().to_path_buf();
        let what = match self.format {
            Format::Arrow => "Arrow cannot be read",
            _ => "Parquet cannot be read",
        };
        self.opened.into_file().ok_or(TableError::Pipe { path, what })
    }
}

impl fmt::Display for Input {
    /// The file, and what it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path().to_string_lossy();
        let name = if path == "-" { "stdin".to_owned() } else { shown(&path, 200) };
        write!(f, "{name}: {}", self.content())
    }
}

/// The error of a text that cannot be read on after a number of lines.
pub(crate) fn unreadable(path: &Arc<Path>, line: u64, error: io::Error) -> TableError {
    let place = Place { path: Arc::clone(path), at: At::Line(line) };
    match error.kind() {
        io::ErrorKind::FileTooLarge => TableError::LongRow { place },
        // Reading a file never ends so: these are a decoder's, which says its name.
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            TableError::Packed { place, error }
        }
        _ => TableError::Read { place, error },
    }
}
