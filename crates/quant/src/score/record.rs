//! What a table says of the models that made its predictions: which they were, how long after their
//! inputs the outcome is that they predict, and where a classifier's label was cut.
//!
//! Parquet holds it in its own metadata. CSV has no place for it, so it goes into a file next to
//! the table, which names its table, so that one left behind by another table misleads nobody.

use crate::table::{Output, OutputError, Writer, is_parquet};
use factord_eval::Kind;
use factord_models::file::{Artifact, Details, MetricValue};
use parquet::file::metadata::ParquetMetaDataReader;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The key of Parquet's metadata.
pub(super) const KEY: &str = "factord.models";
/// The most bytes of a record that are read.
// 1 MiB: sixteen models take a few KiB.
const LEN_MAX: u64 = 1 << 20;
/// Bytes at each end of a table by which it is known again.
const END_LEN: u64 = 64 * 1024;

/// One model, and the columns that it made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// The name it is served under.
    pub name: String,
    /// What it computes: `linear` or `logistic`.
    pub kind: String,
    /// The columns of the table that are its own.
    pub columns: Vec<String>,
    /// SHA-256 of the artifact, in hexadecimal.
    pub sha256: String,
    /// What it predicts, as its artifact names it; may be empty.
    pub target: String,
    /// How many windows after its inputs the outcome is; `None` when the artifact does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub horizon: Option<u64>,
    /// Above this outcome the label of a classifier is 1, where the artifact says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<f64>,
}

impl Made {
    /// What is recorded of a model.
    pub fn by(artifact: &Artifact, columns: Vec<String>) -> Made {
        let details = artifact.details();
        let kind = match artifact.kind() {
            Kind::Linear => "linear",
            Kind::Logistic => "logistic",
        };
        Made {
            name: artifact.name().to_owned(),
            kind: kind.to_owned(),
            columns,
            sha256: hex(&artifact.sha256()),
            target: details.target.clone(),
            horizon: horizon(details),
            cut: details.threshold,
        }
    }

    /// What is recorded of a model of which nobody knows more than name and hash.
    pub fn unread(name: &str, kind: &str, sha256: &[u8; 32], columns: Vec<String>) -> Made {
        Made {
            name: name.to_owned(),
            kind: kind.to_owned(),
            columns,
            sha256: hex(sha256),
            target: String::new(),
            horizon: None,
            cut: None,
        }
    }

    /// What is predicted, without the horizon that its name may carry: `sell_rate`.
    pub fn outcome(&self) -> &str {
        parts(&self.target).0
    }
}

impl std::fmt::Display for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.sha256.get(..16).unwrap_or(&self.sha256))?;
        if !self.target.is_empty() {
            write!(f, ", target {}", self.target)?;
        }
        match self.horizon {
            Some(windows) => write!(f, ", horizon {windows}")?,
            None => f.write_str(", horizon not known")?,
        }
        self.cut.map_or(Ok(()), |cut| write!(f, ", cut {cut}"))
    }
}

/// The name of an outcome and the horizon behind it: `sell_rate[+1]`, or `sell_rate[+1]_binary`.
fn parts(target: &str) -> (&str, Option<u64>) {
    let name = target.strip_suffix("_binary").unwrap_or(target);
    let later = name.strip_suffix(']').and_then(|name| name.rsplit_once("[+"));
    match later.and_then(|(name, later)| Some((name, later.parse().ok()?))) {
        Some((name, later)) => (name, Some(later)),
        None => (name, None),
    }
}

/// How many windows after the inputs the outcome is, by the report or the target's name.
fn horizon(details: &Details) -> Option<u64> {
    let reported = details.metrics.iter().find(|metric| metric.path == ["horizon"]);
    match reported.map(|metric| metric.value) {
        Some(MetricValue::Integer(windows)) => u64::try_from(windows).ok(),
        _ => parts(&details.target).1,
    }
}

/// The models that made a table's predictions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The table that a file next to it belongs to; empty in the table itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    table: Option<Mark>,
    /// The models.
    pub models: Vec<Made>,
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
        Ok(Mark { bytes, ends: hex(&hash.finalize()) })
    }
}

impl Record {
    /// A record of some models.
    pub fn new(models: Vec<Made>) -> Record {
        Record { table: None, models }
    }

