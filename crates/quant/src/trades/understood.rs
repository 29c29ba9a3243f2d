//! [`Understood`]: what was understood of a trade file, for those who should know.

use super::columns::{Columns, How};
use super::number::TimeUnit;
use super::preset::Preset;
use super::role::Role;
use crate::content::{Content, shown};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// What was understood of a trade file before its first trade was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Understood {
    /// The file, as it was named.
    pub path: Arc<Path>,
    /// What it is, and what it is packed in.
    pub content: Content,
    /// The layout; `None` where the caller said which column is which.
    pub preset: Option<Preset>,
    /// How the layout is known, in words.
    pub by: &'static str,
    /// Whether the first line names the columns.
    pub headed: bool,
    /// The columns, with what they mean.
    pub columns: Vec<(String, &'static str)>,
    /// The unit of times and their zone, in words.
    pub times: String,
    /// How the aggressor is found, in words.
    pub aggressor: String,
    /// What the quantities are, in words.
    pub quantities: String,
    /// Where order numbers are, in words.
    pub orders: String,
    /// The symbol of all trades, where no column says it.
    pub symbol: Option<String>,
    /// Whether its trades say that they are simulated.
    pub simulated: bool,
}

impl Understood {
    pub(super) fn of(path: &Arc<Path>, content: &Content, columns: &Columns) -> Understood {
        let by = match columns.how {
            How::Header => "by its header",
            How::Name => "by its name",
            How::Flag => "as --preset says",
            How::Mapping => "as --columns says",
        };
        let names = columns.names.iter().map(|name| shown(name, 80));
        let meanings = columns.roles.iter().map(|role| role.meaning());
        let symbol = String::from_utf8_lossy(&columns.symbol);
        Understood {
            path: Arc::clone(path),
            content: content.clone(),
            preset: columns.preset,
            by,
            headed: columns.headed,
            columns: names.zip(meanings).collect(),
            times: times(columns),
            aggressor: aggressor(columns),
            quantities: columns.quantities.clone(),
            orders: orders(columns),
            symbol: (!columns.names_symbol()).then(|| shown(&symbol, 80)),
            simulated: columns.simulated,
        }
    }
}

impl fmt::Display for Understood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.to_string_lossy();
        let name = if path == "-" { "stdin".to_owned() } else { shown(&path, 200) };
        let layout = self.preset.map_or("its columns", Preset::name);
        let header = if self.headed { "" } else { ", no header" };
        write!(
            f,
            "{name}: {}; {layout} {}{header}; {}; {}; {}",
            self.content, self.by, self.times, self.aggressor, self.quantities
        )?;
        if let Some(symbol) = &self.symbol {
            write!(f, "; symbol {symbol}")?;
        }
        if self.simulated { f.write_str("; simulated, no market data") } else { Ok(()) }
    }
}

/// The name of the column of a role.
fn named(columns: &Columns, is: impl Fn(Role) -> bool) -> Option<String> {
    let name = |at: usize| match columns.headed {
        true => shown(&columns.names[at], 80),
        false => format!("column {}", at + 1),
    };
    columns.find(is).map(name)
}

fn times(columns: &Columns) -> String {
    let name = named(columns, Role::is_time).unwrap_or_default();
    let zone = |ahead_ns: i64| match ahead_ns / 60_000_000_000 {
        0 => "UTC".to_owned(),
        minutes => format!(
            "UTC{}{:02}:{:02}",
            if minutes < 0 { '-' } else { '+' },
            minutes.abs() / 60,
            minutes.abs() % 60
        ),
    };
    let unit = match columns.roles.get(columns.time()) {
        Some(Role::Time(TimeUnit::Text(ahead))) => {
            format!("text, {} where it says no offset", zone(*ahead))
        }
        Some(Role::Time(TimeUnit::Calendar(ahead))) => {
            format!("a day and a clock, {}", zone(*ahead))
        }
        Some(Role::Time(TimeUnit::Nanoseconds)) => "nanoseconds since 1970 UTC".to_owned(),
        Some(Role::Time(TimeUnit::Microseconds)) => "microseconds since 1970 UTC".to_owned(),
        Some(Role::Time(TimeUnit::Milliseconds)) => "milliseconds since 1970 UTC".to_owned(),
        Some(Role::Time(TimeUnit::Seconds)) if columns.preset == Some(Preset::Lobster) => {
            "seconds since midnight in New York".to_owned()
        }
        Some(Role::Time(TimeUnit::Seconds)) => "seconds since 1970 UTC".to_owned(),
        Some(Role::Clock | Role::ClockDigits) => {
            let day = columns.find(|role| role == Role::Date);
            let day = day.map_or("the day of the file's name or --date", |_| "a column's day");
            match day {
                "a column's day" => format!("a clock, {day}, {}", zone(-columns.offset_ns)),
                day => format!("a clock, {day}"),
            }
        }
        _ => "not known".to_owned(),
    };
    format!("times in {name}: {unit}")
}

fn aggressor(columns: &Columns) -> String {
    let of = |is: fn(Role) -> bool| named(columns, is);
    if let Some(name) = of(|role| role == Role::Side) {
        return format!("aggressor in {name}");
    }
    if let Some(name) = of(|role| role == Role::BuyerMaker) {
        return format!("aggressor by {name}: true is a sell");
    }
    if let Some(name) = of(|role| matches!(role, Role::MakerSide | Role::RestingSide)) {
        return format!("aggressor against {name}, which is the maker's side");
    }
    let both = [Role::BuyId, Role::SellId].iter().all(|role| columns.roles.contains(role));
    match (both, of(|role| role == Role::Bid)) {
        (true, _) => "no aggressor: by order numbers".to_owned(),
        (_, Some(_)) => "no aggressor: by quotes".to_owned(),
        _ => "no aggressor: by the tick rule".to_owned(),
    }
}

fn orders(columns: &Columns) -> String {
    let is_order = |role| matches!(role, Role::BuyId | Role::SellId | Role::RestingId);
    let roles = columns.roles.iter().enumerate().filter(|(_, role)| is_order(**role));
    let names: Vec<_> = roles.map(|(at, _)| shown(&columns.names[at], 80)).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
