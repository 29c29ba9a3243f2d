//! [`BatchRequest`]: many rows in one body, read without building anything for a single number.
//! Pure.

use super::features::{self, FeatureError, Taken, json_text, shorten};
use super::limits::BATCH_ROW_COUNT_MAX;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Many rows for one model.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BatchRequest {
    /// The model's name.
    pub(super) model: String,
    /// The number of rows.
    pub(super) row_count: usize,
    /// All values, row after row.
    pub(super) values: Vec<f64>,
    /// The unit key of all rows, if one was sent.
    pub(super) key: Option<u64>,
}

impl BatchRequest {
    /// Reads `{"model": name, "features": [[..], ..]}`, and a `key` where one is sent; `taken_by`
    /// tells what a model takes.
    ///
    /// # Errors
    ///
    /// [`FeatureError`], with the first row at fault; or what `taken_by` returned.
    pub(super) fn from_body<E: From<FeatureError>>(
        body: &[u8],
        taken_by: impl FnOnce(&str) -> Result<Taken, E>,
    ) -> Result<BatchRequest, E> {
        let draft: Draft = serde_json::from_slice(json_text(body)?).map_err(|error| {
            if error.is_data() { FeatureError::BatchShape } else { FeatureError::NotJson }
        })?;
        let (Some(model), Some(rows)) = (draft.model, draft.features) else {
            return Err(FeatureError::BatchShape.into());
        };
        // Before any fault: nothing is read behind one.
        let taken = match (rows.null, rows.fault) {
            (None, Some(fault)) => return Err(fault.into()),
            (None, None) => taken_by(&model)?,
            (Some(null), fault) => match (taken_by(&model), fault) {
                (Ok(taken), None) if taken.takes_null => taken,
                (Ok(taken), Some(fault)) if taken.takes_null => return Err(fault.into()),
                _ => return Err(null.into()),
            },
        };
        let expected = taken.width;
        if let Some(row) = rows.lens.iter().position(|len| *len != expected) {
            let error = FeatureError::Count { expected, found: rows.lens[row] };
            return Err(FeatureError::Row { row, error: Box::new(error) }.into());
        }
        let key = features::key(draft.key.as_ref())?;
        Ok(BatchRequest { model, row_count: rows.lens.len(), values: rows.values, key })
    }
}

#[derive(Deserialize)]
struct Draft {
    model: Option<String>,
    features: Option<ParsedRows>,
    key: Option<serde_json::Value>,
}

/// Rows as they are read. The first fault is kept, and nothing is stored after it.
#[derive(Default)]
struct ParsedRows {
    lens: Vec<usize>,
    values: Vec<f64>,
    fault: Option<FeatureError>,
    /// The first `null`, should the model not take it.
    null: Option<FeatureError>,
}

impl ParsedRows {
    fn fail(&mut self, error: FeatureError) {
        let row = self.lens.len();
        self.fault.get_or_insert(FeatureError::Row { row, error: Box::new(error) });
    }
}

impl<'de> Deserialize<'de> for ParsedRows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ParsedRows, D::Error> {
        deserializer.deserialize_seq(RowsVisitor)
    }
}

struct RowsVisitor;

impl<'de> Visitor<'de> for RowsVisitor {
    type Value = ParsedRows;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ParsedRows, A::Error> {
        let mut rows = ParsedRows::default();
        while rows.fault.is_none() && seq.next_element_seed(RowSeed(&mut rows))?.is_some() {
            if rows.lens.len() > BATCH_ROW_COUNT_MAX {
                rows.fault = Some(FeatureError::TooManyRows);
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(rows)
    }
}

/// Reads one row into the list of all values.
struct RowSeed<'a>(&'a mut ParsedRows);

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row of numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let rows = self.0;
        let mut len = 0;
        while let Some(item) = seq.next_element()? {
            match item {
                Item::Number(value) if value.is_finite() => rows.values.push(value),
                Item::Number(_) => rows.fail(FeatureError::NotFinite { index: len }),
                Item::Null if rows.fault.is_none() => {
                    let shown = "None".to_owned();
                    let error = Box::new(FeatureError::NotNumeric { index: len, shown });
                    let row = rows.lens.len();
                    rows.null.get_or_insert(FeatureError::Row { row, error });
                    rows.values.push(f64::NAN);
                }
                Item::Null => {}
                Item::Other(shown) => {
                    rows.fail(FeatureError::NotNumeric { index: len, shown: shorten(shown) });
                }
            }
            len += 1;
        }
        rows.lens.push(len);
        Ok(())
    }
}

/// One value of a row.
enum Item {
    Number(f64),
    Null,
    /// Anything else, as Python prints it; what it holds inside is left out.
    Other(String),
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Item, D::Error> {
        deserializer.deserialize_any(ItemVisitor)
    }
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Item;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Item, E> {
        Ok(Item::Number(value))
    }

    // Rounds to the nearest, as Python's float() and the single route do.
    #[allow(clippy::cast_precision_loss)]
    fn visit_i64<E: Error>(self, value: i64) -> Result<Item, E> {
        Ok(Item::Number(value as f64))
    }

