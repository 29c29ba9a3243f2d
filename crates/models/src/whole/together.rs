//! Files that appear together or not at all, even when their writer is killed.
//!
//! Each is written completely under a hidden name. Then one rename puts a list of them in place,
//! and from then on all of them are in effect: it remains to give them their names, which the
//! writer does, or the next process that reads the folder.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// The list of files that have been written and are in effect.
const LIST: &str = ".factord-together";

/// The most bytes of a list that are read.
// 64 KiB: a training writes three files.
const LIST_LEN_MAX: u64 = 64 << 10;

/// How hidden names end.
const ENDING: &str = ".new";

/// What could not be written.
#[derive(Debug)]
pub struct Failed {
    /// The file.
    pub path: PathBuf,
    /// The system's reason.
    pub error: io::Error,
}

/// Writes files into a folder. When one of them cannot be written none appears, and those that were
/// there before stand as they stood.
///
/// # Errors
///
/// [`Failed`] names the file.
pub fn write_together(folder: &Path, files: &[(&str, Vec<u8>)]) -> Result<(), Failed> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| Failed { path, error }
    };
    finish(folder).map_err(failed(folder))?;
    remove_leftovers(folder);
    let hidden: Vec<String> = files.iter().map(|(name, _)| hidden_name(name)).collect();
    let list_name = hidden_name(LIST);
    let staged = files.iter().zip(&hidden).try_for_each(|((name, bytes), hidden)| {
        let path = folder.join(name);
        stage(&path, &folder.join(hidden), bytes).map_err(failed(&path))
    });
    let counted = staged.and_then(|()| {
        let (list, path) = (folder.join(&list_name), folder.join(LIST));
        stage(&path, &list, hidden.join("\n").as_bytes())
            .and_then(|()| fs::rename(&list, &path))
            .map_err(failed(&path))
    });
    if counted.is_err() {
        for name in hidden.iter().chain([&list_name]) {
            // There may be nothing to remove; the first error is the one to report.
            let _ = fs::remove_file(folder.join(name));
        }
        return counted;
    }
    hidden.iter().try_for_each(|name| place(folder, name)).map_err(failed(folder))?;
    absent_is_fine(fs::remove_file(folder.join(LIST))).map_err(failed(folder))
}

/// Gives the files that count the names they are to have.
///
/// # Errors
///
/// The system's error: some of the files may have their names and others not.
pub fn finish(folder: &Path) -> io::Result<()> {
    let path = folder.join(LIST);
    let mut list = String::new();
    match File::open(&path) {
        Ok(file) => file.take(LIST_LEN_MAX).read_to_string(&mut list)?,
        Err(error) => return absent_is_fine(Err(error)),
    };
    list.lines().try_for_each(|hidden| place(folder, hidden))?;
    absent_is_fine(fs::remove_file(path))
}

fn hidden_name(name: &str) -> String {
    format!(".{name}.{}{ENDING}", std::process::id())
}

/// The name and the writer behind a hidden name.
fn parts(hidden: &str) -> Option<(&str, &str)> {
    let (name, writer) = hidden.strip_prefix('.')?.strip_suffix(ENDING)?.rsplit_once('.')?;
    let sound = !name.is_empty() && !name.contains('/') && writer.parse::<u32>().is_ok();
    sound.then_some((name, writer))
}

fn stage(path: &Path, hidden: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|status| status.is_dir()) {
        return Err(ErrorKind::IsADirectory.into());
    }
    let mut file = File::create(hidden)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn place(folder: &Path, hidden: &str) -> io::Result<()> {
    let Some((name, _)) = parts(hidden) else { return Err(ErrorKind::InvalidData.into()) };
    // Another process may have been first.
    absent_is_fine(fs::rename(folder.join(hidden), folder.join(name)))
}

/// Removes what processes that were killed have left and what does not count.
fn remove_leftovers(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let dead = name
            .to_str()
            .and_then(parts)
            .is_some_and(|(_, writer)| !Path::new("/proc").join(writer).exists());
        if dead {
            // Whoever may not remove it leaves it.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
