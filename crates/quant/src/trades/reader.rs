//! [`Reader`]: the trades of one file or several, batch by batch.

use super::error::TradesError;
use super::mapping::Mapping;
use super::parquet::ParquetReader;
use super::preset::Preset;
use super::symbols::Symbols;
use super::text::TextReader;
use super::zone::Date;
use crate::table::{Format, Input, Progress};
use factord_factors::{Trade, larger_unit};
use std::path::PathBuf;

/// The most trades of a batch from text.
// 4,096: 350 KiB, which stays in the second-level cache between parsing and pushing.
pub(super) const BATCH_TRADES: usize = 4096;

/// What becomes of a trade older than the one before it of the same symbol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Late {
    /// It ends the reading.
    #[default]
    Refuse,
    /// It is given as it came.
    Take,
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
    /// The day of LOBSTER's times, by default the one in the file's name.
    pub date: Option<Date>,
    /// What becomes of late trades.
    pub late: Late,
    /// Whether quantities may be contracts, as the caller knows what those are worth.
    pub contracts: bool,
    /// Whether a file without order numbers is none to read.
    pub needs_orders: bool,
}

/// Some consecutive trades of one file.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The trades, at least one.
    pub trades: &'a [Trade],
    /// The number of each trade's symbol among the names.
    pub symbols: &'a [u32],
    /// The symbols of all files so far, in the order in which they first came.
    pub names: &'a [String],
}

/// The trades of a batch, with the numbers of their symbols.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) trades: Vec<Trade>,
    pub(super) symbols: Vec<u32>,
}

/// The trades of files that follow each other, in their order.
pub struct Reader {
    paths: Vec<PathBuf>,
    options: Options,
    symbols: Symbols,
    rows: Rows,
    /// The file after the one being read.
    next: usize,
    source: Source,
    /// Whether the file being read gave a trade, and the files that gave none.
    fruitful: bool,
    barren: Vec<PathBuf>,
    progress: Option<Progress>,
}

enum Source {
    None,
    Text(Box<TextReader>),
    Parquet(Box<ParquetReader>),
}

impl Reader {
    /// Opens the first file; the others are opened when it is their turn. `-` is stdin.
    ///
    /// # Errors
    ///
    /// [`TradesError`] when it cannot be read or understood.
    pub fn open(paths: &[PathBuf], options: &Options) -> Result<Reader, TradesError> {
        let mut reader = Reader {
            paths: paths.to_vec(),
            options: options.clone(),
            symbols: Symbols::default(),
            rows: Rows::default(),
            next: 0,
            source: Source::None,
            fruitful: true,
            barren: Vec::new(),
            progress: None,
        };
        reader.open_next()?;
        Ok(reader)
    }

    /// Opens the next file; false when there is none.
    fn open_next(&mut self) -> Result<bool, TradesError> {
        if !std::mem::replace(&mut self.fruitful, true)
            && let Some(path) = self.next.checked_sub(1).and_then(|at| self.paths.get(at))
        {
            self.barren.push(path.clone());
        }
        let Some(path) = self.paths.get(self.next) else {
            self.source = Source::None;
            return Ok(false);
        };
        self.next += 1;
        self.fruitful = false;
        let input = Input::open(path)?;
        self.progress = Some(input.progress());
        self.source = match input.format() {
            Format::Parquet => {
                self.progress = None;
                Source::Parquet(Box::new(ParquetReader::open(path, &self.options)?))
            }
            Format::Csv | Format::CsvGz => {
                Source::Text(Box::new(TextReader::open(input, &self.options)?))
            }
        };
        Ok(true)
    }

    /// Refuses a file whose first trades have times of another unit.
    fn check_unit(&self) -> Result<(), TradesError> {
        let times = self.rows.trades.iter().map(|trade| trade.ts_ns);
        match (larger_unit(times), self.rows.trades.first(), self.next.checked_sub(1)) {
            (Some((unit, _)), Some(first), Some(at)) => {
                Err(TradesError::Unit { path: self.paths[at].clone(), time: first.ts_ns, unit })
            }
            _ => Ok(()),
        }
    }

    /// Reads the next batch; `None` after the last one.
    ///
    /// # Errors
    ///
    /// [`TradesError`] names file, line or row, and column.
    pub fn next_batch(&mut self) -> Result<Option<Batch<'_>>, TradesError> {
        self.rows.trades.clear();
        self.rows.symbols.clear();
        // Bounded by the number of files and of batches without a trade.
        loop {
            let more = match &mut self.source {
                Source::None => return Ok(None),
                Source::Text(text) => text.fill(&mut self.symbols, &mut self.rows)?,
                Source::Parquet(parquet) => parquet.fill(&mut self.symbols, &mut self.rows)?,
            };
            if !self.rows.trades.is_empty() {
                if !self.fruitful {
                    self.check_unit()?;
                }
                self.fruitful = true;
                break;
            }
            if !more && !self.open_next()? {
                return Ok(None);
            }
        }
        let Rows { trades, symbols } = &self.rows;
        Ok(Some(Batch { trades, symbols, names: self.symbols.names() }))
    }

    /// The symbols seen so far, by their number.
    pub fn names(&self) -> &[String] {
        self.symbols.names()
    }

    /// The files read to their end that gave no trade.
    pub fn barren(&self) -> &[PathBuf] {
        &self.barren
    }

    /// The share that was read so far, 0 to 1; `None` when that is not known.
    pub fn progress(&self) -> Option<f64> {
        let inside = match &self.source {
            Source::None => return Some(1.0),
            Source::Text(_) => self.progress.as_ref()?.fraction()?,
            Source::Parquet(parquet) => parquet.progress().unwrap_or(0.0),
        };
        Some((self.next.saturating_sub(1) as f64 + inside) / self.paths.len() as f64)
    }
}
