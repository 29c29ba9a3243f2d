//! [`Stated`]: the settings that travel with a table and with the models trained on it, as texts.
//!
//! Every setting has one text, so that equal settings have equal texts, and is absent where nobody
//! knows it. Those that only say which rows there are (`empty`) or bound memory (`orders_max`,
//! `order_idle_ns`) are not among them: they change no number of a row, or none uncounted.

use super::settings::{Aggressor, Cut, Per, Settings, Window};
use super::text::ParseSettingError;
use factord_eval::fenv;
use std::collections::BTreeMap;
use std::fmt::Display;
use thiserror::Error;

/// The settings of this version, in the order in which they are compared: what decides the meaning
/// of another one comes before it.
const NAMES: [&str; 15] = [
    "window",
    "step",
    "per",
    "large_by",
    "large",
    "quantile_last",
    "aggressor",
    "outliers",
    "outlier",
    "multiplier",
    "inverse",
    "session",
    "tz",
    "lags",
    "means",
];

/// Where the data come from, which is no setting: two tables may differ in it.
const DATA: &str = "data";

/// All of the data, or some of them, come from a simulation. Of real data nothing is stated.
const SIMULATED: &str = "simulated";
const PARTLY_SIMULATED: &str = "partly simulated";

/// What a contract is worth belongs to the instrument: one training may hold several.
const CONTRACT: [&str; 2] = ["multiplier", "inverse"];

/// Settings that tables state only where they have them: whoever states a window has none. Of lists
/// of numbers of windows, a table may have more than a model takes.
const NONE_WITHOUT: [&str; 3] = ["session", LISTS[0], LISTS[1]];
const LISTS: [&str; 2] = ["lags", "means"];
const NONE: &str = "none";

/// The most settings, and the most bytes of a name or a text.
const COUNT_MAX: usize = 64;
const NAME_LEN_MAX: usize = 64;
const TEXT_LEN_MAX: usize = 256;

/// Settings as far as they are known, by the names that the Python client gives them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stated(BTreeMap<String, String>);

/// One setting of which two texts are known, and they differ.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{name}: the model was trained on {model}, these factors have {found}: make them with the \
     model's, or train anew"
)]
pub struct SettingsMismatch {
    /// The setting.
    pub name: String,
    /// What the model, or the first of two tables, states.
    pub model: String,
    /// What was found.
    pub found: String,
}

impl SettingsMismatch {
    /// The setting as a flag of the command line: `--large-by`.
    pub fn flag(&self) -> String {
        format!("--{}", self.name.replace('_', "-"))
    }
}

/// Two of several tables whose settings differ, by their places.
pub type Pair = (usize, usize, SettingsMismatch);

impl Stated {
    /// All that settings state.
    pub fn by(settings: &Settings) -> Stated {
        let Settings { window, large, contract, aggressor, outliers, .. } = settings;
        let mut stated = Stated::default();
        let mut put = |name: &str, text: &dyn Display| {
            stated.0.insert(name.to_owned(), text.to_string());
        };
        put("window", &Window::tumbling(window.unit, window.length));
        put("step", &Window::tumbling(window.unit, window.step));
        put("per", &large.per.name());
        let (by, cut): (&str, &dyn Display) = match &large.by {
            Cut::Turnover(cut) => ("turnover", cut),
            Cut::Quantity(cut) => ("quantity", cut),
            Cut::Quantile { q, .. } => ("quantile", q),
        };
        put("large_by", &by);
        put("large", cut);
        if let Cut::Quantile { last, .. } = large.by {
            put("quantile_last", &last);
        }
        put("aggressor", &aggressor.name());
        put("outliers", if outliers.drop { &"drop" } else { &"keep" });
        if outliers.drop {
            put("outlier", &outliers.limit);
        }
        put("multiplier", &contract.multiplier);
        put("inverse", &contract.inverse);
        stated
    }

    /// Takes what a table or a model states of a setting. One that only a newer version knows is
    /// kept as it stands.
    ///
    /// # Errors
    /// [`ParseSettingError`] when the text is none of that setting.
    pub fn put(&mut self, name: &str, text: &str) -> Result<(), ParseSettingError> {
        let text = canonical(name, text).ok_or_else(|| {
            let shorten = |text: &str| text.chars().take(80).collect();
            ParseSettingError::Stated { name: shorten(name), text: shorten(text) }
        })?;
        if self.0.len() == COUNT_MAX && !self.0.contains_key(name) {
            return Err(ParseSettingError::TooMany);
        }
        self.0.insert(name.to_owned(), text);
        Ok(())
    }

    /// Forgets what is stated of a setting.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// What is stated of a setting.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All that is stated, by name, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// What is stated of where the data come from: `simulated` or `partly simulated`; `None` when
    /// nothing is, as of real data.
    pub fn data(&self) -> Option<&str> {
        self.get(DATA)
    }

