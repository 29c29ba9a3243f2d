//! What a tap costs: round trips and a full ring with and without one, blocks of both in turn
//! within one run, and with readers that back off or one that spins.
//!
//! `tap [BLOCKS]`: so many blocks of each kind (default 200), of 100,000 round trips each. The
//! worker has the last CPU that is allowed, everything else the first.

use factord_core::abi::{self, status, status_region, tap_record};
use factord_core::idle::IdleStrategy;
use factord_core::region::{Mapping, Region, View};
use factord_core::ring::{Geometry, RequestProducer, ResponseConsumer};
use factord_core::sys::sched;
use factord_core::tap::{Step, TapReader, TapWriter};
use factord_core::worker::{Handle, Lane, Row, Rows, Swap, Tally, Tap, Worker, mailbox};
use factord_eval::Model;
use factord_eval::evaluator::Evaluator;
use std::fmt;
use std::hint::{black_box, spin_loop};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const CHECK: u32 = 9;
/// Round trips of a block.
const ROUND_TRIPS: usize = 100_000;
/// Answers that a writer alone writes.
const WRITTEN: usize = 2_000_000;
/// Requests of a block that keeps the ring full.
const PIPELINED: usize = 1_000_000;
const SLOTS: usize = 64;
const BURST: usize = 32;

/// A worker on its CPU, a channel to it and, if it has one, its tap.
struct Rig {
    handle: Handle,
    worker: JoinHandle<()>,
    requests: RequestProducer<Mapping>,
    responses: ResponseConsumer<Mapping>,
    tap: Option<Region>,
}

/// A region and a second mapping of it.
fn region(name: &'static str, lines: usize) -> (Mapping, Mapping) {
    let region = Region::create(name, lines).unwrap();
    let other = region.fd().try_clone_to_owned().unwrap();
    let other = Mapping::open(name, &other, lines).unwrap();
    (region.into_mapping(), other)
}

impl Rig {
    fn start(cpu: usize, tapped: bool) -> Rig {
        let geometry = Geometry::new(3, SLOTS).unwrap();
        let (req, worker_req) = region("req", geometry.req_lines());
        let (worker_resp, resp) = region("resp", geometry.resp_lines());
        let status = Arc::new(Region::create("status", status_region::LINES).unwrap());
        let mut rows = Rows::default();
        let model = Model::linear(vec![-0.99, 8e-4, -3e-4], 0.9998).unwrap();
        let evaluator = Evaluator::new(&model);
        Swap::new(0, Row::new(CHECK, 1, (7, evaluator))).exchange(&mut rows);
        let (handle, mailbox) = mailbox(1);
        let tap = tapped.then(|| Region::create_tap(tap_record::CELL_COUNT).unwrap());
        let writer = tap.as_ref().map_or_else(Tap::default, |tap| {
            let fd = tap.fd().try_clone_to_owned().unwrap();
            let lines = abi::tap_lines(tap_record::CELL_COUNT);
            Tap::new(Mapping::open("tap", &fd, lines).unwrap(), tap_record::CELL_COUNT)
        });
        let worker = Worker::new(1, mailbox, rows, Tally::new(status, 0)).with_tap(writer);
        assert!(handle.attach(Lane::new(1, geometry, (worker_req, worker_resp), 1)));
        let worker = thread::spawn(move || {
            sched::allow_cpus(&[cpu]).unwrap();
            worker.run(IdleStrategy::Spin);
        });
        let requests = RequestProducer::new(req, geometry);
        let responses = ResponseConsumer::new(resp, geometry);
        let mut rig = Rig { handle, worker, requests, responses, tap };
        rig.round_trips(10_000);
        rig
    }

    /// Nanoseconds of one of `count` round trips, on average.
    fn round_trips(&mut self, count: usize) -> f64 {
        let x = [0.5, 0.2, 0.3];
        let start = Instant::now();
        for _ in 0..count {
            self.requests.push(abi::meta(0, CHECK), 0, black_box(&x));
            loop {
                if let Some(response) = self.responses.pop() {
                    assert_eq!(response.status(), status::OK);
                    break;
                }
                spin_loop();
            }
        }
        start.elapsed().as_nanos() as f64 / count as f64
    }

