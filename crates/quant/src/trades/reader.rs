//! [`Reader`]: the trades of one file or several, chunk by chunk.

use super::chunk::{TradeBuffer, TradeChunk};
use super::error::TradesError;
use super::options::Options;
use super::parquet::ParquetReader;
use super::symbols::Symbols;
use super::text::TextReader;
use crate::table::{Format, Input, Progress};
use factord_factors::larger_unit;
use std::path::PathBuf;

/// The trades of files that follow each other, in their order.
pub struct Reader {
    paths: Vec<PathBuf>,
    options: Options,
    symbols: Symbols,
    buffer: TradeBuffer,
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
            buffer: TradeBuffer::default(),
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
        let times = self.buffer.trades.iter().map(|trade| trade.ts_ns);
        match (larger_unit(times), self.buffer.trades.first(), self.next.checked_sub(1)) {
            (Some((unit, _)), Some(first), Some(at)) => {
                Err(TradesError::Unit { path: self.paths[at].clone(), time: first.ts_ns, unit })
            }
            _ => Ok(()),
        }
    }

    /// Reads the next chunk; `None` after the last one.
    ///
    /// # Errors
    ///
    /// [`TradesError`] names file, line or row, and column.
    pub fn next_chunk(&mut self) -> Result<Option<TradeChunk<'_>>, TradesError> {
        self.buffer.trades.clear();
        self.buffer.symbols.clear();
        // Bounded by the number of files and of chunks without a trade.
        loop {
            let more = match &mut self.source {
                Source::None => return Ok(None),
                Source::Text(text) => text.fill(&mut self.symbols, &mut self.buffer)?,
                Source::Parquet(parquet) => parquet.fill(&mut self.symbols, &mut self.buffer)?,
            };
            if !self.buffer.trades.is_empty() {
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
        let TradeBuffer { trades, symbols } = &self.buffer;
        Ok(Some(TradeChunk { trades, symbols, names: self.symbols.names() }))
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
