//! [`footer`]: what a Parquet file says of itself, made consistent before anybody relies on it.

use arrow_schema::{DataType, Field, FieldRef, Schema};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{
    ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataBuilder, ParquetMetaDataReader,
    RowGroupMetaData,
};
use std::fs::File;
use std::sync::Arc;

/// Reads a footer. Types that another arrow wrote are left aside: text is then text, however it
/// was held.
///
/// # Errors
///
/// [`ParquetError`] when there is none, when it contradicts itself, or when a column's pages are
/// not in this file.
pub(crate) fn footer(file: &File) -> Result<ArrowReaderMetadata> {
    let read = ParquetMetaDataReader::new().parse_and_finish(file)?;
    let consistent = consistent(read)?;
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    ArrowReaderMetadata::try_new(Arc::new(consistent), options)
}

/// The same file with texts as dictionaries, where each chunk of a column begins with one; `None`
/// when there is no such column.
pub(crate) fn with_dictionaries(metadata: &ArrowReaderMetadata) -> Option<ArrowReaderMetadata> {
    let leaves = metadata.parquet_schema();
    let is_coded = |root: usize| {
        let mut of_root =
            (0..leaves.num_columns()).filter(|&leaf| leaves.get_column_root_idx(leaf) == root);
        let groups = metadata.metadata().row_groups();
        of_root.all(|leaf| {
            groups.iter().all(|group| group.column(leaf).dictionary_page_offset().is_some())
        })
    };
    let mut found = false;
    let field = |(root, field): (usize, &FieldRef)| {
        if *field.data_type() != DataType::Utf8 || !is_coded(root) {
            return FieldRef::clone(field);
        }
        found = true;
        let kind = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        Arc::new(Field::new(field.name(), kind, field.is_nullable()))
    };
    let fields: Vec<FieldRef> = metadata.schema().fields().iter().enumerate().map(field).collect();
    let schema = Schema::new_with_metadata(fields, metadata.schema().metadata().clone());
    let options =
        ArrowReaderOptions::new().with_skip_arrow_metadata(true).with_schema(Arc::new(schema));
    let kept = ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options);
    kept.ok().filter(|_| found)
}

fn consistent(read: ParquetMetaData) -> Result<ParquetMetaData> {
    let file = read.file_metadata().clone();
    let groups = read.row_groups().iter().map(group).collect::<Result<_>>()?;
    Ok(ParquetMetaDataBuilder::new(file).set_row_groups(groups).build())
}

fn group(group: &RowGroupMetaData) -> Result<RowGroupMetaData> {
    let chunks = group.columns().iter().map(chunk).collect::<Result<_>>()?;
    group.clone().into_builder().set_column_metadata(chunks).build()
}

fn chunk(chunk: &ColumnChunkMetaData) -> Result<ColumnChunkMetaData> {
    let (data, len) = (chunk.data_page_offset(), chunk.compressed_size());
    let refuse = |why: &str| ParquetError::General(format!("{} {why}", chunk.column_path()));
    if let Some(path) = chunk.file_path().filter(|path| !path.is_empty()) {
        return Err(refuse(&format!("lies in another file, {path}")));
    }
    if data < 0 || len < 0 {
        return Err(refuse("lies outside of the file"));
    }
    // Older writers say 0 where there is no dictionary: an offset is one only before the data and
    // within the same chunk.
    let dictionary = chunk.dictionary_page_offset();
    let counts = |at: &i64| *at > 0 && *at < data && at.saturating_add(len) > data;
    chunk.clone().into_builder().set_dictionary_page_offset(dictionary.filter(counts)).build()
}
