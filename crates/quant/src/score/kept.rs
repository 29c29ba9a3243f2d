//! What a footer says besides its columns, as far as it is true of the table with the outputs.

use parquet::arrow::ARROW_SCHEMA_META_KEY;
use parquet::file::metadata::KeyValue;
use serde_json::Value;

/// The key under which pandas describes columns and index.
const PANDAS: &str = "pandas";

/// The pairs that remain true when outputs join the columns `names` and replace those of them that
/// are `replaced`. Arrow's own description is left out: it is written again.
pub(super) fn pairs(before: &[KeyValue], names: &[&str], replaced: &[&str]) -> Vec<KeyValue> {
    let kept = before.iter().filter(|pair| pair.key != ARROW_SCHEMA_META_KEY);
    let kept = kept.filter_map(|pair| {
        let KeyValue { key, value } = pair;
        let value = value.as_ref().map(|value| kept_value(key, value, names, replaced));
        match value {
            Some(None) => None,
            value => Some(KeyValue { key: key.clone(), value: value.flatten() }),
        }
    });
    kept.collect()
}

/// A value that is still true; `None` when it is not.
pub(super) fn kept_value(
    key: &str,
    value: &str,
    names: &[&str],
    replaced: &[&str],
) -> Option<String> {
    if key == PANDAS {
        return pandas(value, replaced);
    }
    // As JSON and its kin write a name. Who names every column lists them, and would hide the
    // outputs from its readers; who names a replaced one describes what is gone.
    let says = |name: &&str| value.contains(&Value::from(*name).to_string());
    let lists = !names.is_empty() && names.iter().all(says);
    (!lists && !replaced.iter().any(says)).then(|| value.to_owned())
}

/// The description of pandas without the columns that are replaced.
fn pandas(value: &str, replaced: &[&str]) -> Option<String> {
    if replaced.is_empty() {
        return Some(value.to_owned());
    }
    let mut said: Value = serde_json::from_str(value).ok()?;
    let is_gone = |name: &Value| name.as_str().is_some_and(|name| replaced.contains(&name));
    if let Some(columns) = said.get_mut("columns").and_then(Value::as_array_mut) {
        columns.retain(|column| {
            let name = column.get("field_name").filter(|name| !name.is_null());
            !is_gone(name.or(column.get("name")).unwrap_or(&Value::Null))
        });
    }
    if let Some(index) = said.get_mut("index_columns").and_then(Value::as_array_mut) {
        index.retain(|column| !is_gone(column));
    }
    Some(said.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lists_or_describes_columns_that_have_changed_is_left_out() {
        let kept = |key: &str, value: &str, replaced: &[&str]| {
            kept_value(key, value, &["a", "b"], replaced)
        };
        let spark = r#"{"fields":[{"name":"a"},{"name":"b"}]}"#;
        assert_eq!(kept("org.apache.spark.sql.parquet.row.metadata", spark, &[]), None);
        assert_eq!(kept("geo", r#"{"columns":{"b":{}}}"#, &["b"]), None);
        let geo = r#"{"columns":{"b":{}}}"#;
        assert_eq!(kept("geo", geo, &["a"]).as_deref(), Some(geo));
        assert_eq!(kept("writer.time.zone", "UTC", &["a"]).as_deref(), Some("UTC"));
    }

    #[test]
    fn pandas_no_longer_describes_a_column_that_is_replaced() {
        let said = r#"{"index_columns":["class"],"columns":[{"name":"a","field_name":"a"},
                       {"name":null,"field_name":"class"}]}"#;
        let kept = kept_value("pandas", said, &["a", "class"], &["class"]).unwrap();
        assert!(!kept.contains("class") && kept.contains("\"a\""), "{kept}");
        assert_eq!(kept_value("pandas", "torn", &[], &["a"]), None);
        assert_eq!(kept_value("pandas", said, &[], &[]).as_deref(), Some(said));
    }
}
