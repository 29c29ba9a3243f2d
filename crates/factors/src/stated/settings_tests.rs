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
    assert_eq!(written, stated(&[("window", "300s"), ("large", "200000"), ("outlier", "0.01")]));
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
