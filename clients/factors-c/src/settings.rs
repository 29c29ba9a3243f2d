//! Settings as text: lines of `name = value`, by the names of the Python client and of models.

use factord_eval::fenv;
use factord_factors::{
    Contract, Cut, Empty, Large, Outliers, ParseSettingError, Settings, SettingsError, Stated,
    Unit, Window,
};
use std::collections::BTreeMap;
use std::str::FromStr;
use thiserror::Error;

/// The most bytes of a text of settings.
const TEXT_LEN_MAX: usize = 16_384;

/// What can be set.
const NAMES: [&str; 13] = [
    "window",
    "step",
    "large",
    "large_by",
    "quantile_last",
    "per",
    "aggressor",
    "empty",
    "outlier",
    "outliers",
    "orders_max",
    "multiplier",
    "inverse",
];

/// Why a text is not settings.
#[derive(Clone, Debug, PartialEq, Error)]
pub(crate) enum TextError {
    /// It is too long.
    #[error("settings of {len} bytes: at most {TEXT_LEN_MAX}")]
    Long { len: usize },
    /// It is no text.
    #[error("the settings are not UTF-8")]
    NotUtf8,
    /// A line is not `name = value`.
    #[error("line {line} of the settings, {text:?}: write `name = value`")]
    Line { line: usize, text: String },
    /// A name is there twice.
    #[error("line {line} of the settings: {name} is given twice")]
    Twice { line: usize, name: String },
    /// There is no such setting.
    #[error("there is no setting {name:?}: there are {}", NAMES.join(", "))]
    Unknown { name: String },
    /// It is none of a few words.
    #[error("{name} is {text:?}: use {choices}")]
    Choice { name: &'static str, text: String, choices: &'static str },
    /// It is not a number.
    #[error("{name} is {text:?}: use a number")]
    Number { name: &'static str, text: String },
    /// The step is of another unit than the window.
    #[error("step is {step:?}: give it in the unit of the window, {window}")]
    Step { step: String, window: String },
    /// A word is none of its kind.
    #[error(transparent)]
    Word(#[from] ParseSettingError),
    /// The settings cannot be used.
    #[error(transparent)]
    Unusable(#[from] SettingsError),
}

type Pairs<'a> = BTreeMap<&'a str, &'a str>;

/// At most 80 characters of what was given, for a message.
fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

/// The lines of a text; empty ones are passed over.
fn pairs(text: &[u8]) -> Result<Pairs<'_>, TextError> {
    if text.len() > TEXT_LEN_MAX {
        return Err(TextError::Long { len: text.len() });
    }
    let text = str::from_utf8(text).map_err(|_| TextError::NotUtf8)?;
    let mut pairs = Pairs::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let at = at + 1;
        let pair = line.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
        let Some((name, value)) = pair else {
            return Err(TextError::Line { line: at, text: shortened(line) });
        };
        if pairs.insert(name, value).is_some() {
            return Err(TextError::Twice { line: at, name: shortened(name) });
        }
    }
    Ok(pairs)
}

/// What a model states, of which a name that is not known here is no error.
pub(crate) fn stated(text: &[u8]) -> Result<Stated, TextError> {
    let mut stated = Stated::default();
    for (name, value) in pairs(text)? {
        stated.put(name, value)?;
    }
    Ok(stated)
}

/// Settings; those not given are the usual ones.
pub(crate) fn settings(text: &[u8]) -> Result<Settings, TextError> {
    let given = pairs(text)?;
    if let Some(name) = given.keys().find(|name| !NAMES.contains(name)) {
        return Err(TextError::Unknown { name: shortened(name) });
    }
    let usual = Settings::default();
    let settings = Settings {
        window: window(&given, usual.window)?,
        large: large(&given, usual.large)?,
        contract: Contract {
            multiplier: number(&given, "multiplier", usual.contract.multiplier)?,
            inverse: choice(&given, "inverse", ["false", "true"], "false or true")? == 1,
        },
        aggressor: word(&given, "aggressor", usual.aggressor)?,
        empty: [Empty::Skip, Empty::Keep]
            [choice(&given, "empty", ["skip", "keep"], "skip or keep")?],
        outliers: Outliers {
            limit: number(&given, "outlier", usual.outliers.limit)?,
            drop: choice(&given, "outliers", ["keep", "drop"], "keep or drop")? == 1,
        },
        orders_max: number(&given, "orders_max", usual.orders_max)?,
        ..usual
    };
    settings.check()?;
    Ok(settings)
}

/// A window with its step, both whole where they count nanoseconds.
fn window(given: &Pairs<'_>, usual: Window) -> Result<Window, TextError> {
    let mut window = word(given, "window", usual)?;
    if given.contains_key("step") {
        let step = word(given, "step", window)?;
        if step.unit != window.unit {
            let (step, window) = (step.to_string(), window.to_string());
            return Err(TextError::Step { step, window });
        }
        window = window.rolling(step.length);
    }
    if window.unit == Unit::Time {
        // 0.1 s in floating point is no whole number of nanoseconds.
        window = Window { length: window.length.round(), step: window.step.round(), ..window };
    }
    Ok(window)
}

fn large(given: &Pairs<'_>, usual: Large) -> Result<Large, TextError> {
    let choices = "turnover, quantity or quantile";
    let by = choice(given, "large_by", ["turnover", "quantity", "quantile"], choices)?;
    let cut = number(given, "large", 200_000.0)?;
    let last = number(given, "quantile_last", 10_000)?;
    let cuts = [Cut::Turnover(cut), Cut::Quantity(cut), Cut::Quantile { q: cut, last }];
    Ok(Large { per: word(given, "per", usual.per)?, by: cuts[by] })
}

/// A setting that is a word with a reader of its own.
fn word<T>(given: &Pairs<'_>, name: &'static str, usual: T) -> Result<T, TextError>
where
    T: FromStr<Err = ParseSettingError>,
{
    given.get(name).map_or(Ok(usual), |text| Ok(text.parse()?))
}

/// Which of a few words a setting is; the first one when it is not given.
fn choice<const N: usize>(
    given: &Pairs<'_>,
    name: &'static str,
    words: [&str; N],
    choices: &'static str,
) -> Result<usize, TextError> {
    let Some(text) = given.get(name) else { return Ok(0) };
    let found = words.iter().position(|word| word == text);
    found.ok_or_else(|| TextError::Choice { name, text: shortened(text), choices })
}

fn number<T: FromStr>(given: &Pairs<'_>, name: &'static str, usual: T) -> Result<T, TextError> {
    let Some(text) = given.get(name) else { return Ok(usual) };
    let parsed = fenv::with_default(|| text.parse().ok());
    parsed.ok_or_else(|| TextError::Number { name, text: shortened(text) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use factord_factors::{Aggressor, Per};

    #[test]
    fn every_setting_is_read_from_its_line() {
        assert_eq!(settings(b""), Ok(Settings::default()));
        let text = b"window = 5m\n\n  step=1m\r\nlarge = 0.99\nlarge_by = quantile\n\
            quantile_last = 500\nper = trade\naggressor = lee-ready\nempty = keep\n\
            outlier = 0.02\noutliers = drop\norders_max = 64\nmultiplier = 100\ninverse = true";
        let expected = Settings {
            window: Window::time(300_000_000_000).rolling(60e9),
            large: Large { per: Per::Trade, by: Cut::Quantile { q: 0.99, last: 500 } },
            contract: Contract { multiplier: 100.0, inverse: true },
            aggressor: Aggressor::LeeReady,
            empty: Empty::Keep,
            outliers: Outliers { limit: 0.02, drop: true },
            orders_max: 64,
            ..Settings::default()
        };
        assert_eq!(settings(text), Ok(expected));
        let quantity = settings(b"large_by = quantity\nlarge = 600\nwindow = 0.1s").unwrap();
        assert_eq!(quantity.large.by, Cut::Quantity(600.0));
        assert_eq!(quantity.window, Window::time(100_000_000));
    }

    #[test]
    fn what_is_stated_of_settings_reads_back_as_those_settings() {
        let text = b"window = 200trades\nstep = 50trades\nper = own-side-order\noutliers = drop";
        let first = settings(text).unwrap();
        let lines: String =
            Stated::by(&first).iter().map(|(n, t)| format!("{n} = {t}\n")).collect();
        assert_eq!(settings(lines.as_bytes()), Ok(first));
        assert_eq!(stated(lines.as_bytes()).unwrap(), Stated::by(&first));
    }

    #[test]
    fn texts_that_are_no_settings_are_refused_with_their_names() {
        for (text, part) in [
            ("window", "line 1 of the settings, \"window\": write `name = value`"),
            ("per = trade\n\nper = trade", "line 3 of the settings: per is given twice"),
            ("windows = 60s", "there is no setting \"windows\": there are window, step, large"),
            ("window = 60", "`60` is not a window"),
            ("step = 10trades", "step is \"10trades\": give it in the unit of the window, 60s"),
            ("step = 7s", "is not a whole number of steps"),
            ("large = much", "large is \"much\": use a number"),
            ("large = NaN", "a cut of NaN: it must be above 0"),
            ("large_by = size", "large_by is \"size\": use turnover, quantity or quantile"),
            ("inverse = 1", "inverse is \"1\": use false or true"),
            ("orders_max = -1", "orders_max is \"-1\": use a number"),
            ("orders_max = 1", "1 orders per side: use 64 to 2^30"),
            ("per = order", "unknown unit `order`"),
        ] {
            let refused = settings(text.as_bytes()).unwrap_err().to_string();
            assert!(refused.contains(part), "{text}: {refused}");
        }
        assert_eq!(settings(&[0xff]), Err(TextError::NotUtf8));
        let long = vec![b'\n'; TEXT_LEN_MAX + 1];
        assert_eq!(settings(&long), Err(TextError::Long { len: TEXT_LEN_MAX + 1 }));
        assert_eq!(settings(&long[1..]), Ok(Settings::default()));
    }

    #[test]
    fn a_model_may_state_what_only_a_newer_version_knows() {
        let model = stated(b"window = 5m\nnot_known_yet = 7").unwrap();
        assert_eq!(model.get("window"), Some("300s"));
        assert_eq!(model.get("not_known_yet"), Some("7"));
        assert!(stated(b"window = 5").is_err());
    }
}
