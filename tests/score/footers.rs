//! Parquet to Parquet: the footer of the scored file says what is true of it.

use crate::{score, scored};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, KeyValue, ParquetMetaData, ParquetMetaDataBuilder,
    ParquetMetaDataReader, ParquetMetaDataWriter,
};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

/// Four rows with the features, a volume and a text that repeats.
fn table() -> RecordBatch {
    let floats = |values: [f64; 4]| Arc::new(Float64Array::from(values.to_vec())) as ArrayRef;
    RecordBatch::try_from_iter([
        ("buy_rate", floats([0.5, 0.6, 0.4, 0.5])),
        ("large_buy", floats([0.2, 0.1, 0.1, 0.3])),
        ("large_sell", floats([0.3, 0.2, 0.2, 0.1])),
        ("volume", Arc::new(Int64Array::from(vec![10, 20, 30, 40])) as ArrayRef),
        ("venue", Arc::new(StringArray::from(vec!["a", "b", "a", "b"])) as ArrayRef),
        ("class", Arc::new(StringArray::from(vec!["x", "y", "x", "y"])) as ArrayRef),
    ])
    .unwrap()
}

fn write(path: &Path, properties: WriterProperties) {
    let table = table();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, table.schema(), Some(properties)).unwrap();
    writer.write(&table).unwrap();
    writer.close().unwrap();
}

fn footer(path: &Path) -> ParquetMetaData {
    ParquetMetaDataReader::new().parse_and_finish(&File::open(path).unwrap()).unwrap()
}

/// Writes the footer of a file anew, with its chunks changed.
fn rewritten(path: &Path, change: impl Fn(ColumnChunkMetaData) -> ColumnChunkMetaData) {
    let (before, bytes) = (footer(path), fs::read(path).unwrap());
    let len = u32::from_le_bytes(bytes[bytes.len() - 8..][..4].try_into().unwrap());
    let mut bytes = bytes[..bytes.len() - 8 - len as usize].to_vec();
    let groups = before.row_groups().iter().map(|group| {
        let chunks = group.columns().iter().cloned().map(&change).collect();
        group.clone().into_builder().set_column_metadata(chunks).build().unwrap()
    });
    let file: FileMetaData = before.file_metadata().clone();
    let metadata = ParquetMetaDataBuilder::new(file).set_row_groups(groups.collect()).build();
    ParquetMetaDataWriter::new(&mut bytes, &metadata).finish().unwrap();
    fs::write(path, bytes).unwrap();
}

/// All rows by a reader that mends nothing.
fn read(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    assert_eq!(batches.len(), 1);
    batches[0].clone()
}

#[test]
fn an_offset_of_0_is_no_dictionary_wherever_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let [input, output] = ["a.parquet", "o.parquet"].map(|name| folder.path().join(name));
    for name in ["volume", "buy_rate", "venue"] {
        write(&input, WriterProperties::builder().set_dictionary_enabled(false).build());
        rewritten(&input, |chunk| match chunk.column_path().string() == name {
            true => chunk.into_builder().set_dictionary_page_offset(Some(0)).build().unwrap(),
            false => chunk,
        });
        scored(&score(&input, &output, &[]));
        let (found, table) = (read(&output), table());
        for column in ["volume", "venue", "buy_rate"] {
            assert_eq!(found.column_by_name(column), table.column_by_name(column), "{name}");
        }
    }
}

#[test]
fn a_footer_names_only_pages_and_statistics_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let [input, output] = ["a.parquet", "o.parquet"].map(|name| folder.path().join(name));
    let properties = WriterProperties::builder()
        .set_bloom_filter_enabled(true)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(Some(3));
    write(&input, properties.build());
    scored(&score(&input, &output, &[]));
    assert_eq!(read(&output).num_rows(), 4);
    let len = fs::metadata(&output).unwrap().len();
    for group in footer(&output).row_groups() {
        for chunk in group.columns() {
            let (start, size) = chunk.byte_range();
            assert!(start >= 4 && start + size < len, "{chunk:?}");
            let beside = [
                chunk.bloom_filter_offset(),
                chunk.column_index_offset(),
                chunk.offset_index_offset(),
            ];
            assert_eq!(beside, [None; 3], "{chunk:?}");
        }
    }
}

#[test]
fn statistics_of_an_order_that_is_not_known_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let [input, output] = ["a.parquet", "o.parquet"].map(|name| folder.path().join(name));
    write(&input, WriterProperties::builder().build());
    rewritten(&input, |chunk| {
        use parquet::file::statistics::Statistics;
        match chunk.column_path().string() == "venue" {
            true => {
                let (low, high) = (Some("b".into()), Some("a".into()));
                let old = Statistics::byte_array(low, high, None, Some(0), true);
                chunk.into_builder().set_statistics(old).build().unwrap()
            }
            false => chunk,
        }
    });
    scored(&score(&input, &output, &[]));
    let group = footer(&output).row_group(0).clone();
    let of = |name: &str| {
        let chunk = group.columns().iter().find(|chunk| chunk.column_path().string() == name);
        chunk.unwrap().statistics().cloned()
    };
    assert_eq!(of("venue"), None);
    assert!(of("volume").is_some());
}

#[test]
fn what_describes_the_columns_as_they_were_is_not_copied() {
    let folder = tempfile::tempdir().unwrap();
    let [input, output] = ["a.parquet", "o.parquet"].map(|name| folder.path().join(name));
    let names = ["buy_rate", "large_buy", "large_sell", "volume", "venue", "class"];
    let list = names.map(|name| format!("{{\"name\":\"{name}\"}}")).join(",");
    let pair = |key: &str, value: String| KeyValue { key: key.to_owned(), value: Some(value) };
    let pandas = r#"{"index_columns":[],"columns":[{"name":"venue"},{"name":"class"}]}"#;
    let properties = WriterProperties::builder().set_key_value_metadata(Some(vec![
        pair("org.apache.spark.sql.parquet.row.metadata", format!("{{\"fields\":[{list}]}}")),
        pair("pandas", pandas.to_owned()),
        pair("writer.time.zone", "UTC".to_owned()),
    ]));
    write(&input, properties.build());
    scored(&score(&input, &output, &[]));
    let footer = footer(&output);
    let pairs = footer.file_metadata().key_value_metadata().unwrap();
    let value = |key: &str| pairs.iter().find(|pair| pair.key == key).and_then(|p| p.value.clone());
    assert_eq!(value("org.apache.spark.sql.parquet.row.metadata"), None);
    assert_eq!(value("writer.time.zone").as_deref(), Some("UTC"));
    assert_eq!(value("pandas").unwrap(), r#"{"columns":[{"name":"venue"}],"index_columns":[]}"#);
    assert!(value("ARROW:schema").is_some());
    let class = read(&output).column_by_name("class").unwrap().data_type().clone();
    assert_eq!(class, arrow_schema::DataType::Int32);
}

#[test]
fn bytes_that_are_no_pages_are_not_copied() {
    let folder = tempfile::tempdir().unwrap();
    let [input, output] = ["a.parquet", "o.parquet"].map(|name| folder.path().join(name));
    write(&input, WriterProperties::builder().build());
    let metadata = footer(&input);
    let (start, len) = metadata.row_group(0).column(3).byte_range();
    let mut bytes = fs::read(&input).unwrap();
    // As an encrypted column looks to who does not know of it.
    (start..start + len).for_each(|at| bytes[at as usize] = (at * 167 + 91) as u8);
    fs::write(&input, bytes).unwrap();
    let ran = score(&input, &output, &[]);
    assert_eq!(ran.code, 65, "{}", ran.err);
    assert!(!output.exists());
}
