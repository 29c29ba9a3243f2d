//! Files that another process may replace by anything at any time, opened without waiting for one.

use rustix::fs::{self, Mode, OFlags};
use std::fs::File;
use std::io;
use std::path::Path;

/// Opens a regular file for reading. A FIFO, socket or device that stands there instead is opened
/// at most, and neither waited for nor read.
///
/// # Errors
///
/// The system's error, or `InvalidData` for another sort of file.
pub fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    regular(File::from(fs::open(path, flags, Mode::empty())?))
}

/// Opens a regular file that is this user's own, or makes it, for nothing but its lock. A symbolic
/// link is not followed.
///
/// # Errors
///
/// As for [`open`].
pub fn open_lock(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW;
    let flags = flags | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    regular(File::from(fs::open(path, flags, Mode::from_raw_mode(0o600))?))
}

/// Opens a regular file to write behind what it holds, or makes one that everybody may read. A
/// symbolic link is not followed.
///
/// # Errors
///
/// As for [`open`].
pub fn open_to_extend(path: &Path) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW;
    let flags = flags | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    regular(File::from(fs::open(path, flags, Mode::from_raw_mode(0o644))?))
}

fn regular(file: File) -> io::Result<File> {
    let status = file.metadata()?;
    if status.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !status.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a regular file"));
    }
    Ok(file)
}

/// The user with whose rights files are opened.
pub(crate) fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}
