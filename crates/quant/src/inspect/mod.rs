//! What a file is and how it is understood, read to its end: trades, tables, and the rest by name.
//!
//! [`inspect`] reads as the tools do, so that what it says is what they do. Models are only named:
//! who calls it asks the crate of models. Nothing is written, and memory does not grow with a file.

mod table;
mod trades;

pub use table::{Column, TableSeen};
pub use trades::TradesSeen;

use crate::content::{Content, ContentError, Kind, Opened};
use crate::table::Input;
use crate::trades::{Options, Preset, TradesError};
use std::path::Path;

/// How many rows are shown.
pub const SHOWN_ROWS: usize = 5;

/// What a file turned out to be.
#[derive(Debug)]
pub enum Inspection {
    /// Trades that can be read.
    Trades(Box<TradesSeen>),
    /// A table that holds no trades, or none whose columns are known; why, if it seems to.
    Table(Box<TableSeen>),
    /// A model of this kind.
    Model(Content),
    /// Nothing that is read; the sentence says what, and the way out.
    Other(Content, String),
}

/// Looks into a file; `options` are how trades would be read.
///
/// # Errors
///
/// [`ContentError`] when it cannot be opened or unpacked, or is empty.
pub fn inspect(path: &Path, options: &Options) -> Result<Inspection, ContentError> {
    let opened = Opened::open(path)?;
    let content = opened.content().clone();
    if let Kind::Model(_) = content.kind {
        return Ok(Inspection::Model(content));
    }
    if let Err(error) = opened.require_table() {
        return Ok(Inspection::Other(content, error.to_string()));
    }
    drop(opened);
    let refused = match TradesSeen::read(path, options) {
        Ok(seen) => return Ok(Inspection::Trades(Box::new(seen))),
        Err(TradesError::Contracts { why, flags, .. }) => {
            // They are trades, of which the caller of `factors` has to say one thing more.
            let told = Options { contracts: true, ..options.clone() };
            match TradesSeen::read(path, &told) {
                Ok(mut seen) => {
                    seen.understood.quantities = format!("contracts ({why}): give {flags}");
                    return Ok(Inspection::Trades(Box::new(seen)));
                }
                Err(error) => error,
            }
        }
        // Times, prices and quantities by names that leave no doubt, and a side that does.
        Err(error @ TradesError::NoPreset { .. }) if !asked(options) => {
            let plain = Options { preset: Some(Preset::Plain), ..options.clone() };
            match TradesSeen::read(path, &plain) {
                Ok(mut seen) => {
                    seen.understood.by = "by names alone";
                    seen.understood.aggressor = error.to_string();
                    return Ok(Inspection::Trades(Box::new(seen)));
                }
                Err(_) => error,
            }
        }
        // What is below a header is none of its names.
        Err(error @ TradesError::NoHeader { .. }) => {
            return Ok(Inspection::Other(content, error.to_string()));
        }
        Err(error) => error,
    };
    // A feature table is none of trades, and needs no word on why.
    let table = Input::open(path).and_then(TableSeen::read);
    match table {
        Ok(mut seen) => {
            if !seen.is_features() || asked(options) {
                seen.no_trades = Some(refused.to_string());
            }
            Ok(Inspection::Table(Box::new(seen)))
        }
        Err(error) => {
            let why = match refused {
                TradesError::NoPreset { .. } => error.to_string(),
                refused => format!("{refused}; as a table: {error}"),
            };
            Ok(Inspection::Other(content, why))
        }
    }
}

/// Whether the caller says how trades are to be read.
fn asked(options: &Options) -> bool {
    options.preset.is_some() || options.columns.is_some()
}
