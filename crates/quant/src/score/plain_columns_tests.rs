use super::*;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::{
    FileMetaData, ParquetMetaDataBuilder, ParquetMetaDataWriter, RowGroupMetaData,
};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::SchemaDescriptor;

/// A whole file of two outputs.
fn file(columns: &mut [PlainColumn; 2], count: usize) -> Vec<u8> {
    let schema = parse_message_type("message m { required double y; required int32 class; }");
    let schema = Arc::new(SchemaDescriptor::new(Arc::new(schema.unwrap())));
    let mut bytes = b"PAR1".to_vec();
    let mut chunks = Vec::new();
    for (leaf, column) in columns.iter_mut().enumerate() {
        let at = bytes.len() as u64;
        let (chunk, len) = column.write(schema.column(leaf), &mut bytes, at).unwrap();
        assert_eq!(bytes.len() as u64, at + len);
        chunks.push(chunk);
    }
    let count = i64::try_from(count).unwrap();
    let group = RowGroupMetaData::builder(Arc::clone(&schema));
    let group = group.set_num_rows(count).set_column_metadata(chunks).build().unwrap();
    let file = FileMetaData::new(1, count, None, None, schema, None);
    let footer = ParquetMetaDataBuilder::new(file).set_row_groups(vec![group]).build();
    ParquetMetaDataWriter::new(&mut bytes, &footer).finish().unwrap();
    bytes
}

/// What a reader finds.
fn read(bytes: Vec<u8>) -> (Vec<f64>, Vec<i32>) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
    let (mut values, mut classes) = (Vec::new(), Vec::new());
    for rows in reader.build().unwrap() {
        let rows = rows.unwrap();
        values.extend_from_slice(rows.column(0).as_primitive::<Float64Type>().values());
        classes.extend_from_slice(rows.column(1).as_primitive::<Int32Type>().values());
    }
    (values, classes)
}

fn statistics(bytes: &[u8]) -> [Option<Statistics>; 2] {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes.to_vec())).unwrap();
    let group = reader.metadata().row_group(0);
    [0, 1].map(|leaf| group.column(leaf).statistics().cloned())
}

#[test]
fn outputs_are_read_as_they_were_added_whatever_the_pieces() {
    let mut columns = [&DataType::Float64, &DataType::Int32].map(PlainColumn::of);
    // Less than a byte of classes, a page of them and its edges, and memory that is used again.
    for count in [1, 7, 9, PAGE_VALUES, PAGE_VALUES + 1, 2 * PAGE_VALUES + 13, 40] {
        let values: Vec<f64> = (0..count).map(|row| (row as f64 * 0.37).sin()).collect();
        let classes: Vec<i32> =
            (0..count).map(|row| i32::from((row * 7919) % 1000 < 313)).collect();
        columns.iter_mut().for_each(PlainColumn::clear);
        let mut first = 0;
        for len in [0, 1, 2, 5, 6, 3, 8192, 11].into_iter().cycle() {
            let end = count.min(first + len);
            columns[0].add_values(&values[first..end]);
            columns[1].add_classes(&classes[first..end]);
            first = end;
            if first == count {
                break;
            }
        }
        let bytes = file(&mut columns, count);
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let [Some(Statistics::Double(floats)), Some(Statistics::Int32(bits))] = statistics(&bytes)
        else {
            panic!("no statistics")
        };
        let bound = |x: f64| if x == 0.0 { 0.0 } else { x };
        assert_eq!(floats.min_opt().copied().map(bound), Some(bound(least)));
        assert_eq!(floats.max_opt().copied().map(bound), Some(bound(largest)));
        assert_eq!(bits.min_opt(), classes.iter().min());
        assert_eq!(bits.max_opt(), classes.iter().max());
        assert_eq!(read(bytes), (values, classes), "{count} rows");
    }
}

#[test]
fn bounds_pass_over_nan_which_is_counted_and_hold_zeros_of_either_sign() {
    let mut columns = [&DataType::Float64, &DataType::Int32].map(PlainColumn::of);
    columns[0].add_values(&[0.0, f64::NAN, -0.0, 0.0]);
    columns[1].add_classes(&[1; 4]);
    let [Some(Statistics::Double(floats)), Some(Statistics::Int32(bits))] =
        statistics(&file(&mut columns, 4))
    else {
        panic!("no statistics")
    };
    let bits_of = |x: Option<&f64>| x.map(|x| x.to_bits());
    assert_eq!(bits_of(floats.min_opt()), Some((-0.0_f64).to_bits()));
    assert_eq!(bits_of(floats.max_opt()), Some(0.0_f64.to_bits()));
    assert_eq!((floats.nan_count_opt(), floats.null_count_opt()), (Some(1), Some(0)));
    assert_eq!((bits.min_opt(), bits.max_opt()), (Some(&1), Some(&1)));
}
