//! Parquet to Parquet: the outputs join the columns of each row group, the others are copied as
//! they are packed.

use super::column_chunks;
use super::columns::Source;
use super::kept;
use super::parquet_file::{Features, File, open};
use super::pipeline::ordered;
use super::record::NOTE;
use super::{Columns, Event, Job, RowError, ScoreError, Summary, Tally};
use crate::table::{Input, Output, OutputError, Place, TableError, failed};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Schema, SchemaRef};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{
    ARROW_SCHEMA_META_KEY, ArrowSchemaConverter, ArrowWriter, ProjectionMask, encode_arrow_schema,
    parquet_to_arrow_schema,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, KeyValue, ParquetMetaDataBuilder, ParquetMetaDataWriter,
    RowGroupMetaData,
};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::{SchemaDescPtr, SchemaDescriptor, Type};
use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

/// What every Parquet file starts and ends with.
const MAGIC: &[u8] = b"PAR1";
/// Bytes copied at a time.
// 1 MiB: larger pieces are no faster, smaller ones cost system calls.
const COPY_LEN: usize = 1 << 20;

/// Rows scored at a time.
// 8,192: the columns of a piece stay in the second-level cache, and memory that is freed is used
// again without the kernel's help: a third fewer page faults than with pieces of 65,536.
const PIECE_ROWS: usize = 8192;

/// A row group scored.
struct Group {
    index: usize,
    row_count: usize,
    /// A Parquet file with only the outputs.
    packed: Vec<u8>,
    /// What its footer says; nothing for a group without rows.
    outputs: Option<RowGroupMetaData>,
    bad: Vec<(Place, RowError)>,
}

pub(super) fn run(
    job: &Job<'_>,
    input: Input,
    note: &str,
    watch: &mut dyn FnMut(Event<'_>),
) -> Result<Summary, ScoreError> {
    let file = File::of(input)?;
    let (reading, columns) = open(job, &file)?;
    watch(Event::Columns(&columns.taken()));
    let metadata = reading.metadata();
    let scorer = Scorer::new(job, &file, &reading, &columns);
    let mut layout = Layout::create(&scorer)?;
    layout.note(note);
    let mut tally = Tally::new(job, watch);
    let mut groups = 0..metadata.num_row_groups();
    let promised = metadata.file_metadata().num_rows().unsigned_abs();
    let sink = |group: Group| {
        let done = tally.summary.row_count + group.row_count as u64;
        let share = Some(done as f64 / promised as f64);
        let (row_count, bad) = (group.row_count, group.bad);
        tally.add(row_count, bad, share)?;
        if let Some(outputs) = group.outputs {
            layout.add(group.index, &group.packed, &outputs)?;
        }
        scorer.give_back(group.packed);
        Ok(())
    };
    ordered(job.thread_count, || Ok(groups.next()), |group| scorer.score(group), sink)?;
    if tally.summary.row_count != promised {
        let reason = format!("{promised} rows were promised");
        return Err(file.damaged(tally.summary.row_count, &reason).into());
    }
    layout.finish(promised)?;
    Ok(tally.summary)
}

/// The output under construction.
struct Layout<'a> {
    scorer: &'a Scorer<'a>,
    from: Arc<fs::File>,
    len: u64,
    output: Output,
    at: u64,
    schema: SchemaDescPtr,
    pairs: Vec<KeyValue>,
    groups: Vec<RowGroupMetaData>,
    buffer: Vec<u8>,
}

