//! Files without a name, which vanish with the process however it ends.

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, openat};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// Where the kernel shows the file.
fn shown(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// Creates a file to write to in the file system of a folder. Fails where that cannot be, or where
/// it could not be named later.
pub fn create_in(folder: &Path) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    // The mode of other new files, of which the process's mask takes away.
    let file = File::from(openat(CWD, folder, flags, Mode::from_raw_mode(0o666))?);
    shown(&file).symlink_metadata()?;
    Ok(file)
}

/// Gives the file a name that is not taken yet.
pub fn name(file: &File, path: &Path) -> io::Result<()> {
    Ok(linkat(CWD, shown(file), CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}
