//! Writes an audit file, whole or not at all.

use super::error::{encoding, writing};
use super::{AuditError, NOTES_KEY, Notes, Rows, STATUSES, fingerprint_text};
use arrow_array::builder::{Float64Builder, ListBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, DictionaryArray, Float64Array, Int32Array, RecordBatch, StringArray,
    TimestampNanosecondArray, UInt16Array, UInt32Array, UInt64Array,
};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use factord_models::store::Digest;
use factord_models::whole::WholeFile;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

/// Rows that are encoded together.
const BATCH_ROWS: usize = 1 << 16;

/// The columns.
pub fn schema() -> Schema {
    let text = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let features = Field::new_list_field(DataType::Float64, true);
    Schema::new(vec![
        Field::new("time", DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())), false),
        Field::new("name", text(), true),
        Field::new("key", DataType::UInt64, false),
        Field::new("features", DataType::List(Arc::new(features)), false),
        Field::new("y", DataType::Float64, false),
        Field::new("status", text(), false),
        Field::new("version", text(), true),
        Field::new("generation", DataType::UInt32, false),
        Field::new("arm", DataType::UInt16, false),
        Field::new("client", text(), true),
        Field::new("service_ns", DataType::UInt32, true),
        Field::new("epoch", DataType::UInt64, false),
        Field::new("worker", DataType::UInt16, false),
        Field::new("ordinal", DataType::UInt64, false),
    ])
}

/// Numbers as they are but where neighbours are alike, texts by a dictionary.
fn properties(notes: &Notes) -> WriterProperties {
    let notes = serde_json::to_string(notes).unwrap_or_default();
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("factord ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::LZ4_RAW)
        .set_dictionary_enabled(false)
        .set_max_row_group_row_count(Some(2 * BATCH_ROWS))
        .set_key_value_metadata(Some(vec![KeyValue::new(NOTES_KEY.to_owned(), notes)]));
    for column in ["time", "ordinal", "generation", "arm", "epoch", "worker"] {
        properties = properties.set_column_encoding(column.into(), Encoding::DELTA_BINARY_PACKED);
    }
    for column in ["name", "status", "version", "client"] {
        properties = properties.set_column_dictionary_enabled(column.into(), true);
    }
    properties.build()
}

/// A file whose bytes are hashed on their way.
struct Hashed<'f> {
    file: &'f File,
    hash: &'f mut Sha256,
}

impl Write for Hashed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hash.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes rows to a file that has its name only when the disk has all of it, and returns its hash.
/// Its folder is made.
///
/// # Errors
///
/// [`AuditError::Write`]; there is no such file then.
pub fn write(path: &Path, rows: &Rows, notes: &Notes) -> Result<Digest, AuditError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(writing(folder))?;
    let whole = WholeFile::beside(path).map_err(writing(path))?;
    let mut hash = Sha256::new();
    let to = BufWriter::with_capacity(1 << 20, Hashed { file: whole.file(), hash: &mut hash });
    let failed = |error| encoding(path, error);
    let schema = Arc::new(schema());
    let mut writer =
        ArrowWriter::try_new(to, Arc::clone(&schema), Some(properties(notes))).map_err(failed)?;
    let texts = Dictionaries::of(rows);
    for order in rows.by_name().chunks(BATCH_ROWS) {
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns(rows, order, &texts));
        let written = batch.map_err(Into::into).and_then(|batch| writer.write(&batch));
        written.map_err(failed)?;
    }
    writer.into_inner().map_err(failed)?.flush().map_err(writing(path))?;
    whole.finish_as(path).map_err(writing(path))?;
    // The name, too.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(writing(folder))?;
    Ok(Digest(hash.finalize().into()))
}

/// The texts of a file, each with its places.
struct Dictionaries {
    names: ArrayRef,
    statuses: ArrayRef,
    /// With the place of each fingerprint of the rows,
    versions: (ArrayRef, Vec<Option<i32>>),
    /// and of each client.
    clients: (ArrayRef, Vec<Option<i32>>),
}

/// Texts that are there, and the place of each among them.
fn placed(texts: impl Iterator<Item = Option<String>>) -> (ArrayRef, Vec<Option<i32>>) {
    let mut there = Vec::new();
    let place = |text: Option<String>| {
        there.push(text?);
        Some(there.len() as i32 - 1)
    };
    let places = texts.map(place).collect();
    (Arc::new(StringArray::from(there)), places)
}

impl Dictionaries {
    fn of(rows: &Rows) -> Dictionaries {
        let names = (1..).map_while(|number| rows.name_of(number));
        let texts = |texts: StringArray| Arc::new(texts) as ArrayRef;
        Dictionaries {
            names: texts(StringArray::from_iter_values(names)),
            statuses: texts(STATUSES.to_vec().into()),
            versions: placed(
                rows.fingerprints()
                    .iter()
                    .map(|&fingerprint| (fingerprint != 0).then(|| fingerprint_text(fingerprint))),
            ),
            clients: placed(rows.client_names().iter().cloned()),
        }
    }
}

fn text(keys: Int32Array, values: &ArrayRef) -> ArrayRef {
    // Keys are places in `values`; a batch with a column of another length is refused.
    match DictionaryArray::<Int32Type>::try_new(keys, Arc::clone(values)) {
        Ok(texts) => Arc::new(texts),
        Err(_) => Arc::new(StringArray::new_null(0)),
    }
}

/// Some rows as columns of the schema.
fn columns(rows: &Rows, order: &[u32], texts: &Dictionaries) -> Vec<ArrayRef> {
    macro_rules! take {
        ($array:ty, $column:ident) => {
            <$array>::from_iter_values(order.iter().map(|&row| rows.$column[row as usize]))
        };
    }
    let keys = |key: &dyn Fn(usize) -> Option<i32>| -> Int32Array {
        order.iter().map(|&row| key(row as usize)).collect()
    };
    let mut features = ListBuilder::new(Float64Builder::new());
    for &row in order {
        features.values().append_slice(rows.features_of(row as usize));
        features.append(true);
    }
    let last = STATUSES.len() as i32 - 1;
    let name = keys(&|row| (rows.name[row] as i32).checked_sub(1).filter(|key| *key >= 0));
    let status = keys(&|row| Some(i32::from(rows.status[row]).min(last)));
    let service_ns = order.iter().map(|&row| rows.service_ns[row as usize]);
    let service_ns: UInt32Array = service_ns.map(|ns| (ns > 0).then_some(ns)).collect();
    let version = keys(&|row| texts.versions.1[rows.fingerprint[row] as usize]);
    let client = keys(&|row| texts.clients.1.get(rows.client[row] as usize).copied().flatten());
    vec![
        Arc::new(take!(TimestampNanosecondArray, unix_ns).with_timezone("UTC")),
        text(name, &texts.names),
        Arc::new(take!(UInt64Array, key)),
        Arc::new(features.finish()),
        Arc::new(take!(Float64Array, y)),
        text(status, &texts.statuses),
        text(version, &texts.versions.0),
        Arc::new(take!(UInt32Array, generation)),
        Arc::new(take!(UInt16Array, arm)),
        text(client, &texts.clients.0),
        Arc::new(service_ns),
        Arc::new(take!(UInt64Array, epoch)),
        Arc::new(take!(UInt16Array, worker)),
        Arc::new(take!(UInt64Array, ordinal)),
    ]
}
