//! [`ColumnReader`]: trades from the columns of Parquet and Arrow files.

use super::cells::{Refused, Texts, fits, text_of};
use super::columns::{Columns, Start};
use super::error::TradesError;
use super::filter::Filter;
use super::options::Options;
use super::pieces::{Failure, Form, PIECE_ROWS, Piece, Pieces, is_sound};
use super::role::Role;
use super::symbols::Symbols;
use super::times;
use crate::content::shown;
use crate::features::TradeBuffer;
use crate::table::{Columnar, Input, TableError, at};
use arrow_array::RecordBatch;
use factord_factors::Trade;
use std::path::Path;
use std::sync::Arc;

/// One file being read.
pub(super) struct ColumnReader {
    path: Arc<Path>,
    columns: Columns,
    /// What the columns read hold.
    roles: Vec<Role>,
    pieces: Pieces,
    filter: Filter,
    progress: f64,
}

impl ColumnReader {
    pub(super) fn open(input: Input, options: &Options) -> Result<ColumnReader, TradesError> {
        let mut columnar = Columnar::open(input)?;
        let path = Arc::clone(columnar.path());
        let next = first_row(&path)?;
        let start = Start { first: columnar.names().to_vec(), next, named: true };
        let columns = Columns::of(&path, &start, options)?;
        let roles = columns.roles.iter().enumerate();
        let wanted: Vec<_> =
            roles.filter(|(_, role)| **role != Role::Skip).map(|(at, role)| (*role, at)).collect();
        for &(role, at) in &wanted {
            let field = columnar.schema().field(at);
            fits(field.data_type(), role).map_err(|expected| TableError::Type {
                path: path.to_path_buf(),
                column: at + 1,
                name: field.name().clone(),
                found: field.data_type().to_string(),
                expected,
            })?;
        }
        let roots: Vec<usize> = wanted.iter().map(|(_, at)| *at).collect();
        columnar.keep_dictionaries();
        columnar.select(&roots, PIECE_ROWS)?;
        let filter = Filter::of(options, columns.names_symbol());
        let roles = wanted.iter().map(|(role, _)| *role).collect();
        let (price_divisor, offset_ns) = (columns.price_divisor, columns.offset_ns);
        let pieces = Pieces::new(columnar, Form { wanted, price_divisor, offset_ns });
        Ok(ColumnReader { path, columns, roles, pieces, filter, progress: 0.0 })
    }

    pub(super) fn columns(&self) -> &Columns {
        &self.columns
    }

    pub(super) fn progress(&self) -> f64 {
        self.progress
    }

    /// Fills the buffer with the next rows; false at the end of the file.
    pub(super) fn fill(
        &mut self,
        symbols: &mut Symbols,
        buffer: &mut TradeBuffer,
    ) -> Result<bool, TradesError> {
        let unnamed = self.columns.unnamed(symbols);
        let piece = match self.pieces.next() {
            Ok(Some(piece)) => piece,
            Ok(None) => return Ok(false),
            Err(Failure::Table(error)) => return Err(error.into()),
            Err(Failure::Refused(first, role, column, refused)) => {
                return Err(self.refused(first, role, column, refused));
            }
        };
        self.progress = piece.progress;
        let Piece { first, read, mut trades, sound, kept, symbols: said, .. } = piece;
        // Of each text, once it came; the symbols are numbered in the order of the rows.
        let mut numbers = vec![None; said.as_ref().map_or(0, Texts::coded_count)];
        // Those that are kept move to the front.
        let mut count = 0;
        for row in 0..trades.len() {
            if kept.as_ref().is_some_and(|kept| !kept[row]) {
                continue;
            }
            let symbol = match &said {
                None => unnamed,
                Some(Texts::Each(texts)) => symbols.number(texts.value(row).as_bytes()),
                Some(Texts::Coded(places, texts)) => {
                    let number = || symbols.number(texts.value(places[row]).as_bytes());
                    *numbers[places[row]].get_or_insert_with(number)
                }
            };
            let place = || at(&self.path, first + row as u64);
            if !sound && !is_sound(&trades[row]) {
                return Err(self.unsound(&read, (first, row), &trades[row]));
            }
            let keeps = self.filter.keeps(&trades[row], symbol, symbols);
            if keeps.map_err(|late| late.at(place(), &self.columns, symbols))? {
                if count < row {
                    trades[count] = trades[row];
                }
                count += 1;
                buffer.symbols.push(symbol);
            }
        }
        trades.truncate(count);
        if buffer.trades.is_empty() {
            buffer.trades = trades;
        } else {
            buffer.trades.append(&mut trades);
        }
        Ok(true)
    }

    /// The error of a trade whose price or quantity is no number, or whose time is not of our days.
    #[cold]
    fn unsound(
        &self,
        read: &RecordBatch,
        (first, row): (u64, usize),
        trade: &Trade,
    ) -> TradesError {
        if trade.price.is_finite() && trade.qty.is_finite() {
            let (place, value) = (at(&self.path, first + row as u64), self.shown(read, row));
            return times::refused(place, &self.columns, value, trade.ts_ns);
        }
        let (value, role) = match trade.price.is_finite() {
            true => (trade.qty, Role::Qty),
            false => (trade.price, Role::Price),
        };
        let is_it = |found: Role| found == role || found.is_price() && role.is_price();
        let column = self.columns.find(is_it).unwrap_or(0);
        self.refused(first, role, column, Refused { row, value: value.to_string() })
    }

    #[cold]
    fn refused(&self, first: u64, role: Role, column: usize, refused: Refused) -> TradesError {
        TradesError::Value {
            place: at(&self.path, first + refused.row as u64),
            column: column + 1,
            name: self.columns.names[column].clone(),
            value: shown(refused.value.trim(), 40),
            expected: role.expected(),
        }
    }

    /// The time of a row as it stands in the file.
    #[cold]
    fn shown(&self, read: &RecordBatch, row: usize) -> String {
        let Some(column) = self.roles.iter().position(|role| role.is_time()) else {
            return String::new();
        };
        text_of(read.column(column), row)
    }
}

/// The first row of a file, as text, for what it tells of all.
fn first_row(path: &Path) -> Result<Vec<String>, TradesError> {
    let mut columnar = Columnar::open(Input::open(path)?)?;
    let all: Vec<usize> = (0..columnar.names().len()).collect();
    columnar.select(&all, 1)?;
    let Some((_, read)) = columnar.next_rows()? else { return Ok(Vec::new()) };
    Ok(read.columns().iter().map(|array| text_of(array, 0)).collect())
}
