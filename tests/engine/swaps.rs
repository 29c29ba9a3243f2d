//! Versions swapped as fast as they are read while four clients ask: each answer has the bits of
//! the version that it names, and none is lost.

use crate::data::{self, Random};
use crate::figures::tell;
use crate::harness::{Engine, Setup, Watchdog};
use factord_core::channel;
use factord_core::client::Client;
use factord_core::counters::fingerprint;
use factord_core::sys::sched;
use factord_eval::evaluator::Evaluator;
use factord_models::store::{Digest, Store};
use factord_quant::plot::{Axis, Chart};
use hdrhistogram::Histogram;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
const NAME: &str = "spread";
const CLIENT_COUNT: u64 = 4;
/// Answers between two rests of a client: two CPUs are too few for four that never rest, beside the
/// worker and whoever swaps.
const BURST: u64 = 64;
const REST: Duration = Duration::from_micros(50);
/// Swaps between two rests that are as long.
const BLOCK: usize = 250;

/// What clients do: what they measure goes to one of two histograms.
const RESTING: usize = 0;
const SWAPPING: usize = 1;
const ENDED: usize = 2;

/// The three versions as files, and what gives their answers again.
struct Versions {
    files: Vec<Vec<u8>>,
    evaluators: HashMap<u64, Evaluator>,
}

fn versions() -> Versions {
    let models = [1, 2, 3].map(|seed| data::model(3, false, seed));
    let files = models.each_ref().map(|model| data::artifact(NAME, model).encode()).to_vec();
    let known = files.iter().map(|file| fingerprint(&Digest::of(file).0));
    let evaluators = known.zip(models.iter().map(Evaluator::new)).collect();
    Versions { files, evaluators }
}

/// Puts a version into its file, whole or not at all.
fn put(models: &Path, version: &[u8]) {
    let beside = models.join(".beside");
    fs::write(&beside, version).unwrap();
    fs::rename(&beside, models.join(format!("{NAME}.fmodel"))).unwrap();
}

/// An engine that serves the first version from a directory.
fn engine(versions: &Versions) -> (Engine, PathBuf) {
    let setup = Setup::new();
    let models = setup.directory.path().join("models");
    fs::create_dir(&models).unwrap();
    put(&models, &versions.files[0]);
    (setup.with(&["--models", models.to_str().unwrap()]).start(), models)
}

/// What a client met: round trips of each sort, and how many versions and generations.
struct Met {
    trips: [Histogram<u64>; 2],
    asked: u64,
    changes: u64,
}

/// Asks until the end; each answer is compared with the version that it names.
fn ask(mut client: Client, seed: u64, versions: &Versions, duty: &AtomicUsize) -> Met {
    let number = client.number(NAME).unwrap();
    let (mut random, mut last) = (Random(seed), 0);
    let trips = [Histogram::new(3).unwrap(), Histogram::new(3).unwrap()];
    let mut met = Met { trips, asked: 0, changes: 0 };
    loop {
        let now = duty.load(Ordering::Relaxed);
        let Some(trips) = met.trips.get_mut(now) else { return met };
        let x = random.row(3);
        let start = Instant::now();
        let answer = client.predict(number, &x, 20 * SECOND).expect("no answer is lost");
        trips.record(start.elapsed().as_nanos() as u64).unwrap();
        let version = versions.evaluators.get(&answer.fingerprint);
        let expected = version.expect("it names one of the three").evaluate(&x);
        assert_eq!(answer.y.to_bits(), expected.y, "{answer:?}");
        assert!(answer.generation >= last, "{} after {last}", answer.generation);
        met.changes += u64::from(answer.generation > last);
        (last, met.asked) = (answer.generation, met.asked + 1);
        if met.asked.is_multiple_of(BURST) {
            thread::sleep(REST);
        }
    }
}

