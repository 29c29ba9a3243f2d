//! Trade files: CSV, gzipped CSV and Parquet in, chunks of [`Trade`]s out.
//!
//! Which column holds what is said by a [`Preset`], which a header makes itself known by, or by a
//! [`Mapping`] of the caller's. Text is decompressed in a separate thread during parsing, and
//! memory does not grow with the file. A fault names the file, the line and the column; the trades
//! before it were given, those after it never are. This module computes no factors: `factord
//! factors` and `factord replay` push what it reads.
//!
//! [`Trade`]: factord_factors::Trade

mod ahead;
mod chunk;
mod columns;
mod contracts;
mod error;
mod fields;
mod filter;
mod lines;
mod mapping;
mod number;
mod options;
mod parquet;
mod preset;
mod reader;
mod role;
mod symbols;
mod text;
mod zone;

pub use chunk::TradeChunk;
pub use contracts::is_inverse;
pub use error::TradesError;
pub use mapping::{Key, Mapping, ParseMappingError};
pub use options::{Late, Options};
pub use preset::{ParsePresetError, Preset};
pub use reader::Reader;
pub use zone::{Date, ParseDateError};
