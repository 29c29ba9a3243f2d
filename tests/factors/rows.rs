//! Factors give the rows that the definitions give, whatever the window and the unit.

use crate::naive;
use factord_factors::{
    Aggressor, Cut, Empty, Factors, Large, Per, Row, Settings, Side, Trade, Unit, Window,
};
use proptest::prelude::*;

/// All rows of the trades, pushed in chunks of the given length.
fn factor_rows(trades: &[Trade], settings: &Settings, chunk: usize) -> Vec<Row> {
    let mut factors = Factors::new(settings).unwrap();
    let mut rows = Vec::new();
    for trades in trades.chunks(chunk) {
        trades.iter().for_each(|trade| factors.push(trade, &mut |row| rows.push(*row)));
        // A look on demand changes nothing.
        factors.now();
        factors.counts();
    }
    factors.finish(&mut |row| rows.push(*row));
    rows
}

fn values(row: &Row) -> [f64; 7] {
    let Row { volume, turnover, buy_rate, sell_rate, large_buy, large_sell, unclassified, .. } =
        *row;
    [volume, turnover, buy_rate, sell_rate, large_buy, large_sell, unclassified]
}

fn same(a: f64, b: f64) -> bool {
    a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-12 * a.abs().max(1.0)
}

prop_compose! {
    fn trade()(
        pause in prop_oneof![4 => 0_i64..3, 2 => 0_i64..2_000, 1 => 0_i64..60_000],
        price in 900_u32..1_100,
        qty in 1_u32..500,
        side in prop_oneof![
            4 => Just(Side::Buy), 4 => Just(Side::Sell), 1 => Just(Side::None),
            1 => Just(Side::Unknown)
        ],
        buy_id in 0_u64..40,
        sell_id in 0_u64..40,
    ) -> (i64, Trade) {
        let (price, qty) = (f64::from(price) / 100.0, f64::from(qty) * 0.5);
        (pause, Trade { buy_id, sell_id, ..Trade::new(0, price, qty, side) })
    }
}

fn trades() -> impl Strategy<Value = Vec<Trade>> {
    prop::collection::vec(trade(), 0..300).prop_map(|trades| {
        let mut ts_ns = 1_675_214_700_000_000_000;
        trades
            .into_iter()
            .map(|(pause, trade)| {
                ts_ns += pause * 1_000_000;
                Trade { ts_ns, ..trade }
            })
            .collect()
    })
}

prop_compose! {
    fn settings()(
        unit in prop_oneof![
            Just((Unit::Time, 1e9)), Just((Unit::Trades, 7.0)), Just((Unit::Volume, 500.0)),
            Just((Unit::Turnover, 9_000.0))
        ],
        steps in prop_oneof![Just(1_u32), 1_u32..20],
        per in prop::sample::select(Per::ALL.to_vec()),
        by in prop_oneof![(100_u32..20_000).prop_map(|cut| Cut::Turnover(f64::from(cut))),
                          (10_u32..2_000).prop_map(|cut| Cut::Quantity(f64::from(cut)))],
        keep in any::<bool>(),
    ) -> Settings {
        let (unit, step) = unit;
        Settings {
            window: Window::tumbling(unit, step * f64::from(steps)).rolling(step),
            large: Large { per, by },
            aggressor: Aggressor::Flag,
            empty: if keep { Empty::Keep } else { Empty::Skip },
            ..Settings::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn every_window_is_what_its_trades_add_up_to(trades in trades(), settings in settings()) {
        let rows = factor_rows(&trades, &settings, usize::MAX);
        let expected = naive::rows(&trades, &settings);
        prop_assert_eq!(rows.len(), expected.len());
        for (row, expected) in rows.iter().zip(&expected) {
            prop_assert_eq!((row.start_ns, row.end_ns), expected.times);
            prop_assert_eq!(row.trades, expected.trades);
            prop_assert!(row.closed);
            for (value, expected) in values(row).into_iter().zip(expected.values) {
                prop_assert!(same(value, expected), "{value} is not {expected}: {row:?}");
            }
        }
    }

    #[test]
    fn every_window_has_the_exact_prices_of_its_trades(trades in trades(), settings in settings()) {
        let rows = factor_rows(&trades, &settings, usize::MAX);
        for (row, expected) in rows.iter().zip(naive::rows(&trades, &settings)) {
            let trades = &trades[expected.range];
            // Whole numbers of hundredths and halves.
            let units = |trade: &Trade| [trade.price * 100.0, trade.qty * 2.0].map(f64::round);
            let sum = |of: &dyn Fn(&Trade) -> i64| trades.iter().map(of).sum::<i64>() as f64;
            let turnover = sum(&|trade| units(trade).iter().product::<f64>() as i64) / 200.0;
            let volume = sum(&|trade| units(trade)[1] as i64) / 2.0;
            let ends = [trades.first(), trades.last()];
            let [first, last] = ends.map(|trade| trade.map_or(f64::NAN, |trade| trade.price));
            let expected = [turnover / volume, first, last].map(f64::to_bits);
            if !trades.is_empty() {
                prop_assert_eq!([row.vwap, row.first, row.last].map(f64::to_bits), expected);
            }
            let found = [row.vwap, row.first, row.last];
            prop_assert_eq!(found.map(f64::is_nan), [trades.is_empty(); 3]);
        }
    }

    #[test]
    fn chunks_and_looks_on_demand_change_no_bit(
        trades in trades(), settings in settings(), chunk in 1_usize..50,
    ) {
        let bits = |rows: Vec<Row>| -> Vec<String> {
            rows.iter().map(|row| format!("{row:?}")).collect()
        };
        prop_assert_eq!(
            bits(factor_rows(&trades, &settings, usize::MAX)),
            bits(factor_rows(&trades, &settings, chunk))
        );
    }

    #[test]
    fn a_look_on_demand_is_the_window_that_would_close(
        trades in trades(), settings in settings(),
    ) {
        // Time closes windows by itself: what `finish` gives is what `now` showed just before.
        let settings = Settings {
            window: Window::time(4_000_000_000).rolling(1e9), empty: Empty::Keep, ..settings
        };
        let mut factors = Factors::new(&settings).unwrap();
        trades.iter().for_each(|trade| factors.push(trade, &mut |_| ()));
        let now = factors.now();
        let mut last = None;
        factors.finish(&mut |row| last = Some(*row));
        if let Some(last) = last {
            prop_assert!(!now.closed && last.closed);
            prop_assert_eq!((now.start_ns, now.trades), (last.start_ns, last.trades));
            for (a, b) in values(&now).into_iter().zip(values(&last)) {
                prop_assert!(same(a, b));
            }
        }
    }
}
