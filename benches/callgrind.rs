//! Fixed amounts of work for counting instructions: `.ci/callgrind.sh` runs each case under
//! callgrind, which collects inside the functions marked here and in the worker's own service.
//!
//! `callgrind CASE COUNT` runs one case; without a case all of them run, a little.

use factord_core::abi::{self, status, status_region};
use factord_core::idle::IdleStrategy;
use factord_core::region::{Mapping, Region};
use factord_core::ring::{Geometry, RequestProducer, Response, ResponseConsumer};
use factord_core::worker::{Lane, Row, Rows, Swap, Tally, Worker, mailbox};
use factord_eval::evaluator::{Evaluation, Evaluator};
use factord_models::catalogue;
use std::hint::black_box;
use std::sync::Arc;

/// The check of both models' names.
const CHECK: u32 = 9;
/// Requests under way at once in the cases that send many.
const BURST: usize = 32;
const CASES: [&str; 7] = [
    "ring-linear",
    "ring-logistic",
    "ring-linear-many",
    "ring-logistic-many",
    "eval-linear",
    "eval-logistic",
    "eval-wide",
];

fn main() {
    // `cargo bench` adds a flag of its own.
    let words: Vec<String> = std::env::args().skip(1).filter(|w| !w.starts_with("--")).collect();
    match words.as_slice() {
        [] => CASES.iter().for_each(|case| run(case, 64)),
        [case, count] => run(case, count.parse().expect("the count is a number")),
        _ => panic!("callgrind CASE COUNT, with a case of {CASES:?}"),
    }
}

fn run(case: &str, count: usize) {
    match case {
        "ring-linear" => ring(0, 1, count),
        "ring-logistic" => ring(1, 1, count),
        "ring-linear-many" => ring(0, BURST, count),
        "ring-logistic-many" => ring(1, BURST, count),
        "eval-linear" => counted_eval(&evaluator(0), &[0.5, 0.2, 0.3], count),
        "eval-logistic" => counted_eval(&evaluator(1), &[0.5, 0.2, 0.3], count),
        "eval-wide" => counted_eval(&wide(), &[0.25; 64], count),
        other => panic!("no case {other}: there are {CASES:?}"),
    }
    println!("{case}: {count}");
}

fn evaluator(model: usize) -> Evaluator {
    Evaluator::new(catalogue::embedded()[model].artifact.model())
}

fn wide() -> Evaluator {
    Evaluator::new(&factord_eval::Model::linear(vec![0.5; 64], 1.0).unwrap())
}

/// Collected: evaluation alone.
#[inline(never)]
fn counted_eval(evaluator: &Evaluator, x: &[f64], count: usize) {
    for _ in 0..count {
        let evaluation: Evaluation = evaluator.evaluate(black_box(x));
        assert_eq!(black_box(evaluation).status, status::OK);
    }
}

/// Collected: the client's way in.
#[inline(never)]
fn counted_push(requests: &mut RequestProducer<Mapping>, model: u16, x: &[f64; 3]) {
    requests.push(abi::meta(model, CHECK), 0, x);
}

/// Collected: the client's way out, once the answer is there.
#[inline(never)]
fn counted_pop(
    requests: &RequestProducer<Mapping>,
    responses: &mut ResponseConsumer<Mapping>,
) -> Option<Response> {
    let position = responses.position();
    responses.pop().filter(|response| response.echo == requests.echo(position))
}

/// A region and a second mapping of it, as the two processes have.
fn region(name: &'static str, lines: usize) -> (Mapping, Mapping) {
    let region = Region::create(name, lines).unwrap();
    let other = region.fd().try_clone_to_owned().unwrap();
    let other = Mapping::open(name, &other, lines).unwrap();
    (region.into_mapping(), other)
}

/// `count` requests through a real worker's own thread, `burst` at a time.
fn ring(model: u16, burst: usize, count: usize) {
    let geometry = Geometry::new(3, 64).unwrap();
    let (req, worker_req) = region("req", geometry.req_lines());
    let (worker_resp, resp) = region("resp", geometry.resp_lines());
    let status = Arc::new(Region::create("status", status_region::LINES).unwrap());
    let mut rows = Rows::default();
    for (number, served) in catalogue::embedded().iter().enumerate() {
        let evaluator = Evaluator::new(served.artifact.model());
        let row = Row::new(CHECK, 1, (7, evaluator));
        Swap::new(number as u16, row).exchange(&mut rows);
    }
    let (handle, mailbox) = mailbox(1);
    let worker = Worker::new(1, mailbox, rows, Tally::new(status, 0));
    let thread = std::thread::spawn(move || worker.run(IdleStrategy::Yield));
    assert!(handle.attach(Lane::new(1, geometry, (worker_req, worker_resp), 1)));
    let mut requests = RequestProducer::new(req, geometry);
    let mut responses = ResponseConsumer::new(resp, geometry);
    let x = [0.5, 0.2, 0.3];
    for _ in 0..count / burst {
        for _ in 0..burst {
            counted_push(&mut requests, model, black_box(&x));
        }
        // All of them first: a pop that finds nothing would be collected as well.
        while responses.ready(burst as u64) < burst as u64 {
            std::thread::yield_now();
        }
        for _ in 0..burst {
            let response = counted_pop(&requests, &mut responses).expect("it is there");
            assert_eq!(black_box(response).status(), status::OK);
        }
    }
    handle.stop();
    thread.join().unwrap();
}
