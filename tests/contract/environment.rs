//! A host program's floating-point environment: no bit depends on it, and it stands afterwards.

use crate::data::{self, Random, assert_exact};
use crate::harness::{Setup, Watchdog};
use core::arch::asm;
use factord_core::client::Answer;
use factord_eval::Model;
use factord_eval::eval::eval;
use factord_factors::{Counts, Factors, Row, Settings, SettingsError, Side, Trade, Window};
use factord_models::file::{Artifact, Details};
use std::hint::black_box;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// What hosts set MXCSR to: FTZ, DAZ, both; down, up, to zero; and traps for every exception.
const STATES: [u32; 7] = [0x9F80, 0x1FC0, 0x9FC0, 0x3F80, 0x5F80, 0x7F80, TRAPS];
const TRAPS: u32 = 0x0000;

fn mxcsr() -> u32 {
    let mut state = 0_u32;
    // SAFETY: four bytes are stored where there is room for them.
    unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut state, options(nostack, preserves_flags)) };
    state
}

fn set_mxcsr(state: u32) {
    // SAFETY: no reserved bit is set. What is computed until the default is back is what is tested.
    unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const state, options(nostack)) };
}

/// Does some work where a host has set MXCSR; returns what stands there afterwards, too.
fn hosted<R, W: FnOnce() -> R>(state: u32, work: W) -> (R, u32) {
    let before = mxcsr();
    // By a pointer that the compiler does not follow, so that nothing is computed before or after.
    let call: fn(W) -> R = black_box(|work| work());
    set_mxcsr(state);
    let done = call(work);
    let after = mxcsr();
    set_mxcsr(before);
    (done, after)
}

/// Sums that are rounded, products that are subnormal, parameters that are.
fn models() -> Vec<(&'static str, Model)> {
    let (ones, zeros) = (vec![1.0; 3], vec![0.0; 3]);
    vec![
        ("linear", Model::linear(vec![1e-200, 1.0, 1.0], 0.0).unwrap()),
        ("logistic", Model::logistic(ones.clone(), 0.0, zeros.clone(), ones.clone()).unwrap()),
        ("tiny", Model::linear(vec![1e-310; 3], 0.0).unwrap()),
        ("narrow", Model::logistic(ones, 0.0, zeros, vec![1e-310, 1.0, 1.0]).unwrap()),
        ("wide", data::model(5, false, 1)),
        ("wide-logistic", data::model(5, true, 2)),
    ]
}

/// Rows at the edges, and any others.
fn rows(width: usize) -> Vec<Vec<f64>> {
    let mut random = Random(3);
    let edges = [[0.1, 0.2, 0.3], [1e-120, 0.0, 0.0], [0.0, 5e-324, 0.0], [-709.0, 0.0, 0.0]];
    let edges = edges.iter().map(|edge| (0..width).map(|i| edge[i % 3]).collect());
    edges.chain((0..50).map(|_| random.row(width))).collect()
}

#[test]
fn local_predictions_do_not_depend_on_what_the_host_has_set() {
    let _watchdog = Watchdog::start("local evaluation in other environments", 60);
    let setup = Setup::new();
    let directory = setup.directory.path().join("models");
    std::fs::create_dir(&directory).unwrap();
    models().iter().for_each(|(name, model)| data::save(&directory, name, model));
    let engine = setup.with(&["--models", directory.to_str().unwrap()]).start();
    for state in STATES {
        let (mut changed, mut left) = (0, Vec::new());
        // A client of its own, whose first call copies the model.
        let mut clients = [engine.attach(3, 8), engine.attach(5, 8)];
        for (name, model) in models() {
            let client = &mut clients[usize::from(model.width() == 5)];
            let id = client.model(name).unwrap().id;
            for x in rows(model.width()) {
                let local = hosted(state, || client.predict_local(id, &x));
                let ring: (Answer, u32) = hosted(state, || client.predict(id, &x, SECOND));
                let answer = assert_exact(&model, &x, &local.0);
                assert_eq!(answer, assert_exact(&model, &x, &ring.0), "{state:#x}");
                left.extend([local.1, ring.1]);
                let plain = || hosted(state, || eval(&model, black_box(&x))).0;
                changed += usize::from(state != TRAPS && plain() != eval(&model, &x));
            }
        }
        assert!(changed > 0 || state == TRAPS, "{state:#x} changes nothing");
        assert!(left.iter().all(|left| *left == state), "{state:#x}: {left:x?}");
    }
}

#[test]
fn artifacts_are_made_and_checked_the_same_whatever_the_host_has_set() {
    for state in STATES {
        let mut left = Vec::new();
        for (name, model) in models() {
            let details = || details(name, model.width());
            let make = || Artifact::new(model.clone(), details()).unwrap().encode();
            let bytes = make();
            let (made, after_made) = hosted(state, make);
            assert!(made == bytes, "{name} {state:#x}");
            let (decoded, after) = hosted(state, || Artifact::decode(&bytes));
            assert_eq!(decoded.unwrap_or_else(|error| panic!("{state:#x}: {error}")).name(), name);
            left.extend([after_made, after]);
        }
        assert!(left.iter().all(|left| *left == state), "{state:#x}: {left:x?}");
    }
}

fn details(name: &str, width: usize) -> Details {
    let feature_names = (0..width).map(|index| format!("x{index}")).collect();
    Details { name: name.to_owned(), feature_names, ..Details::default() }
}

/// Prices in cents, lots of 0.1, and now and then a trade of next to nothing.
fn trades() -> Vec<Trade> {
    let mut random = Random(5);
    let trade = |at: i64| {
        let bits = random.bits();
        let (price, qty) = match at % 100 {
            98 => (1e-310, 1.0),
            99 => (1e-160, 1e-160),
            _ => ((900 + bits % 200) as f64 / 100.0, (1 + bits % 7_001) as f64 * 0.1),
        };
        let side = if bits.is_multiple_of(2) { Side::Buy } else { Side::Sell };
        Trade::new(at * 7_000_000, price, qty, side)
    };
    (0..2_000).map(trade).collect()
}

/// What a host gets for its trades: all rows, one on demand, and the counts.
fn factors(trades: &[Trade]) -> Result<(Vec<Row>, Row, Counts), SettingsError> {
    let window: Window = "0.3s".parse().unwrap();
    let settings = Settings { window: window.rolling(1e8), ..Settings::default() };
    let mut engine = Factors::new(&settings)?;
    let mut rows = Vec::new();
    trades.iter().for_each(|trade| engine.push(trade, &mut |row| rows.push(*row)));
    let now = engine.now();
    engine.advance(20_000_000_000, &mut |row| rows.push(*row));
    engine.finish(&mut |row| rows.push(*row));
    Ok((rows, now, engine.counts()))
}

#[test]
fn factors_do_not_depend_on_what_the_host_has_set() {
    let trades = trades();
    let expected = factors(&trades).unwrap();
    assert!(expected.0.len() > 100);
    for state in STATES {
        let (found, after) = hosted(state, || factors(&trades));
        let found = found.unwrap_or_else(|error| panic!("{state:#x}: {error}"));
        for (found, expected) in found.0.iter().zip(&expected.0) {
            assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{state:#x}");
        }
        assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{state:#x}");
        assert_eq!(after, state);
    }
}
