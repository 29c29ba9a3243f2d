//! Every interleaving of the two sides of a channel, on rings of one and two slots.

use super::*;
use crate::sync::AtomicU64;
use loom::thread;
use std::sync::Arc;

#[derive(Clone)]
struct Memory(Arc<Vec<Line>>);

impl Memory {
    fn zeroed(lines: usize) -> Memory {
        let line = |_| core::array::from_fn(|_| AtomicU64::new(0));
        Memory(Arc::new((0..lines).map(line).collect()))
    }
}

impl AsRef<[Line]> for Memory {
    fn as_ref(&self) -> &[Line] {
        &self.0
    }
}

/// The four ends of a channel.
#[allow(clippy::type_complexity, reason = "named once, here")]
fn channel(
    feature_count: usize,
    slot_count: usize,
) -> (
    (RequestProducer<Memory>, ResponseConsumer<Memory>),
    (RequestConsumer<Memory>, ResponseProducer<Memory>),
) {
    let geometry = Geometry::new(feature_count, slot_count).unwrap();
    let req = Memory::zeroed(geometry.req_lines());
    let resp = Memory::zeroed(geometry.resp_lines());
    let client = (
        RequestProducer::new(req.clone(), geometry),
        ResponseConsumer::new(resp.clone(), geometry),
    );
    let worker = (RequestConsumer::new(req, geometry, 1), ResponseProducer::new(resp, geometry, 1));
    (client, worker)
}

/// Words that differ in every position.
fn meta(position: u64) -> u64 {
    100 + position
}

fn key(position: u64) -> u64 {
    200 + position
}

fn feature(position: u64) -> f64 {
    position as f64 / 8.0
}

/// Three features have a path of their own.
fn triple(position: u64) -> [f64; 3] {
    [0.25, 0.5, 0.75].map(|more| feature(position) + more)
}

fn response(position: u64) -> Response {
    Response {
        y: 10 * position,
        second: 10 * position + 1,
        verdict: 10 * position + 2,
        echo: 10 * position + 3,
        fingerprint: 10 * position + 4,
        t_received: 10 * position + 5,
        t_done: 10 * position + 6,
    }
}

fn take_request(requests: &mut RequestConsumer<Memory>) -> u64 {
    let position = requests.position();
    loop {
        match requests.look() {
            Look::Ready => break,
            Look::Empty => thread::yield_now(),
            Look::Violation => panic!("a sequence from the future"),
        }
    }
    let mut x = [0.0];
    assert_eq!((requests.read(&mut x), x[0]), ((meta(position), key(position)), feature(position)));
    requests.advance(1);
    position
}

#[test]
fn a_request_that_is_seen_is_whole() {
    loom::model(|| {
        let ((mut requests, _), (mut looked_at, _)) = channel(1, 2);
        let client = thread::spawn(move || {
            for position in 1..=2 {
                assert_eq!(
                    requests.push(meta(position), key(position), &[feature(position)]),
                    position
                );
            }
        });
        for position in 1..=2 {
            assert_eq!(take_request(&mut looked_at), position);
        }
        client.join().unwrap();
    });
}

#[test]
fn triples_counted_ahead_are_whole() {
    loom::model(|| {
        let ((mut requests, _), (mut looked_at, _)) = channel(3, 2);
        let client = thread::spawn(move || {
            for position in 1..=2 {
                requests.push(meta(position), key(position), &triple(position));
            }
        });
        while looked_at.look() != Look::Ready {
            thread::yield_now();
        }
        for _ in 0..=looked_at.ready_behind(1) {
            let position = looked_at.position();
            let expected = (meta(position), key(position), triple(position).map(f64::to_bits));
            assert_eq!(looked_at.read_triple(0), expected);
            looked_at.advance(1);
        }
        client.join().unwrap();
    });
}

#[test]
fn an_answer_that_is_seen_is_whole() {
    loom::model(|| {
        let ((_, mut answers), (_, mut responses)) = channel(1, 2);
        let worker = thread::spawn(move || responses.push(1, &response(1)));
        let taken = loop {
            match answers.pop() {
                Some(taken) => break taken,
                None => thread::yield_now(),
            }
        };
        assert_eq!(taken, response(1));
        assert_eq!(answers.pop(), None);
        worker.join().unwrap();
    });
}

#[test]
fn a_status_that_is_seen_is_the_answer_s_and_one_put_back_is_taken_again() {
    loom::model(|| {
        let ((_, mut answers), (_, mut responses)) = channel(1, 2);
        let worker = thread::spawn(move || responses.push(1, &response(1)));
        let status = loop {
            match answers.find(1).and_then(|found| answers.status(found)) {
                Some(status) => break status,
                None => thread::yield_now(),
            }
        };
        assert_eq!(status, response(1).status());
        assert_eq!(answers.pop(), Some(response(1)));
        answers.put_back();
        assert_eq!(answers.pop(), Some(response(1)));
        worker.join().unwrap();
    });
}

/// Sends `count` requests over `slot_count` slots, as many at once as there is room for.
fn round_trips(slot_count: usize, count: u64) {
    loom::model(move || {
        let ((mut requests, mut answers), (mut looked_at, mut responses)) = channel(1, slot_count);
        let worker = thread::spawn(move || {
            for _ in 0..count {
                let position = take_request(&mut looked_at);
                responses.push(position, &response(position));
            }
        });
        let (mut sent, mut taken) = (0, 0);
        while taken < count {
            while sent < count && sent - taken < slot_count as u64 {
                sent = requests.push(meta(sent + 1), key(sent + 1), &[feature(sent + 1)]);
            }
            match answers.pop() {
                Some(answer) => {
                    taken += 1;
                    assert_eq!(answer, response(taken));
                }
                None => thread::yield_now(),
            }
        }
        worker.join().unwrap();
    });
}

#[test]
fn a_slot_is_used_again_only_after_its_answer_was_taken() {
    round_trips(1, 2);
}

#[test]
fn two_slots_wrap_around_without_a_lost_or_doubled_answer() {
    round_trips(2, 3);
}

#[test]
fn an_answer_is_told_from_those_of_the_engine_before() {
    loom::model(|| {
        let ((_, mut answers), (_, mut responses)) = channel(1, 2);
        let memory = answers.memory().clone();
        begin_epoch(memory.as_ref(), 7, 1);
        responses.push(1, &response(1));
        // An engine of epoch 8 takes over while the client takes what both answered.
        let engine = thread::spawn(move || {
            begin_epoch(memory.as_ref(), 8, 2);
            responses.push(2, &response(2));
        });
        for position in 1..=2 {
            while answers.pop().is_none() {
                thread::yield_now();
            }
            // Asked twice: loom's bound on preemptions leaves out some states of a single look.
            for _ in 0..2 {
                assert_eq!(answers.epoch_of(position), 6 + position);
            }
        }
        engine.join().unwrap();
    });
}
