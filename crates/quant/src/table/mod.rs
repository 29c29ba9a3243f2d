//! Feature tables in files: read in chunks, written whole or not at all. Those that a caller holds
//! in memory as Arrow batches are read in the same chunks, without copies of their numbers.
//!
//! A table has named columns and one row a window. It is text, packed or not, Parquet or Arrow,
//! which [`content`](crate::content) tells by the bytes; what is written is told by the end of the
//! name. A [`Chunk`] is arrow's own
//! [`RecordBatch`], of at most [`CHUNK_ROWS`] rows, always in the order of the file; memory does
//! not grow with it. A fault names the file, the line (in Parquet the row) and the column.
//!
//! This module never evaluates a model and never prints. Factors, training, scoring and evaluation
//! read and write through it:
//!
//! ```no_run
//! use factord_quant::table::{Reader, Want};
//! # use std::path::Path;
//! let wanted = [Want::float("buy_rate"), Want::float("large_buy"), Want::text("symbol")];
//! let mut reader = Reader::open(Path::new("features.parquet"), &wanted)?;
//! while let Some(chunk) = reader.next_chunk()? {
//!     let (buy, large, symbols) = (chunk.floats(0), chunk.floats(1), chunk.texts(2));
//!     for row in 0..chunk.len() {
//!         println!("{} {} {} {}", chunk.place(row), symbols.value(row), buy[row], large[row]);
//!     }
//! }
//! // A second pass opens the files again.
//! reader.rewind()?;
//! # Ok::<(), factord_quant::table::TableError>(())
//! ```
//!
//! [`RecordBatch`]: arrow_array::RecordBatch

mod arrow_check;
mod chunk;
mod column_reader;
mod columnar;
mod convert;
mod csv_rows;
mod digits;
mod error;
mod field;
mod footer;
mod input;
mod line_ends;
mod memory;
mod notes;
mod output;
mod pages;
mod plain_rows;
mod reader;
mod row_groups;
pub(crate) mod scan;
mod shortest;
mod stops;
mod text_blocks;
mod text_piece;
mod text_reader;
mod text_writer;
mod whole_lines;
mod writer;

pub(crate) use columnar::{Columnar, at};
pub(crate) use convert::{Misfit, floats, integers, is_integer, is_number, is_text, texts};
pub(crate) use footer::footer;
pub(crate) use notes::Note;
pub(crate) use pages::Pages;
pub(crate) use plain_rows::PlainRows;
pub(crate) use row_groups::{Column, Packed, RowGroups};
pub(crate) use shortest::push_float;
pub(crate) use stops::Stops;
pub(crate) use text_writer::{header, rows};
pub(crate) use whole_lines::{Text, WholeLines};
pub(crate) use writer::{failed, properties};

pub use chunk::{At, CHUNK_ROWS, Chunk, Place, Type};
pub use csv_rows::CsvRows;
pub use error::TableError;
pub(crate) use input::unreadable;
pub use input::{Format, Input};
pub use line_ends::LineEnds;
pub use memory::{Memory, Stored};
pub use output::{Output, OutputError};
pub use reader::{Reader, Table, Want};
pub use writer::{Compression, Writer, WriterOptions, is_parquet};
