//! [`WholeFile`]: a file that takes its name when it is whole.

use super::nameless;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file that is being written beside its target; dropping it removes it. It has no name before it
/// is whole, so that a process that is killed leaves nothing, unless the file system knows only
/// files with names.
#[derive(Debug)]
pub struct WholeFile {
    /// Its name, if it has one.
    path: Option<PathBuf>,
    file: File,
}

impl WholeFile {
    /// Creates a file in the folder of the target.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn beside(target: &Path) -> io::Result<WholeFile> {
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        match nameless::create_in(folder) {
            Ok(file) => Ok(WholeFile { path: None, file }),
            Err(_) => WholeFile::named(target),
        }
    }

    /// Creates a file with a name in the folder of the target.
    fn named(target: &Path) -> io::Result<WholeFile> {
        let create = |path: &Path| OpenOptions::new().write(true).create_new(true).open(path);
        let (path, file) = fresh_name(target, create)?;
        Ok(WholeFile { path: Some(path), file })
    }

    /// The file, to be written to.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Waits until the disk has the file, and gives it the name of the target. What had the name is
    /// replaced.
    ///
    /// # Errors
    ///
    /// The system's error; the target is as it was.
    pub fn finish_as(mut self, target: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        let path = match self.path.take() {
            Some(path) => path,
            // A name that is free is taken at once.
            None => match nameless::name(&self.file, target) {
                Ok(()) => return Ok(()),
                Err(_) => fresh_name(target, |path| nameless::name(&self.file, path))?.0,
            },
        };
        let renamed = fs::rename(&path, target);
        if renamed.is_err() {
            self.path = Some(path);
        }
        renamed
    }
}

/// Does something under a name beside the target that nobody else has.
fn fresh_name<T>(
    target: &Path,
    attempt: impl Fn(&Path) -> io::Result<T>,
) -> io::Result<(PathBuf, T)> {
    let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let mut tries = 0;
    loop {
        let path = target.with_file_name(format!(".{name}.{}-{tries}", std::process::id()));
        match attempt(&path) {
            Ok(done) => return Ok((path, done)),
            // Left by a run that was killed and had the same process id.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < 16 => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

/// Writes a file, which replaces one of that name at once.
///
/// # Errors
///
/// The system's error; the target is as it was.
pub fn write(target: &Path, bytes: &[u8]) -> io::Result<()> {
    if target.file_name().is_none() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"));
    }
    let whole = WholeFile::beside(target)?;
    whole.file().write_all(bytes)?;
    whole.finish_as(target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn names(folder: &Path) -> Vec<OsString> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_file_that_is_written_half_has_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out");
        for old in [None, Some("old")] {
            for named in [false, true] {
                match old {
                    Some(old) => fs::write(&target, old).unwrap(),
                    None => drop(fs::remove_file(&target)),
                }
                let whole = match named {
                    false => WholeFile::beside(&target).unwrap(),
                    true => WholeFile::named(&target).unwrap(),
                };
                whole.file().write_all(b"half").unwrap();
                assert_eq!(fs::read_to_string(&target).ok().as_deref(), old);
                if !named && nameless::create_in(folder.path()).is_ok() {
                    assert_eq!(names(folder.path()).len(), usize::from(old.is_some()));
                }
                whole.file().write_all(b" and whole").unwrap();
                whole.finish_as(&target).unwrap();
                assert_eq!(names(folder.path()), ["out"]);
                assert_eq!(fs::read(&target).unwrap(), b"half and whole");
            }
        }
        // Dropped unfinished, neither kind leaves anything.
        drop(WholeFile::beside(&target).unwrap());
        drop(WholeFile::named(&target).unwrap());
        assert_eq!(names(folder.path()), ["out"]);
    }

    #[test]
    fn a_target_that_cannot_be_replaced_stays_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out");
        fs::create_dir(&target).unwrap();
        write(&target, b"bytes").unwrap_err();
        assert_eq!(names(folder.path()), ["out"]);
        write(Path::new("/"), b"bytes").unwrap_err();
    }
}
