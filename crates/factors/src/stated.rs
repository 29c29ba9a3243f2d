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
mod tests {
    use super::*;
    use crate::{Contract, Large, Outliers, Unit};

    fn stated(pairs: &[(&str, &str)]) -> Stated {
        let mut stated = Stated::default();
        pairs.iter().for_each(|(name, text)| stated.put(name, text).unwrap());
        stated
    }

    #[test]
    fn settings_state_themselves_in_texts_that_read_back() {
        let all = Settings {
            window: Window::time(300_000_000_000).rolling(60e9),
            large: Large { per: Per::Trade, by: Cut::Quantile { q: 0.99, last: 500 } },
            aggressor: Aggressor::LeeReady,
            outliers: Outliers { limit: 0.02, drop: true },
            contract: Contract { multiplier: 100.0, inverse: true },
            ..Settings::default()
        };
        let texts = Stated::by(&all);
        let pairs: Vec<(&str, &str)> = texts.iter().collect();
        assert_eq!(pairs.len(), NAMES.len() - 4);
        assert!(pairs.contains(&("window", "300s")) && pairs.contains(&("step", "60s")));
        assert!(pairs.contains(&("large", "0.99")) && pairs.contains(&("inverse", "true")));
        assert_eq!(stated(&pairs), texts);
        let volume = Window::tumbling(Unit::Volume, 1e5 / 3.0);
        let texts = Stated::by(&Settings { window: volume, ..Settings::default() });
        assert_eq!(stated(&texts.iter().collect::<Vec<_>>()), texts);
        assert_eq!(texts.get("quantile_last"), None);
        // One text each, however it was written.
        let written = stated(&[("window", "5m"), ("large", "2e5"), ("outlier", "0.010")]);
        assert_eq!(
            written,
            stated(&[("window", "300s"), ("large", "200000"), ("outlier", "0.01")])
        );
    }

    #[test]
    fn the_first_setting_that_differs_is_named_and_what_is_unknown_is_no_mismatch() {
        let model = stated(&[("window", "5m"), ("large", "0.9"), ("large_by", "quantile")]);
        let minute = Settings::default();
        let refused = minute.require(&model).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "window: the model was trained on 300s, these factors have 60s: make them with the \
             model's, or train anew"
        );
        let five = Settings { window: Window::time(300_000_000_000), ..minute };
        let refused = five.require(&model).unwrap_err();
        assert_eq!((refused.name.as_str(), refused.flag().as_str()), ("large_by", "--large-by"));
        assert_eq!(five.require(&Stated::default()), Ok(()));
        assert_eq!(model.require(&stated(&[("step", "7s")])), Ok(()));
        // What only a newer version knows is compared, too.
        let refused = stated(&[("tick", "a")]).require(&stated(&[("tick", "b")])).unwrap_err();
        assert_eq!((refused.model.as_str(), refused.found.as_str()), ("a", "b"));
        let coin = Settings { contract: Contract { multiplier: 10.0, inverse: true }, ..minute };
        let refused = coin.require(&Stated::by(&minute)).unwrap_err();
        assert_eq!(refused.name, "multiplier");
    }

    #[test]
    fn who_states_a_window_has_no_sessions_and_lags_that_are_not_stated() {
        let market = [("session", "09:30-11:30"), ("tz", "Asia/Shanghai")];
        let model = stated(&[("window", "60s"), market[0], market[1], ("lags", "1,5")]);
        let refused = |found: &[(&str, &str)]| {
            let mismatch = model.require(&stated(found)).unwrap_err();
            (mismatch.name, mismatch.found)
        };
        let named = |name: &str, found: &str| (name.to_owned(), found.to_owned());
        assert_eq!(refused(&[("window", "60s")]), named("session", "none"));
        let zone = ("tz", "Asia/Tokyo");
        assert_eq!(refused(&[("window", "60s"), market[0], zone]), named("tz", "Asia/Tokyo"));
        assert_eq!(refused(&[("window", "60s"), market[0], market[1]]), named("lags", "none"));
        let fewer = [("window", "60s"), market[0], market[1], ("lags", "1,10,50")];
        assert_eq!(refused(&fewer), named("lags", "1,10,50"));
        let more = [("window", "60s"), market[0], market[1], ("lags", "1,2,5"), ("means", "10")];
        model.require(&stated(&more)).unwrap();
        model.require(&stated(&[("per", "trade")])).unwrap();
        // The other way round, a model without sessions refuses windows that have some.
        let plain = stated(&[("window", "60s")]);
        assert_eq!(plain.require(&model).unwrap_err().name, "session");
        let common = Stated::common(&[&model, &stated(&more)]).unwrap();
        assert_eq!((common.get("session"), common.get("lags")), (Some("09:30-11:30"), Some("1,5")));
        assert!(Stated::common(&[&model, &plain]).is_err());
    }

    #[test]
    fn tables_of_one_training_agree_in_all_but_the_contracts_worth() {
        let one = stated(&[("window", "60s"), ("multiplier", "1")]);
        let two = stated(&[("window", "60s"), ("multiplier", "10"), ("per", "trade")]);
        let common = Stated::common(&[&one, &Stated::default(), &two, &one]).unwrap();
        assert_eq!(common, stated(&[("window", "60s"), ("per", "trade")]));
        let other = stated(&[("window", "1m"), ("per", "own-side-order")]);
        let (first, second, mismatch) = Stated::common(&[&one, &two, &other]).unwrap_err();
        assert_eq!((first, second, mismatch.name.as_str()), (1, 2, "per"));
        assert!(Stated::common(&[]).unwrap().is_empty());
    }

    #[test]
    fn that_data_are_simulated_is_no_mismatch_and_holds_for_all_only_where_all_are() {
        let simulated = stated(&[("window", "60s"), ("data", "simulated")]);
        let real = stated(&[("window", "60s")]);
        assert_eq!(simulated.require(&real), Ok(()));
        assert_eq!(real.require(&simulated), Ok(()));
        let both = Stated::common(&[&simulated, &simulated]).unwrap();
        assert_eq!(both.data(), Some("simulated"));
        let mixed = Stated::common(&[&real, &simulated]).unwrap();
        assert_eq!(mixed.data(), Some("partly simulated"));
        assert_eq!(Stated::common(&[&mixed, &simulated]).unwrap().data(), mixed.data());
        assert_eq!(Stated::common(&[&real, &real]).unwrap().data(), None);
        assert_eq!(Stated::common(&[]).unwrap().data(), None);
        assert_eq!(mixed.settings().collect::<Vec<_>>(), [("window", "60s")]);
        assert!(Stated::default().put("data", "invented").is_err());
        let mut none = Stated::default();
        none.put_simulated(0, 2);
        assert!(none.is_empty());
    }

    #[test]
    fn texts_that_are_no_settings_are_refused() {
        let long = "x".repeat(300);
        for (name, text) in [
            ("window", "5"),
            ("large", "-1"),
            ("large", "inf"),
            ("per", "order"),
            ("inverse", "1"),
            ("", "x"),
            ("Window", "5m"),
            ("new", "a\nb"),
            ("new", &long),
            (&long, "x"),
        ] {
            let refused = Stated::default().put(name, text).unwrap_err();
            assert!(matches!(refused, ParseSettingError::Stated { .. }), "{name}: {refused}");
        }
        let mut many = Stated::default();
        (0..64).for_each(|number| many.put(&format!("n{number}"), "").unwrap());
        assert_eq!(many.put("one_more", ""), Err(ParseSettingError::TooMany));
        many.put("n0", "again").unwrap();
    }
}
