//! A recorder beside clients that ask on schedule, and as fast as they can: what it misses is
//! counted, and what an answer costs it is told.

use crate::data::Random;
use crate::figures::tell;
use crate::harness::{Process, Watchdog};
use crate::recorded::{NAMES, Rig, end, settle};
use factord_core::client::{Client, PredictError};
use rustix::process::Signal;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

const CLIENT_COUNT: u64 = 2;

/// Asks so many requests a second on schedule, whether or not earlier ones were answered, or as
/// many as fit the ring; how many were asked, all of which were answered.
fn offer(mut client: Client, rate: Option<u64>, length: Duration, seed: u64) -> u64 {
    let numbers = NAMES.map(|name| client.number(name).unwrap());
    let mut random = Random(seed);
    let rows: Vec<Vec<f64>> = (0..256).map(|_| random.row(3)).collect();
    let start = Instant::now();
    let (mut sent, mut taken) = (0u64, 0u64);
    let due = |sent: u64| {
        let elapsed = start.elapsed();
        let scheduled = rate.map_or(u64::MAX, |rate| {
            (elapsed.min(length).as_nanos() * u128::from(rate) / 1_000_000_000) as u64
        });
        sent < scheduled && (elapsed < length || rate.is_some())
    };
    let patience = length + Duration::from_secs(60);
    loop {
        let mut idle = true;
        // 64: some microseconds between two looks at the clock.
        if due(sent) {
            for _ in 0..64 {
                let number = numbers[sent as usize % 2];
                match client.submit(number, &rows[sent as usize % rows.len()]) {
                    Ok(_) => (sent, idle) = (sent + 1, false),
                    Err(PredictError::BackPressure) => break,
                    Err(error) => panic!("{error}"),
                }
            }
        } else if taken == sent && start.elapsed() >= length {
            return sent;
        }
        while let Some((_, answer)) = client.poll().unwrap() {
            answer.unwrap();
            (taken, idle) = (taken + 1, false);
        }
        assert!(start.elapsed() < patience, "{taken} of {sent} were answered");
        if idle {
            thread::yield_now();
        }
    }
}

/// Asks so many requests and takes their answers; how many.
fn offer_count(mut client: Client, count: u64) -> u64 {
    let numbers = NAMES.map(|name| client.number(name).unwrap());
    let (row, mut sent, mut taken) = (Random(7).row(3), 0, 0);
    while taken < count {
        while sent < count && client.submit(numbers[sent as usize % 2], &row).is_ok() {
            sent += 1;
        }
        while let Some((_, answer)) = client.poll().unwrap() {
            answer.unwrap();
            taken += 1;
        }
        thread::yield_now();
    }
    taken
}

/// Seconds of processor time that a process has taken.
fn processor_s(process: &Process) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.pid())).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = |index: usize| fields.split(' ').nth(index).unwrap().parse::<f64>().unwrap();
    // utime and stime, in hundredths of a second.
    (ticks(11) + ticks(12)) / 100.0
}

/// Records while clients ask; rows and missed answers are all that were asked.
fn recorded(what: &str, rate: Option<u64>, length: Duration) -> u64 {
    let rig = Rig::new(&["--tap=1048576", "--audit-local", "refuse"]);
    let recorder = rig.record(&["--every", "5"]);
    let start = Instant::now();
    let clients: Vec<Client> = (0..CLIENT_COUNT).map(|_| rig.engine.attach(3, 1024)).collect();
    let asked: u64 = thread::scope(|scope| {
        let each = rate.map(|rate| rate / CLIENT_COUNT);
        let ask = |(client, seed)| scope.spawn(move || offer(client, each, length, seed));
        let threads: Vec<_> = clients.into_iter().zip(1..).map(ask).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let rate = asked as f64 / start.elapsed().as_secs_f64();
    // What it has not read yet.
    thread::sleep(Duration::from_secs(3));
    let processor_s = processor_s(&recorder);
    end(recorder);
    // What that one left, the next one reads or counts.
    let recorder = rig.record(&[]);
    settle();
    end(recorder);
    let (rows, dropped) = rig.counted();
    tell(format_args!(
        "{what}: {asked} answers, {rate:.0} a second: {rows} recorded, {dropped} missed and \
         counted; {:.0} ns of a processor an answer recorded",
        processor_s * 1e9 / rows as f64
    ));
    assert_eq!(rows + dropped, asked);
    let output = rig.verify(&[&rig.audit]);
    assert!(output.status.success(), "{output:?}");
    dropped
}

/// [SPEC-762]
#[test]
fn rows_and_missed_answers_are_all_that_were_asked_on_schedule_or_flat_out() {
    let _watchdog = Watchdog::start("recording under load", 240);
    recorded("on schedule", Some(50_000), Duration::from_secs(1));
    recorded("flat out", None, Duration::from_secs(1));
}

/// [SPEC-774]
#[test]
fn a_recorder_that_is_told_to_end_reads_all_that_was_written_before() {
    let _watchdog = Watchdog::start("a recorder's end", 240);
    // Its taps hold more than it can read between two looks at signals.
    let rig = Rig::new(&["--tap=4194304", "--audit-local", "refuse"]);
    let recorder = rig.record(&[]);
    recorder.stop();
    let asked = offer_count(rig.engine.attach(3, 1024), 1_000_000);
    recorder.signal(Signal::TERM);
    recorder.signal(Signal::CONT);
    end(recorder);
    assert_eq!(rig.counted(), (asked, 0));
}

/// [SPEC-762]
#[test]
#[ignore = "minutes on a machine of its own: .ci/recorder.sh runs it alone"]
fn a_million_answers_a_second_for_a_minute_are_recorded() {
    let _watchdog = Watchdog::start("recording for minutes", 1200);
    let number =
        |name: &str, usual| std::env::var(name).map_or(usual, |text| text.parse().unwrap());
    let rate = number("FACTORD_TEST_RATE", 1_000_000);
    let length = Duration::from_secs(number("FACTORD_TEST_SECONDS", 60));
    let dropped = recorded(&format!("{rate} a second on schedule"), Some(rate), length);
    recorded("flat out", None, length / 3);
    assert_eq!(dropped, 0, "of those on schedule");
}
