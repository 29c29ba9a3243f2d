//! Column chunks on their way from one Parquet file into another.

use crate::table::Pages;
use parquet::basic::{ColumnOrder, Compression, SortOrder};
use parquet::column::page::PageReader;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, FileMetaData};
use parquet::file::serialized_reader::SerializedPageReader;
use std::sync::Arc;

/// The description of a chunk that lay at `from` and now lies at `to`. Indexes and filters next to
/// it are left behind.
pub(super) fn moved(
    chunk: &ColumnChunkMetaData,
    from: u64,
    to: u64,
) -> Result<ColumnChunkMetaData> {
    let here = |offset: i64| offset - from.cast_signed() + to.cast_signed();
    let moved = chunk.clone().into_builder();
    moved
        .set_data_page_offset(here(chunk.data_page_offset()))
        .set_dictionary_page_offset(chunk.dictionary_page_offset().map(here))
        .set_index_page_offset(None)
        .set_bloom_filter_offset(None)
        .set_bloom_filter_length(None)
        .set_offset_index_offset(None)
        .set_offset_index_length(None)
        .set_column_index_offset(None)
        .set_column_index_length(None)
        .build()
}

/// The description of a chunk of the input without what the output's footer cannot vouch for: it
/// says that all statistics are in the order of their types, and another writer's name, by which
/// readers tell whose older statistics to trust.
pub(super) fn vouched(
    chunk: ColumnChunkMetaData,
    file: &FileMetaData,
    leaf: usize,
) -> Result<ColumnChunkMetaData> {
    let in_order = match file.column_orders().and_then(|orders| orders.get(leaf)) {
        Some(ColumnOrder::TYPE_DEFINED_ORDER(order)) => *order != SortOrder::UNDEFINED,
        _ => false,
    };
    match chunk.statistics() {
        Some(known) if !in_order || known.is_min_max_deprecated() => {
            chunk.into_builder().clear_statistics().build()
        }
        _ => Ok(chunk),
    }
}

/// Follows the pages of a chunk from one to the next, without decompressing them: bytes that are
/// not pages, such as those of an encrypted column, must not be copied under a footer that says
/// they are.
pub(super) fn check(pages: &Pages, chunk: &ColumnChunkMetaData, rows: i64) -> Result<()> {
    let refuse = |why: String| Err(ParquetError::General(format!("{} {why}", chunk.column_path())));
    let total = usize::try_from(rows).unwrap_or(usize::MAX);
    // Nothing is unpacked, so that the codec need not be known.
    let plain = chunk.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build()?;
    let mut pages = SerializedPageReader::new(Arc::new(pages.clone()), &plain, total, None)?;
    let mut found = 0;
    // Bounded by the chunk: every page takes bytes of it.
    while let Some(page) = pages.peek_next_page()? {
        if !page.is_dict {
            found += page.num_levels.or(page.num_rows).unwrap_or(0) as u64;
        }
        pages.skip_next_page()?;
    }
    let promised = chunk.num_values().unsigned_abs();
    let flat = chunk.column_descr().max_rep_level() == 0;
    if found != promised || flat && promised != rows.unsigned_abs() {
        return refuse(format!("has {found} values where its footer says {promised}"));
    }
    Ok(())
}
