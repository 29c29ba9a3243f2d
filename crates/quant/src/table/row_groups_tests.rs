use super::*;
use crate::table::{Compression, WriterOptions};
use arrow_array::types::Float64Type;
use arrow_array::{Float64Array, Int32Array, ListArray, StringArray, StructArray};
use arrow_schema::{DataType, Field, Schema};
use std::fs;
use std::sync::Arc;

/// Rows of a piece: six of them are two whole groups and a part of one.
const PIECE: usize = 100_000;

/// Rows of every sort that is packed, one with two leaves among them.
fn record(first: usize, rows: usize) -> RecordBatch {
    let numbers = first..first + rows;
    let known = |row: usize| (!row.is_multiple_of(7)).then_some(row as f64 * 0.1);
    let x = Float64Array::from_iter(numbers.clone().map(known));
    let texts = StringArray::from_iter_values(numbers.clone().map(|row| format!("s{}", row % 11)));
    let classes = Int32Array::from_iter_values(numbers.clone().map(|row| (row % 2) as i32));
    let lists = numbers.map(|row| (row % 5 > 0).then(|| vec![Some(row as f64); row % 3]));
    let lists = ListArray::from_iter_primitive::<Float64Type, _, _>(lists);
    let pair = StructArray::from(vec![
        (Arc::new(Field::new("x", DataType::Float64, true)), Arc::new(x.clone()) as ArrayRef),
        (Arc::new(Field::new("y", DataType::Int32, true)), Arc::new(classes.clone()) as ArrayRef),
    ]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("x", Arc::new(x)),
        ("pair", Arc::new(pair)),
        ("symbol", Arc::new(texts)),
        ("list", Arc::new(lists)),
        ("class", Arc::new(classes)),
    ];
    let field =
        |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    RecordBatch::try_new(Arc::new(schema), columns.into_iter().map(|(_, array)| array).collect())
        .unwrap()
}

#[test]
fn a_file_has_the_bytes_of_one_that_a_single_thread_packs() {
    let folder = tempfile::tempdir().unwrap();
    let [one, many] = ["one.parquet", "many.parquet"].map(|name| folder.path().join(name));
    for pieces in [0, 1, 6] {
        for compression in [Compression::None, Compression::Snappy] {
            let options = WriterOptions { compression };
            let schema = record(0, 0).schema();
            let mut writer = Writer::create(&one, &schema, &options).unwrap();
            let mut groups =
                RowGroups::of(Writer::create(&many, &schema, &options).unwrap(), &schema).unwrap();
            let mut columns = Vec::new();
            for piece in 0..pieces {
                let record = record(piece * PIECE, PIECE);
                writer.write(&record).unwrap();
                columns.extend(groups.add(&record).unwrap());
            }
            columns.extend(groups.rest().unwrap());
            assert_eq!(columns.len(), 5 * (pieces * PIECE).div_ceil(ROW_GROUP_ROWS));
            // The last one first: columns know nothing of each other.
            let mut packed: Vec<Packed> =
                columns.into_iter().rev().map(|column| column.pack(&many).unwrap()).collect();
            packed.reverse();
            packed.into_iter().for_each(|column| groups.write(column).unwrap());
            writer.finish().unwrap();
            groups.finish().unwrap();
            assert!(
                fs::read(&one).unwrap() == fs::read(&many).unwrap(),
                "{pieces} {compression:?}"
            );
        }
    }
}
