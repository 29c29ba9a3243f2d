//! [`Reader`]: the trades of one file or several, chunk by chunk.

use super::chunk::{CHUNK_TRADES, TradeChunk};
use super::column_reader::ColumnReader;
use super::columns::Columns;
use super::error::TradesError;
use super::options::{Late, Options, Order};
use super::order::{self, HELD_MAX, Steps};
use super::symbols::Symbols;
use super::text::TextReader;
use super::understood::Understood;
use crate::content::Progress;
use crate::features::TradeBuffer;
use crate::table::{Format, Input};
use factord_factors::Stated;
use std::path::{Path, PathBuf};

/// The most trades that are looked at for an order.
const LOOKED_MAX: u64 = 1 << 20;

/// The trades of files that follow each other, in their order.
pub struct Reader {
    paths: Vec<PathBuf>,
    options: Options,
    symbols: Symbols,
    buffer: TradeBuffer,
    /// The file after the one being read.
    next: usize,
    source: Source,
    understood: Vec<Understood>,
    /// A file that was put in order, and how much of it was given.
    held: TradeBuffer,
    given: usize,
    /// Whether the file being read gave a trade, and the files that gave none.
    fruitful: bool,
    barren: Vec<PathBuf>,
    progress: Option<Progress>,
}

enum Source {
    None,
    Text(Box<TextReader>),
    Columns(Box<ColumnReader>),
}

impl Source {
    fn columns(&self) -> Option<&Columns> {
        match self {
            Source::None => None,
            Source::Text(text) => Some(text.columns()),
            Source::Columns(columns) => Some(columns.columns()),
        }
    }

