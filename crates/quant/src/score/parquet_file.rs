//! A Parquet file whose features several threads read, and what the features of columns are worth.

use super::columns::Columns;
use super::models::{Models, Scores};
use super::row_error::RowError;
use super::{Job, ScoreError};
use crate::table::{Input, Pages, Place, TableError, at, floats, footer, is_number};
use arrow_array::{Array, ArrayRef};
use arrow_schema::Schema;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

/// The file, and the name for messages about it.
pub(super) struct File {
    path: Arc<Path>,
    pages: Pages,
}

impl File {
    pub(super) fn of(input: Input) -> Result<File, TableError> {
        let path = Arc::clone(input.path());
        let pages = Pages::of(input.into_file()?);
        let pages = pages.map_err(|error| TableError::Open { path: path.to_path_buf(), error })?;
        Ok(File { path, pages })
    }

    pub(super) fn pages(&self) -> &Pages {
        &self.pages
    }

    pub(super) fn path(&self) -> &Arc<Path> {
        &self.path
    }

    pub(super) fn damaged(&self, row: u64, reason: &dyn Display) -> TableError {
        let (place, reason) = (at(&self.path, row), reason.to_string());
        TableError::Damaged { place, what: "Parquet", reason }
    }
}

/// Reads the footer and finds the columns.
pub(super) fn open(
    job: &Job<'_>,
    file: &File,
) -> Result<(ArrowReaderMetadata, Columns), ScoreError> {
    let metadata = footer(file.pages().file()).map_err(|error| file.damaged(0, &error))?;
    let columns = columns_of(job, metadata.schema())?;
    Ok((metadata, columns))
}

/// Finds the columns in a schema.
pub(super) fn columns_of(job: &Job<'_>, schema: &Schema) -> Result<Columns, ScoreError> {
    let names = schema.fields().iter().map(|field| field.name().clone()).collect();
    let columns = Columns::of_named(names, job.models.features(), job.models.outputs())
        .map_err(|error| job.header(error))?;
    for &column in columns.features() {
        let field = schema.field(column);
        if !is_number(field.data_type()) {
            return Err(ScoreError::Table(TableError::Type {
                path: job.input.to_owned(),
                column: column + 1,
                name: field.name().clone(),
                found: field.data_type().to_string(),
                expected: "numbers",
            }));
        }
    }
    Ok(columns)
}

/// Scores pieces of features.
pub(super) struct Features<'a> {
    path: &'a Arc<Path>,
    columns: &'a Columns,
    models: &'a Models,
}

impl<'a> Features<'a> {
    pub(super) fn new(
        path: &'a Arc<Path>,
        columns: &'a Columns,
        models: &'a Models,
    ) -> Features<'a> {
        Features { path, columns, models }
    }

    /// Scores rows, the first of which has a number counted from 0; `arrays` are the features.
    pub(super) fn score(
        &self,
        first: u64,
        arrays: &[&ArrayRef],
    ) -> (Scores, Vec<(Place, RowError)>) {
        let count = arrays.first().map_or(0, |array| array.len());
        let values: Vec<_> = arrays.iter().map(|array| floats(array)).collect();
        let x: Vec<&[f64]> = values.iter().map(|values| &values.values()[..]).collect();
        let scores = self.models.score(&x, count);
        let fault = |&row: &usize| (at(self.path, first + row as u64), self.fault(row, arrays, &x));
        let bad = scores.bad.iter().map(fault).collect();
        (scores, bad)
    }

    /// Why a row has no prediction.
    fn fault(&self, row: usize, arrays: &[&ArrayRef], x: &[&[f64]]) -> RowError {
        for (feature, &place) in self.columns.features().iter().enumerate() {
            let (column, name) = (place + 1, self.columns.names()[place].clone());
            if arrays[feature].is_null(row) {
                return RowError::Missing { column, name };
            }
            if !x[feature][row].is_finite() {
                let value = format!("{:?}", x[feature][row]);
                return RowError::NotFinite { column, name, value };
            }
        }
        RowError::NotPredictable
    }
}
