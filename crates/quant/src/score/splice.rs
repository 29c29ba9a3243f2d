//! Parquet to Parquet: the outputs join the columns of each row group, the others are copied as
//! they are packed.

use super::columns::Source;
use super::kept;
use super::layout::{Layout, Plan};
use super::outputs::{self, Outputs, Packing};
use super::parquet_file::{Features, File, open};
use super::pipeline::ordered;
use super::record::NOTE;
use super::{Columns, Event, Job, RowError, ScoreError, Summary, Tally};
use crate::table::{Input, Pages, Place, failed};
use arrow_array::ArrayRef;
use arrow_schema::Schema;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{
    ARROW_SCHEMA_META_KEY, ArrowSchemaConverter, ProjectionMask, encode_arrow_schema,
    parquet_to_arrow_schema,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::schema::types::{SchemaDescPtr, SchemaDescriptor, Type};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Rows scored at a time.
// 8,192: the columns of a piece stay in the second-level cache, and memory that is freed is used
// again without the kernel's help: a third fewer page faults than with pieces of 65,536.
const PIECE_ROWS: usize = 8192;

/// A row group scored.
struct Group {
    row_count: usize,
    outputs: outputs::Group,
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
    let (schema, mut pairs) = scorer.written().map_err(|error| failed(job.output, error))?;
    pairs.retain(|pair| pair.key != NOTE.key);
    pairs.push(KeyValue { key: NOTE.key.to_owned(), value: Some(note.to_owned()) });
    let mut layout = Layout::create(Plan {
        file: &file,
        output: job.output,
        metadata,
        columns: &columns,
        firsts: &scorer.firsts,
        schema,
        pairs,
    })?;
    let mut tally = Tally::new(job, watch);
    let mut groups = 0..metadata.num_row_groups();
    let promised = metadata.file_metadata().num_rows().unsigned_abs();
    let sink = |group: Group| {
        let done = tally.summary.row_count + group.row_count as u64;
        let share = Some(done as f64 / promised as f64);
        tally.add(group.row_count, group.bad, share)?;
        if group.row_count > 0 {
            scorer.give_back(layout.add(group.outputs)?);
        }
        Ok(())
    };
    ordered(job.thread_count, || Ok(groups.next()), |group| scorer.score(group), sink)?;
    if tally.summary.row_count != promised {
        let reason = format!("{promised} rows were promised");
        return Err(file.damaged(tally.summary.row_count, &reason).into());
    }
    layout.finish()?;
    Ok(tally.summary)
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
    packing: Packing,
    /// Outputs that are written, for their memory.
    spare: Mutex<Vec<outputs::Group>>,
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
        let (packing, spare) = (Packing { schema, compression: job.compression }, Mutex::default());
        Scorer { job, file, reading, columns, features, places, mask, firsts, packing, spare }
    }

    fn give_back(&self, outputs: outputs::Group) {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(outputs);
    }

    /// The schema of the output, and what its footer says besides.
    fn written(&self) -> Result<(SchemaDescPtr, Vec<KeyValue>), ParquetError> {
        let before = self.reading.metadata().file_metadata();
        let outputs = ArrowSchemaConverter::new().convert(&self.packing.schema)?;
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
            Source::Output(output) => self.packing.schema.field(output).clone(),
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
        let (pages, reading) = (Pages::clone(self.file.pages()), self.reading.clone());
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(pages, reading)
            .with_row_groups(vec![index])
            .with_projection(self.mask.clone())
            .with_batch_size(PIECE_ROWS)
            .build()
            .map_err(|error| self.file.damaged(row, &error))?;
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut outputs = Outputs::new(&self.packing, spare).map_err(packing)?;
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
            outputs.add(scores, read.num_rows()).map_err(packing)?;
        }
        let outputs = outputs.finish().map_err(packing)?;
        let row_count = usize::try_from(row - self.firsts[index]).unwrap_or(usize::MAX);
        let promised = self.reading.metadata().row_group(index).num_rows();
        if row - self.firsts[index] != promised.unsigned_abs()
            && (bad.is_empty() || self.job.keep_going)
        {
            let reason = format!("{promised} rows were promised");
            return Err(self.file.damaged(row, &reason).into());
        }
        Ok(Group { row_count, outputs, bad })
    }
}