impl<'a> Layout<'a> {
    fn create(scorer: &'a Scorer<'a>) -> Result<Layout<'a>, ScoreError> {
        let from = Arc::new(scorer.file.open()?);
        let path = || scorer.job.input.to_owned();
        let len = from.metadata().map_err(|error| TableError::Open { path: path(), error })?.len();
        let (schema, pairs) = scorer.written().map_err(|error| failed(scorer.job.output, error))?;
        let output = Output::create(scorer.job.output).map_err(TableError::from)?;
        let (groups, buffer) = (Vec::new(), vec![0; COPY_LEN]);
        let mut layout = Layout { scorer, from, len, output, at: 0, schema, pairs, groups, buffer };
        layout.write(MAGIC)?;
        Ok(layout)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), ScoreError> {
        self.at += bytes.len() as u64;
        let path = || self.scorer.job.output.to_owned();
        let written = self.output.write_all(bytes);
        Ok(written
            .map_err(|error| OutputError::Write { path: path(), error })
            .map_err(TableError::from)?)
    }

    /// Puts into the footer which models made the outputs.
    fn note(&mut self, note: &str) {
        self.pairs.retain(|pair| pair.key != NOTE.key);
        self.pairs.push(KeyValue { key: NOTE.key.to_owned(), value: Some(note.to_owned()) });
    }

    /// Writes the columns of a row group.
    fn add(
        &mut self,
        index: usize,
        packed: &[u8],
        outputs: &RowGroupMetaData,
    ) -> Result<(), ScoreError> {
        let scorer = self.scorer;
        let group = scorer.reading.metadata().row_group(index);
        let schema = scorer.reading.parquet_schema();
        let start = self.at;
        let file = scorer.reading.metadata().file_metadata();
        let mut added = Vec::with_capacity(self.schema.num_columns());
        for source in scorer.columns.sources() {
            match *source {
                Source::Input(column) => {
                    let mut leaves = (0..schema.num_columns())
                        .filter(|&leaf| schema.get_column_root_idx(leaf) == column);
                    leaves.try_for_each(|leaf| {
                        let chunk = group.column(leaf);
                        let (from, len) = self.range(index, chunk)?;
                        column_chunks::check(&self.from, chunk, group.num_rows())
                            .map_err(|error| scorer.file.damaged(scorer.firsts[index], &error))?;
                        let moved = column_chunks::moved(chunk, from, self.at)
                            .and_then(|chunk| column_chunks::vouched(chunk, file, leaf));
                        added.push(moved.map_err(|error| failed(scorer.job.output, error))?);
                        self.copy(index, from, len)
                    })?;
                }
                Source::Output(output) => {
                    let chunk = outputs.column(output);
                    let (from, len) = chunk.byte_range();
                    let moved = column_chunks::moved(chunk, from, self.at);
                    added.push(moved.map_err(|error| failed(scorer.job.output, error))?);
                    let bytes = usize::try_from(from).ok().zip(usize::try_from(from + len).ok());
                    let (from, to) = bytes.expect("it was packed in memory");
                    self.write(&packed[from..to])?;
                }
            }
        }
        let total = added.iter().map(ColumnChunkMetaData::uncompressed_size).sum();
        let group = RowGroupMetaData::builder(Arc::clone(&self.schema))
            .set_num_rows(outputs.num_rows())
            .set_total_byte_size(total)
            .set_column_metadata(added)
            .set_ordinal(i32::try_from(self.groups.len()).unwrap_or(i32::MAX))
            .set_file_offset(start.cast_signed())
            .build();
        self.groups.push(group.map_err(|error| failed(scorer.job.output, error))?);
        Ok(())
    }

    /// Where a chunk of the input lies: its first byte and its length.
    fn range(&self, index: usize, chunk: &ColumnChunkMetaData) -> Result<(u64, u64), ScoreError> {
        let start = chunk.dictionary_page_offset().unwrap_or_else(|| chunk.data_page_offset());
        let inside =
            |start: u64, len: u64| start.checked_add(len).is_some_and(|end| end <= self.len);
        match (u64::try_from(start), u64::try_from(chunk.compressed_size())) {
            (Ok(start), Ok(len)) if inside(start, len) => Ok((start, len)),
            _ => {
                let reason = format!("{} lies outside of the file", chunk.column_path());
                Err(self.scorer.file.damaged(self.scorer.firsts[index], &reason).into())
            }
        }
    }

    fn copy(&mut self, index: usize, from: u64, len: u64) -> Result<(), ScoreError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut done = 0;
        while done < len {
            let count = usize::try_from(len - done).unwrap_or(COPY_LEN).min(COPY_LEN);
            let piece = &mut buffer[..count];
            self.from
                .read_exact_at(piece, from + done)
                .map_err(|error| self.scorer.file.damaged(self.scorer.firsts[index], &error))?;
            self.write(piece)?;
            done += count as u64;
        }
        self.buffer = buffer;
        Ok(())
    }

    /// Writes the footer and gives the file its name.
    fn finish(mut self, row_count: u64) -> Result<(), ScoreError> {
        let before = self.scorer.reading.metadata().file_metadata();
        let created_by = concat!("factord ", env!("CARGO_PKG_VERSION")).to_owned();
        let file = FileMetaData::new(
            before.version(),
            row_count.cast_signed(),
            Some(created_by),
            Some(self.pairs).filter(|pairs| !pairs.is_empty()),
            Arc::clone(&self.schema),
            // The writer writes those of the types.
            None,
        );
        let metadata = ParquetMetaDataBuilder::new(file).set_row_groups(self.groups).build();
        ParquetMetaDataWriter::new(&mut self.output, &metadata)
            .finish()
            .map_err(|error| failed(self.scorer.job.output, error))?;
        Ok(self.output.finish().map_err(TableError::from)?)
    }
}

struct Scorer<'a> {
    job: &'a Job<'a>,
    file: &'a File,
    reading: &'a ArrowReaderMetadata,
    columns: &'a Columns,
    features: Features<'a>,
    /// Where each feature is among the columns read.
    places: Vec<usize>,
    mask: ProjectionMask,
    /// The first row of each group.
    firsts: Vec<u64>,
    /// The outputs alone.
    schema: SchemaRef,
    /// Memory for packed outputs, used again.
    buffers: Mutex<Vec<Vec<u8>>>,
}

