//! Files without a name, which vanish with the process however it ends.

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, openat};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Where the kernel shows the file.
fn shown(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// Creates a file to write to in the file system of a folder. Fails where that cannot be, or where
/// it could not be named later.
pub(super) fn create_in(folder: &Path) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    // The mode of other new files, of which the process's mask takes away.
    let file = File::from(openat(CWD, folder, flags, Mode::from_raw_mode(0o666))?);
    shown(&file).symlink_metadata()?;
    Ok(file)
}

/// Gives the file a name, which nothing has yet.
pub(super) fn name(file: &File, path: &Path) -> io::Result<()> {
    Ok(linkat(CWD, shown(file), CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

/// Creates a file to write and read in the file system of a folder, for this process alone. It is
/// gone with the process.
///
/// # Errors
///
/// The system's error.
pub fn scratch(folder: &Path) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
    if let Ok(file) = openat(CWD, folder, flags, Mode::from_raw_mode(0o600)) {
        return Ok(file.into());
    }
    // Where the file system knows only files with names, it has one for a moment.
    let path = folder.join(format!(".factord-scratch.{}", std::process::id()));
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}