    fn fill(
        &mut self,
        symbols: &mut Symbols,
        buffer: &mut TradeBuffer,
    ) -> Result<bool, TradesError> {
        match self {
            Source::None => Ok(false),
            Source::Text(text) => text.fill(symbols, buffer),
            Source::Columns(columns) => columns.fill(symbols, buffer),
        }
    }
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
            understood: Vec::new(),
            held: TradeBuffer::default(),
            given: 0,
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
        let (path, content) = (input.path().clone(), input.content().clone());
        self.progress = (input.format() == Format::Csv).then(|| input.progress());
        self.source = source(input, &self.options)?;
        if let Some(columns) = self.source.columns() {
            self.understood.push(Understood::of(&path, &content, columns));
        }
        if self.options.order != Order::OldestFirst {
            self.hold(&path)?;
        }
        Ok(true)
    }

    /// Reads the whole file and puts it in order.
    fn hold(&mut self, path: &Path) -> Result<(), TradesError> {
        self.held = TradeBuffer::default();
        self.given = 0;
        let before = self.symbols.times().to_vec();
        let mut chunk = TradeBuffer::default();
        // Bounded by what may be held.
        loop {
            let more = self.source.fill(&mut self.symbols, &mut chunk)?;
            self.held.trades.append(&mut chunk.trades);
            self.held.symbols.append(&mut chunk.symbols);
            if self.held.trades.len() > HELD_MAX {
                return Err(TradesError::TooMany { path: path.to_owned(), max: HELD_MAX });
            }
            if !more {
                break;
            }
        }
        order::put(&mut self.held, self.options.order);
        self.symbols.set_times(before);
        Ok(())
    }

    /// Reads some trades; false after the file's last ones.
    fn fill(&mut self) -> Result<bool, TradesError> {
        if self.options.order == Order::OldestFirst {
            return self.source.fill(&mut self.symbols, &mut self.buffer);
        }
        let until = self.held.trades.len().min(self.given + CHUNK_TRADES);
        for at in std::mem::replace(&mut self.given, until)..until {
            let (trade, symbol) = (self.held.trades[at], self.held.symbols[at]);
            if let Some(from_ns) = self.symbols.later_than(symbol, trade.ts_ns)
                && self.options.late == Late::Refuse
            {
                let (path, name) = (self.path(), self.symbols.names()[symbol as usize].clone());
                let to_ns = trade.ts_ns;
                return Err(TradesError::Back { path, symbol: name, from_ns, to_ns });
            }
            self.buffer.trades.push(trade);
            self.buffer.symbols.push(symbol);
        }
        Ok(until < self.held.trades.len())
    }

    /// The file being read.
    fn path(&self) -> PathBuf {
        let at = self.next.checked_sub(1).and_then(|at| self.paths.get(at));
        at.cloned().unwrap_or_default()
    }

    /// Reads the next chunk; `None` after the last one.
    ///
    /// # Errors
    ///
    /// [`TradesError`] names file, line or row, and column.
    pub fn next_chunk(&mut self) -> Result<Option<TradeChunk<'_>>, TradesError> {
        if !self.read_chunk()? {
            return Ok(None);
        }
        let TradeBuffer { trades, symbols } = &self.buffer;
        Ok(Some(TradeChunk { trades, symbols, names: self.symbols.names() }))
    }

    /// Reads the next chunk into a buffer, whose memory is used again; false after the last one.
    ///
    /// # Errors
    ///
    /// [`TradesError`] names file, line or row, and column.
    pub fn next_into(&mut self, buffer: &mut TradeBuffer) -> Result<bool, TradesError> {
        std::mem::swap(&mut self.buffer, buffer);
        let more = self.read_chunk()?;
        std::mem::swap(&mut self.buffer, buffer);
        Ok(more)
    }

    /// Fills the buffer with at least one trade; false after the last one.
    fn read_chunk(&mut self) -> Result<bool, TradesError> {
        self.buffer.trades.clear();
        self.buffer.symbols.clear();
        // Bounded by the number of files and of chunks without a trade.
        loop {
            if matches!(self.source, Source::None) {
                return Ok(false);
            }
            let more = match self.fill() {
                Err(late @ TradesError::Late { .. }) => return Err(self.with_advice(late)),
                filled => filled?,
            };
            if !self.buffer.trades.is_empty() {
                self.fruitful = true;
                return Ok(true);
            }
            if !more && !self.open_next()? {
                return Ok(false);
            }
        }
    }

    /// Says of a file out of order which order it has.
    #[cold]
    fn with_advice(&self, late: TradesError) -> TradesError {
        let options = Options { late: Late::Take, ..self.options.clone() };
        // What cannot be read again, or not to its end, keeps the advice it has.
        let steps = Reader::open(&[self.path()], &options).and_then(|mut reader| {
            let mut steps = Steps::default();
            while let Some(chunk) = reader.next_chunk()?
                && steps.older().0 < LOOKED_MAX
            {
                let trades = chunk.trades.iter().zip(chunk.symbols);
                trades.for_each(|(trade, symbol)| steps.add(*symbol, trade.ts_ns));
            }
            Ok(steps)
        });
        let again = self.path().is_file();
        match (late, steps) {
            (TradesError::Late { place, column, name, symbol, from_ns, to_ns, .. }, Ok(steps))
                if again && steps.older().1 > 0 =>
            {
                let order = steps.advice().into();
                TradesError::Late { place, column, name, symbol, from_ns, to_ns, order }
            }
            (late, _) => late,
        }
    }

    /// The symbols seen so far, by their number.
    pub fn names(&self) -> &[String] {
        self.symbols.names()
    }

    /// What was understood of the files opened so far.
    pub fn understood(&self) -> &[Understood] {
        &self.understood
    }

    /// States in what travels with a table made from these files how many of them are simulated.
    pub fn state_data(&self, stated: &mut Stated) {
        let simulated = self.understood.iter().filter(|file| file.simulated).count();
        stated.put_simulated(simulated, self.understood.len());
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
            Source::Columns(columns) => columns.progress(),
        };
        Some((self.next.saturating_sub(1) as f64 + inside) / self.paths.len() as f64)
    }
}

fn source(input: Input, options: &Options) -> Result<Source, TradesError> {
    Ok(match input.format() {
        Format::Csv => Source::Text(Box::new(TextReader::open(input, options)?)),
        Format::Parquet | Format::Arrow => {
            Source::Columns(Box::new(ColumnReader::open(input, options)?))
        }
    })
}
