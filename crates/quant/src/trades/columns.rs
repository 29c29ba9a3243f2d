//! [`Columns`]: what each column of one file holds.

use super::contracts::{column_of_coins, is_coin_margined, is_term};
use super::error::TradesError;
use super::mapping::{Key, Mapping};
use super::number::{TimeUnit, time};
use super::options::Options;
use super::preset::Preset;
use super::role::Role;
use super::symbols::Symbols;
use super::zone::Date;
use crate::table::TableError;
use std::path::Path;

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
    /// Tells what the columns hold by the first line of a text, which need not be a header, or by
    /// the names of a table (`named`).
    pub(super) fn of(
        path: &Path,
        first: Vec<String>,
        named: bool,
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
        match &options.columns {
            Some(mapping) => {
                columns.map(path, mapping, named)?;
                columns.refuse_contracts(path, options)?;
            }
            None => columns.lay_out(path, named, options)?,
        }
        let orders = [Role::BuyId, Role::SellId, Role::RestingId];
        if options.needs_orders && !orders.iter().any(|role| columns.roles.contains(role)) {
            return Err(TradesError::NoOrders { path: path.to_owned() });
        }
        Ok(columns)
    }

    /// Follows a mapping. One of numbers means numbers, whatever the columns are called.
    fn map(&mut self, path: &Path, mapping: &Mapping, named: bool) -> Result<(), TradesError> {
        let Some(positions) = mapping.positions() else {
            let columns = mapping.columns();
            return columns
                .iter()
                .try_for_each(|(key, name)| self.name(path, key.role(), &[name], true));
        };
        let is_time = |(key, _): &&(Key, usize)| matches!(key.role(), Role::Time(_));
        let time = positions.iter().find(is_time).map(|(_, at)| *at);
        let headed = named || self.counts() || time.is_none_or(|time| !self.is_number(time));
        self.number(path, positions.iter().map(|(key, at)| (key.role(), *at)), headed)
    }

    /// Refuses quantities in contracts if the file also gives them in coins.
    fn refuse_contracts(&self, path: &Path, options: &Options) -> Result<(), TradesError> {
        let taken = |name: &str| {
            let mut columns = self.names.iter().zip(&self.roles);
            columns.any(|(known, role)| known == name && *role == Role::Qty)
        };
        match column_of_coins(&self.names) {
            Some(name) if !options.contracts && !taken(name) => Err(TradesError::Contracts {
                path: path.to_owned(),
                why: format!("it has a column {name} next to them"),
            }),
            _ => Ok(()),
        }
    }

    /// Follows a preset, which the header tells if nobody else does.
    fn lay_out(&mut self, path: &Path, named: bool, options: &Options) -> Result<(), TradesError> {
        let columns = self;
        let told = || Preset::of_header(&columns.names, options.contracts);
        let preset = match options.preset.or_else(told) {
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
        if preset.is_binance() && !options.contracts {
            let named = String::from_utf8_lossy(&columns.symbol);
            if is_coin_margined(&named) {
                let why = format!("{named} is margined in coins");
                return Err(TradesError::Contracts { path: path.to_owned(), why });
            }
            columns.refuse_contracts(path, options)?;
        }
        let at_time = |column: &&super::preset::Column| matches!(column.role, Role::Time(_));
        let position = preset.columns().iter().find(at_time).map_or(0, |column| column.position);
        let counts = columns.counts();
        if preset != Preset::Common && !named && (counts || columns.is_number(position)) {
            let wanted = preset.columns().iter().map(|column| (column.role, column.position));
            columns.number(path, wanted, counts)?;
            for column in preset.columns() {
                columns.names[column.position] = column.names[0].to_owned();
            }
            return Ok(());
        }
        for column in preset.columns() {
            columns.name(path, column.role, column.names, column.needed)?;
        }
        Ok(())
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

    /// Whether a field of the first line is a number.
    fn is_number(&self, position: usize) -> bool {
        let field = self.names.get(position);
        field.is_some_and(|field| time(field.as_bytes(), TimeUnit::Nanoseconds).is_some())
    }

    /// Gives columns their roles by their number.
    fn number(
        &mut self,
        path: &Path,
        wanted: impl Iterator<Item = (Role, usize)>,
        headed: bool,
    ) -> Result<(), TradesError> {
        self.headed = headed;
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
    let symbol = name.split(['-', '_']).next().unwrap_or(name);
    // A term belongs to the symbol: `BTCUSD_PERP`.
    let term =
        name[symbol.len()..].strip_prefix('_').and_then(|rest| rest.split(['-', '_']).next());
    let len = symbol.len() + term.filter(|term| is_term(term)).map_or(0, |term| 1 + term.len());
    name.as_bytes()[..len].to_vec()
}
