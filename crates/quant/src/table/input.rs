//! [`Input`]: a file opened, and what it holds told by its first bytes.

use super::chunk::{At, Place};
use super::error::TableError;
use super::line_ends::LineEnds;
use crossbeam::atomic::AtomicCell;
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;

/// What a file holds, by its content and not by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text.
    Csv,
    /// Text, gzipped; several members may follow each other.
    CsvGz,
    /// Parquet.
    Parquet,
}

/// How much of an input was read so far.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    done: Arc<AtomicCell<u64>>,
    /// Bytes; 0 when unknown.
    len: u64,
}

impl Progress {
    /// The share, 0 to 1; `None` for a pipe.
    pub(crate) fn fraction(&self) -> Option<f64> {
        let done = self.done.load();
        (self.len > 0).then(|| done.min(self.len) as f64 / self.len as f64)
    }
}

/// A file, or stdin for `-`, opened for reading.
pub struct Input {
    path: Arc<Path>,
    format: Format,
    first: Vec<u8>,
    source: Source,
    progress: Progress,
}

enum Source {
    File(File),
    Pipe(Box<dyn Read + Send>),
}

impl Input {
    /// Opens a file and reads its first bytes.
    ///
    /// # Errors
    ///
    /// [`TableError`] when it cannot be opened or read, or holds nothing.
    pub fn open(path: &Path) -> Result<Input, TableError> {
        let failed = |error| TableError::Open { path: path.to_owned(), error };
        let (mut source, len) = if path == Path::new("-") {
            (Source::Pipe(Box::new(io::stdin())), 0)
        } else {
            let file = File::open(path).map_err(failed)?;
            let metadata = file.metadata().map_err(failed)?;
            if metadata.is_dir() {
                return Err(failed(io::ErrorKind::IsADirectory.into()));
            }
            match metadata.is_file() {
                true => (Source::File(file), metadata.len()),
                false => (Source::Pipe(Box::new(file)), 0),
            }
        };
        let mut first = Vec::with_capacity(4);
        let reader: &mut dyn Read = match &mut source {
            Source::File(file) => file,
            Source::Pipe(pipe) => pipe,
        };
        reader.take(4).read_to_end(&mut first).map_err(failed)?;
        let format = match first.as_slice() {
            [] => return Err(TableError::Empty { path: path.to_owned() }),
            b"PAR1" => Format::Parquet,
            [0x1f, 0x8b, ..] => Format::CsvGz,
            _ => Format::Csv,
        };
        let progress = Progress { done: Arc::default(), len };
        Ok(Input { path: path.into(), format, first, source, progress })
    }

    /// What it holds.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The file, as it was named.
    pub fn path(&self) -> &Arc<Path> {
        &self.path
    }

    /// What tells how much was read, now and later.
    pub(crate) fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// The text from its first byte on, unpacked; its lines end with a feed, whatever ended them.
    pub fn into_text(self) -> Box<dyn Read + Send> {
        let rest: Box<dyn Read + Send> = match self.source {
            Source::File(file) => Box::new(file),
            Source::Pipe(pipe) => pipe,
        };
        let read = Counted { input: rest, done: self.progress.done };
        let whole = Cursor::new(self.first).chain(read);
        match self.format {
            Format::CsvGz => {
                // 256 KiB: a few milliseconds of unpacking between two system calls.
                let packed = BufReader::with_capacity(256 * 1024, whole);
                Box::new(LineEnds::new(MultiGzDecoder::new(packed)))
            }
            Format::Csv | Format::Parquet => Box::new(LineEnds::new(whole)),
        }
    }

    /// The file itself, for formats that are not read from front to back.
    ///
    /// # Errors
    ///
    /// [`TableError::Pipe`] when it is not a file.
    pub fn into_file(self) -> Result<File, TableError> {
        match self.source {
            Source::File(file) => Ok(file),
            Source::Pipe(_) => {
                let path = self.path.to_path_buf();
                Err(TableError::Pipe { path, what: "Parquet cannot be read" })
            }
        }
    }
}

/// A stream that counts its bytes.
struct Counted {
    input: Box<dyn Read + Send>,
    done: Arc<AtomicCell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.input.read(buffer)?;
        self.done.fetch_add(len as u64);
        Ok(len)
    }
}

/// The error of a text that cannot be read on after a number of lines.
pub(crate) fn unreadable(path: &Arc<Path>, line: u64, error: io::Error) -> TableError {
    let place = Place { path: Arc::clone(path), at: At::Line(line) };
    match error.kind() {
        io::ErrorKind::FileTooLarge => TableError::LongRow { place },
        // Reading a file never ends so: these are the decoder's.
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            TableError::Gzip { place, error }
        }
        _ => TableError::Read { place, error },
    }
}
