//! Tables for the tests: every value as text, so that equal texts are equal bits.

use arrow_array::{Array, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use factord_quant::table::{Reader, Table, Type, Want, Writer, WriterOptions};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

pub(crate) const FEATURES: [&str; 3] = ["buy_rate", "large_buy", "large_sell"];

/// A table, column by column.
pub(crate) struct TextTable {
    pub(crate) names: Vec<String>,
    columns: Vec<Vec<String>>,
}

impl TextTable {
    pub(crate) fn set(&mut self, name: &str, row: usize, value: &str) {
        let at = self.names.iter().position(|known| known == name).unwrap();
        value.clone_into(&mut self.columns[at][row]);
    }

    pub(crate) fn rename(&mut self, name: &str, to: &str) {
        let at = self.names.iter().position(|known| known == name).unwrap();
        to.clone_into(&mut self.names[at]);
    }

    pub(crate) fn column(&self, name: &str) -> &[String] {
        let at = self.names.iter().position(|known| known == name);
        &self.columns[at.unwrap_or_else(|| panic!("no {name} in {:?}", self.names))]
    }
}

/// Rows of symbol, start_ns and the features, the same in every run; some features far out.
pub(crate) fn generated(count: usize) -> TextTable {
    let names = ["symbol", "start_ns", "buy_rate", "large_buy", "large_sell"];
    let mut columns = vec![Vec::new(); names.len()];
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    for row in 0..count {
        columns[0].push(format!("60{:04}.SH", row % 7));
        columns[1].push((1_675_211_400_000_000_000 + row as i64 * 60_000_000_000).to_string());
        for column in &mut columns[2..] {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            let bits = state.wrapping_mul(0x2545_f491_4f6c_dd1d);
            let value = (bits >> 11) as f64 / (1u64 << 53) as f64;
            column.push(format!("{:?}", if row % 50 == 0 { (value - 0.5) * 40.0 } else { value }));
        }
    }
    TextTable { names: names.map(str::to_owned).to_vec(), columns }
}

pub(crate) fn record(rows: &TextTable) -> RecordBatch {
    let mut fields = Vec::new();
    let mut arrays: Vec<Arc<dyn Array>> = Vec::new();
    for (name, column) in rows.names.iter().zip(&rows.columns) {
        let texts = column.iter();
        let (kind, array): (DataType, Arc<dyn Array>) = match name.as_str() {
            _ if column.iter().any(|text| text.ends_with(".SH")) => {
                (DataType::Utf8, Arc::new(StringArray::from_iter_values(texts)))
            }
            "start_ns" | "class" => {
                let values = texts.map(|text| text.parse().unwrap());
                (DataType::Int64, Arc::new(Int64Array::from_iter_values(values)))
            }
            _ => {
                let values = texts.map(|text| text.parse::<f64>().ok());
                (DataType::Float64, Arc::new(values.collect::<Float64Array>()))
            }
        };
        fields.push(Field::new(name, kind, true));
        arrays.push(array);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

/// Writes CSV, gzipped if the name says so.
pub(crate) fn csv(path: &Path, rows: &TextTable) {
    let record = record(rows);
    let mut writer = Writer::create(path, &record.schema(), &WriterOptions::default()).unwrap();
    writer.write(&record).unwrap();
    writer.finish().unwrap();
}

/// Writes Parquet with row groups of a number of rows.
pub(crate) fn parquet(path: &Path, rows: &TextTable, group_rows: usize) {
    let record = record(rows);
    let properties =
        WriterProperties::builder().set_max_row_group_row_count(Some(group_rows)).build();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, record.schema(), Some(properties)).unwrap();
    writer.write(&record).unwrap();
    writer.close().unwrap();
}

/// Reads CSV, every field as it stands.
pub(crate) fn read_csv(path: &Path) -> TextTable {
    let table = Table::open(path).unwrap();
    let names = table.names().to_vec();
    let wanted: Vec<Want> = names.iter().map(|name| Want::text(name)).collect();
    read(table.select(&wanted).unwrap(), names, &vec![Type::Text; wanted.len()])
}

/// Reads Parquet, every value in its shortest form.
pub(crate) fn read_parquet(path: &Path) -> TextTable {
    let table = Table::open(path).unwrap();
    let names = table.names().to_vec();
    let kind = |name: &String| match name.as_str() {
        "symbol" => Type::Text,
        "start_ns" => Type::Integer,
        _ => Type::Float,
    };
    let kinds: Vec<Type> = names.iter().map(kind).collect();
    let want = |(name, kind): (&String, &Type)| match kind {
        Type::Text => Want::text(name),
        Type::Integer => Want::integer(name),
        Type::Float => Want::float(name),
    };
    let wanted: Vec<Want> = names.iter().zip(&kinds).map(want).collect();
    read(table.select(&wanted).unwrap(), names, &kinds)
}

fn read(mut reader: Reader, names: Vec<String>, kinds: &[Type]) -> TextTable {
    let mut columns = vec![Vec::new(); names.len()];
    while let Some(chunk) = reader.next_chunk().unwrap() {
        for (at, (column, kind)) in columns.iter_mut().zip(kinds).enumerate() {
            for row in 0..chunk.len() {
                column.push(match kind {
                    Type::Text => chunk.texts(at).value(row).to_owned(),
                    Type::Integer => chunk.integers(at)[row].to_string(),
                    Type::Float if chunk.floats(at)[row].is_nan() => String::new(),
                    // A class is written as an integer.
                    Type::Float if names[at] == "class" => chunk.floats(at)[row].to_string(),
                    Type::Float => format!("{:?}", chunk.floats(at)[row]),
                });
            }
        }
    }
    TextTable { names, columns }
}