/// Swaps so often, in blocks with rests between them; a damaged file comes in the middle. Returns
/// how long the swaps took.
fn swap(
    engine: &Engine,
    models: &Path,
    versions: &Versions,
    count: usize,
    duty: &AtomicUsize,
) -> Duration {
    let mut swapping = Duration::ZERO;
    let _ = sched::ask_for_short_slices();
    let mut done = 0;
    while done < count {
        duty.store(SWAPPING, Ordering::Relaxed);
        let start = Instant::now();
        for _ in 0..BLOCK.min(count - done) {
            done += 1;
            put(models, &versions.files[done % versions.files.len()]);
            let said = channel::reload_one(engine.socket(), NAME).unwrap();
            assert!(said.contains(&format!("generation {}", done + 1)), "{said}");
        }
        let took = start.elapsed();
        if done > count / 2 && done <= count / 2 + BLOCK {
            let mut damaged = versions.files[(done + 1) % versions.files.len()].clone();
            let middle = damaged.len() / 2;
            damaged[middle] ^= 4;
            put(models, &damaged);
            let said = channel::reload_one(engine.socket(), NAME).unwrap_err().to_string();
            assert!(said.contains("fmodel"), "it is named: {said}");
        }
        duty.store(RESTING, Ordering::Relaxed);
        thread::sleep(took);
        swapping += took;
    }
    duty.store(ENDED, Ordering::Relaxed);
    swapping
}

/// Swaps so often; what clients met together, and how long the swaps took.
fn swapped(count: usize) -> (Met, Duration) {
    let versions = &versions();
    let (engine, models) = engine(versions);
    let duty = &AtomicUsize::new(RESTING);
    let clients = (1..=CLIENT_COUNT).map(|seed| (engine.attach(3, 8), seed));
    let (met, swapping) = thread::scope(|scope| {
        let clients: Vec<_> = clients
            .map(|(client, seed)| scope.spawn(move || ask(client, seed, versions, duty)))
            .collect();
        let swapping = swap(&engine, &models, versions, count, duty);
        let met: Vec<Met> = clients.into_iter().map(|client| client.join().unwrap()).collect();
        (met, swapping)
    });
    let trips = [RESTING, SWAPPING].map(|sort| {
        let mut all = Histogram::new(3).unwrap();
        met.iter().for_each(|met| all.add(&met.trips[sort]).unwrap());
        all
    });
    let asked: u64 = met.iter().map(|met| met.asked).sum();
    let snapshot = engine.snapshot();
    assert_eq!((snapshot.reloads_total, snapshot.reload_failures_total), (count as u64, 1));
    assert_eq!(snapshot.workers[0].violations, 0);
    assert_eq!(asked, trips.iter().map(Histogram::len).sum::<u64>());
    (Met { trips, asked, changes: met.iter().map(|met| met.changes).sum() }, swapping)
}

/// [SPEC-763]
#[test]
fn every_answer_has_the_bits_of_the_version_that_it_names_while_versions_are_swapped() {
    let _watchdog = Watchdog::start("swaps", 240);
    let (met, _) = swapped(600);
    assert!(met.changes > CLIENT_COUNT, "clients saw {} changes", met.changes);
}

/// Where the drawing begins: at a fifth of the round trips, as the quickest are few and far apart.
const FIRST_STEP: i32 = 5;

