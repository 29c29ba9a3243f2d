//! [`Columns`]: what each column of one file holds.

use super::contracts::is_term;
use super::error::TradesError;
use super::feeds::NOWHERE;
use super::mapping::{Key, Mapping};
use super::moment::{clock, day_of, moment};
use super::number::decimal;
use super::options::Options;
use super::preset::Preset;
use super::role::Role;
use super::symbols::Symbols;
use crate::content::shown;
use crate::simulate::{SIDE_SOURCE, SIDE_SOURCE_COLUMN};
use crate::table::TableError;
use std::path::Path;

/// The first lines of a text, or the names of a table's columns.
pub(super) struct Start {
    /// The first line, which need not be a header, or the names.
    pub(super) first: Vec<String>,
    /// The line behind it, if there is one.
    pub(super) next: Vec<String>,
    /// Whether the first are surely names.
    pub(super) named: bool,
}

/// How it is known which column is which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// By the header.
    Header,
    /// By the file's name and the form of its lines.
    Name,
    /// The caller named a preset.
    Flag,
    /// The caller said each.
    Mapping,
}

/// The columns of one file, in its order, and what all its rows share.
pub(super) struct Columns {
    pub(super) roles: Vec<Role>,
    pub(super) names: Vec<String>,
    /// Whether the first line names the columns.
    pub(super) headed: bool,
    /// The layout that was followed, and how it is known.
    pub(super) preset: Option<Preset>,
    pub(super) how: How,
    /// What prices are divided by.
    pub(super) price_divisor: f64,
    /// Whether the first row told the unit of times.
    pub(super) unit_told: bool,
    /// What is added to times.
    pub(super) offset_ns: i64,
    /// The symbol of every row, where no column says it.
    pub(super) symbol: Vec<u8>,
    /// What the quantities are, in words.
    pub(super) quantities: String,
    /// Whether the first row says that its side is simulated.
    pub(super) simulated: bool,
}

impl Columns {
    /// Tells what the columns hold.
    pub(super) fn of(
        path: &Path,
        start: &Start,
        options: &Options,
    ) -> Result<Columns, TradesError> {
        let mut columns = Columns {
            roles: vec![Role::Skip; start.first.len()],
            names: start.first.clone(),
            headed: true,
            preset: options.preset,
            how: How::Flag,
            price_divisor: 1.0,
            unit_told: false,
            offset_ns: 0,
            symbol: symbol(path, options),
            quantities: String::new(),
            simulated: false,
        };
        match &options.columns {
            Some(mapping) => {
                columns.how = How::Mapping;
                columns.map(path, mapping, start.named)?;
            }
            None => columns.lay_out(path, start, options)?,
        }
        let row = if columns.headed { &start.next } else { &start.first };
        columns.simulated = columns.headed && columns.says(row, SIDE_SOURCE_COLUMN, SIDE_SOURCE);
        columns.resolve(path, row, options)?;
        columns.refuse_contracts(path, row, options)?;
        let orders = [Role::BuyId, Role::SellId, Role::RestingId];
        if options.needs_orders && !orders.iter().any(|role| columns.roles.contains(role)) {
            return Err(TradesError::NoOrders { path: path.to_owned() });
        }
        Ok(columns)
    }

    /// Whether the column of a name holds a word in a row.
    fn says(&self, row: &[String], column: &str, word: &str) -> bool {
        let mut fields = self.names.iter().zip(row);
        fields.any(|(name, field)| name == column && field.trim() == word)
    }

    /// Follows a mapping. One of numbers means numbers, whatever the columns are called.
    fn map(&mut self, path: &Path, mapping: &Mapping, named: bool) -> Result<(), TradesError> {
        let Some(positions) = mapping.positions() else {
            let columns = mapping.columns();
            return columns
                .iter()
                .try_for_each(|(key, name)| self.name(path, key.role(), &[name], true));
        };
        let is_time = |(key, _): &&(Key, usize)| key.role().is_time();
        let time = positions.iter().find(is_time).map(|(_, at)| *at);
        let headed = named || self.counts() || time.is_none_or(|time| !self.is_value(time));
        self.number(path, positions.iter().map(|(key, at)| (key.role(), *at)), headed)
    }

