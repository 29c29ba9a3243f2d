//! A lock next to the socket, held while a daemon checks the path and binds or removes it.
//!
//! The directory itself would do, but everybody who may open it can lock it. The lock is this
//! user's own file, which others cannot open; its holder removes it.

use super::{ListenError, Place};
use factord_core::sys::{sched, trust};
use factord_models::regular;
use std::ffi::OsString;
use std::fs::{self, File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(5);

/// The lock, held; the file is removed when dropped.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Takes the lock of the socket at `socket`, within `patience`.
    ///
    /// # Errors
    ///
    /// [`ListenError::Locked`] when time ran out; [`ListenError::Untrusted`] when the file there is
    /// somebody else's.
    pub(super) fn take(socket: &Path, patience: Duration) -> Result<Lock, ListenError> {
        let mut name = OsString::from(".");
        name.push(socket.file_name().unwrap_or_default());
        name.push(".lock");
        let path = socket.with_file_name(name);
        let io_error = |source| ListenError::Io { path: socket.to_owned(), source };
        let end = Instant::now() + patience;
        while Instant::now() < end {
            let file = open(&path)?;
            match file.try_lock() {
                Ok(()) if still_there(&file, &path) => return Ok(Lock { path, _file: file }),
                // Its holder removed it between opening and locking.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => return Err(io_error(error)),
            }
        }
        Err(ListenError::Locked { path })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A file that is left is locked by nobody and used by the next.
        let _ = fs::remove_file(&self.path);
    }
}

fn open(path: &Path) -> Result<File, ListenError> {
    let owner = |metadata: io::Result<Metadata>| metadata.map(|metadata| metadata.uid());
    let (opened, owner) = match regular::open_lock(path) {
        Ok(file) => {
            let owner = owner(file.metadata());
            (Ok(file), owner)
        }
        Err(error) => (Err(error), owner(fs::symlink_metadata(path))),
    };
    match (opened, owner) {
        (_, Ok(owner)) if owner != sched::user_id() => {
            Err(ListenError::Untrusted { path: path.to_owned(), why: trust::Why::Owner(owner) })
        }
        (Ok(file), _) => Ok(file),
        (Err(source), _) => Err(ListenError::Io { path: path.to_owned(), source }),
    }
}

fn still_there(file: &File, path: &Path) -> bool {
    let Ok(metadata) = file.metadata() else { return false };
    let held = (metadata.dev(), metadata.ino());
    Place::of(path).is_ok_and(|place| (place.device, place.inode) == held)
}
