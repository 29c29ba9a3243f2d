//! What thousands of names, and divided ones, cost a round trip beside a single model: blocks of
//! round trips by turns, in one run, through a real worker.
//!
//! `cargo bench --package factord-benches --bench rows` prints, for each of nine tables a sort, the
//! median of the blocks' means, and the median difference to the single model with the interval
//! that holds 95 % of such medians when the pairs are drawn again; in the end the median of these
//! differences, and their range.

use factord_core::abi::{self, MODEL_COUNT_MAX, status, status_region};
use factord_core::idle::IdleStrategy;
use factord_core::region::{Mapping, Region};
use factord_core::ring::{Geometry, RequestProducer, ResponseConsumer};
use factord_core::sys::sched;
use factord_core::worker::{Lane, Row, Rows, Swap, Tally, Worker, mailbox};
use factord_eval::Model;
use factord_eval::evaluator::Evaluator;
use std::sync::Arc;
use std::time::Instant;

/// Round trips in a block.
const TRIPS: usize = 2000;
/// Blocks of each sort.
const BLOCKS: usize = 300;
/// Tables of each sort, one after the other: where their pages lie, and what else is in the caches
/// of a shared host, moves the difference by more than its interval.
const RIGS: usize = 9;
/// The check of all names.
const CHECK: u32 = 9;

/// Names of one sort: where they begin, and how many there are.
#[derive(Clone, Copy)]
struct Sort {
    name: &'static str,
    first: u16,
    count: u64,
}

fn evaluator(number: u16) -> Evaluator {
    let weight = f64::from(number);
    Evaluator::new(&Model::linear(vec![weight, 1.0, 2.0], 0.5).expect("finite weights"))
}

/// The single model, undivided in every table.
const ONE: u16 = 7;

/// Every name undivided, or all but one with two arms of half the requests each.
fn rows(divided: bool) -> Rows {
    let mut rows = Rows::default();
    for number in 0..MODEL_COUNT_MAX as u16 {
        let row = Row::new(CHECK, 1, (u64::from(number) + 1, evaluator(number)));
        let second = (u64::from(number) + 10_001, evaluator(number));
        let split = abi::split([128, 256, 256]);
        let row = if divided && number != ONE {
            row.divided(split, number.into(), [second])
        } else {
            row
        };
        Swap::new(number, row).exchange(&mut rows);
    }
    rows
}

fn region(name: &'static str, lines: usize) -> (Mapping, Mapping) {
    let region = Region::create(name, lines).expect("memory for a ring");
    let other = region.fd().try_clone_to_owned().expect("a second descriptor");
    let other = Mapping::open(name, &other, lines).expect("a second mapping");
    (region.into_mapping(), other)
}

/// A client's ends of a worker's rings.
struct Rig {
    requests: RequestProducer<Mapping>,
    responses: ResponseConsumer<Mapping>,
    random: u64,
    handle: factord_core::worker::Handle,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Rig {
    fn new(rows: Rows, cpu: Option<usize>) -> Rig {
        let geometry = Geometry::new(3, 8).expect("a shape");
        let (req, worker_req) = region("req", geometry.req_lines());
        let (worker_resp, resp) = region("resp", geometry.resp_lines());
        let status = Region::create("status", status_region::LINES).expect("memory for STATUS");
        let (handle, mailbox) = mailbox(1);
        let worker = Worker::new(1, mailbox, rows, Tally::new(Arc::new(status), 0));
        let thread = std::thread::spawn(move || {
            let _ = cpu.map_or(Ok(()), |cpu| sched::allow_cpus(&[cpu]));
            worker.run(IdleStrategy::Spin);
        });
        assert!(handle.attach(Lane::new(1, geometry, (worker_req, worker_resp), 1)));
        Rig {
            requests: RequestProducer::new(req, geometry),
            responses: ResponseConsumer::new(resp, geometry),
            random: 1,
            handle,
            thread: Some(thread),
        }
    }

    /// The mean of one block in nanoseconds.
    fn block(&mut self, sort: Sort) -> f64 {
        let start = Instant::now();
        for _ in 0..TRIPS {
            self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let number = sort.first + ((self.random >> 40) % sort.count) as u16;
            let meta = abi::meta(number, CHECK);
            self.requests.push(meta, self.random | 1, &[0.5, 0.2, 0.3]);
            let response = loop {
                match self.responses.pop() {
                    Some(response) => break response,
                    None => std::hint::spin_loop(),
                }
            };
            assert_eq!(response.status(), status::OK);
        }
        start.elapsed().as_nanos() as f64 / TRIPS as f64
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.handle.stop();
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The 95 % interval of the median by drawing with replacement.
fn interval(values: &[f64]) -> (f64, f64) {
    let mut random = 7u64;
    let mut draw = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        values[(random >> 33) as usize % values.len()]
    };
    let mut medians: Vec<f64> = (0..1000)
        .map(|_| median(&mut (0..values.len()).map(|_| draw()).collect::<Vec<f64>>()))
        .collect();
    medians.sort_by(f64::total_cmp);
    (medians[25], medians[974])
}

fn main() {
    let cpus = sched::allowed_cpus().expect("the CPUs of this process");
    let (own, other) = (cpus.first().copied(), cpus.get(1).copied());
    own.map_or(Ok(()), |cpu| sched::allow_cpus(&[cpu])).expect("a CPU of its own");
    let one = Sort { name: "one model", first: ONE, count: 1 };
    let first = ONE + 1;
    let count = MODEL_COUNT_MAX as u64 - u64::from(first);
    let sorts = [(false, "4,088 names"), (true, "4,088 names of two arms")];
    let mut found = sorts.map(|_| Vec::new());
    for _ in 0..RIGS {
        for ((divided, name), found) in sorts.iter().zip(&mut found) {
            found.push(measure(one, Sort { name, first, count }, rows(*divided), other));
        }
    }
    for ((_, name), differences) in sorts.iter().zip(&mut found) {
        let middle = median(differences);
        let [.., most] = differences[..] else { continue };
        let least = differences[0];
        println!("{name}, {RIGS} tables: {middle:+.1} ns ({least:+.1} to {most:+.1})");
    }
}

/// Blocks by turns of one model and of many in a table of its own; prints what they took, and gives
/// the median difference in nanoseconds.
fn measure(one: Sort, many: Sort, rows: Rows, cpu: Option<usize>) -> f64 {
    let (mut ones, mut manys) = (Vec::new(), Vec::new());
    let mut rig = Rig::new(rows, cpu);
    rig.block(many);
    for _ in 0..BLOCKS {
        ones.push(rig.block(one));
        manys.push(rig.block(many));
    }
    let mut differences: Vec<f64> = manys.iter().zip(&ones).map(|(many, one)| many - one).collect();
    let (low, high) = interval(&differences);
    let (ones, manys) = (median(&mut ones), median(&mut manys));
    let difference = median(&mut differences);
    println!(
        "{}: {ones:.1} ns; {}: {manys:.1} ns; {difference:+.1} ns ({low:+.1} to {high:+.1})",
        one.name, many.name,
    );
    difference
}
