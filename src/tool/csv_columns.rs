//! The columns of a CSV file to score: which hold the features, which take the outputs.

use csv::ByteRecord;
use std::path::Path;
use thiserror::Error;

/// The features in the models' order: our name, and the models' own.
const FEATURES: [[&str; 2]; 3] = [
    ["buy_rate", "S_LI_INITIATIVEBUYRATE"],
    ["large_buy", "S_LI_LARGEBUYRATE"],
    ["large_sell", "S_LI_LARGESELLRATE"],
];
/// The columns written.
const OUTPUTS: [&str; 3] = ["regression", "probability", "class"];

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum RowError {
    /// More or fewer fields than the header.
    #[error("{found} fields, the header has {expected}")]
    FieldCount {
        /// Fields of the row.
        found: usize,
        /// Fields of the header.
        expected: usize,
    },
    /// A feature is not there.
    #[error("column {column} ({name}): the value is missing")]
    Missing {
        /// Counted from 1.
        column: usize,
        /// As in the header.
        name: String,
    },
    /// A feature is text.
    #[error("column {column} ({name}): `{value}` is not a number")]
    NotANumber {
        /// Counted from 1.
        column: usize,
        /// As in the header.
        name: String,
        /// As found, shortened.
        value: String,
    },
    /// A feature is NaN or infinite.
    #[error("column {column} ({name}): `{value}` is not finite")]
    NotFinite {
        /// Counted from 1.
        column: usize,
        /// As in the header.
        name: String,
        /// As found, shortened.
        value: String,
    },
    /// The features are finite, the prediction would not be.
    #[error("columns of the features: so large that the prediction is not finite")]
    NotPredictable,
    /// The header has too few columns.
    #[error("the header has {found} columns: buy_rate, large_buy and large_sell are needed")]
    TooFewColumns {
        /// Columns of the header.
        found: usize,
    },
    /// Some of the features are named, not all.
    #[error("the header names {found} but not {missing}: name all three features, or none")]
    Incomplete {
        /// The features it names.
        found: String,
        /// The first one it does not.
        missing: &'static str,
    },
    /// A column that matters is there twice.
    #[error("column {column}: the header names {name} twice")]
    Twice {
        /// The second of the two, counted from 1.
        column: usize,
        /// The name.
        name: &'static str,
    },
    /// The first line is data.
    #[error("the first line holds numbers: a header line is needed")]
    NoHeader,
}

impl RowError {
    /// The message with file and line.
    pub(super) fn at(&self, path: &Path, record: &ByteRecord) -> String {
        let name = if path == Path::new("-") { "stdin".into() } else { path.to_string_lossy() };
        let line = record.position().map_or(1, csv::Position::line);
        format!("{name}:{line}: {self}")
    }
}

/// What becomes of one output column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Input(usize),
    Output(usize),
}

/// Where features are read and outputs are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    width: usize,
    features: [usize; 3],
    names: [String; 3],
    sources: Vec<Source>,
}

impl Columns {
    /// Reads a header.
    pub(super) fn of(header: &ByteRecord) -> Result<Columns, RowError> {
        let names: Vec<String> = header.iter().map(text).collect();
        if names.len() < 3 {
            return Err(RowError::TooFewColumns { found: names.len() });
        }
        if names.iter().take(3).all(|name| name.parse::<f64>().is_ok()) {
            return Err(RowError::NoHeader);
        }
        let features = features_of(&names)?;
        let mut sources: Vec<Source> = (0..names.len()).map(Source::Input).collect();
        for (output, &name) in OUTPUTS.iter().enumerate() {
            match only(&names, &[name])? {
                // A feature column keeps its place even when it bears an output's name.
                Some(column) if !features.contains(&column) => {
                    sources[column] = Source::Output(output);
                }
                _ => sources.push(Source::Output(output)),
            }
        }
        let width = names.len();
        Ok(Columns { width, features, names: features.map(|at| names[at].clone()), sources })
    }

    /// The header to write.
    pub(super) fn header(&self, header: &ByteRecord) -> ByteRecord {
        self.row(header, Some(&OUTPUTS.map(str::to_owned)))
    }

    /// The row to write; without outputs their columns stay empty.
    pub(super) fn row(&self, input: &ByteRecord, outputs: Option<&[String; 3]>) -> ByteRecord {
        let field = |source: &Source| match *source {
            Source::Input(column) => input.get(column).unwrap_or_default(),
            Source::Output(output) => outputs.map_or(&[][..], |texts| texts[output].as_bytes()),
        };
        self.sources.iter().map(field).collect()
    }

    /// The features of a row, all finite.
    pub(super) fn features(&self, row: &ByteRecord) -> Result<[f64; 3], RowError> {
        let mut x = [0.0; 3];
        for (feature, value) in x.iter_mut().enumerate() {
            *value = self.feature(row, feature)?;
        }
        if row.len() != self.width {
            return Err(RowError::FieldCount { found: row.len(), expected: self.width });
        }
        Ok(x)
    }

