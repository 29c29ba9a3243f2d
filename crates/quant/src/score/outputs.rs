//! The outputs of a row group, on their way into a Parquet file.

use super::column_chunks::moved;
use super::models::{Column, Scores};
use super::plain_columns::PlainColumn;
use crate::table::{Compression, Output};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::schema::types::ColumnDescPtr;
use std::io::Write;
use std::ops::Range;

/// How the outputs are packed.
#[derive(Clone, Debug)]
pub(super) struct Packing {
    pub(super) schema: SchemaRef,
    pub(super) compression: Compression,
}

/// The outputs of a row group, of which more rows are added at the end.
pub(super) enum Outputs {
    /// As they stand in the file: none is missing, and nothing packs them.
    Plain(Vec<PlainColumn>),
    /// By the library.
    Packed(Box<ArrowWriter<Vec<u8>>>, SchemaRef),
}

/// The outputs of a whole row group.
pub(super) enum Group {
    Plain(Vec<PlainColumn>),
    /// A Parquet file of them, and what its footer says; nothing for a group without rows.
    Packed(Vec<u8>, Option<RowGroupMetaData>),
}

impl Outputs {
    /// Of a row group in which no row is yet; the memory of `spare` is used again.
    pub(super) fn new(packing: &Packing, spare: Option<Group>) -> Result<Outputs> {
        let fields = packing.schema.fields();
        let may_miss = fields.iter().any(|field| field.is_nullable());
        if packing.compression == Compression::None && !may_miss {
            let mut columns = match spare {
                Some(Group::Plain(columns)) => columns,
                _ => fields.iter().map(|field| PlainColumn::of(field.data_type())).collect(),
            };
            columns.iter_mut().for_each(PlainColumn::clear);
            return Ok(Outputs::Plain(columns));
        }
        let mut buffer = match spare {
            Some(Group::Packed(bytes, _)) => bytes,
            _ => Vec::new(),
        };
        buffer.clear();
        // As one group.
        let properties = crate::table::properties(&packing.schema, packing.compression)
            .into_builder()
            .set_max_row_group_row_count(None)
            .build();
        let schema = SchemaRef::clone(&packing.schema);
        let writer = ArrowWriter::try_new(buffer, SchemaRef::clone(&schema), Some(properties))?;
        Ok(Outputs::Packed(Box::new(writer), schema))
    }

    /// Adds the outputs of so many rows.
    pub(super) fn add(&mut self, scores: Scores, row_count: usize) -> Result<()> {
        match self {
            Outputs::Plain(columns) => {
                for (column, scores) in columns.iter_mut().zip(scores.columns) {
                    match scores {
                        Column::Value(values) => column.add_values(&values),
                        Column::Class(classes) => column.add_classes(&classes),
                    }
                }
                Ok(())
            }
            Outputs::Packed(writer, schema) => {
                let arrays = scores.arrays(row_count);
                let record = RecordBatch::try_new(SchemaRef::clone(schema), arrays);
                writer.write(&record.expect("the arrays are those of the schema"))
            }
        }
    }

    /// No more rows come.
    pub(super) fn finish(self) -> Result<Group> {
        Ok(match self {
            Outputs::Plain(columns) => Group::Plain(columns),
            Outputs::Packed(mut writer, _) => {
                let groups = writer.finish()?;
                let group = groups.row_groups().first().cloned();
                Group::Packed(std::mem::take(writer.inner_mut()), group)
            }
        })
    }
}

impl Group {
    /// Writes an output into a file at a place: what the footer says of it, and its length.
    pub(super) fn write(
        &mut self,
        output: usize,
        descr: ColumnDescPtr,
        file: &mut Output,
        at: u64,
    ) -> Result<(ColumnChunkMetaData, u64)> {
        match self {
            Group::Plain(columns) => columns[output].write(descr, file, at),
            Group::Packed(bytes, group) => {
                let group = group.as_ref().expect("a group without rows is not written");
                let chunk = group.column(output);
                let (from, len) = chunk.byte_range();
                file.write_all(&bytes[within(from, len)])?;
                Ok((moved(chunk, from, at)?, len))
            }
        }
    }
}

/// A range of what was packed in memory.
fn within(from: u64, len: u64) -> Range<usize> {
    let at = |offset| usize::try_from(offset).expect("it was packed in memory");
    at(from)..at(from + len)
}
