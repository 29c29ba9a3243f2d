//! [`Output`]: a file that appears under its name only when it is whole.

use factord_models::whole::WholeFile;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use thiserror::Error;

/// Why an output cannot be written.
#[derive(Debug, Error)]
pub enum OutputError {
    /// It could not be created.
    #[error("cannot create {}: {error}", path.display())]
    Create {
        /// The output, as it was named.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// Writing failed on the way.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// The output.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
}

/// Where results go: stdout, something that is not a regular file, or a file without a name that
/// takes the target's in [`Output::finish`] and vanishes without it.
pub struct Output {
    writer: BufWriter<Box<dyn Write + Send>>,
    target: PathBuf,
    whole: Option<WholeFile>,
    /// Bytes since the flusher was last called.
    fresh_len: usize,
    flusher: Option<Flusher>,
}

/// How many bytes are written before the disk is set to work on them.
// 32 MiB: some tens of milliseconds of a disk's work, so that the end has little to wait for.
const FLUSH_LEN: usize = 32 << 20;

/// A thread that has the disk take what is written while more is being written.
struct Flusher {
    call: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Flusher {
    fn start(file: &File) -> io::Result<Flusher> {
        let file = file.try_clone()?;
        // One call waits at most: a second one would find nothing more to do.
        let (call, calls) = sync_channel(1);
        let thread = thread::Builder::new().name("flush".to_owned()).spawn(move || {
            // An error shows again where the file is finished.
            calls.into_iter().for_each(|()| drop(file.sync_data()));
        })?;
        Ok(Flusher { call, thread })
    }
}

impl Output {
    /// Opens the output; `-` is stdout, and a device or pipe is written to as it is.
    ///
    /// # Errors
    ///
    /// [`OutputError::Create`].
    pub fn create(path: &Path) -> Result<Output, OutputError> {
        if path == Path::new("-") {
            return Ok(Output::direct(path, Box::new(io::stdout())));
        }
        let failed = |error| OutputError::Create { path: path.to_owned(), error };
        // A link is followed: the file behind it is replaced, not the link.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        match fs::metadata(&target) {
            Ok(metadata) if metadata.is_dir() => {
                return Err(failed(io::ErrorKind::IsADirectory.into()));
            }
            Ok(metadata) if !metadata.is_file() => {
                let file = OpenOptions::new().write(true).open(&target).map_err(failed)?;
                return Ok(Output::direct(path, Box::new(file)));
            }
            _ => {}
        }
        let whole = WholeFile::beside(&target).map_err(failed)?;
        // A file that is replaced keeps who may read it.
        if let Ok(metadata) = fs::metadata(&target) {
            whole.file().set_permissions(metadata.permissions()).map_err(failed)?;
        }
        let writer = whole.file().try_clone().map_err(failed)?;
        let writer = BufWriter::new(Box::new(writer) as Box<dyn Write + Send>);
        let whole = Some(whole);
        Ok(Output { writer, target, whole, fresh_len: 0, flusher: None })
    }

    fn direct(path: &Path, writer: Box<dyn Write + Send>) -> Output {
        let (writer, target) = (BufWriter::new(writer), path.to_owned());
        Output { writer, target, whole: None, fresh_len: 0, flusher: None }
    }

    /// Without a flusher, or while it is at work, the end takes longer and nothing else changes.
    fn call_flusher(&mut self) {
        if let (None, Some(whole)) = (&self.flusher, &self.whole) {
            self.flusher = Flusher::start(whole.file()).ok();
        }
        if let Some(flusher) = &self.flusher {
            let _ = flusher.call.try_send(());
        }
    }

    /// Writes so many bytes of a file, from one place on; its position is moved. The system copies
    /// them, without memory of this process, where both are files.
    ///
    /// # Errors
    ///
    /// The system's; [`io::ErrorKind::UnexpectedEof`] when the file has fewer.
    pub(crate) fn copy(&mut self, file: &File, start: u64, len: u64) -> io::Result<()> {
        self.writer.flush()?;
        let mut from = file;
        from.seek(SeekFrom::Start(start))?;
        let mut from = from.take(len);
        let copied = match &self.whole {
            Some(whole) => io::copy(&mut from, &mut whole.file())?,
            None => io::copy(&mut from, &mut self.writer)?,
        };
        self.wrote(usize::try_from(copied).unwrap_or(usize::MAX));
        if copied < len { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// Counts what was written.
    fn wrote(&mut self, len: usize) {
        self.fresh_len = self.fresh_len.saturating_add(len);
        if self.fresh_len >= FLUSH_LEN {
            self.fresh_len = 0;
            self.call_flusher();
        }
    }

    /// Flushes and, for a file, gives it its name.
    ///
    /// # Errors
    ///
    /// [`OutputError::Write`].
    pub fn finish(self) -> Result<(), OutputError> {
        let target = self.target.clone();
        self.finish_as(&target)?;
        Ok(())
    }

    /// Flushes and, for a file, gives it another name, which is returned.
    ///
    /// # Errors
    ///
    /// [`OutputError::Write`].
    pub fn finish_as(mut self, path: &Path) -> Result<Option<PathBuf>, OutputError> {
        let target = self.target.clone();
        let failed = |error| OutputError::Write { path: target.clone(), error };
        self.writer.flush().map_err(&failed)?;
        if let Some(Flusher { call, thread }) = self.flusher.take() {
            drop(call);
            // It cannot panic, and what it did not do is done below.
            let _ = thread.join();
        }
        if let Some(whole) = self.whole.take() {
            whole.finish_as(path).map_err(&failed)?;
            return Ok(Some(path.to_owned()));
        }
        Ok(None)
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.writer.write(bytes)?;
        self.wrote(len);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;
    use std::os::unix::fs::PermissionsExt;

    fn names(folder: &Path) -> Vec<OsString> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_process_that_is_killed_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out");
        let mut output = Output::create(&target).unwrap();
        output.write_all(b"half").unwrap();
        output.flush().unwrap();
        if names(folder.path()).iter().any(|name| name.to_string_lossy().starts_with(".out.")) {
            eprintln!("skipped: the file system has no files without names");
            return;
        }
        assert!(names(folder.path()).is_empty());
        output.write_all(b" and whole").unwrap();
        output.finish().unwrap();
        assert_eq!(names(folder.path()), ["out"]);
        assert_eq!(fs::read(&target).unwrap(), b"half and whole");
    }

    #[test]
    fn a_file_that_is_replaced_is_so_at_once_and_keeps_who_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out");
        fs::write(&target, "old").unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
        let mut output = Output::create(&target).unwrap();
        output.write_all(b"new").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"old");
        output.finish().unwrap();
        assert_eq!(names(folder.path()), ["out"]);
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o640);
        drop(Output::create(&target).unwrap());
        assert_eq!(names(folder.path()), ["out"]);
    }
}