    // See `visit_i64`.
    #[allow(clippy::cast_precision_loss)]
    fn visit_u64<E: Error>(self, value: u64) -> Result<Item, E> {
        Ok(Item::Number(value as f64))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Item, E> {
        Ok(Item::Other(if value { "True" } else { "False" }.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Item, E> {
        Ok(Item::Null)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Item, E> {
        Ok(Item::Other(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Item, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Item::Other("[...]".to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Item, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Item::Other("{...}".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<BatchRequest, FeatureError> {
        let taken = Taken { width: 3, takes_null: false };
        BatchRequest::from_body(body.as_bytes(), |_| Ok(taken))
    }

    #[test]
    fn rows_become_one_list_in_order() {
        let batch =
            read(r#"{"features": [[0.5, 1, -2e3], [4, 5, 6]], "model": "regression"}"#).unwrap();
        assert_eq!(batch.model, "regression");
        assert_eq!(batch.row_count, 2);
        assert_eq!(batch.values, [0.5, 1.0, -2000.0, 4.0, 5.0, 6.0]);
        assert_eq!(read(r#"{"model": "m", "features": []}"#).unwrap().row_count, 0);
        assert_eq!(batch.key, None);
        let keyed = |key: &str| read(&format!(r#"{{"model":"m","features":[],"key":{key}}}"#));
        assert_eq!(keyed("18446744073709551615").unwrap().key, Some(u64::MAX));
        for key in ["-1", "0.5", "\"7\"", "18446744073709551616", "[]"] {
            assert_eq!(keyed(key), Err(FeatureError::Key), "{key}");
        }
    }

    #[test]
    fn a_fault_names_its_row_and_what_is_wrong() {
        for (body, message) in [
            (r#"{"model":"m","features":[[1,2,3],[1,2]]}"#, "Row 1: Expected 3 features, got 2"),
            (r#"{"model":"m","features":[[1,2,"x"]]}"#, "Row 0: Feature 2 is not numeric: x"),
            (r#"{"model":"m","features":[[1,null,3]]}"#, "Row 0: Feature 1 is not numeric: None"),
            (r#"{"model":"m","features":[[true,2,3]]}"#, "Row 0: Feature 0 is not numeric: True"),
            (r#"{"model":"m","features":[[[9],2,3]]}"#, "Row 0: Feature 0 is not numeric: [...]"),
            (r#"{"model":"m","features":[[{},2,3],5]}"#, "Row 0: Feature 0 is not numeric: {...}"),
        ] {
            assert_eq!(read(body).unwrap_err().to_string(), message, "{body}");
        }
        for body in ["{}", "[]", "5", r#"{"model":"m"}"#, r#"{"model":"m","features":[1,2,3]}"#] {
            assert_eq!(read(body), Err(FeatureError::BatchShape), "{body}");
        }
        for body in ["", "{", r#"{"model":"m","features":[[NaN,1,2]]}"#, "\u{fffd}"] {
            assert_eq!(read(body), Err(FeatureError::NotJson), "{body}");
        }
    }

    #[test]
    fn null_is_missing_where_a_model_takes_it() {
        let read = |body: &str, takes_null: bool| -> Result<BatchRequest, FeatureError> {
            BatchRequest::from_body(body.as_bytes(), |_| Ok(Taken { width: 2, takes_null }))
        };
        let body = r#"{"model":"m","features":[[1,null],[null,4]]}"#;
        let batch = read(body, true).unwrap();
        assert_eq!((batch.row_count, batch.values.len()), (2, 4));
        assert!(batch.values[1].is_nan() && batch.values[2].is_nan());
        let refusal = read(body, false).unwrap_err().to_string();
        assert_eq!(refusal, "Row 0: Feature 1 is not numeric: None");
        // What is wrong behind it is wrong for every model, and comes second.
        let body = r#"{"model":"m","features":[[1,null],[4,"x"],[null,null]]}"#;
        let refusals = [true, false].map(|takes_null| read(body, takes_null).unwrap_err());
        assert_eq!(refusals[0].to_string(), "Row 1: Feature 1 is not numeric: x");
        assert_eq!(refusals[1].to_string(), "Row 0: Feature 1 is not numeric: None");
        // A name that is not served changes nothing of that.
        let unknown = BatchRequest::from_body(body.as_bytes(), |_| Err(FeatureError::Missing));
        assert_eq!(unknown.unwrap_err(), refusals[1]);
    }

    #[test]
    fn one_row_too_many_is_refused() {
        let rows = |count: usize| {
            format!("{{\"model\":\"m\",\"features\":[{}]}}", vec!["[1,2,3]"; count].join(","))
        };
        assert_eq!(read(&rows(BATCH_ROW_COUNT_MAX)).unwrap().row_count, BATCH_ROW_COUNT_MAX);
        assert_eq!(read(&rows(BATCH_ROW_COUNT_MAX + 1)), Err(FeatureError::TooManyRows));
    }
}