    /// Nanoseconds of one of `count` requests that keep the ring full, on average.
    fn pipelined(&mut self, count: usize) -> f64 {
        let x = [0.5, 0.2, 0.3];
        let start = Instant::now();
        let (mut sent, mut taken) = (0, 0);
        while taken < count {
            while sent < count && sent - taken <= SLOTS - BURST {
                for _ in 0..BURST {
                    self.requests.push(abi::meta(0, CHECK), 0, black_box(&x));
                }
                sent += BURST;
            }
            while let Some(response) = self.responses.pop() {
                black_box(response);
                taken += 1;
            }
            spin_loop();
        }
        start.elapsed().as_nanos() as f64 / count as f64
    }

    fn stop(self) {
        self.handle.stop();
        self.worker.join().unwrap();
    }
}

/// Readers of a tap, and how long each waits after it found nothing; one without a pause spins.
#[derive(Clone, Copy)]
struct Readers {
    count: usize,
    pause: Option<Duration>,
}

impl Readers {
    /// What is compared: none, some that look every 100 us, and one that spins.
    const ALL: [Readers; 5] = [
        Readers::backing_off(0),
        Readers::backing_off(1),
        Readers::backing_off(8),
        Readers::backing_off(32),
        Readers { count: 1, pause: None },
    ];

    const fn backing_off(count: usize) -> Readers {
        Readers { count, pause: Some(Duration::from_micros(100)) }
    }
}

impl fmt::Display for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let back_off = self.pause.is_some();
        match (self.count, back_off) {
            (0, _) => write!(f, "no reader"),
            (1, true) => write!(f, "a reader that backs off"),
            (1, false) => write!(f, "a reader that spins"),
            (count, true) => write!(f, "{count} readers that back off"),
            (count, false) => write!(f, "{count} readers that spin"),
        }
    }
}

/// Readers of a tap, until the sender is dropped.
fn start(tap: &Region, Readers { count, pause }: Readers) -> (Sender<()>, Vec<JoinHandle<u64>>) {
    let (alive, ends) = channel();
    let mut ends: Vec<Receiver<()>> = vec![ends];
    let mut senders = vec![alive];
    for _ in 1..count {
        let (alive, end) = channel();
        senders.push(alive);
        ends.push(end);
    }
    let (all, stop) = channel::<()>();
    thread::spawn(move || {
        // Ends with the caller's sender.
        let _ = stop.recv();
        drop(senders);
    });
    let start = |end: Receiver<()>| {
        let fd = tap.read_only().unwrap();
        let view = View::open("tap", &fd, abi::tap_lines(tap_record::CELL_COUNT)).unwrap();
        thread::spawn(move || read(&view, &end, pause))
    };
    (all, ends.into_iter().take(count).map(start).collect())
}

/// Nanoseconds that a writer with a CPU of its own takes for an answer, in runs of `len`.
fn written(cpu: usize, readers: Readers, len: usize) -> f64 {
    let tap = Region::create_tap(tap_record::CELL_COUNT).unwrap();
    let fd = tap.fd().try_clone_to_owned().unwrap();
    let lines = abi::tap_lines(tap_record::CELL_COUNT);
    let mapping = Mapping::open("tap", &fd, lines).unwrap();
    let (alive, threads) = start(&tap, readers);
    let writer = thread::spawn(move || {
        sched::allow_cpus(&[cpu]).unwrap();
        let mut writer = TapWriter::new(mapping, tap_record::CELL_COUNT);
        let mut run = vec![[tap_record::FIRST, tap_record::RUN, 0, 0, 0, 0, 0, 0]];
        let request = abi::tap_request(0, 1, 3);
        run.resize(1 + len, [tap_record::FIRST, request, 1, 2, 3, 4, 5, 6]);
        let (begun, mut count) = (Instant::now(), 0);
        while count < WRITTEN {
            run[0][tap_record::RUN_COUNT] = count as u64;
            count += len;
            writer.write(black_box(&run), count as u64);
            // As a worker that answers some twenty million a second.
            (0..len).for_each(|_| spin_loop());
        }
        begun.elapsed().as_nanos() as f64 / count as f64
    });
    let time = writer.join().unwrap();
    drop(alive);
    threads.into_iter().for_each(|thread| _ = thread.join().unwrap());
    time
}

