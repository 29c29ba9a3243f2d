//! All files of a training, or none.

use super::TrainError;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// One file: whole under a temporary name, then under its own.
struct Staged {
    path: PathBuf,
    temporary: PathBuf,
    /// What stood there before, under another name.
    before: Option<PathBuf>,
    placed: bool,
}

/// Puts files into a folder, which is made if it is not there. When one of them cannot be written,
/// none is, and those that were there before stand as they stood.
///
/// # Errors
///
/// [`TrainError::Write`] names the file.
pub fn write_all(folder: &Path, files: &[(&str, Vec<u8>)]) -> Result<(), TrainError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| TrainError::Write { path, error }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let mut staged: Vec<Staged> = Vec::new();
    let written = files.iter().try_for_each(|(name, bytes)| {
        let path = folder.join(name);
        let hidden = |what: &str| folder.join(format!(".{name}.{}.{what}", std::process::id()));
        let temporary = hidden("tmp");
        staged.push(Staged { path: path.clone(), temporary, before: None, placed: false });
        let last = staged.len() - 1;
        stage(&mut staged[last], bytes, hidden("old")).map_err(failed(&path))
    });
    let placed = written.and_then(|()| {
        staged.iter_mut().try_for_each(|file| {
            fs::rename(&file.temporary, &file.path).map_err(failed(&file.path))?;
            file.placed = true;
            Ok(())
        })
    });
    for file in &staged {
        // There may be nothing to remove or to put back; the first error is the one to report.
        match &file.before {
            Some(before) if file.placed && placed.is_err() => {
                let _ = fs::rename(before, &file.path);
            }
            Some(before) => {
                let _ = fs::remove_file(before);
            }
            None if file.placed && placed.is_err() => {
                let _ = fs::remove_file(&file.path);
            }
            None => {}
        }
        let _ = fs::remove_file(&file.temporary);
    }
    placed
}

fn stage(file: &mut Staged, bytes: &[u8], old: PathBuf) -> io::Result<()> {
    let mut temporary = File::create(&file.temporary)?;
    temporary.write_all(bytes)?;
    temporary.sync_all()?;
    match fs::symlink_metadata(&file.path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(status) if status.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => {
            // Left by a run that was killed and had the same process id.
            let _ = fs::remove_file(&old);
            fs::hard_link(&file.path, &old)?;
            file.before = Some(old);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_appear_together_or_not_at_all_and_old_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("new");
        let names = |folder: &Path| {
            let mut names: Vec<_> =
                fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        write_all(&out, &[("a", b"1".to_vec()), ("b", b"2".to_vec())]).unwrap();
        assert_eq!(names(&out), ["a", "b"]);
        fs::create_dir(out.join("c")).unwrap();
        let refused =
            write_all(&out, &[("a", b"3".to_vec()), ("d", b"4".to_vec()), ("c", b"5".to_vec())]);
        assert!(refused.unwrap_err().to_string().contains("/c: "));
        assert_eq!(names(&out), ["a", "b", "c"]);
        assert_eq!(fs::read(out.join("a")).unwrap(), b"1");
        write_all(&out, &[("a", b"6".to_vec())]).unwrap();
        assert_eq!(fs::read(out.join("a")).unwrap(), b"6");
        assert_eq!(names(&out), ["a", "b", "c"]);
    }
}