    /// What a table says of its predictions; nothing where it says nothing.
    ///
    /// # Errors
    ///
    /// One sentence about what it says and cannot be used.
    pub fn of(table: &Path) -> Result<Option<Record>, String> {
        if !table.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Ok(None);
        }
        match is_parquet_file(table) {
            Ok(true) => Record::within(table),
            Ok(false) => Record::beside(table),
            // Whoever reads the table itself says what is wrong with it.
            Err(_) => Ok(None),
        }
    }

    fn within(table: &Path) -> Result<Option<Record>, String> {
        let parse = |file: File| ParquetMetaDataReader::new().parse_and_finish(&file).ok();
        let Some(metadata) = File::open(table).ok().and_then(parse) else { return Ok(None) };
        let pairs = metadata.file_metadata().key_value_metadata();
        let pair = pairs.into_iter().flatten().find(|pair| pair.key == KEY);
        let Some(text) = pair.and_then(|pair| pair.value.as_ref()) else { return Ok(None) };
        let record = serde_json::from_str(text);
        record.map(Some).map_err(|error| format!("{}: its {KEY}: {error}", table.display()))
    }

    fn beside(table: &Path) -> Result<Option<Record>, String> {
        let path = path_beside(table);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        let record: Record = serde_json::from_reader(io::BufReader::new(file.take(LEN_MAX)))
            .map_err(|error| format!("{}: {error}", path.display()))?;
        if record.table != Mark::of(table).ok() {
            return Err(format!(
                "{} was written for another table than {}",
                path.display(),
                table.display()
            ));
        }
        Ok(Some(record))
    }

    /// This record of a table whose columns were then made by other models, too.
    pub(super) fn and(mut self, made: &[Made]) -> Record {
        let again = |column: &String| made.iter().any(|made| made.columns.contains(column));
        for model in &mut self.models {
            model.columns.retain(|column| !again(column));
        }
        self.models.retain(|model| !model.columns.is_empty());
        self.models.extend_from_slice(made);
        Record::new(self.models)
    }

    /// Puts the record into a table that is being written, if that is Parquet.
    pub fn note(&self, writer: &mut Writer) {
        writer.note(KEY, &self.text());
    }

    /// As Parquet's metadata hold it.
    pub(super) fn text(&self) -> String {
        // Its fields are texts and finite numbers, which always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether a table of that name has a place for a record; a pipe or a device has none.
    pub fn has_place(table: &Path) -> bool {
        table != Path::new("-") && table.metadata().map_or(true, |metadata| metadata.is_file())
    }

    /// Writes the record of a table that is no Parquet beside it, whole or not at all, where there
    /// is a place for it.
    ///
    /// # Errors
    ///
    /// [`OutputError`].
    pub fn save(&self, table: &Path) -> Result<(), OutputError> {
        self.save_beside(table, is_parquet(table))
    }

    /// The same for a table whose name does not tell whether it is Parquet.
    ///
    /// # Errors
    ///
    /// [`OutputError`].
    pub fn save_beside(&self, table: &Path, parquet: bool) -> Result<(), OutputError> {
        if parquet || !Record::has_place(table) {
            return Ok(());
        }
        let path = path_beside(table);
        let failed = |error| OutputError::Write { path: path.clone(), error };
        let mark = Mark::of(table).map_err(failed)?;
        let record = Record { table: Some(mark), models: self.models.clone() };
        let mut text = serde_json::to_string_pretty(&record).unwrap_or_default();
        text.push('\n');
        let mut output = Output::create(&path)?;
        output.write_all(text.as_bytes()).map_err(failed)?;
        output.finish()
    }
}

/// The file next to a table: `scored.csv.models.json`.
fn path_beside(table: &Path) -> PathBuf {
    let mut name = table.as_os_str().to_owned();
    name.push(".models.json");
    name.into()
}

fn is_parquet_file(table: &Path) -> io::Result<bool> {
    let mut magic = [0; 4];
    let mut file = File::open(table)?;
    Ok(file.read_exact(&mut magic).is_ok() && &magic == b"PAR1")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_s_name_tells_outcome_and_horizon() {
        assert_eq!(parts("sell_rate"), ("sell_rate", None));
        assert_eq!(parts("sell_rate[+1]"), ("sell_rate", Some(1)));
        assert_eq!(parts("sell_rate[+12]_binary"), ("sell_rate", Some(12)));
        assert_eq!(parts("x[+many]"), ("x[+many]", None));
    }

    #[test]
    fn a_record_follows_its_columns_and_is_of_one_table() {
        let made = |name: &str, columns: &[&str]| Made {
            name: name.to_owned(),
            kind: "linear".to_owned(),
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            sha256: String::new(),
            target: String::new(),
            horizon: Some(1),
            cut: None,
        };
        let (a, b) = (made("a", &["x"]), made("b", &["y", "z"]));
        let both = Record::new(vec![a.clone(), b]).and(&[made("c", &["y"])]);
        assert_eq!(both.models, [a, made("b", &["z"]), made("c", &["y"])]);
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("t.csv");
        std::fs::write(&table, "x\n1\n").unwrap();
        assert_eq!(Record::of(&table), Ok(None));
        both.save(&table).unwrap();
        assert_eq!(Record::of(&table).unwrap().unwrap().models, both.models);
        std::fs::write(&table, "x\n2\n").unwrap();
        assert!(Record::of(&table).unwrap_err().contains("another table"));
        std::fs::write(path_beside(&table), "{").unwrap();
        assert!(Record::of(&table).unwrap_err().contains("t.csv.models.json: EOF"));
    }
}
