//! Where the bytes of a file come from, and how far it was read.

use super::error::ContentError;
use crossbeam::atomic::AtomicCell;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

/// The bytes that are looked at.
// 64 KiB: some hundred lines, one system call.
pub(super) const HEAD_LEN: usize = 64 << 10;

/// The bytes of a pipe that are waited for: every format shows itself in fewer, and a live feed
/// may pause after any line.
const PIPE_HEAD_LEN: usize = 16;

/// How much of an input was read so far.
#[derive(Clone, Debug, Default)]
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

/// An opened file or pipe.
pub(super) enum Source {
    File(File),
    Pipe(Box<dyn Read + Send>),
}

impl Source {
    /// Opens a file, or stdin for `-`.
    pub(super) fn open(path: &Path) -> Result<(Source, Progress), ContentError> {
        let failed = |error| ContentError::Open { path: path.to_owned(), error };
        if path == Path::new("-") {
            return Ok((Source::Pipe(Box::new(io::stdin())), Progress::default()));
        }
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        Ok(match metadata.is_file() {
            true => (Source::File(file), Progress { len: metadata.len(), ..Progress::default() }),
            false => (Source::Pipe(Box::new(file)), Progress::default()),
        })
    }

    /// How many bytes are waited for before they are looked at.
    pub(super) fn head_len(&self) -> usize {
        match self {
            Source::File(_) => HEAD_LEN,
            Source::Pipe(_) => PIPE_HEAD_LEN,
        }
    }

    /// Reads the first bytes.
    pub(super) fn head(&mut self) -> (Vec<u8>, Option<io::Error>) {
        let wanted = self.head_len();
        match self {
            Source::File(file) => head(file, wanted),
            Source::Pipe(pipe) => head(pipe, wanted),
        }
    }

    /// What follows, counted.
    pub(super) fn stream(self, progress: &Progress) -> impl Read + Send + use<> {
        let input: Box<dyn Read + Send> = match self {
            Source::File(file) => Box::new(file),
            Source::Pipe(pipe) => pipe,
        };
        Counted { input, done: Arc::clone(&progress.done) }
    }
}

/// Reads until so many bytes are there, or the end, or an error.
pub(super) fn head(input: &mut dyn Read, wanted: usize) -> (Vec<u8>, Option<io::Error>) {
    let mut head = vec![0; HEAD_LEN];
    let (mut len, mut failed) = (0, None);
    // Bounded by the length of a head.
    while len < wanted && failed.is_none() {
        match input.read(&mut head[len..]) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => failed = Some(error),
        }
    }
    head.truncate(len);
    (head, failed)
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