impl<'a> Scorer<'a> {
    fn new(
        job: &'a Job<'a>,
        file: &'a File,
        reading: &'a ArrowReaderMetadata,
        columns: &'a Columns,
    ) -> Scorer<'a> {
        let mut roots = columns.features().to_vec();
        roots.sort_unstable();
        roots.dedup();
        let places = columns.features().iter();
        let places = places.map(|at| roots.partition_point(|root| root < at)).collect();
        let mask = ProjectionMask::roots(reading.parquet_schema(), roots);
        let mut firsts = Vec::new();
        let mut first = 0;
        for group in reading.metadata().row_groups() {
            firsts.push(first);
            first += group.num_rows().unsigned_abs();
        }
        let schema = Arc::new(Schema::new(job.models.fields(job.keep_going)));
        let features = Features::new(file.path(), columns, job.models);
        let buffers = Mutex::default();
        Scorer { job, file, reading, columns, features, places, mask, firsts, schema, buffers }
    }

    fn give_back(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }

    /// The schema of the output, and what its footer says besides.
    fn written(&self) -> Result<(SchemaDescPtr, Vec<KeyValue>), ParquetError> {
        let before = self.reading.metadata().file_metadata();
        let outputs = ArrowSchemaConverter::new().convert(&self.schema)?;
        let (old, new) = (before.schema_descr().root_schema(), outputs.root_schema());
        let field = |source: &Source| match *source {
            Source::Input(column) => Arc::clone(&old.get_fields()[column]),
            Source::Output(output) => Arc::clone(&new.get_fields()[output]),
        };
        let fields = self.columns.sources().iter().map(field).collect();
        let schema = Type::group_type_builder(old.name()).with_fields(fields).build()?;
        let said = before.key_value_metadata().map_or(&[][..], Vec::as_slice);
        let (names, replaced) = self.columns.names_and_replaced();
        let mut pairs = kept::pairs(said, &names, &replaced);
        if said.iter().any(|pair| pair.key == ARROW_SCHEMA_META_KEY) {
            // One that cannot be read helps nobody.
            pairs.extend(self.arrow_schema(before.schema_descr(), &said.to_vec()));
        }
        Ok((Arc::new(SchemaDescriptor::new(Arc::new(schema))), pairs))
    }

    /// What another arrow wrote about the types, with the outputs.
    fn arrow_schema(&self, schema: &SchemaDescriptor, pairs: &Vec<KeyValue>) -> Option<KeyValue> {
        let before = parquet_to_arrow_schema(schema, Some(pairs)).ok()?;
        let field = |source: &Source| match *source {
            Source::Input(column) => before.field(column).clone(),
            Source::Output(output) => self.schema.field(output).clone(),
        };
        let fields: Vec<_> = self.columns.sources().iter().map(field).collect();
        let (names, replaced) = self.columns.names_and_replaced();
        let said = before.metadata().iter().filter_map(|(key, value)| {
            Some((key.clone(), kept::kept_value(key, value, &names, &replaced)?))
        });
        let said: HashMap<String, String> = said.collect();
        let schema = Schema::new_with_metadata(fields, said);
        let value = Some(encode_arrow_schema(&schema));
        Some(KeyValue { key: ARROW_SCHEMA_META_KEY.to_owned(), value })
    }

    /// Scores a row group, piece by piece.
    fn score(&self, index: usize) -> Result<Group, ScoreError> {
        let mut row = self.firsts[index];
        let packing = |error| failed(self.job.output, error);
        let (file, reading) = (self.file.open()?, self.reading.clone());
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, reading)
            .with_row_groups(vec![index])
            .with_projection(self.mask.clone())
            .with_batch_size(PIECE_ROWS)
            .build()
            .map_err(|error| self.file.damaged(row, &error))?;
        let buffer = self.buffers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let buffer = buffer.unwrap_or_default();
        let mut packer =
            ArrowWriter::try_new(buffer, Arc::clone(&self.schema), Some(self.properties()))
                .map_err(packing)?;
        let mut bad = Vec::new();
        for read in reader {
            let read = read.map_err(|error| self.file.damaged(row, &error))?;
            let arrays: Vec<&ArrayRef> = self.places.iter().map(|&at| read.column(at)).collect();
            let (scores, faults) = self.features.score(row, &arrays);
            row += read.num_rows() as u64;
            bad.extend(faults);
            if !self.job.keep_going && !bad.is_empty() {
                // The first bad row ends the run: nothing more is needed.
                break;
            }
            let arrays = scores.arrays(read.num_rows());
            let record = RecordBatch::try_new(Arc::clone(&self.schema), arrays);
            packer.write(&record.expect("the arrays are those of the schema")).map_err(packing)?;
        }
        let outputs = packer.finish().map_err(packing)?.row_groups().first().cloned();
        let packed = std::mem::take(packer.inner_mut());
        let row_count = usize::try_from(row - self.firsts[index]).unwrap_or(usize::MAX);
        let promised = self.reading.metadata().row_group(index).num_rows();
        if row - self.firsts[index] != promised.unsigned_abs()
            && (bad.is_empty() || self.job.keep_going)
        {
            let reason = format!("{promised} rows were promised");
            return Err(self.file.damaged(row, &reason).into());
        }
        Ok(Group { index, row_count, packed, outputs, bad })
    }

    /// How the outputs of a row group are packed: as one group.
    fn properties(&self) -> WriterProperties {
        crate::table::properties(&self.schema, self.job.compression)
            .into_builder()
            .set_max_row_group_row_count(None)
            .build()
    }
}
