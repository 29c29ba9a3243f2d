//! Whether other users could have put a socket, or another in its place, where anybody may write:
//! below /tmp, /var/tmp and /dev/shm.

use super::sched;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Directories in which every user may make entries.
const OPEN_TO_ALL: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// Why a path is not to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Why {
    /// A symbolic link, which its owner may turn elsewhere.
    #[error("is a symbolic link")]
    Link,
    /// It belongs to somebody else.
    #[error("belongs to user {0}")]
    Owner(u32),
    /// Others may put something else into it.
    #[error("may be written by others (mode {0:o})")]
    Writable(u32),
}

/// Looks at every component below a directory that is open to all, the last one included;
/// elsewhere, and where nothing exists yet, everything is well. Owners may be root, this process's
/// user and `told`.
///
/// # Errors
///
/// The component and what is wrong with it; the system's error when one cannot be looked at.
pub fn check(path: &Path, told: Option<u32>) -> io::Result<Result<(), (PathBuf, Why)>> {
    let absolute = resolved(path)?;
    let Some(root) = root_of(&absolute) else { return Ok(Ok(())) };
    let mut component = PathBuf::from(root);
    for name in absolute.strip_prefix(root).unwrap_or(Path::new("")).components() {
        component.push(name);
        let metadata = match fs::symlink_metadata(&component) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Ok(())),
            other => other?,
        };
        let mode = metadata.permissions().mode() & 0o7777;
        let why = if metadata.is_symlink() {
            Why::Link
        } else if ![0, sched::user_id()].contains(&metadata.uid()) && told != Some(metadata.uid()) {
            Why::Owner(metadata.uid())
        } else if metadata.is_dir() && mode & 0o022 != 0 {
            Why::Writable(mode)
        } else {
            continue;
        };
        return Ok(Err((component, why)));
    }
    Ok(Ok(()))
}

/// Tells whether a path leads below a directory that is open to all.
///
/// # Errors
///
/// The system's error, for an empty path.
pub fn concerns(path: &Path) -> io::Result<bool> {
    Ok(root_of(&resolved(path)?).is_some())
}

fn resolved(path: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    if root_of(&absolute).is_none()
        && let (Some(parent), Some(name)) = (absolute.parent(), absolute.file_name())
        && let Ok(parent) = parent.canonicalize()
    {
        // A link of one's own may lead there.
        return Ok(parent.join(name));
    }
    Ok(absolute)
}

fn root_of(path: &Path) -> Option<&'static str> {
    OPEN_TO_ALL.into_iter().find(|root| path.starts_with(root))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn below_tmp_links_and_writable_directories_are_not_trusted() {
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        let inner = directory.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let socket = inner.join("s");
        let mode = |mode| fs::set_permissions(&inner, PermissionsExt::from_mode(mode)).unwrap();
        for (wanted, expected) in
            [(0o700, Ok(())), (0o711, Ok(())), (0o720, Err(Why::Writable(0o720)))]
        {
            mode(wanted);
            assert_eq!(check(&socket, None).unwrap().map_err(|(_, why)| why), expected);
        }
        mode(0o1777);
        let (path, why) = check(&socket, None).unwrap().unwrap_err();
        assert_eq!((path, why), (inner.clone(), Why::Writable(0o1777)));
        mode(0o700);
        let link = directory.path().join("link");
        symlink(&inner, &link).unwrap();
        let found = check(&link.join("s"), None).unwrap();
        assert_eq!(found, Err((link.clone(), Why::Link)));
        symlink("nowhere", &socket).unwrap();
        assert_eq!(check(&socket, None).unwrap(), Err((socket, Why::Link)));
    }
}
