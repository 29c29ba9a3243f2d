//! [`Options`]: how files are read.

use super::mapping::Mapping;
use super::preset::Preset;
use super::zone::{Date, UtcOffset};

/// What becomes of a trade older than the one before it of the same symbol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Late {
    /// It ends the reading.
    #[default]
    Refuse,
    /// It is given as it came.
    Take,
}

/// In which order the trades of a file stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As they happened.
    #[default]
    OldestFirst,
    /// The other way round: the file is held, and given from its end.
    NewestFirst,
    /// In none: the file is held, and sorted by time.
    Any,
}

/// How files are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The layout; by default the one that the header makes itself known by.
    pub preset: Option<Preset>,
    /// The columns, in place of a layout.
    pub columns: Option<Mapping>,
    /// The symbol of files that name none, by default what their own name starts with; of files
    /// that name symbols, the only one whose trades are given.
    pub symbol: Option<String>,
    /// The day of times that say none, by default the one in the file's name.
    pub date: Option<Date>,
    /// How far local times are ahead of UTC, by default as the feed has it, else 0.
    pub utc_offset: Option<UtcOffset>,
    /// In which order trades stand.
    pub order: Order,
    /// What becomes of late trades.
    pub late: Late,
    /// Whether quantities may be contracts, as the caller knows what those are worth.
    pub contracts: bool,
    /// Whether a file without order numbers is none to read.
    pub needs_orders: bool,
}
