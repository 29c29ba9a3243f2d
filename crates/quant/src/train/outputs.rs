//! What a training puts out: the names of its models, and all files of it or none.

use super::TrainError;
use factord_models::whole::{self, Failed};
use std::fs;
use std::path::Path;

/// The name the linear model is served under.
pub const REGRESSION: &str = "regression";

/// The name the logistic model is served under.
pub const CLASSIFICATION: &str = "classification";

/// Puts files into a folder, which is made if it is not there. When one of them cannot be written,
/// none is, and those that were there before stand as they stood.
///
/// # Errors
///
/// [`TrainError::Write`] names the file.
pub fn write_all(folder: &Path, files: &[(&str, Vec<u8>)]) -> Result<(), TrainError> {
    fs::create_dir_all(folder)
        .map_err(|error| TrainError::Write { path: folder.to_owned(), error })?;
    whole::write_together(folder, files)
        .map_err(|Failed { path, error }| TrainError::Write { path, error })
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