    /// Follows a preset, which the header or the file's name tells if nobody else does.
    fn lay_out(
        &mut self,
        path: &Path,
        start: &Start,
        options: &Options,
    ) -> Result<(), TradesError> {
        let preset = match options.preset {
            Some(preset) => preset,
            None if !start.named && self.is_data() => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                self.how = How::Name;
                let told = Preset::of_name(&name, &start.first);
                told.ok_or_else(|| TradesError::NoHeader { path: path.to_owned() })?
            }
            None => {
                self.how = How::Header;
                let told = Preset::of_header(&self.names, &start.next, options.contracts);
                told.ok_or_else(|| self.unknown(path))?
            }
        };
        self.preset = Some(preset);
        let at_time = |column: &&super::feeds::Column| column.role.is_time();
        let position = preset.columns().iter().find(at_time).map_or(0, |column| column.position);
        let counts = self.counts();
        if preset != Preset::Common && !start.named && (counts || self.is_value(position)) {
            let wanted = preset.columns().iter().map(|column| (column.role, column.position));
            self.number(path, wanted, counts)?;
            for column in preset.columns() {
                if let Some(name) = self.names.get_mut(column.position) {
                    column.names[0].clone_into(name);
                }
            }
            return Ok(());
        }
        for column in preset.columns() {
            self.name(path, column.role, column.names, column.needed)?;
        }
        Ok(())
    }

    /// The error of a header that is nobody's.
    fn unknown(&self, path: &Path) -> TradesError {
        let found = shown(&self.names.join(","), 200);
        let mut nearly = Preset::nearly(&self.names).unwrap_or_default();
        if let ([one], "") = (&self.names[..], nearly.as_str())
            && let Some(mark) = [';', '\t', '|'].into_iter().find(|mark| one.contains(*mark))
        {
            nearly = format!(" (fields end with commas here, not with {mark:?})");
        }
        TradesError::NoPreset { path: path.to_owned(), found, nearly }
    }

    /// Whether the first line counts the columns, from 0 or 1, as tables do whose columns were
    /// given no names.
    fn counts(&self) -> bool {
        let counts_from = |first: usize| {
            let mut numbered = self.names.iter().zip(first..);
            numbered.all(|(name, at)| *name == at.to_string())
        };
        self.names.len() > 1 && (counts_from(0) || counts_from(1))
    }

    /// Whether the first line is data: no header holds a time, or numbers in most of its fields.
    fn is_data(&self) -> bool {
        let times = |name: &String| moment(name.as_bytes()).is_some();
        let numbers = self.names.iter().filter(|name| decimal(name.as_bytes()).is_some()).count();
        !self.counts() && (self.names.iter().any(times) || 2 * numbers > self.names.len())
    }

    /// Whether a field of the first line is a number or a time.
    fn is_value(&self, position: usize) -> bool {
        let is = |field: &String| {
            let field = field.as_bytes();
            let text = moment(field).is_some() || clock(field).is_some() || day_of(field).is_some();
            text || decimal(field).is_some()
        };
        self.names.get(position).is_some_and(is)
    }

    /// Gives columns their roles by their number.
    fn number(
        &mut self,
        path: &Path,
        wanted: impl Iterator<Item = (Role, usize)>,
        headed: bool,
    ) -> Result<(), TradesError> {
        self.headed = headed;
        for (role, at) in wanted.filter(|(_, at)| *at != NOWHERE) {
            let columns = self.roles.len();
            let Some(place) = self.roles.get_mut(at) else {
                return Err(TradesError::NoPosition {
                    path: path.to_owned(),
                    column: at + 1,
                    columns,
                });
            };
            *place = role;
        }
        if !self.headed {
            self.names = (1..=self.roles.len()).map(|number| number.to_string()).collect();
        }
        Ok(())
    }

    /// Gives the column of one of these names its role.
    fn name(
        &mut self,
        path: &Path,
        role: Role,
        names: &[impl AsRef<str>],
        needed: bool,
    ) -> Result<(), TradesError> {
        let path = || path.to_owned();
        let is_it = |found: &String| names.iter().any(|name| name.as_ref() == found);
        let mut found = self.names.iter().enumerate().filter(|(_, name)| is_it(name));
        let Some((at, _)) = found.next() else {
            if !needed {
                return Ok(());
            }
            let name = names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" or ");
            let found = shown(&self.names.join(", "), 200);
            return Err(TableError::NoColumn { path: path(), name, found }.into());
        };
        if let Some((twice, name)) = found.next() {
            let (column, name) = (twice + 1, name.clone());
            return Err(TableError::Twice { path: path(), column, name }.into());
        }
        self.roles[at] = role;
        Ok(())
    }

    /// The symbol's number for all rows; where a column says it, any number, for it is replaced.
    pub(super) fn unnamed(&self, symbols: &mut Symbols) -> u32 {
        if self.names_symbol() { 0 } else { symbols.number(&self.symbol) }
    }

    /// Whether a column says the symbol.
    pub(super) fn names_symbol(&self) -> bool {
        self.roles.contains(&Role::Symbol)
    }

    /// Where the column of a role is.
    pub(super) fn find(&self, is: impl Fn(Role) -> bool) -> Option<usize> {
        self.roles.iter().position(|role| is(*role))
    }

    /// The column that says when, for messages.
    pub(super) fn time(&self) -> usize {
        self.find(Role::is_time).unwrap_or(0)
    }
}

/// The symbol that the caller or the file's name says: what stands before the first `-` or `_`.
fn symbol(path: &Path, options: &Options) -> Vec<u8> {
    if let Some(symbol) = &options.symbol {
        return symbol.clone().into_bytes();
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut name: &str = if path == Path::new("-") { "stdin" } else { &name };
    for ending in [
        ".gz", ".zip", ".zst", ".xz", ".bz2", ".csv", ".txt", ".parquet", ".pq", ".feather",
        ".arrow", ".ipc",
    ] {
        name = name.strip_suffix(ending).unwrap_or(name);
    }
    let symbol = name.split(['-', '_']).next().unwrap_or(name);
    // A term belongs to the symbol: `BTCUSD_PERP`.
    let term =
        name[symbol.len()..].strip_prefix('_').and_then(|rest| rest.split(['-', '_']).next());
    let len = symbol.len() + term.filter(|term| is_term(term)).map_or(0, |term| 1 + term.len());
    name.as_bytes()[..len].to_vec()
}