    /// States that `some` of `all` inputs are simulated; nothing when none is.
    pub fn put_simulated(&mut self, some: usize, all: usize) {
        if some > 0 {
            let text = if some == all { SIMULATED } else { PARTLY_SIMULATED };
            self.0.insert(DATA.to_owned(), text.to_owned());
        }
    }

    /// The settings alone, without where the data come from.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter().filter(|(name, _)| *name != DATA)
    }

    /// Whether nothing is stated.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares what a model states, which this is, with what was found. What one side does not
    /// state is no mismatch.
    ///
    /// # Errors
    /// The first [`SettingsMismatch`].
    pub fn require(&self, found: &Stated) -> Result<(), SettingsMismatch> {
        match Stated::common(&[self, found]) {
            Err((_, _, mismatch)) => Err(mismatch),
            Ok(_) => {
                let own = CONTRACT.into_iter().chain(LISTS);
                own.into_iter().try_for_each(|name| self.compare(found, name))
            }
        }
    }

    /// What is known of a setting.
    fn known(&self, name: &str) -> Option<&str> {
        let none = || NONE_WITHOUT.contains(&name) && self.0.contains_key("window");
        self.get(name).or_else(|| none().then_some(NONE))
    }

    fn compare(&self, found: &Stated, name: &str) -> Result<(), SettingsMismatch> {
        match (self.known(name), found.known(name)) {
            (Some(model), Some(found)) if !satisfies(name, model, found) => Err(SettingsMismatch {
                name: name.to_owned(),
                model: model.to_owned(),
                found: found.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// What several tables of one training state together: a contract's worth, and what columns
    /// look back at, only where all agree, and simulated data where any has them.
    ///
    /// # Errors
    /// The places of two that differ in another setting.
    pub fn common(all: &[&Stated]) -> Result<Stated, Pair> {
        let mut names: Vec<&str> = NAMES.to_vec();
        let mut others: Vec<&str> =
            all.iter().flat_map(|one| one.0.keys()).map(String::as_str).collect();
        others.sort_unstable();
        others.dedup();
        others.retain(|name| !NAMES.contains(name) && *name != DATA);
        names.extend(others);
        let mut common = Stated::default();
        let data = |wanted: Option<&str>| all.iter().filter(|one| one.data() == wanted).count();
        let some = all.len() - data(None);
        // Of one that is simulated in part, less than all is.
        common.put_simulated(some, all.len() + data(Some(PARTLY_SIMULATED)));
        for name in names {
            let mut known = all.iter().enumerate().filter(|(_, one)| one.known(name).is_some());
            let Some((first, one)) = known.next() else { continue };
            let differs = |&(at, other): &(usize, &&Stated)| {
                one.compare(other, name).err().map(|mismatch| (first, at, mismatch))
            };
            match known.find_map(|other| differs(&other)) {
                Some(_) if CONTRACT.contains(&name) || LISTS.contains(&name) => {}
                Some(pair) => return Err(pair),
                None => {
                    common.0.extend(one.0.get_key_value(name).map(|(n, t)| (n.clone(), t.clone())))
                }
            }
        }
        Ok(common)
    }
}

impl Settings {
    /// Compares these settings with those that a model states. What it does not state is no
    /// mismatch.
    ///
    /// # Errors
    /// The first [`SettingsMismatch`].
    pub fn require(&self, model: &Stated) -> Result<(), SettingsMismatch> {
        model.require(&Stated::by(self))
    }
}

/// Whether what was found of a setting is what a model has.
fn satisfies(name: &str, model: &str, found: &str) -> bool {
    let has = |one: &str| found.split(',').any(|other| other == one);
    model == found || LISTS.contains(&name) && (model == NONE || model.split(',').all(has))
}

/// The one text of a setting; `None` when it is none.
fn canonical(name: &str, text: &str) -> Option<String> {
    let number = || {
        let value: f64 = fenv::with_default(|| text.parse().ok())?;
        (value > 0.0 && value.is_finite()).then(|| value.to_string())
    };
    let one_of = |words: &[&str]| words.contains(&text).then(|| text.to_owned());
    match name {
        "window" | "step" => Some(text.parse::<Window>().ok()?.to_string()),
        "per" => Some(text.parse::<Per>().ok()?.name().to_owned()),
        "large_by" => one_of(&["turnover", "quantity", "quantile"]),
        "large" | "outlier" | "multiplier" => number(),
        "quantile_last" => Some(text.parse::<u32>().ok()?.to_string()),
        "aggressor" => Some(text.parse::<Aggressor>().ok()?.name().to_owned()),
        "outliers" => one_of(&["keep", "drop"]),
        "inverse" => one_of(&["true", "false"]),
        DATA => one_of(&[SIMULATED, PARTLY_SIMULATED]),
        _ => {
            let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            let sound = (1..=NAME_LEN_MAX).contains(&name.len())
                && name.chars().all(word)
                && text.len() <= TEXT_LEN_MAX
                && !text.chars().any(char::is_control);
            sound.then(|| text.to_owned())
        }
    }
}

#[cfg(test)]
mod settings_tests;