/// The distribution of round trips, each sort a line, as a drawing that stands alone.
fn drawing(trips: &[Histogram<u64>; 2]) -> String {
    let shares: Vec<f64> =
        (FIRST_STEP..=200).map(|step| 1.0 - 10f64.powf(-f64::from(step) / 50.0)).collect();
    let times =
        |sort: usize| shares.iter().map(move |&share| trips[sort].value_at_quantile(share) as f64);
    let ticks = ["0", "90 %", "99 %", "99.9 %", "99.99 %"];
    let x = Axis::of(
        (0..5).map(|decade| (f64::from(decade), ticks[decade as usize].to_owned())).collect(),
        "share of round trips",
    );
    let y = Axis::from_zero(times(RESTING).chain(times(SWAPPING)), "nanoseconds");
    let mut chart = Chart::new(x, y, "Round trips of four clients, with swaps and without");
    for (class, sort) in [("resting", RESTING), ("swapping", SWAPPING)] {
        let places = (FIRST_STEP..).map(|step| f64::from(step) / 50.0);
        chart.line(class, places.zip(times(sort)));
    }
    let style = "<svg xmlns=\"http://www.w3.org/2000/svg\" font-family=\"sans-serif\" font-size=\"12\" \
                 fill=\"#475569\"><style>.grid{stroke:#cbd5e1}.line{fill:none;stroke-width:2}\
                 .resting{stroke:#1d4ed8}.swapping{stroke:#c2410c}</style>\
                 <text x=\"90\" y=\"36\" fill=\"#1d4ed8\">without swaps</text>\
                 <text x=\"90\" y=\"54\" fill=\"#c2410c\">with swaps</text>";
    let drawn = chart.finish();
    let (head, body) = drawn.split_once('>').unwrap();
    let (_, attributes) = head.split_once("<svg").unwrap();
    let (start, rest) = style.split_once('>').unwrap();
    format!("{start}{attributes}>{rest}{body}")
}

/// [SPEC-763]
#[test]
#[ignore = "minutes: .ci/swaps.sh runs it alone"]
fn a_hundred_thousand_swaps_lose_no_answer_and_their_cost_is_told() {
    let _watchdog = Watchdog::start("many swaps", 3000);
    let count = std::env::var("FACTORD_TEST_SWAPS").map_or(100_000, |text| text.parse().unwrap());
    let (met, swapping) = swapped(count);
    let figures = |sort: usize| {
        let at = |share| met.trips[sort].value_at_quantile(share) as f64 / 1e3;
        format!("p50 {:.1} us, p99 {:.1} us, p99.9 {:.1} us", at(0.5), at(0.99), at(0.999))
    };
    tell(format_args!(
        "{count} swaps, {:.0} a second; {} answers to {CLIENT_COUNT} clients, each of the bits of \
         the version that it names, none lost; with swaps {}; without {}",
        count as f64 / swapping.as_secs_f64(),
        met.asked,
        figures(SWAPPING),
        figures(RESTING),
    ));
    if let Ok(path) = std::env::var("FACTORD_TEST_CHART") {
        fs::write(path, drawing(&met.trips)).unwrap();
    }
}

/// How many changes a second a store takes, the longer its ledger the fewer.
#[test]
#[ignore = "minutes: .ci/swaps.sh runs it alone"]
fn a_store_s_changes_slow_down_with_its_ledger_and_how_is_told() {
    let _watchdog = Watchdog::start("changes of a store", 1200);
    let setup = Setup::new();
    let root = setup.directory.path().join("store");
    let versions = [1, 2, 3].map(|seed| data::artifact(NAME, &data::model(3, false, seed)));
    let mut store = Store::open_or_make(&root).unwrap();
    let digests = versions.each_ref().map(|version| store.publish(version).unwrap().0);
    store.promote(digests[0]).unwrap();
    drop(store);
    let engine = setup.with(&["--models", root.to_str().unwrap()]).start();
    let mut next = 0;
    for lines in [0, 1000, 3000] {
        let mut store = Store::open(&root).unwrap();
        while store.head().line < lines {
            next += 1;
            store.promote(digests[next % 3]).unwrap();
        }
        let line = store.head().line;
        drop(store);
        channel::reload(engine.socket()).unwrap();
        let start = Instant::now();
        for _ in 0..50 {
            next += 1;
            channel::promote(engine.socket(), NAME, &digests[next % 3].to_string()).unwrap();
        }
        let rate = 50.0 / start.elapsed().as_secs_f64();
        tell(format_args!("behind {line} lines of the ledger: {rate:.0} changes a second"));
    }
}
