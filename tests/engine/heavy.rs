//! A narrow lane beside one that asks a forest of ten megabytes flat out.

use crate::data::{self, Random, assert_exact, row_with_gaps};
use crate::figures::tell;
use crate::forests::shelf;
use crate::harness::{Engine, Watchdog};
use factord_core::client::{AttachOptions, Client, PredictError};
use factord_core::sys::clock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const WIDTH: usize = 32;

/// Round trips of a narrow lane, in nanoseconds, sorted.
fn narrow(client: &mut Client, count: usize) -> Vec<u64> {
    let models = data::embedded();
    let id = client.model("narrow").unwrap().id;
    let mut random = Random(5);
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let x = random.row(3);
        let start_ns = clock::monotonic_ns();
        let answer = client.predict(id, &x, 20 * SECOND);
        times.push(clock::monotonic_ns() - start_ns);
        assert_exact(&models[0], &x, &answer);
    }
    times.sort_unstable();
    times
}

/// Keeps a ring full of requests for the forest until `done`; returns how many were answered.
fn heavy(client: &mut Client, done: &AtomicBool) -> u64 {
    let id = client.model("large").unwrap().id;
    let mut random = Random(6);
    let (mut count, mut asked) = (0, 0);
    while asked > count || !done.load(Ordering::Relaxed) {
        if !done.load(Ordering::Relaxed) {
            let x = row_with_gaps(&mut random, WIDTH);
            match client.submit(id, &x) {
                Ok(_) => asked += 1,
                Err(PredictError::BackPressure) => {}
                Err(error) => panic!("{error}"),
            }
        }
        while let Some((_, answer)) = client.poll().unwrap() {
            answer.unwrap();
            count += 1;
        }
    }
    count
}

/// The narrow lane's p50 and p99 in microseconds, alone and beside the heavy one.
fn measured(engine: &Engine, is_heavy: bool, count: usize) -> [[f64; 2]; 2] {
    let mut light = engine.attach(3, 8);
    let options = AttachOptions { heavy: is_heavy, ..engine.options(WIDTH, 16) };
    let mut other = Client::attach(&options).unwrap();
    let at = |times: &[u64], share: f64| times[(times.len() as f64 * share) as usize] as f64 / 1e3;
    let percentiles = |times: &[u64]| [at(times, 0.5), at(times, 0.99)];
    let alone = narrow(&mut light, count);
    let done = AtomicBool::new(false);
    let (beside, answered) = thread::scope(|scope| {
        let load = scope.spawn(|| heavy(&mut other, &done));
        let beside = narrow(&mut light, count);
        done.store(true, Ordering::Relaxed);
        (beside, load.join().unwrap())
    });
    assert!(answered > 0, "nothing was asked of the forest");
    [percentiles(&alone), percentiles(&beside)]
}

#[test]
#[ignore = "it keeps both CPUs busy: .ci/loads.sh runs it alone"]
fn a_narrow_lane_is_answered_beside_a_heavy_one_on_its_own_worker_and_on_a_shared_one() {
    let _watchdog = Watchdog::start("a heavy lane", 300);
    let count =
        std::env::var("FACTORD_TEST_ROUND_TRIPS").map_or(300, |count| count.parse().unwrap());
    let allowed = factord_core::sys::sched::allowed_cpus().unwrap();
    for (what, is_heavy) in [("a worker of its own", true), ("the same worker", false)] {
        let (setup, models) = shelf();
        data::save(&models, "narrow", &data::embedded()[0]);
        data::save(&models, "large", &data::forest(WIDTH as u16, 5200, 6, 0));
        let light = allowed[0].to_string();
        let mut setup = setup.with(&["--core", &light]);
        if is_heavy {
            let heavy = allowed[1 % allowed.len()].to_string();
            // The flag that was given last counts.
            setup = setup.with(&["--heavy-core", &heavy]);
            let limit = setup.arguments.iter().position(|word| word == "10000000").unwrap();
            setup.arguments[limit] = "5000".to_owned();
        }
        let engine = setup.start();
        let row = engine.attach(3, 8).model("large").unwrap();
        assert_eq!(row.class, u16::from(is_heavy));
        let [alone, beside] = measured(&engine, is_heavy, count);
        tell(format_args!(
            "a narrow lane beside a heavy one on {what} ({} us an evaluation): p50 {:.1} us, p99 {:.1} \
             us; before it came {:.1} and {:.1}; {} CPUs for workers and clients",
            row.cost_ns / 1000,
            beside[0],
            beside[1],
            alone[0],
            alone[1],
            allowed.len(),
        ));
    }
}
