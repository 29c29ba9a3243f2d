//! What clients send: features in a path or in a JSON body. Pure.

use super::limits::BATCH_ROW_COUNT_MAX;
use factord_core::counters::ModelRow;
use factord_eval::Kind;
use serde_json::{Number, Value};
use thiserror::Error;

// 120 characters: enough to recognise what was sent; the reply stays short whatever it was.
const SHOWN_LEN_MAX: usize = 120;

/// Why a request carries no features that can be predicted from.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum FeatureError {
    /// The body is not JSON.
    #[error("The body is not valid JSON (NaN, infinities and overflowing numbers are not)")]
    NotJson,
    /// The body is text of two bytes a character.
    #[error("The body is UTF-16: send UTF-8")]
    Utf16,
    /// There is no list of features.
    #[error("Missing features. Expected: {{\"features\": [buy_rate, large_buy, large_sell]}}")]
    Missing,
    /// The number of features is not the model's.
    #[error("Expected {expected} features, got {found}")]
    Count {
        /// The model's number.
        expected: usize,
        /// The number sent.
        found: usize,
    },
    /// A feature is not a number.
    #[error("Feature {index} is not numeric: {shown}")]
    NotNumeric {
        /// Its position.
        index: usize,
        /// What was sent, as Python prints it.
        shown: String,
    },
    /// A feature is NaN or infinite.
    #[error("Feature {index} must be a finite number")]
    NotFinite {
        /// Its position.
        index: usize,
    },
    /// The unit key is no 64-bit word.
    #[error("The key must be an integer from 0 to {}", u64::MAX)]
    Key,
    /// A batch is not of the expected shape.
    #[error("Missing model or features. Expected: {{\"model\": name, \"features\": [[..], ..]}}")]
    BatchShape,
    /// A row of a batch is at fault.
    #[error("Row {row}: {error}")]
    Row {
        /// Its position.
        row: usize,
        /// What is wrong with it.
        error: Box<FeatureError>,
    },
    /// A batch has too many rows.
    #[error("Too many rows: a batch takes up to {BATCH_ROW_COUNT_MAX}")]
    TooManyRows,
}

/// What a model takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// How many features.
    pub(super) width: usize,
    /// Whether `null` is a value, which is NaN and means missing.
    pub(super) takes_null: bool,
}

impl Taken {
    /// By a row of the model table.
    pub(super) fn by(row: &ModelRow) -> Taken {
        let takes_null = row.kind.known().is_some_and(Kind::takes_nan);
        Taken { width: row.width, takes_null }
    }
}

/// The features of one prediction, and the numbers as the client wrote them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Features {
    /// Finite values, or NaN for `null`.
    pub(super) values: Vec<f64>,
    /// For the reply.
    pub(super) echo: Vec<Value>,
    /// The unit key, if one was sent.
    pub(super) key: Option<u64>,
}

/// Reads a unit key.
pub(super) fn key(value: Option<&Value>) -> Result<Option<u64>, FeatureError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_u64().map(Some).ok_or(FeatureError::Key),
    }
}

/// Reads the features of a path.
pub(super) fn from_path(words: [&str; 3]) -> Result<Features, FeatureError> {
    let mut values = Vec::with_capacity(words.len());
    for (index, word) in words.into_iter().enumerate() {
        let value: f64 = word
            .parse()
            .map_err(|_| FeatureError::NotNumeric { index, shown: shorten(word.to_owned()) })?;
        if !value.is_finite() {
            return Err(FeatureError::NotFinite { index });
        }
        values.push(value);
    }
    let echo = values.iter().filter_map(|value| Number::from_f64(*value));
    let echo = echo.map(Value::Number).collect();
    Ok(Features { values, echo, key: None })
}

/// Reads the features of a body, as a model takes them: `{"features": [..]}`, and a `key` where
/// one is sent.
pub(super) fn from_body(body: &[u8], taken: Taken) -> Result<Features, FeatureError> {
    let width = taken.width;
    let body: Value =
        serde_json::from_slice(json_text(body)?).map_err(|_| FeatureError::NotJson)?;
    let list = body.get("features").and_then(Value::as_array).ok_or(FeatureError::Missing)?;
    if list.len() != width {
        return Err(FeatureError::Count { expected: width, found: list.len() });
    }
    let (values, echo) = (Vec::with_capacity(width), Vec::with_capacity(width));
    let mut features = Features { values, echo, key: None };
    for (index, value) in list.iter().enumerate() {
        let number = match value {
            Value::Number(number) => number.as_f64().filter(|value| value.is_finite()),
            Value::Null if taken.takes_null => Some(f64::NAN),
            other => {
                let shown = match other {
                    Value::String(text) => text.clone(),
                    other => python(other),
                };
                return Err(FeatureError::NotNumeric { index, shown: shorten(shown) });
            }
        };
        features.values.push(number.ok_or(FeatureError::NotFinite { index })?);
        features.echo.push(value.clone());
    }
    features.key = key(body.get("key"))?;
    Ok(features)
}

/// A body without the byte order mark that some programs put before UTF-8 (RFC 8259, 8.1, lets a
/// reader ignore it).
pub(super) fn json_text(body: &[u8]) -> Result<&[u8], FeatureError> {
    match body {
        [0xEF, 0xBB, 0xBF, text @ ..] => Ok(text),
        [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] => Err(FeatureError::Utf16),
        _ => Ok(body),
    }
}

/// Prints a JSON value as Python prints what it reads from it.
fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.contains('\'') && !text.contains('"') => format!("\"{text}\""),
        Value::String(text) => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        Value::Array(list) => {
            format!("[{}]", list.iter().map(python).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| format!("'{key}': {}", python(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Cuts what is shown of a client's own words.
pub(super) fn shorten(shown: String) -> String {
    match shown.char_indices().nth(SHOWN_LEN_MAX) {
        Some((at, _)) => format!("{}...", &shown[..at]),
        None => shown,
    }
}

#[cfg(test)]
#[path = "features_tests.rs"]
mod tests;
