//! What a table says of the models that made its predictions: which they were, how long after their
//! inputs the outcome is that they predict, and where a classifier's label was cut.

use crate::table::{Note, OutputError, Writer, is_parquet};
use factord_models::file::{Artifact, Details, MetricValue};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Where a table holds it.
pub(super) const NOTE: Note = Note { key: "factord.models", ending: ".models.json" };

/// One model, and the columns that it made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// The name it is served under.
    pub name: String,
    /// What it computes: `linear`, `logistic` or `forest`.
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
    /// The longest pause within a session, in nanoseconds; `None` is anything shorter than the
    /// window before it, or not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_ns: Option<u64>,
    /// Where the data came from that it was trained on, if that is stated: `simulated` or `partly
    /// simulated`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

impl Made {
    /// What is recorded of a model.
    pub fn by(artifact: &Artifact, columns: Vec<String>) -> Made {
        let details = artifact.details();
        let training = artifact.facts().and_then(|facts| facts.training.as_ref());
        Made {
            name: artifact.name().to_owned(),
            kind: artifact.kind().name().to_owned(),
            columns,
            sha256: hex(&artifact.sha256()),
            target: details.target.clone(),
            horizon: training.map(|training| training.horizon.into()).or(horizon(details)),
            cut: details.threshold,
            pause_ns: training.and_then(|training| training.pause_ns),
            data: artifact.settings().data().map(str::to_owned),
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
            pause_ns: None,
            data: None,
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
        if let Some(cut) = self.cut {
            write!(f, ", cut {cut}")?;
        }
        match self.data.as_deref() {
            Some("simulated") => f.write_str(", trained on simulated data"),
            Some(_) => f.write_str(", trained on data that are simulated in part"),
            None => Ok(()),
        }
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
    /// The models.
    pub models: Vec<Made>,
}

impl Record {
    /// A record of some models.
    pub fn new(models: Vec<Made>) -> Record {
        Record { models }
    }

    /// What a table says of its predictions; nothing where it says nothing.
    ///
    /// # Errors
    ///
    /// One sentence about what it says and cannot be used.
    pub fn of(table: &Path) -> Result<Option<Record>, String> {
        NOTE.of(table)
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
        writer.note(NOTE.key, &self.text());
    }

    /// As Parquet's metadata hold it.
    pub(super) fn text(&self) -> String {
        // Its fields are texts and finite numbers, which always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether a table of that name has a place for a record; a pipe or a device has none.
    pub fn has_place(table: &Path) -> bool {
        Note::has_place(table)
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
        if parquet { Ok(()) } else { NOTE.save(table, self) }
    }
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
            pause_ns: None,
            data: None,
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
        std::fs::write(NOTE.path(&table), "{").unwrap();
        assert!(Record::of(&table).unwrap_err().contains("t.csv.models.json: EOF"));
    }
}
