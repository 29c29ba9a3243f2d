//! Settings as words: `60s`, `1000trades`, `5e6turnover`; `auto`, `lee-ready`; `own-side-order`.

use super::settings::{Aggressor, Per, Unit, Window};
use factord_eval::fenv;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A word that names no setting.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseSettingError {
    /// It is not a window.
    #[error(
        "`{0}` is not a window: use a number and a unit, such as 60s, 5m, 1h, 1d, 500ms, \
             1000trades, 1e5volume or 5e6turnover"
    )]
    Window(String),
    /// It is not a unit that can be compared with the cut.
    #[error("unknown unit `{0}`: use trade, aggressing-order or own-side-order")]
    Per(String),
    /// It is not a rule for the aggressor.
    #[error("unknown rule `{0}`: use auto, flag, orders, lee-ready, quote or tick")]
    Aggressor(String),
    /// It is not what that setting of a table or a model can be.
    #[error("setting {name:?} cannot be {text:?}")]
    Stated {
        /// The setting.
        name: String,
        /// Its text.
        text: String,
    },
    /// A table or a model states more settings than any version has.
    #[error("more than 64 settings are stated")]
    TooMany,
}

/// The suffixes of windows: text, unit, how much one of them is.
const SUFFIXES: [(&str, Unit, f64); 12] = [
    ("ns", Unit::Time, 1.0),
    ("us", Unit::Time, 1e3),
    ("ms", Unit::Time, 1e6),
    ("s", Unit::Time, 1e9),
    ("min", Unit::Time, 60e9),
    ("m", Unit::Time, 60e9),
    ("h", Unit::Time, 3_600e9),
    ("d", Unit::Time, 86_400e9),
    ("trades", Unit::Trades, 1.0),
    ("trade", Unit::Trades, 1.0),
    ("volume", Unit::Volume, 1.0),
    ("turnover", Unit::Turnover, 1.0),
];

impl FromStr for Window {
    type Err = ParseSettingError;

    /// Reads a tumbling window.
    fn from_str(word: &str) -> Result<Window, ParseSettingError> {
        let parse = || {
            let digit = |c: char| c.is_ascii_digit() || c == '.';
            // The last digit ends the number: an exponent's `e` stands before it.
            let split = word.rfind(digit)? + 1;
            let (number, suffix) = word.split_at(split);
            let (_, unit, one) = SUFFIXES.into_iter().find(|(text, ..)| *text == suffix)?;
            let length = number.parse::<f64>().ok()? * one;
            (length > 0.0 && length.is_finite()).then(|| Window::tumbling(unit, length))
        };
        fenv::with_default(parse).ok_or_else(|| ParseSettingError::Window(word.to_owned()))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |f: &mut fmt::Formatter<'_>, length: f64| match self.unit {
            Unit::Time if length % 1e9 == 0.0 => write!(f, "{}s", length / 1e9),
            Unit::Time => write!(f, "{length}ns"),
            Unit::Trades => write!(f, "{length}trades"),
            Unit::Volume => write!(f, "{length}volume"),
            Unit::Turnover => write!(f, "{length}turnover"),
        };
        show(f, self.length)?;
        if self.step != self.length {
            f.write_str(" every ")?;
            show(f, self.step)?;
        }
        Ok(())
    }
}

impl Window {
    /// The window in the units in which people give them: `60s every 500ms`.
    pub(super) fn in_words(&self) -> String {
        let amount = |length: f64| {
            let fits = |one: f64| length.abs() >= one && length % one == 0.0;
            let suffixes = [("s", 1e9), ("ms", 1e6), ("us", 1e3), ("ns", 1.0)];
            match self.unit {
                Unit::Time => {
                    let (suffix, one) =
                        suffixes.into_iter().find(|(_, one)| fits(*one)).unwrap_or(("ns", 1.0));
                    format!("{}{suffix}", length / one)
                }
                Unit::Trades => format!("{length} trades"),
                Unit::Volume => format!("{length} volume"),
                Unit::Turnover => format!("{length} turnover"),
            }
        };
        match self.step == self.length {
            true => amount(self.length),
            false => format!("{} every {}", amount(self.length), amount(self.step)),
        }
    }
}

impl Per {
    /// All of them, in the order of the documentation.
    pub const ALL: [Per; 3] = [Per::Trade, Per::AggressingOrder, Per::OwnSideOrder];

    /// The name used in flags and summaries.
    pub fn name(self) -> &'static str {
        match self {
            Per::Trade => "trade",
            Per::AggressingOrder => "aggressing-order",
            Per::OwnSideOrder => "own-side-order",
        }
    }
}

impl FromStr for Per {
    type Err = ParseSettingError;

    fn from_str(word: &str) -> Result<Per, ParseSettingError> {
        let found = Per::ALL.into_iter().find(|per| per.name() == word);
        found.ok_or_else(|| ParseSettingError::Per(word.to_owned()))
    }
}

impl Aggressor {
    /// All of them, in the order of the documentation.
    pub const ALL: [Aggressor; 6] = [
        Aggressor::Auto,
        Aggressor::Flag,
        Aggressor::OrderNumbers,
        Aggressor::LeeReady,
        Aggressor::QuoteRule,
        Aggressor::TickRule,
    ];

    /// The name used in flags and summaries.
    pub fn name(self) -> &'static str {
        match self {
            Aggressor::Auto => "auto",
            Aggressor::Flag => "flag",
            Aggressor::OrderNumbers => "orders",
            Aggressor::LeeReady => "lee-ready",
            Aggressor::QuoteRule => "quote",
            Aggressor::TickRule => "tick",
        }
    }
}

impl FromStr for Aggressor {
    type Err = ParseSettingError;

    fn from_str(word: &str) -> Result<Aggressor, ParseSettingError> {
        let found = Aggressor::ALL.into_iter().find(|rule| rule.name() == word);
        found.ok_or_else(|| ParseSettingError::Aggressor(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_read_and_shown() {
        for (word, unit, length) in [
            ("60s", Unit::Time, 60e9),
            ("0.5s", Unit::Time, 5e8),
            ("500ms", Unit::Time, 5e8),
            ("5m", Unit::Time, 300e9),
            ("1min", Unit::Time, 60e9),
            ("1d", Unit::Time, 86_400e9),
            ("1000trades", Unit::Trades, 1_000.0),
            ("5e6turnover", Unit::Turnover, 5e6),
            ("1e5volume", Unit::Volume, 1e5),
        ] {
            let window: Window = word.parse().unwrap();
            assert_eq!(window, Window::tumbling(unit, length), "{word}");
            assert_eq!(window.to_string().parse::<Window>().unwrap(), window, "{word}");
        }
        for word in ["", "60", "s", "60 s", "-1s", "0s", "1e999s", "60sec", "1.2.3s", "é1s"] {
            assert!(word.parse::<Window>().is_err(), "{word}");
        }
    }

    #[test]
    fn every_name_reads_back() {
        assert!(Per::ALL.iter().all(|per| per.name().parse() == Ok(*per)));
        assert!(Aggressor::ALL.iter().all(|rule| rule.name().parse() == Ok(*rule)));
    }
}
