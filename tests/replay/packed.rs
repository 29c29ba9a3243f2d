//! Parquet files as the text that they stand for.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::path::Path;

/// The rows of a file as CSV with a header, numbers in their shortest form.
pub(crate) fn text_of(path: &Path) -> String {
    let file = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let names: Vec<String> =
        file.schema().fields().iter().map(|field| field.name().clone()).collect();
    let mut text = names.join(",") + "\n";
    for batch in file.build().unwrap() {
        let batch = batch.unwrap();
        for row in 0..batch.num_rows() {
            let fields: Vec<String> =
                batch.columns().iter().map(|column| field(column, row)).collect();
            text += &(fields.join(",") + "\n");
        }
    }
    text
}

fn field(column: &ArrayRef, row: usize) -> String {
    match column.data_type() {
        _ if column.is_null(row) => String::new(),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::UInt64 => column.as_primitive::<UInt64Type>().value(row).to_string(),
        DataType::Float64 => match column.as_primitive::<Float64Type>().value(row) {
            // As text has what is undefined.
            value if value.is_nan() => String::new(),
            value => format!("{value:?}"),
        },
        _ => column.as_string::<i32>().value(row).to_owned(),
    }
}
