//! [`ColumnReader`]: chunks from Parquet and Arrow.

use super::chunk::{CHUNK_ROWS, Chunk, RowNumbers, Type, record};
use super::columnar::{Columnar, at};
use super::convert::{Misfit, converted, fits};
use super::error::TableError;
use super::input::Input;
use arrow_schema::SchemaRef;
use std::sync::Arc;

/// A table in columns, from which some are read as what is wanted of them.
pub(super) struct ColumnReader {
    columnar: Columnar,
    /// The columns read, ascending.
    roots: Vec<usize>,
}

impl ColumnReader {
    pub(super) fn open(input: Input) -> Result<ColumnReader, TableError> {
        Ok(ColumnReader { columnar: Columnar::open(input)?, roots: Vec::new() })
    }

    pub(super) fn names(&self) -> &[String] {
        self.columnar.names()
    }

    pub(super) fn progress(&self) -> f64 {
        self.columnar.progress()
    }

    /// Starts reading; the types are checked here, so that no row is read in vain.
    pub(super) fn select(&mut self, columns: &[(usize, Type)]) -> Result<(), TableError> {
        for &(column, kind) in columns {
            let field = self.columnar.schema().field(column);
            fits(field.data_type(), kind).map_err(|expected| TableError::Type {
                path: self.columnar.path().to_path_buf(),
                column: column + 1,
                name: field.name().clone(),
                found: field.data_type().to_string(),
                expected,
            })?;
        }
        self.roots = columns.iter().map(|&(column, _)| column).collect();
        self.roots.sort_unstable();
        self.roots.dedup();
        self.columnar.select(&self.roots, CHUNK_ROWS)
    }

    pub(super) fn next_chunk(
        &mut self,
        columns: &[(usize, Type)],
        schema: &SchemaRef,
    ) -> Result<Option<Chunk>, TableError> {
        let Some((first, read)) = self.columnar.next_rows()? else { return Ok(None) };
        let mut arrays = Vec::with_capacity(columns.len());
        for &(column, kind) in columns {
            let place = self.roots.binary_search(&column).expect("every column was selected");
            let array = converted(read.column(place), kind);
            arrays.push(array.map_err(|misfit| self.misfit(first, column, misfit))?);
        }
        let record = record(schema, arrays, read.num_rows());
        let path = Arc::clone(self.columnar.path());
        Ok(Some(Chunk { record, path, rows: RowNumbers::From(first) }))
    }

    fn misfit(&self, first: u64, column: usize, misfit: Misfit) -> TableError {
        let place = at(self.columnar.path(), first + misfit.row as u64);
        let (column, name) = (column + 1, self.columnar.names()[column].clone());
        match misfit.value {
            None => TableError::Missing { place, column, name },
            Some(value) => {
                let expected = "an integer of 63 bits";
                TableError::NotANumber { place, column, name, value, expected }
            }
        }
    }
}
