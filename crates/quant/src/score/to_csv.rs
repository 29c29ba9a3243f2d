//! Parquet to CSV.

use super::columns::{Columns, Source};
use super::parquet_file::{Features, File, open};
use super::pipeline::ordered;
use super::{Body, Event, Job, Part, ScoreError, Summary, Tally, take};
use crate::table::{CHUNK_ROWS, Input, Writer};
use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::sync::Arc;

/// Rows of a piece.
// An eighth of a chunk: a piece of text is then a MiB or so.
const PIECE_ROWS: usize = CHUNK_ROWS / 8;

pub(super) fn run(
    job: &Job<'_>,
    input: Input,
    watch: &mut dyn FnMut(Event<'_>),
) -> Result<Summary, ScoreError> {
    let file = File::of(input)?;
    let (metadata, columns) = open(job, &file)?;
    watch(Event::Columns(&columns.taken()));
    let schema = written(job, metadata.schema(), &columns);
    let features = Features::new(&file, &columns, job.models);
    let mut header = Vec::new();
    crate::table::header(&schema, &mut header)?;
    let total = metadata.metadata().file_metadata().num_rows();
    let mut reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file.open()?, metadata)
        .with_batch_size(PIECE_ROWS)
        .build()
        .map_err(|error| file.damaged(0, &error))?;
    let mut writer = Writer::create_text(job.output, header)?;
    let mut tally = Tally::new(job, watch);
    let mut done = 0;
    let next = || match reader.next() {
        None if done != total.unsigned_abs() => {
            Err(file.damaged(done, &format!("{total} rows were promised")).into())
        }
        None => Ok(None),
        Some(read) => {
            let read = read.map_err(|error| file.damaged(done, &error))?;
            done += read.num_rows() as u64;
            Ok(Some((done - read.num_rows() as u64, read)))
        }
    };
    let work = |(first, read): (u64, RecordBatch)| {
        let arrays: Vec<_> = columns.features().iter().map(|&at| read.column(at)).collect();
        let (scores, bad) = features.score(first, &arrays);
        let outputs = scores.arrays(read.num_rows());
        let array = |source: &Source| match *source {
            Source::Input(column) => Arc::clone(read.column(column)),
            Source::Output(output) => Arc::clone(&outputs[output]),
        };
        let arrays = columns.sources().iter().map(array).collect();
        let record = RecordBatch::try_new(Arc::clone(&schema), arrays);
        let record = record.map_err(|error| file.damaged(first, &error))?;
        let mut lines = Vec::new();
        crate::table::rows(&record, &mut lines);
        let share = Some((first + read.num_rows() as u64) as f64 / total as f64);
        Ok(Part { body: Body::Text(lines), row_count: read.num_rows(), bad, share })
    };
    ordered(job.thread_count, next, work, |part| take(part, &mut tally, &mut writer))?;
    writer.finish()?;
    Ok(tally.summary)
}

/// The columns of the output.
fn written(job: &Job<'_>, schema: &SchemaRef, columns: &Columns) -> SchemaRef {
    let outputs = job.models.fields(true);
    let field = |source: &Source| match *source {
        Source::Input(column) => schema.field(column).clone(),
        Source::Output(output) => outputs[output].clone(),
    };
    Arc::new(Schema::new(columns.sources().iter().map(field).collect::<Vec<_>>()))
}
