//! [`RowGroups`]: a Parquet file whose columns other threads pack.

use super::error::TableError;
use super::output::Output;
use super::writer::{ROW_GROUP_ROWS, Writer, failed};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{FieldRef, SchemaRef};
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;
use std::path::{Path, PathBuf};

/// Collects rows until they fill a row group, hands out its columns and writes them once they are
/// packed. The file has the bytes that [`Writer`] would give it.
pub(crate) struct RowGroups {
    path: PathBuf,
    schema: SchemaRef,
    writer: SerializedFileWriter<Output>,
    factory: ArrowRowGroupWriterFactory,
    /// The columns of the group that is being filled, in the pieces in which they came.
    open: Vec<Vec<ArrayRef>>,
    open_rows: usize,
    /// Groups handed out.
    given: usize,
    /// Columns of the next group of the file that are packed already.
    packed: Vec<Packed>,
}

/// A column of a row group.
pub(crate) struct Column {
    field: FieldRef,
    arrays: Vec<ArrayRef>,
    /// One for each leaf.
    writers: Vec<ArrowColumnWriter>,
}

/// A column as it stands in the file.
pub(crate) struct Packed(Vec<ArrowColumnChunk>);

impl Column {
    /// Packs the column; the rows are freed on the way.
    pub(crate) fn pack(self, path: &Path) -> Result<Packed, TableError> {
        self.packed().map_err(|error| failed(path, error))
    }

    fn packed(mut self) -> Result<Packed, ParquetError> {
        for array in self.arrays {
            let leaves = compute_leaves(&self.field, &array)?;
            for (leaf, writer) in leaves.iter().zip(&mut self.writers) {
                writer.write(leaf)?;
            }
        }
        Ok(Packed(
            self.writers.into_iter().map(ArrowColumnWriter::close).collect::<Result<_, _>>()?,
        ))
    }
}

impl RowGroups {
    /// Goes on with a Parquet file that was begun.
    ///
    /// # Panics
    ///
    /// When it is text.
    pub(crate) fn of(writer: Writer, schema: &SchemaRef) -> Result<RowGroups, TableError> {
        let (path, writer) = writer.into_parquet();
        let parts = writer.into_serialized_writer();
        let (writer, factory) = parts.map_err(|error| failed(&path, error))?;
        let (schema, open) = (SchemaRef::clone(schema), vec![Vec::new(); schema.fields().len()]);
        let (open_rows, given, packed) = (0, 0, Vec::new());
        Ok(RowGroups { path, schema, writer, factory, open, open_rows, given, packed })
    }

    /// Adds rows; returns the columns of the groups that they fill, in order.
    pub(crate) fn add(&mut self, record: &RecordBatch) -> Result<Vec<Column>, TableError> {
        let (mut first, mut columns) = (0, Vec::new());
        while first < record.num_rows() {
            let count = (record.num_rows() - first).min(ROW_GROUP_ROWS - self.open_rows);
            for (arrays, array) in self.open.iter_mut().zip(record.columns()) {
                arrays.push(array.slice(first, count));
            }
            first += count;
            self.open_rows += count;
            if self.open_rows == ROW_GROUP_ROWS {
                columns.extend(self.rest()?);
            }
        }
        Ok(columns)
    }

    /// The columns of the group that is being filled; none when it has no rows.
    pub(crate) fn rest(&mut self) -> Result<Vec<Column>, TableError> {
        if std::mem::take(&mut self.open_rows) == 0 {
            return Ok(Vec::new());
        }
        let writers = self.factory.create_column_writers(self.given);
        let mut writers = writers.map_err(|error| failed(&self.path, error))?.into_iter();
        self.given += 1;
        let description = self.writer.schema_descr();
        let roots =
            (0..description.num_columns()).map(|leaf| description.get_column_root_idx(leaf));
        let mut leaves = vec![0; self.open.len()];
        roots.for_each(|root| leaves[root] += 1);
        let open = self.open.iter_mut().map(std::mem::take);
        let columns = self.schema.fields().iter().zip(open).zip(leaves);
        let column = |((field, arrays), leaves): ((&FieldRef, Vec<ArrayRef>), usize)| Column {
            field: FieldRef::clone(field),
            arrays,
            writers: writers.by_ref().take(leaves).collect(),
        };
        Ok(columns.map(column).collect())
    }

    /// Takes a packed column, in the order in which columns were handed out.
    pub(crate) fn write(&mut self, column: Packed) -> Result<(), TableError> {
        self.packed.push(column);
        if self.packed.len() < self.schema.fields().len() {
            return Ok(());
        }
        let mut write = || {
            let mut group = self.writer.next_row_group()?;
            for chunk in self.packed.drain(..).flat_map(|column| column.0) {
                chunk.append_to_row_group(&mut group)?;
            }
            group.close()
        };
        write().map(drop).map_err(|error| failed(&self.path, error))
    }

    /// The file that is written.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Ends the file and gives it its name.
    pub(crate) fn finish(self) -> Result<(), TableError> {
        let output = self.writer.into_inner().map_err(|error| failed(&self.path, error))?;
        Ok(output.finish()?)
    }
}

#[cfg(test)]
#[path = "row_groups_tests.rs"]
mod tests;
