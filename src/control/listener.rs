//! Where the control socket listens: inherited from the service manager, or made here, taking the
//! place of one that a dead daemon left and never that of a live one.

mod lock;

use factord_core::sys::{sched, socket, trust};
use lock::Lock;
use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;

/// The longest path of a socket, in bytes: what every client can name.
// 107: sun_path has 108, and the C client ends it with a NUL.
pub const PATH_LEN_MAX: usize = 107;

/// How long another daemon, which looks and binds in microseconds, may be at the same path.
const START_PATIENCE: Duration = Duration::from_secs(1);
const END_PATIENCE: Duration = Duration::from_millis(100);

/// Why the daemon has no control socket.
#[derive(Debug, Error)]
pub enum ListenError {
    /// Another daemon answers there.
    #[error("a daemon is already running at {path}: stop it, or choose another --socket")]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Another daemon has been starting there for longer than that takes.
    #[error(
        "{path} is locked by a process that is starting or ending at the same socket: see who \
         with `lslocks`, or choose another --socket"
    )]
    Locked {
        /// The lock.
        path: PathBuf,
    },
    /// Something else is in the way.
    #[error("{path} exists and is not {expected}: remove it, or choose another --socket")]
    InTheWay {
        /// The path.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
    },
    /// Somebody else could put another socket in its place.
    #[error(
        "{path} {why}: choose a --socket in a directory that only you may write to, or name the \
         owner in FACTORD_DAEMON_UID if you trust it"
    )]
    Untrusted {
        /// The directory, link or socket.
        path: PathBuf,
        /// What is wrong with it.
        why: trust::Why,
    },
    /// The path does not fit a socket's address.
    #[error(
        "the path of the socket has {} bytes, at most {PATH_LEN_MAX} are allowed: choose a shorter \
         --socket than {path}",
        .path.as_os_str().len()
    )]
    TooLong {
        /// The path.
        path: PathBuf,
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

/// Who may reach the socket. Whoever does is still asked for its user.
#[derive(Clone, Copy, Debug, Default)]
pub struct Openness {
    /// The directory was found by rule and belongs only to this daemon.
    pub own_directory: bool,
    /// Other users are meant to attach.
    pub to_others: bool,
    /// The socket's mode, instead of 0666 or 0660.
    pub mode: Option<u32>,
    /// The socket's group.
    pub group: Option<u32>,
    /// A user whose directories are trusted as well.
    pub trusted_uid: Option<u32>,
}

impl Openness {
    /// The socket's mode.
    pub fn socket_mode(&self) -> u32 {
        self.mode.unwrap_or(if self.to_others { 0o666 } else { 0o660 })
    }

    /// Others pass through the directory and cannot list it.
    fn directory_mode(&self) -> u32 {
        let others = self.to_others || self.group.is_some() || self.mode.is_some();
        if others { 0o711 } else { 0o700 }
    }
}

/// A path, and which socket there is ours.
#[derive(Clone, Debug)]
pub struct Place {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Place {
    fn of(path: &Path) -> io::Result<Place> {
        let metadata = fs::symlink_metadata(path)?;
        Ok(Place { path: path.to_owned(), device: metadata.dev(), inode: metadata.ino() })
    }

    /// Removes the socket, unless another daemon's is there now.
    pub fn remove(&self) {
        // It may have been removed by hand; then there is nothing left to do.
        let Ok(now) = Place::of(&self.path) else { return };
        if (now.device, now.inode) == (self.device, self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A listening socket; its path is removed when dropped, unless it was inherited.
#[derive(Debug)]
pub struct Listener {
    path: PathBuf,
    /// The socket stays open until the path is gone, so that no other daemon takes the path for a
    /// dead one's, and no other file is given its inode.
    made_here: Option<(Place, OwnedFd)>,
    made_directory: Option<PathBuf>,
}

impl Listener {
    /// The path clients use.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What has to be removed at the end; `None` when it was inherited.
    pub fn place(&self) -> Option<Place> {
        self.made_here.as_ref().map(|(place, _)| place.clone())
    }

    /// Listens on a socket that the service manager passed.
    pub fn inherited(path: PathBuf) -> Listener {
        Listener { path, made_here: None, made_directory: None }
    }

    /// Listens at `path` and returns the socket.
    ///
    /// # Errors
    ///
    /// [`ListenError`].
    pub fn open(path: PathBuf, openness: &Openness) -> Result<(Listener, OwnedFd), ListenError> {
        if path.as_os_str().len() > PATH_LEN_MAX {
            return Err(ListenError::TooLong { path });
        }
        let io_error = |source| ListenError::Io { path: path.clone(), source };
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let trusted = || {
            trust::check(&path, openness.trusted_uid)
                .map_err(io_error)?
                .map_err(|(path, why)| ListenError::Untrusted { path, why })
        };
        trusted()?;
        let made = prepare(&directory, openness).map_err(io_error)?;
        trusted()?;
        // One daemon at a time looks and binds here.
        let lock = Lock::take(&path, START_PATIENCE)?;
        clear(&path)?;
        let socket = socket::listen_at(&path).map_err(io_error)?;
        let place = Place::of(&path).map_err(io_error)?;
        let made_here = Some((place, socket.try_clone().map_err(io_error)?));
        let made_directory = made.then_some(directory);
        let listener = Listener { path: path.clone(), made_here, made_directory };
        if openness.group.is_some() {
            chown(&path, None, openness.group).map_err(io_error)?;
        }
        let mode = Permissions::from_mode(openness.socket_mode());
        fs::set_permissions(&path, mode).map_err(io_error)?;
        drop(lock);
        Ok((listener, socket))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some((place, _)) = &self.made_here {
            // With the lock no other daemon puts its socket there between look and removal.
            let _lock = Lock::take(&self.path, END_PATIENCE);
            place.remove();
        }
        if let Some(directory) = &self.made_directory {
            // Somebody else's files may be in it; then it stays.
            let _ = fs::remove_dir(directory);
        }
    }
}

/// Creates the directory of the socket if it does not exist; returns whether it did.
fn prepare(directory: &Path, openness: &Openness) -> io::Result<bool> {
    let made = match DirBuilder::new().mode(0o700).recursive(false).create(directory) {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
        Err(error) => return Err(error),
    };
    let metadata = fs::symlink_metadata(directory)?;
    if !metadata.is_dir() || metadata.uid() != sched::user_id() {
        return Ok(made);
    }
    let (mode, wanted) = (metadata.mode() & 0o7777, openness.directory_mode());
    // One that is there already may be from a start with other settings; it is opened, not closed.
    let mode = match made {
        true => wanted,
        false if openness.own_directory => mode | wanted,
        false => mode,
    };
    if mode != metadata.mode() & 0o7777 {
        fs::set_permissions(directory, Permissions::from_mode(mode))?;
    }
    Ok(made)
}

/// Removes what a dead daemon left at `path`.
fn clear(path: &Path) -> Result<(), ListenError> {
    let io_error = |source| ListenError::Io { path: path.to_owned(), source };
    let in_the_way = |expected| ListenError::InTheWay { path: path.to_owned(), expected };
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other.map_err(io_error)?,
    };
    if !metadata.file_type().is_socket() {
        return Err(in_the_way("a socket"));
    }
    match socket::connect_at_once(path).map_err(|error| (error.kind(), error)) {
        Err((ErrorKind::ConnectionRefused, _)) => fs::remove_file(path).map_err(io_error),
        // Connected, or its queue is full: either way somebody listens.
        Ok(_) | Err((ErrorKind::WouldBlock, _)) => {
            Err(ListenError::InUse { path: path.to_owned() })
        }
        // Another program's, which listens or takes datagrams.
        Err((_, error)) if socket::of_another_sort(&error) => {
            Err(in_the_way("a socket of factord's type"))
        }
        Err((_, error)) => Err(io_error(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> Result<(Listener, OwnedFd), ListenError> {
        Listener::open(path.to_owned(), &Openness::default())
    }

    #[test]
    fn a_path_is_in_use_until_it_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.sock");
        let (listener, socket) = open(&path).unwrap();
        // The control thread has ended, the daemon has not.
        drop(socket);
        let second = open(&path);
        assert!(matches!(second, Err(ListenError::InUse { .. })), "{second:?}");
        drop(listener);
        assert!(!path.exists());
        assert!(open(&path).is_ok());
    }

    #[test]
    fn another_daemons_socket_at_the_path_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.sock");
        let first = open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let second = open(&path).unwrap();
        drop(first);
        assert!(path.exists());
        drop(second);
        assert!(!path.exists());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "a lock is left");
    }

    #[test]
    fn a_directory_goes_with_the_daemon_that_made_it_if_it_is_empty() {
        let above = tempfile::tempdir().unwrap();
        let directory = above.path().join("factord");
        let open = || open(&directory.join("factord.sock")).unwrap();
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
