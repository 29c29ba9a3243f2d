//! [`Columns`]: what each column of one file holds.

use super::error::TradesError;
use super::number::{TimeUnit, time};
use super::preset::Preset;
use super::reader::Options;
use super::symbols::Symbols;
use super::zone::Date;
use crate::table::TableError;
use std::path::Path;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Skip,
    Time(TimeUnit),
    Symbol,
    Price,
    Qty,
    Side,
    BuyerMaker,
    BuyId,
    SellId,
    Bid,
    Ask,
    /// LOBSTER: what kind of message.
    Kind,
    /// LOBSTER: the number of the order that was there.
    RestingId,
    /// LOBSTER: the side of the order that was there.
    RestingSide,
}

impl Role {
    /// What is looked for, for messages.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Role::Skip | Role::Symbol => "text",
            Role::Time(_) => "a time",
            Role::Price | Role::Qty | Role::Bid | Role::Ask => "a number",
            Role::Side => "an aggressor: B, S, N, or nothing",
            Role::BuyerMaker => "true or false",
            Role::BuyId | Role::SellId | Role::RestingId => "an order number",
            Role::Kind => "a kind of message",
            Role::RestingSide => "a direction: 1 or -1",
        }
    }
}

/// The columns of one file, in its order, and what all its rows share.
pub(super) struct Columns {
    pub(super) roles: Vec<Role>,
    pub(super) names: Vec<String>,
    /// Whether the first line names the columns.
    pub(super) headed: bool,
    /// What prices are divided by.
    pub(super) price_divisor: f64,
    /// What is added to times.
    pub(super) offset_ns: i64,
    /// The symbol of every row, where no column says it.
    pub(super) symbol: Vec<u8>,
}

impl Columns {
    /// Tells what the columns hold by the first line of a file.
    pub(super) fn of(
        path: &Path,
        first: Vec<String>,
        options: &Options,
    ) -> Result<Columns, TradesError> {
        let mut columns = Columns {
            roles: vec![Role::Skip; first.len()],
            names: first,
            headed: true,
            price_divisor: 1.0,
            offset_ns: 0,
            symbol: symbol(path, options),
        };
        if let Some(mapping) = &options.columns {
            match mapping.positions() {
                Some(positions) => {
                    let wanted = positions.iter().map(|(key, at)| (key.role(), *at));
                    columns.number(path, wanted)?;
                }
                None => {
                    for (key, name) in mapping.columns() {
                        columns.name(path, key.role(), &[name], true)?;
                    }
                }
            }
            return Ok(columns);
        }
        let preset = match options.preset.or_else(|| Preset::of_header(&columns.names)) {
            Some(preset) => preset,
            None => {
                let found = columns.names.join(",").chars().take(200).collect();
                let nearly = Preset::nearly(&columns.names).unwrap_or_default();
                return Err(TradesError::NoPreset { path: path.to_owned(), found, nearly });
            }
        };
        if preset == Preset::Lobster {
            columns.price_divisor = 10_000.0;
            let date = options.date.or_else(|| Date::in_name(&path.file_name()?.to_string_lossy()));
            let date = date.ok_or_else(|| TradesError::NoDate { path: path.to_owned() })?;
            columns.offset_ns = date.midnight_in_new_york_ns();
        }
        let at_time = |column: &&super::preset::Column| matches!(column.role, Role::Time(_));
        let position = preset.columns().iter().find(at_time).map_or(0, |column| column.position);
        if preset != Preset::Common && columns.is_number(position) {
            let wanted = preset.columns().iter().map(|column| (column.role, column.position));
            columns.number(path, wanted)?;
            for column in preset.columns() {
                columns.names[column.position] = column.names[0].to_owned();
            }
            return Ok(columns);
        }
        for column in preset.columns() {
            columns.name(path, column.role, column.names, column.needed)?;
        }
        Ok(columns)
    }

    /// Whether a field of the first line is a number.
    fn is_number(&self, position: usize) -> bool {
        let field = self.names.get(position);
        field.is_some_and(|field| time(field.as_bytes(), TimeUnit::Nanoseconds).is_some())
    }

    /// Gives columns their roles by their number; the first line is a header if its time is none.
    fn number(
        &mut self,
        path: &Path,
        wanted: impl Iterator<Item = (Role, usize)>,
    ) -> Result<(), TradesError> {
        for (role, at) in wanted {
            let columns = self.roles.len();
            let Some(place) = self.roles.get_mut(at) else {
                return Err(TradesError::NoPosition {
                    path: path.to_owned(),
                    column: at + 1,
                    columns,
                });
            };
            *place = role;
            if matches!(role, Role::Time(_)) {
                self.headed = !self.is_number(at);
            }
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
            let found = self.names.join(", ").chars().take(200).collect();
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
}

/// The symbol that the caller or the file's name says: what stands before the first `-` or `_`.
fn symbol(path: &Path, options: &Options) -> Vec<u8> {
    if let Some(symbol) = &options.symbol {
        return symbol.clone().into_bytes();
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut name: &str = if path == Path::new("-") { "stdin" } else { &name };
    for ending in [".gz", ".csv", ".txt", ".parquet", ".pq"] {
        name = name.strip_suffix(ending).unwrap_or(name);
    }
    name.split(['-', '_']).next().unwrap_or(name).as_bytes().to_vec()
}
