//! [`RowError`]: what is wrong with a row, or with the header.

use crate::table::Place;
use thiserror::Error;

/// What is wrong with a row, or with the header.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RowError {
    /// More or fewer fields than the header.
    #[error("{found} fields, the header has {expected}")]
    FieldCount {
        /// Fields of the row.
        found: usize,
        /// Fields of the header.
        expected: usize,
    },
    /// A number is not there.
    #[error("column {column} ({name}): the value is missing")]
    Missing {
        /// Counted from 1.
        column: usize,
        /// As in the header.
        name: String,
    },
    /// A number is text.
    #[error("column {column} ({name}): `{value}` is not {expected}")]
    NotANumber {
        /// Counted from 1.
        column: usize,
        /// As in the header.
        name: String,
        /// As found, shortened.
        value: String,
        /// What was expected.
        expected: &'static str,
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
    #[error("the features are so large that the prediction is not finite")]
    NotPredictable,
    /// The header has too few columns.
    #[error("the header has {found} columns: {needed} are needed")]
    TooFewColumns {
        /// Columns of the header.
        found: usize,
        /// The features.
        needed: String,
    },
    /// Some of the features are named, not all.
    #[error("the header names {found} but not {missing}: name all features")]
    Incomplete {
        /// The features it names.
        found: String,
        /// The first one it does not.
        missing: String,
    },
    /// A feature is not there.
    #[error("no column {name}: the columns are {found}")]
    NoColumn {
        /// The feature.
        name: String,
        /// What is there.
        found: String,
    },
    /// A column that matters is there twice.
    #[error("column {column}: the header names {name} twice")]
    Twice {
        /// The second of the two, counted from 1.
        column: usize,
        /// The name.
        name: String,
    },
    /// The first line is data.
    #[error("the first line holds numbers: a header line is needed")]
    NoHeader,
}

impl RowError {
    /// The message with its place.
    pub fn at(&self, place: &Place) -> String {
        format!("{place}: {self}")
    }
}
