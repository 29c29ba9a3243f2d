//! A client beside another process that keeps the worker as busy as it may.

use crate::actor::{Actor, Tale};
use crate::data;
use crate::harness::{Engine, Setup, Watchdog};
use factord_core::abi::{self, RING_HEADER_LINES, request, request_stride_lines, response};
use factord_core::channel::{self, Channel, Shape};
use factord_core::counters::Observer;
use factord_core::ring::Geometry;
use factord_core::sync::{Line, Ordering};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
const WIDTH: usize = 1024;
const SLOTS: usize = 32;
/// Together with the client's own fewer than a user may have.
const CHANNELS: usize = 120;

/// Keeps the rings of many wide channels full by their sequences alone.
pub(crate) fn crowd(socket: &Path, ended: &AtomicBool) -> Tale {
    let row = Observer::attach(Some(socket)).unwrap().find("wide").unwrap().unwrap();
    let meta = abi::meta(row.id, row.check);
    let geometry = Geometry::new(WIDTH, SLOTS).unwrap();
    let attach = |_| channel::attach(socket, Shape::light(geometry), "crowd").unwrap();
    let channels: Vec<Channel> = (0..CHANNELS).map(attach).collect();
    let mut tale = Tale::default();
    println!("\ncrowded");
    while !ended.load(Ordering::Relaxed) {
        for channel in &channels {
            for slot in 0..SLOTS {
                tale.sent += u64::from(ask_again(channel, slot, meta));
            }
        }
        // What waits in the rings takes the worker longer; the CPU is left to the others.
        std::thread::sleep(Duration::from_millis(1));
    }
    tale
}

/// Publishes the next request of a slot whose last one has been answered.
fn ask_again(channel: &Channel, slot: usize, meta: u64) -> bool {
    let requests: &[Line] = channel.req.as_ref();
    let responses: &[Line] = channel.resp.as_ref();
    let line = &requests[RING_HEADER_LINES + slot * request_stride_lines(WIDTH)];
    let asked = line[request::SEQUENCE].load(Ordering::Relaxed);
    let answered = responses[RING_HEADER_LINES + slot][response::SEQUENCE].load(Ordering::Relaxed);
    if answered != asked {
        return false;
    }
    // The first position of a slot is its own number, but there is no position 0.
    let next = if asked == 0 && slot > 0 { slot } else { asked as usize + SLOTS };
    line[request::META].store(meta, Ordering::Relaxed);
    line[request::SEQUENCE].store(next as u64, Ordering::Release);
    true
}

/// Round trips of a narrow client for a while: the median and the longest.
fn waits(engine: &Engine, period: Duration) -> (Duration, Duration) {
    let mut client = engine.attach(3, 8);
    let end = Instant::now() + period;
    let mut waits = Vec::new();
    while Instant::now() < end {
        let start = Instant::now();
        client.predict(0, &[0.5, 0.2, 0.3], SECOND).unwrap();
        waits.push(start.elapsed());
    }
    waits.sort();
    (waits[waits.len() / 2], waits[waits.len() - 1])
}

#[test]
fn a_narrow_client_waits_for_no_crowd_of_full_wide_rings() {
    let _watchdog = Watchdog::start("wide neighbours", 60);
    let setup = Setup::new();
    let models = setup.directory.path().join("models");
    std::fs::create_dir(&models).unwrap();
    data::save(&models, "regression", &data::model(3, false, 1));
    data::save(&models, "wide", &data::model(WIDTH, true, 2));
    let engine = setup.with(&["--models", models.to_str().unwrap()]).start();
    let (alone, _) = waits(&engine, SECOND / 4);
    let mut crowd = Actor::start("crowd", engine.socket(), 1);
    crowd.line("crowded");
    let (median, longest) = waits(&engine, 2 * SECOND);
    println!("alone {alone:?}; beside {CHANNELS} full wide rings {median:?}, longest {longest:?}");
    assert!(longest < SECOND, "{longest:?}");
    assert!(median < SECOND / 200, "{median:?}");
    let asked_again = crowd.finish().sent as usize - CHANNELS * SLOTS;
    assert!(asked_again > 100, "the crowd was hardly there: {asked_again}");
}
