//! Where the control socket listens: inherited from the service manager, or made here, taking the
//! place of one that a dead daemon left and never that of a live one.

use crate::sys::{sched, socket};
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why the daemon has no control socket.
#[derive(Debug, Error)]
pub enum ListenError {
    /// Another daemon answers there.
    #[error("a daemon is running at {path} already: stop it, or choose another --socket")]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something else is in the way.
    #[error("{path} exists and is not a socket: remove it, or choose another --socket")]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The directory belongs to somebody else, who could put another socket in its place.
    #[error("{path} belongs to user {owner}, not to this one: choose another --socket")]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// The system refused.
    #[error("cannot listen at {path}: {source}")]
    Io {
        /// The socket.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// A listening socket; its path is removed when dropped, unless it was inherited.
#[derive(Debug)]
pub struct Listener {
    path: PathBuf,
    /// Open until the path is gone, so that no other daemon takes the path for a dead one's.
    made_here: Option<OwnedFd>,
    made_directory: Option<PathBuf>,
}

impl Listener {
    /// The path clients use.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Listens on a socket that the service manager passed.
    pub fn inherited(path: PathBuf) -> Listener {
        Listener { path, made_here: None, made_directory: None }
    }

    /// Listens at `path` and returns the socket, mode 0660.
    ///
    /// # Errors
    ///
    /// [`ListenError`].
    pub fn open(path: PathBuf) -> Result<(Listener, OwnedFd), ListenError> {
        let io_error = |source| ListenError::Io { path: path.clone(), source };
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let made_directory = prepare(&directory, &path)?.then(|| directory.clone());
        // One daemon at a time looks and binds in this directory; the lock ends with the file.
        let lock = File::open(&directory).map_err(io_error)?;
        lock.lock().map_err(io_error)?;
        clear(&path)?;
        let socket = socket::listen_at(&path).map_err(io_error)?;
        fs::set_permissions(&path, Permissions::from_mode(0o660)).map_err(io_error)?;
        let made_here = Some(socket.try_clone().map_err(io_error)?);
        Ok((Listener { path, made_here, made_directory }, socket))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if self.made_here.is_some() {
            // It may have been removed by hand; then there is nothing left to do.
            let _ = fs::remove_file(&self.path);
        }
        if let Some(directory) = &self.made_directory {
            // Somebody else's files may be in it; then it stays.
            let _ = fs::remove_dir(directory);
        }
    }
}

/// Makes the directory of the socket if it is not there, for its user alone; tells whether it did.
fn prepare(directory: &Path, path: &Path) -> Result<bool, ListenError> {
    let io_error = |source| ListenError::Io { path: path.to_owned(), source };
    match DirBuilder::new().mode(0o700).recursive(false).create(directory) {
        Ok(()) => return Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(io_error(error)),
    }
    let directory_name = directory.to_owned();
    let metadata = fs::metadata(directory).map_err(io_error)?;
    let shared_name = format!("/tmp/factord-{}", sched::user_id());
    // Anybody could have made a directory of this name in /tmp first.
    if directory == Path::new(&shared_name) && metadata.uid() != sched::user_id() {
        return Err(ListenError::Foreign { path: directory_name, owner: metadata.uid() });
    }
    Ok(false)
}

/// Removes what a dead daemon left at `path`.
fn clear(path: &Path) -> Result<(), ListenError> {
    let io_error = |source| ListenError::Io { path: path.to_owned(), source };
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other.map_err(io_error)?,
    };
    if !metadata.file_type().is_socket() {
        return Err(ListenError::NotASocket { path: path.to_owned() });
    }
    match socket::connect_to(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(io_error)
        }
        // Connected, or overrun by clients: either way somebody listens.
        Ok(_) => Err(ListenError::InUse { path: path.to_owned() }),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            Err(ListenError::InUse { path: path.to_owned() })
        }
        Err(error) => Err(io_error(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_in_use_until_it_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.sock");
        let (listener, socket) = Listener::open(path.clone()).unwrap();
        // The control thread has ended, the daemon has not.
        drop(socket);
        let second = Listener::open(path.clone());
        assert!(matches!(second, Err(ListenError::InUse { .. })), "{second:?}");
        drop(listener);
        assert!(!path.exists());
        assert!(Listener::open(path).is_ok());
    }

    #[test]
    fn a_directory_goes_with_the_daemon_that_made_it_if_it_is_empty() {
        let above = tempfile::tempdir().unwrap();
        let directory = above.path().join("factord");
        let open = || Listener::open(directory.join("factord.sock")).unwrap();
        drop(open());
        assert!(!directory.exists());
        let made = open();
        std::fs::write(directory.join("note"), "").unwrap();
        drop(made);
        assert!(directory.join("note").exists());
        std::fs::remove_file(directory.join("note")).unwrap();
        drop(open());
        assert!(directory.exists(), "it was there before");
    }
}
