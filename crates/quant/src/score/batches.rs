//! Parquet to CSV, and Arrow to CSV or Parquet: batches of rows, in the order of the file.

use super::columns::{Columns, Source};
use super::kept;
use super::parquet_file::{Features, columns_of};
use super::target::Target;
use super::{Body, Event, Job, Part, ScoreError, Summary, Tally, noted};
use crate::table::{Columnar, Input, TableError, Writer};
use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use factord_factors::Stated;
use std::collections::HashMap;
use std::sync::Arc;

/// Rows of a piece.
// 8,192: a piece of text is then a MiB or so.
const PIECE_ROWS: usize = 8192;

pub(super) fn run(
    job: &Job<'_>,
    input: Input,
    notes: Option<(&str, &Stated)>,
    watch: &mut dyn FnMut(Event<'_>),
) -> Result<Summary, ScoreError> {
    let mut columnar = Columnar::open(input)?;
    let path = Arc::clone(columnar.path());
    let columns = columns_of(job, columnar.schema())?;
    watch(Event::Columns(&columns.taken()));
    let all: Vec<usize> = (0..columns.names().len()).collect();
    columnar.select(&all, PIECE_ROWS)?;
    let schema = written(job, columnar.schema(), &columns, notes.is_some());
    let features = Features::new(&path, &columns, job.models);
    let target = if let Some(notes) = notes {
        Target::Parquet(Box::new(noted(job, &schema, notes)?))
    } else {
        let mut header = Vec::new();
        crate::table::header(&schema, &mut header)?;
        Target::Text(Writer::create_text(job.output, header)?)
    };
    let mut tally = Tally::new(job, watch);
    let next = || {
        let read = columnar.next_rows()?;
        Ok::<_, ScoreError>(read.map(|(first, read)| (first, read, Some(columnar.progress()))))
    };
    let work = |(first, read, share): (u64, RecordBatch, Option<f64>)| {
        let arrays: Vec<_> = columns.features().iter().map(|&at| read.column(at)).collect();
        let (scores, bad) = features.score(first, &arrays);
        let row_count = read.num_rows();
        if !bad.is_empty() && !job.keep_going {
            // The first bad row ends the run: nothing more is needed.
            return Ok(Part { body: Body::Text(Vec::new()), row_count, bad, share });
        }
        let outputs = scores.arrays(row_count);
        let array = |source: &Source| match *source {
            Source::Input(column) => Arc::clone(read.column(column)),
            Source::Output(output) => Arc::clone(&outputs[output]),
        };
        let arrays = columns.sources().iter().map(array).collect();
        let record = RecordBatch::try_new(Arc::clone(&schema), arrays);
        let record = record.map_err(|error| TableError::Damaged {
            place: crate::table::at(&path, first),
            what: "Arrow",
            reason: error.to_string(),
        })?;
        let body = match notes {
            Some(_) => Body::Record(record),
            None => {
                let mut lines = Vec::new();
                crate::table::rows(&record, &mut lines);
                Body::Text(lines)
            }
        };
        Ok(Part { body, row_count, bad, share })
    };
    target.write(job.thread_count, next, work, &mut tally, drop)?;
    Ok(tally.summary)
}

/// The columns of the output. Parquet keeps what the schema says besides, as far as it is true.
fn written(job: &Job<'_>, schema: &SchemaRef, columns: &Columns, to_parquet: bool) -> SchemaRef {
    let outputs = job.models.fields(!to_parquet || job.keep_going);
    let field = |source: &Source| match *source {
        Source::Input(column) => schema.field(column).clone(),
        Source::Output(output) => outputs[output].clone(),
    };
    let fields: Vec<_> = columns.sources().iter().map(field).collect();
    let (names, replaced) = columns.names_and_replaced();
    let said = schema.metadata().iter().filter(|(key, _)| !key.starts_with("factord."));
    let said = said.filter_map(|(key, value)| {
        Some((key.clone(), kept::kept_value(key, value, &names, &replaced)?))
    });
    let said: HashMap<String, String> = said.collect();
    Arc::new(Schema::new_with_metadata(fields, said))
}
