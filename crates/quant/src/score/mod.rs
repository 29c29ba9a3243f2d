//! A feature table through models, without a daemon: on all cores, to the bits of the ring.
//!
//! Every combination of CSV, packed or not, Parquet and Arrow keeps the other columns and adds, or
//! replaces, those of the models. Rows stay in order and memory does not grow with the table. From
//! Parquet to Parquet the other columns are copied as they are packed: only the features are read,
//! only the outputs are encoded. This module never prints; `factord score` runs it.

mod batches;
mod column_chunks;
mod columns;
mod kept;
mod layout;
mod models;
mod outputs;
mod parquet_file;
mod pipeline;
mod plain;
mod plain_columns;
mod record;
mod row_error;
mod rows;
mod splice;
mod target;
mod text;
mod values;

pub use columns::{Columns, Source, known_as};
pub use models::{Models, outputs};
pub use record::{Made, Record};
pub use row_error::RowError;

use crate::stated;
use crate::table::{
    Compression, Format, Input, Place, RowGroups, TableError, Writer, WriterOptions,
};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use factord_factors::{SettingsMismatch, Stated};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// One table to score.
pub struct Job<'a> {
    /// The table; `-` is stdin.
    pub input: &'a Path,
    /// Where it goes; by the end of the name as [`Writer`] has it.
    pub output: &'a Path,
    /// What it goes through.
    pub models: &'a Models,
    /// Whether rows that cannot be scored keep empty outputs, or end the run.
    pub keep_going: bool,
    /// Threads that work, at least 1.
    pub thread_count: usize,
    /// How Parquet columns that are encoded here are packed.
    pub compression: Compression,
}

/// What a run reports while it is in progress.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A row that cannot be scored, under `keep_going`.
    BadRow(&'a str),
    /// What the table is.
    Understood(&'a str),
    /// Which columns hold the features.
    Columns(&'a str),
    /// What the table says of its settings and cannot be used.
    Unread(&'a str),
    /// The share that is done, 0 to 1.
    Done(f64),
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows read and written.
    pub row_count: u64,
    /// Rows among them without outputs.
    pub bad_count: u64,
}

/// Why a table cannot be scored.
#[derive(Debug, Error)]
pub enum ScoreError {
    /// It cannot be read or written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Its columns do not fit the models.
    #[error("{}: {error} (for {models})", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// The models.
        models: String,
        /// What is wrong.
        error: RowError,
    },
    /// Its windows are not those that a model was trained on.
    #[error(
        "{}: {}: the model `{model}` was trained on {}, this table has {}: make the table with \
         {} {}, or train anew",
        path.display(), mismatch.name, mismatch.model, mismatch.found, mismatch.flag(),
        mismatch.model
    )]
    Settings {
        /// The file.
        path: PathBuf,
        /// The model's name.
        model: String,
        /// The setting that differs.
        mismatch: SettingsMismatch,
    },
    /// A row cannot be scored.
    #[error("{place}: {error}")]
    Row {
        /// Where.
        place: Place,
        /// What is wrong.
        error: RowError,
    },
}

/// Scores a table. The output gets its name only when it is complete; a record inside Parquet or
/// next to CSV says which models made its columns, another with which settings its windows were
/// made.
///
/// # Errors
///
/// [`ScoreError`] names file, line or row, and column; it is the first one in the order of rows.
pub fn run(job: &Job<'_>, watch: &mut dyn FnMut(Event<'_>)) -> Result<Summary, ScoreError> {
    let input = Input::open(job.input)?;
    let to_parquet = crate::table::is_parquet(job.output);
    watch(Event::Understood(&input.to_string()));
    // A record that cannot be used says nothing of the columns that stay.
    let before = Record::of(job.input).ok().flatten().unwrap_or_default();
    let record = before.and(job.models.made());
    let note = record.text();
    let settings = stated::of(job.input).unwrap_or_else(|reason| {
        watch(Event::Unread(&format!("{reason}: it is ignored")));
        Stated::default()
    });
    job.models.require(&settings).map_err(|(model, mismatch)| {
        let path = job.input.to_owned();
        ScoreError::Settings { path, model, mismatch }
    })?;
    let notes = to_parquet.then_some((note.as_str(), &settings));
    let summary = match (input.format(), to_parquet) {
        (Format::Parquet, true) => splice::run(job, input, &note, watch),
        (Format::Parquet | Format::Arrow, _) => batches::run(job, input, notes, watch),
        (Format::Csv, _) => text::run(job, input, notes, watch),
    }?;
    record.save(job.output).map_err(TableError::from)?;
    stated::save(&settings, job.output).map_err(TableError::from)?;
    Ok(summary)
}

impl Job<'_> {
    fn header(&self, error: RowError) -> ScoreError {
        let (path, models) = (self.input.to_owned(), self.models.names());
        ScoreError::Header { path, models, error }
    }
}

/// A scored piece of a table.
struct Part {
    body: Body,
    row_count: usize,
    /// Rows without outputs, in order.
    bad: Vec<(Place, RowError)>,
    /// The share of the input that was read when this piece had been.
    share: Option<f64>,
}

enum Body {
    Text(Vec<u8>),
    Record(RecordBatch),
}

/// Counts rows and reports bad ones.
struct Tally<'a, 'w> {
    keep_going: bool,
    summary: Summary,
    watch: &'a mut (dyn FnMut(Event<'_>) + 'w),
}

impl<'a, 'w> Tally<'a, 'w> {
    fn new(job: &Job<'_>, watch: &'a mut (dyn FnMut(Event<'_>) + 'w)) -> Tally<'a, 'w> {
        Tally { keep_going: job.keep_going, summary: Summary::default(), watch }
    }

    /// Adds rows; the first bad one is the error unless bad ones are to be passed over.
    fn add(
        &mut self,
        row_count: usize,
        bad: Vec<(Place, RowError)>,
        share: Option<f64>,
    ) -> Result<(), ScoreError> {
        self.summary.row_count += row_count as u64;
        for (place, error) in bad {
            if !self.keep_going {
                return Err(ScoreError::Row { place, error });
            }
            self.summary.bad_count += 1;
            (self.watch)(Event::BadRow(&error.at(&place)));
        }
        if let Some(share) = share {
            (self.watch)(Event::Done(share));
        }
        Ok(())
    }
}

/// Creates a Parquet file, and writes into it which models made its columns and with which settings
/// its windows were made.
fn noted(
    job: &Job<'_>,
    schema: &SchemaRef,
    (note, settings): (&str, &Stated),
) -> Result<RowGroups, TableError> {
    let options = WriterOptions { compression: job.compression };
    let mut writer = Writer::create(job.output, schema, &options)?;
    writer.note(record::NOTE.key, note);
    stated::note(settings, &mut writer);
    RowGroups::of(writer, schema)
}
