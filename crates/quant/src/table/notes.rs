//! [`Note`]: what travels with a table besides its rows.
//!
//! Parquet and Arrow hold a note in their own metadata. CSV has no place for it that every reader
//! passes over, so it goes into a file next to the table, which names its table, so that one left
//! behind by another table misleads nobody.

use super::columnar::Columnar;
use super::input::{Format, Input};
use super::output::{Output, OutputError};
use parquet::file::metadata::ParquetMetaDataReader;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The most bytes of a note that are read.
// 1 MiB: sixteen models take a few KiB.
const LEN_MAX: u64 = 1 << 20;
/// Bytes at each end of a table by which it is known again.
const END_LEN: u64 = 64 * 1024;

/// One sort of note, by its places.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Note {
    /// The key in the metadata of Parquet and of Arrow.
    pub(crate) key: &'static str,
    /// What the name of the file beside a table ends with.
    pub(crate) ending: &'static str,
}

/// A note in a file of its own.
#[derive(Deserialize, Serialize)]
struct Beside<T> {
    table: Option<Mark>,
    #[serde(flatten)]
    note: T,
}

/// By what a table is known again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    bytes: u64,
    /// SHA-256 of its first and last 64 KiB.
    ends: String,
}

impl Mark {
    fn of(table: &Path) -> io::Result<Mark> {
        let file = File::open(table)?;
        let bytes = file.metadata()?.len();
        let mut hash = Sha256::new();
        let mut end = vec![0; bytes.min(END_LEN) as usize];
        for from in [0, bytes - end.len() as u64] {
            file.read_exact_at(&mut end, from)?;
            hash.update(&end);
        }
        let ends = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Mark { bytes, ends })
    }
}

impl Note {
    /// The file next to a table: `scored.csv.models.json`.
    pub(crate) fn path(&self, table: &Path) -> PathBuf {
        let mut name = table.as_os_str().to_owned();
        name.push(self.ending);
        name.into()
    }

    /// Whether a table of that name has a place for notes; a pipe or a device has none.
    pub(crate) fn has_place(table: &Path) -> bool {
        table != Path::new("-") && table.metadata().map_or(true, |metadata| metadata.is_file())
    }

    /// What a table holds; nothing where it holds nothing.
    ///
    /// # Errors
    ///
    /// One sentence about what it says and cannot be used.
    pub(crate) fn of<T: DeserializeOwned>(&self, table: &Path) -> Result<Option<T>, String> {
        if !table.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Ok(None);
        }
        // Whoever reads the table itself says what is wrong with it.
        let Ok(input) = Input::open(table) else { return Ok(None) };
        let text = match input.format() {
            Format::Csv => return self.beside(table),
            Format::Parquet => self.in_footer(table),
            Format::Arrow => Columnar::open(input)
                .ok()
                .and_then(|columnar| columnar.schema().metadata().get(self.key).cloned()),
        };
        let Some(text) = text else { return Ok(None) };
        let note = serde_json::from_str(&text);
        note.map(Some).map_err(|error| format!("{}: its {}: {error}", table.display(), self.key))
    }

    fn in_footer(&self, table: &Path) -> Option<String> {
        let file = File::open(table).ok()?;
        let metadata = ParquetMetaDataReader::new().parse_and_finish(&file).ok()?;
        let mut pairs = metadata.file_metadata().key_value_metadata()?.iter();
        pairs.find(|pair| pair.key == self.key)?.value.clone()
    }

    fn beside<T: DeserializeOwned>(&self, table: &Path) -> Result<Option<T>, String> {
        let path = self.path(table);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        let beside: Beside<T> = serde_json::from_reader(io::BufReader::new(file.take(LEN_MAX)))
            .map_err(|error| format!("{}: {error}", path.display()))?;
        if beside.table != Mark::of(table).ok() {
            return Err(format!(
                "{} was written for another table than {}",
                path.display(),
                table.display()
            ));
        }
        Ok(Some(beside.note))
    }

    /// Writes the file beside a table, whole or not at all, where there is a place for it.
    ///
    /// # Errors
    ///
    /// [`OutputError`].
    pub(crate) fn save(&self, table: &Path, note: &impl Serialize) -> Result<(), OutputError> {
        if !Note::has_place(table) {
            return Ok(());
        }
        let path = self.path(table);
        let failed = |error| OutputError::Write { path: path.clone(), error };
        let mark = Mark::of(table).map_err(failed)?;
        let beside = Beside { table: Some(mark), note };
        // Its fields are texts and finite numbers, which always serialise.
        let mut text = serde_json::to_string_pretty(&beside).unwrap_or_default();
        text.push('\n');
        let mut output = Output::create(&path)?;
        output.write_all(text.as_bytes()).map_err(failed)?;
        output.finish()
    }
}
