//! Trade files: text, Parquet and Arrow in, chunks of [`Trade`]s out.
//!
//! Which column holds what is said by a [`Preset`], which a header makes itself known by, or by a
//! [`Mapping`] of the caller's; units and the like are told by the first row, and hold for all.
//! Text is decompressed in a separate thread during parsing, and memory does not grow with the
//! file, unless it is put in order. A fault names the file, the line and the column; the trades
//! before it were given, those after it never are. This module computes no factors: `factord
//! factors` and `factord replay` push what it reads.
//!
//! [`Trade`]: factord_factors::Trade

mod ahead;
mod cells;
mod chunk;
mod column_reader;
mod columns;
mod contracts;
mod error;
mod feeds;
mod fields;
mod filter;
mod lines;
mod mapping;
mod moment;
mod number;
mod options;
mod order;
mod pieces;
mod preset;
mod reader;
mod resolve;
mod role;
mod symbols;
mod text;
mod times;
mod understood;
mod zone;

pub use chunk::TradeChunk;
pub use contracts::is_inverse;
pub use error::TradesError;
pub use mapping::{Key, Mapping, ParseMappingError};
pub use options::{Late, Options, Order};
pub use order::{Seen, Steps};
pub use preset::{ParsePresetError, Preset};
pub use reader::Reader;
pub use understood::Understood;
pub use zone::{Date, ParseDateError, ParseUtcOffsetError, UtcOffset};