/// Reads until the end; answers that it read and missed.
fn read(view: &View, end: &Receiver<()>, pause: Option<Duration>) -> u64 {
    let mut reader = TapReader::new(view.words(), tap_record::CELL_COUNT);
    let mut count = 0;
    while end.try_recv() == Err(TryRecvError::Empty) {
        match reader.step(view.words()) {
            Step::Record => count += 1,
            Step::Missed(missed) => count += missed,
            Step::Version(_) => {}
            Step::Empty => match pause {
                Some(pause) => thread::sleep(pause),
                None => spin_loop(),
            },
        }
    }
    count
}

/// Mean, and half the width of its 95 % interval.
fn mean(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let square = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (mean, 1.96 * (square / (count - 1.0) / count).sqrt())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

type Block = fn(&mut Rig) -> f64;

/// Blocks without a tap, and with one and so many readers, in turn.
fn compare(name: &str, blocks: usize, cpu: usize, readers: Readers, block: Block) {
    let (mut off, mut on) = (Vec::new(), Vec::new());
    for index in 0..blocks {
        let order = if index % 2 == 0 { [false, true] } else { [true, false] };
        for tapped in order {
            let mut rig = Rig::start(cpu, tapped);
            let watching =
                (tapped && readers.count > 0).then(|| start(rig.tap.as_ref().unwrap(), readers));
            let time = block(&mut rig);
            if tapped {
                on.push(time)
            } else {
                off.push(time)
            }
            if let Some((alive, threads)) = watching {
                drop(alive);
                threads.into_iter().for_each(|thread| assert!(thread.join().unwrap() > 0));
            }
            rig.stop();
        }
    }
    let differences: Vec<f64> = on.iter().zip(&off).map(|(on, off)| on - off).collect();
    let (difference, half) = mean(&differences);
    println!(
        "{name}, {readers}: {:.1} ns off, {:.1} ns on (medians of {blocks} blocks); \
         difference {difference:+.1} +- {half:.1} ns by means, {:+.1} ns by medians; rate {:.2} x",
        median(off.clone()),
        median(on.clone()),
        median(differences),
        median(off) / median(on),
    );
}

fn main() {
    // `cargo bench` adds a flag of its own.
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with("--"));
    let blocks: usize = words.next().map_or(200, |word| word.parse().expect("a number of blocks"));
    let allowed = sched::allowed_cpus().unwrap();
    let (&first, &last) = (allowed.first().unwrap(), allowed.last().unwrap());
    sched::allow_cpus(&[first]).unwrap();
    for len in [1, BURST] {
        let mut times = vec![Vec::new(); Readers::ALL.len()];
        for _ in 0..blocks.div_ceil(10) {
            for (times, readers) in times.iter_mut().zip(Readers::ALL) {
                times.push(written(last, readers, len));
            }
        }
        let alone = median(times[0].clone());
        for (times, readers) in times.into_iter().zip(Readers::ALL) {
            let time = median(times);
            let ratio = time / alone;
            println!("writer, runs of {len}, {readers}: {time:.1} ns an answer, {ratio:.2} x");
        }
    }
    for readers in Readers::ALL {
        compare("round trip", blocks, last, readers, |rig| rig.round_trips(ROUND_TRIPS));
    }
    for readers in Readers::ALL {
        compare("full ring", blocks, last, readers, |rig| rig.pipelined(PIPELINED));
    }
}