    fn feature(&self, row: &ByteRecord, feature: usize) -> Result<f64, RowError> {
        let column = self.features[feature] + 1;
        let name = || self.names[feature].clone();
        let field = row.get(column - 1).unwrap_or_default().trim_ascii();
        if field.is_empty() {
            return Err(RowError::Missing { column, name: name() });
        }
        let shown = || {
            let text = String::from_utf8_lossy(field);
            text.chars().take(40).flat_map(char::escape_debug).collect::<String>()
        };
        match std::str::from_utf8(field).ok().and_then(|text| text.parse::<f64>().ok()) {
            Some(value) if value.is_finite() => Ok(value),
            Some(_) => Err(RowError::NotFinite { column, name: name(), value: shown() }),
            None => Err(RowError::NotANumber { column, name: name(), value: shown() }),
        }
    }
}

/// The features by name, or the first three columns when none is named.
fn features_of(names: &[String]) -> Result<[usize; 3], RowError> {
    let mut found = [None; 3];
    for (place, known) in found.iter_mut().zip(&FEATURES) {
        *place = only(names, known)?;
    }
    if let [Some(a), Some(b), Some(c)] = found {
        return Ok([a, b, c]);
    }
    let list: Vec<&str> =
        FEATURES.iter().zip(&found).filter(|(_, at)| at.is_some()).map(|(n, _)| n[0]).collect();
    let missing = FEATURES.iter().zip(&found).find(|(_, at)| at.is_none());
    match missing {
        Some((known, _)) if !list.is_empty() => {
            Err(RowError::Incomplete { found: list.join(", "), missing: known[0] })
        }
        _ => Ok([0, 1, 2]),
    }
}

/// The one column that bears one of the names.
fn only(names: &[String], known: &[&'static str]) -> Result<Option<usize>, RowError> {
    let mut columns = names.iter().enumerate().filter(|(_, name)| known.contains(&name.as_str()));
    let first = columns.next().map(|(column, _)| column);
    match columns.next() {
        Some((column, _)) => Err(RowError::Twice { column: column + 1, name: known[0] }),
        None => Ok(first),
    }
}

fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field.trim_ascii()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(header: &[&str]) -> Result<Columns, RowError> {
        Columns::of(&ByteRecord::from(header.to_vec()))
    }

    fn written(header: &[&str], row: &[&str]) -> Vec<String> {
        let outputs = ["R", "P", "C"].map(str::to_owned);
        let record = ByteRecord::from(row.to_vec());
        let row = columns(header).unwrap().row(&record, Some(&outputs));
        row.iter().map(text).collect()
    }

    #[test]
    fn features_are_found_by_name_wherever_they_stand() {
        let found = columns(&["id", "large_sell", "buy_rate", "large_buy"]).unwrap();
        let row = ByteRecord::from(vec!["7", "0.3", "0.5", "0.2"]);
        assert_eq!(found.features(&row), Ok([0.5, 0.2, 0.3]));
        let found = columns(&["S_LI_LARGESELLRATE", "S_LI_LARGEBUYRATE", "S_LI_INITIATIVEBUYRATE"]);
        assert_eq!(found.unwrap().features, [2, 1, 0]);
    }

    #[test]
    fn features_are_the_first_three_columns_when_none_is_named() {
        assert_eq!(columns(&["a", "b", "c", "d"]).unwrap().features, [0, 1, 2]);
    }

    #[test]
    fn outputs_replace_columns_of_their_names_and_follow_the_others() {
        let header = ["class", "buy_rate", "large_buy", "large_sell", "note"];
        let row = ["old", "1", "2", "3", "n"];
        assert_eq!(written(&header, &row), ["C", "1", "2", "3", "n", "R", "P"]);
    }

    #[test]
    fn headers_that_leave_a_doubt_are_refused() {
        assert_eq!(columns(&["a", "b"]), Err(RowError::TooFewColumns { found: 2 }));
        assert_eq!(columns(&["0.1", "0.2", "0.3"]), Err(RowError::NoHeader));
        assert!(matches!(
            columns(&["buy_rate", "b", "c"]),
            Err(RowError::Incomplete { missing: "large_buy", .. })
        ));
        assert!(matches!(
            columns(&["buy_rate", "large_buy", "large_sell", "buy_rate"]),
            Err(RowError::Twice { column: 4, name: "buy_rate" })
        ));
    }

    #[test]
    fn a_bad_value_is_named_by_column() {
        let found = columns(&["buy_rate", "large_buy", "large_sell"]).unwrap();
        let error =
            |row: &[&str]| found.features(&ByteRecord::from(row.to_vec())).unwrap_err().to_string();
        assert_eq!(error(&["1", "x", "3"]), "column 2 (large_buy): `x` is not a number");
        assert_eq!(error(&["1", "2", "NaN"]), "column 3 (large_sell): `NaN` is not finite");
        assert_eq!(error(&["1", "2", "1e999"]), "column 3 (large_sell): `1e999` is not finite");
        assert_eq!(error(&["", "2", "3"]), "column 1 (buy_rate): the value is missing");
        assert_eq!(error(&["1", "2"]), "column 3 (large_sell): the value is missing");
        assert_eq!(error(&["1", "2", "3", "4"]), "4 fields, the header has 3");
    }
}
