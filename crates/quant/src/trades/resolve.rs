//! What the first row of a file tells of all: units of time and price, the day, and contracts.

use super::columns::Columns;
use super::contracts::{self, column_of_coins, is_coin_margined};
use super::error::TradesError;
use super::feeds::PriceUnit;
use super::moment::{SECOND_NS, calendar, clock, moment};
use super::number::{TimeUnit, decimal};
use super::options::Options;
use super::preset::Preset;
use super::role::Role;
use super::zone::Date;
use std::path::Path;

/// The least price in units of 1e-9 that is not taken for a price in whole units: a hundredth.
const BILLIONTHS_MIN: f64 = 1e7;

impl Columns {
    /// Settles what the first row shows: the unit of its times, the day, and the unit of prices.
    pub(super) fn resolve(
        &mut self,
        path: &Path,
        row: &[String],
        options: &Options,
    ) -> Result<(), TradesError> {
        let hours = self.preset.map_or(0, |preset| preset.layout().ahead_hours);
        let ahead_ns = options.utc_offset.map_or(hours * 3_600 * SECOND_NS, |offset| offset.ns());
        if let Some(at) = self.find(|role| role == Role::Time(TimeUnit::Any)) {
            let field = row.get(at).map_or(&b""[..], |field| field.as_bytes());
            self.roles[at] = time_role(field, ahead_ns);
            self.unit_told = true;
        }
        let is_clock = |role| matches!(role, Role::Clock | Role::ClockDigits);
        let day = self.find(|role| role == Role::Date);
        if self.find(is_clock).is_some() {
            self.offset_ns = -ahead_ns;
            if day.is_none() {
                self.offset_ns += date(path, options)?.midnight_ns();
            }
        } else if let Some(day) = day {
            // The time says the day, too.
            self.roles[day] = Role::Skip;
        }
        if self.preset == Some(Preset::Lobster) {
            self.offset_ns = date(path, options)?.midnight_in_new_york_ns();
        }
        self.resolve_price(path, row)
    }

    fn resolve_price(&mut self, path: &Path, row: &[String]) -> Result<(), TradesError> {
        let unit = self.preset.map_or(PriceUnit::Whole, |preset| preset.layout().price);
        let Some(price) = self.find(Role::is_price).and_then(|at| row.get(at)) else {
            return Ok(());
        };
        let pointed = price.contains(['.', 'e', 'E']) || decimal(price.as_bytes()).is_none();
        self.price_divisor = match unit {
            PriceUnit::Whole => 1.0,
            PriceUnit::TenThousandths => 1e4,
            _ if pointed => 1.0,
            PriceUnit::TenThousandthsOrWhole => 1e4,
            PriceUnit::BillionthsOrWhole => {
                if decimal(price.as_bytes()).is_some_and(|price| price.abs() < BILLIONTHS_MIN) {
                    let price = crate::content::shown(price, 40);
                    return Err(TradesError::PriceUnit { path: path.to_owned(), price });
                }
                1e9
            }
        };
        if self.price_divisor != 1.0
            && let Some(at) = self.find(Role::is_price)
        {
            self.roles[at] = Role::PriceUnits;
        }
        Ok(())
    }

    /// Refuses quantities in contracts unless the caller knows what one is worth.
    pub(super) fn refuse_contracts(
        &mut self,
        path: &Path,
        row: &[String],
        options: &Options,
    ) -> Result<(), TradesError> {
        let field = |name: &str| {
            let at = self.names.iter().position(|known| known == name)?;
            row.get(at).map(String::as_str)
        };
        let symbol = self.find(|role| role == Role::Symbol).and_then(|at| row.get(at));
        let symbol = match symbol {
            Some(symbol) => symbol.clone(),
            None => String::from_utf8_lossy(&self.symbol).into_owned(),
        };
        let taken = |name: &str| {
            let mut columns = self.names.iter().zip(&self.roles);
            columns.any(|(known, role)| known == name && *role == Role::Qty)
        };
        let coins = column_of_coins(&self.names).filter(|name| !taken(name));
        // Columns of nobody's may be Binance's, too.
        let binance =
            self.preset.is_some_and(Preset::is_binance) || self.preset == Some(Preset::Plain);
        let found = match self.preset {
            Some(Preset::Bybit | Preset::Bitmex) => contracts::of_notionals(&|name| {
                let position = match name {
                    "size" => self.find(|role| role == Role::Qty)?,
                    "price" => self.find(Role::is_price)?,
                    _ => return decimal(field(name)?.as_bytes()),
                };
                decimal(row.get(position)?.as_bytes())
            }),
            Some(Preset::Okx) => contracts::of_okx(&symbol),
            Some(Preset::Tardis) => {
                field("exchange").and_then(|exchange| contracts::of_tardis(exchange, &symbol))
            }
            _ if binance && is_coin_margined(&symbol) => {
                Some((format!("{symbol} is margined in coins"), contracts::BINANCE.to_owned()))
            }
            Some(Preset::Common) => None,
            _ => coins.map(|name| {
                (format!("it has a column {name} next to them"), contracts::BINANCE.to_owned())
            }),
        };
        let (why, flags) = match found {
            Some(found) => found,
            None => {
                self.quantities = "quantities as they are".to_owned();
                return Ok(());
            }
        };
        if options.contracts {
            self.quantities = "quantities are contracts of the worth given".to_owned();
            return Ok(());
        }
        let why = crate::content::shown(&why, 200);
        Err(TradesError::Contracts { path: path.to_owned(), why, flags })
    }
}

/// What a column of times is by its first field.
fn time_role(field: &[u8], ahead_ns: i64) -> Role {
    let field = field.trim_ascii();
    if moment(field).is_some() {
        return Role::Time(TimeUnit::Text(ahead_ns));
    }
    if clock(field).is_some() {
        return Role::Clock;
    }
    let len = field.iter().position(|byte| *byte == b'.').unwrap_or(field.len());
    let whole = std::str::from_utf8(&field[..len]).ok().and_then(|text| text.parse::<i64>().ok());
    Role::Time(match whole {
        Some(whole) if len == field.len() && calendar(whole).is_some() => {
            TimeUnit::Calendar(ahead_ns)
        }
        Some(whole) => TimeUnit::of_digits(whole),
        None => TimeUnit::Any,
    })
}

/// The day that the caller or the file's name says.
fn date(path: &Path, options: &Options) -> Result<Date, TradesError> {
    let date = options.date.or_else(|| Date::in_name(&path.file_name()?.to_string_lossy()));
    date.ok_or_else(|| TradesError::NoDate { path: path.to_owned() })
}
