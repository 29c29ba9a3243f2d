//! Whether other users could have put a socket, or another in its place, where anybody may write:
//! below /tmp, /var/tmp and /dev/shm.

use super::sched;
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use thiserror::Error;

/// Directories in which every user may make entries.
const OPEN_TO_ALL: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// Links followed on the way to one, as many as the kernel follows.
const LINK_COUNT_MAX: u32 = 40;

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
    #[error("is writable by others (mode {0:o})")]
    Writable(u32),
}

/// Looks at every component below a directory that is open to all, the last one included;
/// elsewhere, and where nothing exists yet, everything is well. Links that lead there from
/// elsewhere are followed. Owners may be root, this process's user and `told`.
///
/// # Errors
///
/// The component and what is wrong with it; the system's error when one cannot be looked at.
pub fn check(path: &Path, told: Option<u32>) -> io::Result<Result<(), (PathBuf, Why)>> {
    Ok(walk(path, |component| judge(component, told))?.map(|_| ()))
}

/// Whether a path leads below a directory that is open to all.
///
/// # Errors
///
/// The system's error, for an empty path.
pub fn concerns(path: &Path) -> io::Result<bool> {
    let first = walk(path, |_| Ok(Some(Why::Link)))?;
    Ok(first.is_err())
}

/// Walks down a path as the kernel does, and has everything below an open directory checked.
fn walk(
    path: &Path,
    judge: impl Fn(&Path) -> io::Result<Option<Why>>,
) -> io::Result<Result<(), (PathBuf, Why)>> {
    let mut left = names(&std::path::absolute(path)?);
    let (mut found, mut link_count) = (PathBuf::from("/"), 0);
    while let Some(name) = left.pop() {
        if name == ".." {
            found.pop();
            continue;
        }
        found.push(&name);
        if is_open_to_all(&found) {
            if let Some(why) = judge(&found)? {
                return Ok(Err((found, why)));
            }
        } else if let Ok(target) = fs::read_link(&found) {
            link_count += 1;
            if link_count > LINK_COUNT_MAX {
                return Err(io::Error::other("too many symbolic links"));
            }
            found.pop();
            if target.is_absolute() {
                found = PathBuf::from("/");
            }
            left.append(&mut names(&target));
        }
    }
    Ok(Ok(()))
}

/// The names on a path, the first one last.
fn names(path: &Path) -> Vec<OsString> {
    let names = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    });
    let mut names: Vec<OsString> = names.collect();
    names.reverse();
    names
}

fn is_open_to_all(path: &Path) -> bool {
    OPEN_TO_ALL.iter().any(|root| path.starts_with(root) && path != Path::new(root))
}

fn judge(component: &Path, told: Option<u32>) -> io::Result<Option<Why>> {
    let metadata = match fs::symlink_metadata(component) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mode = metadata.permissions().mode() & 0o7777;
    let is_known = [0, sched::user_id()].contains(&metadata.uid()) || told == Some(metadata.uid());
    Ok(if metadata.is_symlink() {
        Some(Why::Link)
    } else if !is_known {
        Some(Why::Owner(metadata.uid()))
    } else if metadata.is_dir() && mode & 0o022 != 0 {
        Some(Why::Writable(mode))
    } else {
        None
    })
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

    #[test]
    fn a_place_below_tmp_is_judged_however_it_is_named() {
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        let elsewhere = tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap();
        let (inner, link) = (directory.path().join("inner"), directory.path().join("link"));
        fs::create_dir(&inner).unwrap();
        symlink(&inner, &link).unwrap();
        let below = link.strip_prefix("/").unwrap().to_str().unwrap();
        let way = elsewhere.path().join("way");
        symlink("/", &way).unwrap();
        // A checkout below /tmp is judged itself.
        let way = if concerns(&way).unwrap() { "" } else { way.to_str().unwrap() };
        for before in ["", "/", "/.", "/usr/..", "/proc/self/root", way] {
            for after in ["", "/s", "/./s", "/../inner/s"] {
                let path = PathBuf::from(format!("{before}/{below}{after}"));
                assert!(concerns(&path).unwrap(), "{path:?}");
                let found = check(&path, None).unwrap();
                assert_eq!(found, Err((link.clone(), Why::Link)), "{path:?}");
            }
        }
        let good = inner.join("../inner/./s");
        assert_eq!(check(&good, None).unwrap(), Ok(()));
        assert!(concerns(&good).unwrap() && !concerns(Path::new("/tmp")).unwrap());
        assert!(!concerns(Path::new("/usr/tmp-not/s")).unwrap());
        symlink("loop", elsewhere.path().join("loop")).unwrap();
        assert!(check(&elsewhere.path().join("loop/s"), None).is_err());
    }
}
