//! Reads audit files: their notes first, then their rows, some at a time.

use super::error::reading;
use super::notes::VERSION;
use super::{AuditError, NOTES_KEY, Notes, STATUSES};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float64Type, Int32Type, TimestampNanosecondType, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{Array, ArrayRef, ListArray, PrimitiveArray, RecordBatch, StringArray};
use arrow_buffer::ScalarBuffer;
use arrow_schema::{DataType, Field, Schema};
use factord_models::regular;
use factord_models::store::Digest;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows that are decoded together.
const BATCH_ROWS: usize = 1 << 14;

/// The audit files that paths name: each a file, or a folder with all below it, by their paths.
///
/// # Errors
///
/// [`AuditError::Nothing`] when there are none, [`AuditError::Read`].
pub fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, AuditError> {
    let mut found = Vec::new();
    for path in paths {
        let before = found.len();
        // DIR, day=DAY, host=HOST: a folder below that is nobody's.
        add(path, 3, &mut found)?;
        if found.len() == before {
            return Err(AuditError::Nothing { path: path.clone() });
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn add(path: &Path, depth: u32, found: &mut Vec<PathBuf>) -> Result<(), AuditError> {
    if !fs::metadata(path).map_err(reading(path))?.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(reading(path))? {
        let entry = entry.map_err(reading(path))?;
        let is_folder = entry.file_type().map_err(reading(path))?.is_dir();
        let entry = entry.path();
        let is_file = entry.extension().is_some_and(|extension| extension == "parquet");
        if is_folder && depth > 0 || !is_folder && is_file {
            add(&entry, depth.saturating_sub(1), found)?;
        }
    }
    Ok(())
}

/// An audit file whose notes were read.
#[derive(Debug)]
pub struct AuditFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it says of itself.
    pub notes: Notes,
    file: File,
    metadata: ArrowReaderMetadata,
}

/// Opens an audit file.
impl AuditFile {
    /// Reads the notes of a file.
    ///
    /// # Errors
    ///
    /// [`AuditError`] when it cannot be read, is no whole Parquet file, or no audit file.
    pub fn open(path: &Path) -> Result<AuditFile, AuditError> {
        let file = regular::open(path).map_err(reading(path))?;
        let parquet = |error| AuditError::Parquet { path: path.to_owned(), error };
        // Text is text, however it was held, and is read by its places among the different ones.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = ArrowReaderMetadata::load(&file, options.clone()).map_err(parquet)?;
        let options = options.with_schema(Arc::new(by_places(metadata.schema())));
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)
            .map_err(parquet)?;
        let pairs = metadata.metadata().file_metadata().key_value_metadata();
        let notes = pairs
            .into_iter()
            .flatten()
            .find(|pair| pair.key == NOTES_KEY)
            .and_then(|pair| pair.value.as_deref());
        let foreign = |what: String| AuditError::Foreign { path: path.to_owned(), what };
        let notes = notes.ok_or_else(|| foreign(format!("it has no notes under {NOTES_KEY}")))?;
        let notes: Notes = serde_json::from_str(notes)
            .map_err(|error| foreign(format!("its notes are not understood ({error})")))?;
        if notes.version != VERSION {
            return Err(foreign(format!("its notes are of version {}", notes.version)));
        }
        Ok(AuditFile { path: path.to_owned(), notes, file, metadata })
    }

    /// How many rows there are.
    pub fn row_count(&self) -> u64 {
        u64::try_from(self.metadata.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// The hash of its bytes.
    ///
    /// # Errors
    ///
    /// [`AuditError::Read`].
    pub fn digest(&self) -> Result<Digest, AuditError> {
        let mut file = regular::open(&self.path).map_err(reading(&self.path))?;
        let (mut hash, mut bytes) = (Sha256::new(), vec![0; 1 << 20]);
        loop {
            match file.read(&mut bytes).map_err(reading(&self.path))? {
                0 => return Ok(Digest(hash.finalize().into())),
                count => hash.update(&bytes[..count]),
            }
        }
    }

    /// Gives `take` all rows, some at a time, each time with the number of those before.
    ///
    /// # Errors
    ///
    /// [`AuditError`] when the file is damaged, or lacks a column; what `take` returns.
    pub fn batches<E: From<AuditError>>(
        &self,
        mut take: impl FnMut(u64, &Batch) -> Result<(), E>,
    ) -> Result<(), E> {
        let parquet = |error| AuditError::Parquet { path: self.path.clone(), error };
        let file = self.file.try_clone().map_err(reading(&self.path))?;
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        let reader = builder.with_batch_size(BATCH_ROWS).build().map_err(parquet)?;
        let mut before = 0;
        for batch in reader {
            let batch = batch.map_err(|error| parquet(error.into()))?;
            let batch = Batch::new(&batch)
                .map_err(|what| AuditError::Foreign { path: self.path.clone(), what })?;
            take(before, &batch)?;
            before += batch.len() as u64;
        }
        Ok(())
    }
}

/// A schema with its texts held by places.
fn by_places(schema: &Schema) -> Schema {
    let field = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8 => {
            let places = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            Arc::new(field.as_ref().clone().with_data_type(places))
        }
        _ => Arc::clone(field),
    };
    Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>())
}

/// Some rows of a file.
#[derive(Debug)]
pub struct Batch {
    time: PrimitiveArray<TimestampNanosecondType>,
    name: Texts,
    key: PrimitiveArray<UInt64Type>,
    features: ListArray,
    values: PrimitiveArray<Float64Type>,
    y: PrimitiveArray<Float64Type>,
    status: Texts,
    version: Texts,
    generation: PrimitiveArray<UInt32Type>,
    arm: PrimitiveArray<UInt16Type>,
    client: Texts,
    service_ns: PrimitiveArray<UInt32Type>,
    epoch: PrimitiveArray<UInt64Type>,
    worker: PrimitiveArray<UInt16Type>,
    ordinal: PrimitiveArray<UInt64Type>,
}

fn column<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b ArrayRef, String> {
    batch.column_by_name(name).ok_or_else(|| format!("it has no column {name}"))
}

fn numbers<T: ArrowPrimitiveType>(
    batch: &RecordBatch,
    name: &str,
) -> Result<PrimitiveArray<T>, String> {
    let found = column(batch, name)?.as_primitive_opt::<T>().filter(|it| it.null_count() == 0);
    found.cloned().ok_or_else(|| format!("its column {name} is of another type, or has nulls"))
}

/// Texts of rows.
#[derive(Debug)]
struct Texts {
    /// Where each row's text stands in `texts`; -1 for none. One text may stand there twice.
    places: ScalarBuffer<i32>,
    texts: StringArray,
}

impl Texts {
    fn of(row: &RecordBatch, name: &str) -> Result<Texts, String> {
        let found = column(row, name)?.as_dictionary_opt::<Int32Type>();
        let texts = found.and_then(|found| Some((found, found.values().as_string_opt::<i32>()?)));
        let (found, texts) = texts.ok_or_else(|| format!("its column {name} is no text"))?;
        let keys = found.keys();
        let places = match keys.null_count() {
            0 => keys.values().clone(),
            _ => keys.iter().map(|key| key.unwrap_or(-1)).collect(),
        };
        Ok(Texts { places, texts: texts.clone() })
    }

    fn get(&self, row: usize) -> Option<&str> {
        let place = usize::try_from(self.places[row]).ok()?;
        self.texts.is_valid(place).then(|| self.texts.value(place))
    }
}

/// How many values there are at the start that are like the first one.
fn alike<T: PartialEq>(values: &[T]) -> usize {
    let Some(first) = values.first() else { return 0 };
    values.iter().position(|value| value != first).unwrap_or(values.len())
}

impl Batch {
    fn new(batch: &RecordBatch) -> Result<Batch, String> {
        let lists = column(batch, "features")?.as_list_opt::<i32>();
        let lists = lists.filter(|it| it.null_count() == 0);
        let features = lists.ok_or("its column features is no list of numbers")?.clone();
        let values = features.values().as_primitive_opt::<Float64Type>();
        let values = values.filter(|it| it.null_count() == 0);
        let values = values.ok_or("its column features is no list of numbers")?.clone();
        let service_ns = column(batch, "service_ns")?.as_primitive_opt::<UInt32Type>();
        let service_ns = service_ns.ok_or("its column service_ns is of another type")?.clone();
        Ok(Batch {
            time: numbers(batch, "time")?,
            name: Texts::of(batch, "name")?,
            key: numbers(batch, "key")?,
            features,
            values,
            y: numbers(batch, "y")?,
            status: Texts::of(batch, "status")?,
            version: Texts::of(batch, "version")?,
            generation: numbers(batch, "generation")?,
            arm: numbers(batch, "arm")?,
            client: Texts::of(batch, "client")?,
            service_ns,
            epoch: numbers(batch, "epoch")?,
            worker: numbers(batch, "worker")?,
            ordinal: numbers(batch, "ordinal")?,
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.y.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.y.is_empty()
    }

    /// Nanoseconds since 1970.
    pub fn unix_ns(&self, row: usize) -> i64 {
        self.time.value(row)
    }

    /// The name, if there is one.
    pub fn name(&self, row: usize) -> Option<&str> {
        self.name.get(row)
    }

    /// The unit key.
    pub fn key(&self, row: usize) -> u64 {
        self.key.value(row)
    }

    /// Nanoseconds from seeing the request to publishing the answer, where it was timed.
    pub fn service_ns(&self, row: usize) -> Option<u32> {
        self.service_ns.is_valid(row).then(|| self.service_ns.value(row))
    }

    /// The features.
    pub fn features(&self, row: usize) -> &[f64] {
        let ends = self.features.value_offsets();
        let range = ends[row] as usize..ends[row + 1] as usize;
        self.values.values().get(range).unwrap_or_default()
    }

    /// The first output.
    pub fn y(&self, row: usize) -> f64 {
        self.y.value(row)
    }

    /// The status, by its name.
    pub fn status(&self, row: usize) -> &str {
        self.status.get(row).unwrap_or_default()
    }

    /// The start of the hash of the artifact that answered, if one did.
    pub fn version(&self, row: usize) -> Option<&str> {
        self.version.get(row)
    }

    /// The generation of what serves the name.
    pub fn generation(&self, row: usize) -> u32 {
        self.generation.value(row)
    }

    /// The arm that answered.
    pub fn arm(&self, row: usize) -> u16 {
        self.arm.value(row)
    }

    /// What the client calls itself, if that is known.
    pub fn client(&self, row: usize) -> Option<&str> {
        self.client.get(row)
    }

    /// The epoch of the engine and its worker.
    pub fn feed(&self, row: usize) -> (u64, u16) {
        (self.epoch.value(row), self.worker.value(row))
    }

    /// How many answers the worker had given before.
    pub fn ordinal(&self, row: usize) -> u64 {
        self.ordinal.value(row)
    }

    /// The rows from `start` on that have the name, version, generation and arm of
    /// the first of them; at least that one.
    pub(super) fn alike(&self, start: usize) -> Range<usize> {
        let mut end = start + alike(&self.name.places[start..]);
        end = start + alike(&self.version.places[start..end]);
        end = start + alike(&self.generation.values()[start..end]);
        end = start + alike(&self.arm.values()[start..end]);
        start..end
    }

    /// The ordinals of the rows from `start` on that are of one worker in one epoch.
    pub(super) fn of_one_feed(&self, start: usize) -> &[u64] {
        let end = start + alike(&self.epoch.values()[start..]);
        let end = start + alike(&self.worker.values()[start..end]);
        &self.ordinal.values()[start..end]
    }

    /// The features of rows one after the other, if each has so many.
    pub(super) fn features_of_width(&self, rows: Range<usize>, width: usize) -> Option<&[f64]> {
        let ends = &self.features.value_offsets()[rows.start..=rows.end];
        let are_all = ends.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == width as i32);
        let range = ends[0] as usize..ends[ends.len() - 1] as usize;
        self.values.values().get(range).filter(|_| are_all)
    }

    /// Each row's status by its place among the names of statuses; `u16::MAX` for none of them.
    pub(super) fn statuses(&self) -> Vec<u16> {
        let code = |text: Option<&str>| {
            let place = STATUSES.iter().position(|status| Some(*status) == text);
            place.map_or(u16::MAX, |place| place as u16)
        };
        let codes: Vec<u16> = self.status.texts.iter().map(code).collect();
        let of = |place: &i32| codes.get(*place as usize).copied().unwrap_or(u16::MAX);
        self.status.places.iter().map(of).collect()
    }
}
