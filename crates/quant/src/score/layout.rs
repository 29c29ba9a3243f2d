//! The output from Parquet to Parquet, under construction.

use super::column_chunks::{self, moved, vouched};
use super::columns::Source;
use super::outputs;
use super::parquet_file::File;
use super::{Columns, ScoreError};
use crate::table::{Output, OutputError, TableError, failed};
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, KeyValue, ParquetMetaData, ParquetMetaDataBuilder,
    ParquetMetaDataWriter, RowGroupMetaData,
};
use parquet::file::reader::Length;
use parquet::schema::types::SchemaDescPtr;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// What every Parquet file starts and ends with.
const MAGIC: &[u8] = b"PAR1";

/// What is copied, and whereto.
pub(super) struct Plan<'a> {
    pub(super) file: &'a File,
    pub(super) output: &'a Path,
    pub(super) metadata: &'a ParquetMetaData,
    pub(super) columns: &'a Columns,
    /// The first row of each group.
    pub(super) firsts: &'a [u64],
    /// The schema of the output, and what its footer says besides.
    pub(super) schema: SchemaDescPtr,
    pub(super) pairs: Vec<KeyValue>,
}

/// The output. Columns that only have to be copied are so while the others of their row group are
/// being scored.
pub(super) struct Layout<'a> {
    plan: Plan<'a>,
    output: Output,
    /// Where the next byte comes, behind those that are still to be copied.
    at: u64,
    /// Bytes of the input that are still to be copied: neighbours are, at once.
    waiting: Range<u64>,
    groups: Vec<RowGroupMetaData>,
    /// The group of the input that is being laid out, and its columns so far.
    index: usize,
    start: u64,
    source: usize,
    added: Vec<ColumnChunkMetaData>,
    /// What is wrong with a column that was to be copied; its turn comes with the group's.
    fault: Option<ScoreError>,
}

