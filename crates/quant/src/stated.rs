//! The settings of the factors that a feature table was made with: written with it, read from it.
//!
//! Parquet holds them in its own metadata (`factord.factors`), CSV in a file next to the table
//! (`T.csv.factors.json`), which names its table. A table that says nothing is as good as before:
//! what is unknown is no mismatch.

use crate::table::{Memory, Note, OutputError, Writer, is_parquet};
use factord_factors::{ParseSettingError, Stated};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;

const NOTE: Note = Note { key: "factord.factors", ending: ".factors.json" };

/// As JSON has it: texts by name.
#[derive(Deserialize, Serialize)]
struct Texts {
    factors: BTreeMap<String, String>,
}

impl Texts {
    fn of(stated: &Stated) -> Texts {
        let owned = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
        Texts { factors: stated.iter().map(owned).collect() }
    }
}

/// What a table states; nothing where it states nothing.
///
/// # Errors
///
/// One sentence about what it says and cannot be used.
pub fn of(table: &Path) -> Result<Stated, String> {
    read(NOTE.of(table)?).map_err(|error| refused(&table.display(), &error))
}

/// The same of a table in memory, whose schema holds it as that of Parquet does.
///
/// # Errors
///
/// As for [`of`].
pub fn within(table: &Memory) -> Result<Stated, String> {
    let name = table.name().display();
    let texts = table.note(NOTE.key).map(serde_json::from_str).transpose();
    let texts = texts.map_err(|error| refused(&name, &error))?;
    read(texts).map_err(|error| refused(&name, &error))
}

fn read(texts: Option<Texts>) -> Result<Stated, ParseSettingError> {
    let mut stated = Stated::default();
    for (name, text) in texts.map(|texts| texts.factors).unwrap_or_default() {
        stated.put(&name, &text)?;
    }
    Ok(stated)
}

fn refused(table: &dyn Display, error: &dyn Display) -> String {
    format!("{table}: its {}: {error}", NOTE.key)
}

/// Puts settings into a table that is being written, if that is Parquet.
pub fn note(stated: &Stated, writer: &mut Writer) {
    if !stated.is_empty() {
        // Texts always serialise.
        let text = serde_json::to_string(&Texts::of(stated)).unwrap_or_default();
        writer.note(NOTE.key, &text);
    }
}

/// Writes settings beside a table that is no Parquet, where there is a place for them.
///
/// # Errors
///
/// [`OutputError`].
pub fn save(stated: &Stated, table: &Path) -> Result<(), OutputError> {
    save_beside(stated, table, is_parquet(table))
}

/// The same for a table whose name does not tell whether it is Parquet.
///
/// # Errors
///
/// [`OutputError`].
pub fn save_beside(stated: &Stated, table: &Path, parquet: bool) -> Result<(), OutputError> {
    if parquet || stated.is_empty() { Ok(()) } else { NOTE.save(table, &Texts::of(stated)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::WriterOptions;
    use arrow_schema::{DataType, Field, Schema};
    use factord_factors::{Settings, Window};
    use std::sync::Arc;

    #[test]
    fn every_format_of_table_keeps_its_settings() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { window: Window::time(300_000_000_000), ..Settings::default() };
        let stated = Stated::by(&settings);
        for name in ["t.csv", "t.csv.gz", "t.parquet"] {
            let path = folder.path().join(name);
            let schema = Arc::new(Schema::new(vec![Field::new("x", DataType::Float64, false)]));
            let mut writer = Writer::create(&path, &schema, &WriterOptions::default()).unwrap();
            note(&stated, &mut writer);
            writer.finish().unwrap();
            save(&stated, &path).unwrap();
            assert_eq!(of(&path), Ok(stated.clone()), "{name}");
            let beside = folder.path().join(format!("{name}.factors.json"));
            assert_eq!(beside.exists(), name != "t.parquet");
        }
        // Rows changed by another program are other rows.
        let table = folder.path().join("t.csv");
        std::fs::write(&table, "symbol\n").unwrap();
        assert!(of(&table).unwrap_err().contains("was written for another table"));
        std::fs::remove_file(folder.path().join("t.csv.factors.json")).unwrap();
        assert_eq!(of(&table), Ok(Stated::default()));
        assert_eq!(of(Path::new("-")), Ok(Stated::default()));
    }

    #[test]
    fn settings_that_are_none_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("t.csv");
        std::fs::write(&table, "symbol\n").unwrap();
        for (factors, expected) in [
            ("{\"window\": \"long\"}", "setting \"window\" cannot be \"long\""),
            ("{\"window\": 5}", "invalid type"),
            ("7", "invalid type"),
        ] {
            let note: serde_json::Value = serde_json::from_str(factors).unwrap();
            NOTE.save(&table, &serde_json::json!({"factors": note})).unwrap();
            let said = of(&table).unwrap_err();
            assert!(said.contains(expected), "{said}");
        }
    }
}
