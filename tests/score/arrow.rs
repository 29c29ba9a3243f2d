//! Arrow files and streams through `factord score`; Feather of version 2 is such a file.

use crate::tables::{FEATURES, TextTable, csv, generated, read_csv, read_parquet, record};
use crate::{score, scored};
use arrow_array::types::Int32Type;
use arrow_array::{Array, DictionaryArray, RecordBatch};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::{Field, Schema};
use serde_json::json;
use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// A table whose symbols are a dictionary, as the categories of pandas are, and what its schema
/// says besides.
fn batch(rows: &TextTable, said: &[(&str, String)]) -> RecordBatch {
    let plain = record(rows);
    let symbols: DictionaryArray<Int32Type> =
        rows.column("symbol").iter().map(String::as_str).collect();
    let mut fields: Vec<Field> =
        plain.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    fields[0] = Field::new("symbol", symbols.data_type().clone(), true);
    let mut columns = plain.columns().to_vec();
    columns[0] = Arc::new(symbols);
    let said: HashMap<String, String> =
        said.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    RecordBatch::try_new(Arc::new(Schema::new_with_metadata(fields, said)), columns).unwrap()
}

/// Batches of at most so many rows; none of them for an empty table.
fn pieces(batch: &RecordBatch, rows: usize) -> impl Iterator<Item = RecordBatch> {
    let count = batch.num_rows();
    (0..count).step_by(rows).map(move |from| batch.slice(from, rows.min(count - from)))
}

/// Writes an Arrow file of several batches.
pub(crate) fn file(path: &Path, batch: &RecordBatch, packed: Option<CompressionType>) {
    let options = IpcWriteOptions::default().try_with_compression(packed).unwrap();
    let file = File::create(path).unwrap();
    let mut writer = FileWriter::try_new_with_options(file, &batch.schema(), options).unwrap();
    pieces(batch, 7_000).for_each(|piece| writer.write(&piece).unwrap());
    writer.finish().unwrap();
}

fn stream(path: &Path, batch: &RecordBatch) {
    let mut writer = StreamWriter::try_new(File::create(path).unwrap(), &batch.schema()).unwrap();
    pieces(batch, 11_000).for_each(|piece| writer.write(&piece).unwrap());
    writer.finish().unwrap();
}

#[test]
fn arrow_files_and_streams_have_the_answers_of_their_rows_in_text() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let rows = generated(20_011);
    csv(&folder.join("in.csv"), &rows);
    scored(&score(&folder.join("in.csv"), &folder.join("expected.csv"), &[]));
    let expected = read_csv(&folder.join("expected.csv"));
    let batch = batch(&rows, &[]);
    // The name says nothing: the bytes do.
    file(&folder.join("a.feather"), &batch, None);
    file(&folder.join("b.dat"), &batch, Some(CompressionType::LZ4_FRAME));
    file(&folder.join("c.arrow"), &batch, Some(CompressionType::ZSTD));
    stream(&folder.join("d.arrows"), &batch);
    for input in ["a.feather", "b.dat", "c.arrow", "d.arrows"] {
        for output in ["o.csv", "o.csv.gz", "o.parquet"] {
            for threads in ["1", "3"] {
                let output = folder.join(output);
                scored(&score(&folder.join(input), &output, &["--threads", threads]));
                let found = match output.extension().is_some_and(|ending| ending == "parquet") {
                    true => read_parquet(&output),
                    false => read_csv(&output),
                };
                let case = format!("{input} to {}", output.display());
                assert_eq!(found.names, expected.names, "{case}");
                for name in &expected.names {
                    assert_eq!(found.column(name), expected.column(name), "{case}: {name}");
                }
            }
        }
    }
}

#[test]
fn a_bad_row_of_arrow_is_named_and_passed_over_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut rows = generated(30_000);
    rows.set("large_buy", 20_004, "");
    rows.set("buy_rate", 29_999, "inf");
    file(&folder.join("a.feather"), &batch(&rows, &[]), None);
    for output in ["o.csv", "o.parquet"] {
        let (input, output) = (folder.join("a.feather"), folder.join(output));
        let ran = score(&input, &output, &[]);
        assert_eq!(ran.code, 65, "{}", ran.err);
        let message = "a.feather: row 20005: column 4 (large_buy): the value is missing";
        assert!(ran.err.contains(message), "{}", ran.err);
        assert!(!output.exists());
        let ran = score(&input, &output, &["--keep-going"]);
        assert_eq!(ran.code, 1, "{}", ran.err);
        assert!(ran.err.contains("row 30000: column 3 (buy_rate): `inf` is not finite"));
        let parquet = output.extension().is_some_and(|ending| ending == "parquet");
        let found = if parquet { read_parquet(&output) } else { read_csv(&output) };
        let empty = |row: &usize| found.column("regression")[*row].is_empty();
        assert_eq!((0..30_000).filter(empty).collect::<Vec<_>>(), [20_004, 29_999]);
    }
}

#[test]
fn what_an_arrow_schema_states_is_required_and_stays_with_the_rows() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let settings = json!({"factors": {"window": "60s"}}).to_string();
    let said = [("factord.factors", settings), ("desk", "north".to_owned())];
    file(&folder.join("a.feather"), &batch(&generated(50), &said), None);
    for output in ["o.csv", "o.parquet"] {
        let output = folder.join(output);
        scored(&score(&folder.join("a.feather"), &output, &[]));
        let stated = factord_quant::stated::of(&output).unwrap();
        assert_eq!(stated.iter().collect::<Vec<_>>(), [("window", "60s")]);
    }
    let file = File::open(folder.join("o.parquet")).unwrap();
    let builder = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file);
    assert_eq!(builder.unwrap().schema().metadata()["desk"], "north");
}

#[test]
fn a_column_without_a_form_in_text_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let plain = record(&generated(3));
    let mut fields: Vec<_> = plain.schema().fields().iter().cloned().collect();
    let mut columns = plain.columns().to_vec();
    let binary = arrow_array::BinaryArray::from_vec(vec![b"\x00", b"\x01", b"\x02"]);
    fields.push(Arc::new(Field::new("raw", binary.data_type().clone(), false)));
    columns.push(Arc::new(binary));
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    file(&folder.join("a.feather"), &batch, None);
    let ran = score(&folder.join("a.feather"), &folder.join("o.csv"), &[]);
    assert_eq!(ran.code, 65, "{}", ran.err);
    assert!(ran.err.contains("raw"), "{}", ran.err);
    let output = folder.join("o.parquet");
    scored(&score(&folder.join("a.feather"), &output, &[]));
    let table = factord_quant::table::Table::open(&output).unwrap();
    assert_eq!(table.names().len(), 5 + 1 + 3);
    for name in FEATURES {
        assert!(table.find(name).unwrap().is_some());
    }
}