impl<'a> Layout<'a> {
    pub(super) fn create(plan: Plan<'a>) -> Result<Layout<'a>, ScoreError> {
        let output = Output::create(plan.output).map_err(TableError::from)?;
        let mut layout = Layout {
            plan,
            output,
            at: MAGIC.len() as u64,
            waiting: 0..0,
            groups: Vec::new(),
            index: 0,
            start: 0,
            source: 0,
            added: Vec::new(),
            fault: None,
        };
        layout.output.write_all(MAGIC).map_err(|error| layout.unwritten(error))?;
        layout.begin(0);
        Ok(layout)
    }

    /// Begins with the first group from there on that has rows.
    fn begin(&mut self, index: usize) {
        let groups = self.plan.metadata.row_groups();
        let next = (index..groups.len()).find(|&index| groups[index].num_rows() > 0);
        self.index = next.unwrap_or(groups.len());
        (self.start, self.source) = (self.at, 0);
        if next.is_some() {
            self.fault = self.copy().err();
        }
    }

    /// Copies the columns before the next output.
    fn copy(&mut self) -> Result<(), ScoreError> {
        let plan = &self.plan;
        let schema = plan.metadata.file_metadata().schema_descr_ptr();
        while let Some(Source::Input(column)) = self.plan.columns.sources().get(self.source) {
            for leaf in 0..schema.num_columns() {
                if schema.get_column_root_idx(leaf) == *column {
                    self.lay(leaf)?;
                }
            }
            self.source += 1;
        }
        self.copied()
    }

    /// Puts a column of the input next.
    fn lay(&mut self, leaf: usize) -> Result<(), ScoreError> {
        let Plan { file, metadata, output, .. } = &self.plan;
        let (group, footer) = (metadata.row_group(self.index), metadata.file_metadata());
        let chunk = group.column(leaf);
        let Range { start, end } = self.range(chunk)?;
        column_chunks::check(file.pages(), chunk, group.num_rows())
            .map_err(|error| self.damaged(&error))?;
        let moved = moved(chunk, start, self.at).and_then(|chunk| vouched(chunk, footer, leaf));
        self.added.push(moved.map_err(|error| failed(output, error))?);
        if self.waiting.end != start {
            self.copied()?;
            self.waiting = start..start;
        }
        self.waiting.end = end;
        self.at += end - start;
        Ok(())
    }

    /// Copies what waits for it.
    fn copied(&mut self) -> Result<(), ScoreError> {
        let Range { start, end } = std::mem::replace(&mut self.waiting, 0..0);
        if start == end {
            return Ok(());
        }
        let copied = self.output.copy(self.plan.file.pages().file(), start, end - start);
        copied.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged(&error).into(),
            _ => self.unwritten(error),
        })
    }

    /// Writes what is left of a group, now that its outputs are there.
    pub(super) fn add(
        &mut self,
        mut outputs: outputs::Group,
    ) -> Result<outputs::Group, ScoreError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        while let Some(Source::Output(output)) = self.plan.columns.sources().get(self.source) {
            let descr = self.plan.schema.column(self.added.len());
            let written = outputs.write(*output, descr, &mut self.output, self.at);
            let (chunk, len) = written.map_err(|error| failed(self.plan.output, error))?;
            self.added.push(chunk);
            self.at += len;
            self.source += 1;
            self.copy()?;
        }
        let added = std::mem::take(&mut self.added);
        let total = added.iter().map(ColumnChunkMetaData::uncompressed_size).sum();
        let group = RowGroupMetaData::builder(Arc::clone(&self.plan.schema))
            .set_num_rows(self.plan.metadata.row_group(self.index).num_rows())
            .set_total_byte_size(total)
            .set_column_metadata(added)
            .set_ordinal(i32::try_from(self.groups.len()).unwrap_or(i32::MAX))
            .set_file_offset(self.start.cast_signed())
            .build();
        self.groups.push(group.map_err(|error| failed(self.plan.output, error))?);
        self.begin(self.index + 1);
        Ok(outputs)
    }

    /// Where a chunk of the input lies.
    fn range(&self, chunk: &ColumnChunkMetaData) -> Result<Range<u64>, ScoreError> {
        let start = chunk.dictionary_page_offset().unwrap_or_else(|| chunk.data_page_offset());
        let (start, len) = (u64::try_from(start).ok(), u64::try_from(chunk.compressed_size()).ok());
        let range = start.zip(len).and_then(|(start, len)| Some(start..start.checked_add(len)?));
        range.filter(|range| range.end <= self.plan.file.pages().len()).ok_or_else(|| {
            self.damaged(&format!("{} lies outside of the file", chunk.column_path())).into()
        })
    }

    fn damaged(&self, reason: &dyn std::fmt::Display) -> TableError {
        self.plan.file.damaged(self.plan.firsts[self.index], reason)
    }

    fn unwritten(&self, error: io::Error) -> ScoreError {
        let path = self.plan.output.to_owned();
        TableError::from(OutputError::Write { path, error }).into()
    }

    /// Writes the footer and gives the file its name.
    pub(super) fn finish(mut self) -> Result<(), ScoreError> {
        let before = self.plan.metadata.file_metadata();
        let created_by = concat!("factord ", env!("CARGO_PKG_VERSION")).to_owned();
        let file = FileMetaData::new(
            before.version(),
            before.num_rows(),
            Some(created_by),
            Some(self.plan.pairs).filter(|pairs| !pairs.is_empty()),
            self.plan.schema,
            // The writer writes those of the types.
            None,
        );
        let metadata = ParquetMetaDataBuilder::new(file).set_row_groups(self.groups).build();
        let failed = |error: ParquetError| failed(self.plan.output, error);
        ParquetMetaDataWriter::new(&mut self.output, &metadata).finish().map_err(failed)?;
        Ok(self.output.finish().map_err(TableError::from)?)
    }
}
