//! Both rings of a channel on plain memory, against a model of what they promise.

use factord_core::abi::{self, request};
use factord_core::ring::{
    Geometry, Look, RequestConsumer, RequestProducer, Response, ResponseConsumer, ResponseProducer,
};
use factord_core::sync::{AtomicU64, Line, Ordering};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::Arc;

#[derive(Clone)]
struct Memory(Arc<Vec<Line>>);

impl AsRef<[Line]> for Memory {
    fn as_ref(&self) -> &[Line] {
        &self.0
    }
}

fn memory(lines: usize) -> Memory {
    let line = |_| core::array::from_fn(|_| AtomicU64::new(0));
    Memory(Arc::new((0..lines).map(line).collect()))
}

struct Channel {
    requests: RequestProducer<Memory>,
    answers: ResponseConsumer<Memory>,
    looked_at: RequestConsumer<Memory>,
    responses: ResponseProducer<Memory>,
    req: Memory,
}

fn channel(features: usize, slots: usize) -> Channel {
    let geometry = Geometry::new(features, slots).unwrap();
    let (req, resp) = (memory(geometry.req_lines()), memory(geometry.resp_lines()));
    Channel {
        requests: RequestProducer::new(req.clone(), geometry),
        answers: ResponseConsumer::new(resp.clone(), geometry),
        looked_at: RequestConsumer::new(req.clone(), geometry, 1),
        responses: ResponseProducer::new(resp, geometry, 1),
        req,
    }
}

fn response(position: u64, echo: u64) -> Response {
    let verdict = abi::verdict(2, 3, 4);
    Response { y: position, second: 1, verdict, echo, fingerprint: 5, t_received: 6, t_done: 7 }
}

proptest! {
    #[test]
    fn requests_and_answers_keep_their_order_and_contents(
        features in prop_oneof![Just(1usize), Just(3), Just(5), Just(6), Just(64)],
        slot_bits in 0u32..5,
        steps in prop::collection::vec((0u8..3, any::<u64>()), 1..200),
    ) {
        let slots = 1usize << slot_bits;
        let mut channel = channel(features, slots);
        let mut waiting: VecDeque<(u64, u64, Vec<f64>)> = VecDeque::new();
        let mut answered: VecDeque<u64> = VecDeque::new();
        let (mut sent, mut taken) = (0u64, 0u64);
        for (step, word) in steps {
            match step {
                0 if sent - taken < slots as u64 => {
                    let x: Vec<f64> =
                        (0..features).map(|i| (word ^ i as u64) as f64 / 3.0).collect();
                    // Mostly the same as before, which a slot may hold already.
                    let meta = if word % 8 == 0 { word & 0xFFFF } else { 7 };
                    let key = if word % 8 == 1 { !word } else { 0 };
                    sent += 1;
                    prop_assert_eq!(channel.requests.push(meta, key, &x), sent);
                    waiting.push_back((meta, key, x));
                }
                1 => match waiting.pop_front() {
                    None => prop_assert_eq!(channel.looked_at.look(), Look::Empty),
                    Some((meta, key, x)) => {
                        prop_assert_eq!(channel.looked_at.look(), Look::Ready);
                        let position = channel.looked_at.position();
                        let mut read = vec![0.0; features];
                        prop_assert_eq!(channel.looked_at.read(&mut read), (meta, key));
                        prop_assert_eq!(&read, &x);
                        let echo = abi::echo(position, meta, key, read.iter().map(|v| v.to_bits()));
                        channel.looked_at.advance(1);
                        channel.responses.push(position, &response(position, echo));
                        answered.push_back(position);
                    }
                },
                _ => {
                    let popped = channel.answers.pop();
                    prop_assert_eq!(popped.map(|answer| answer.y), answered.pop_front());
                    if let Some(answer) = popped {
                        taken += 1;
                        prop_assert_eq!(answer.echo, channel.requests.echo(taken));
                        prop_assert_eq!(answer, response(taken, answer.echo));
                    }
                }
            }
        }
    }

    #[test]
    fn whatever_a_client_writes_the_worker_reads_inside_the_region(
        features in 1usize..20,
        slot_bits in 0u32..4,
        words in prop::collection::vec((any::<prop::sample::Index>(), any::<u64>()), 0..300),
        near in prop::collection::vec(0u64..20, 0..50),
    ) {
        let slots = 1usize << slot_bits;
        let mut channel = channel(features, slots);
        let flat = channel.req.0.as_flattened();
        for (place, word) in words {
            flat[place.index(flat.len())].store(word, Ordering::Relaxed);
        }
        let stride = abi::request_stride_lines(features);
        for (index, sequence) in near.into_iter().enumerate() {
            let line = abi::RING_HEADER_LINES + index % slots * stride;
            channel.req.0[line][request::SEQUENCE].store(sequence, Ordering::Relaxed);
        }
        let mut x = vec![0.0; features];
        for _ in 0..100 {
            let position = channel.looked_at.position();
            let ready = channel.looked_at.ready_behind(8);
            prop_assert!(ready <= 8);
            match channel.looked_at.look() {
                Look::Ready => {
                    channel.looked_at.read(&mut x);
                    channel.looked_at.read_triple(0);
                    channel.looked_at.advance(1);
                    prop_assert_eq!(channel.looked_at.position(), position + 1);
                }
                Look::Empty | Look::Violation => {
                    prop_assert_eq!(channel.looked_at.position(), position);
                }
            }
        }
    }

    #[test]
    fn the_echo_tells_requests_apart(
        sequence in any::<u64>(), meta in any::<u64>(), x in prop::collection::vec(any::<u64>(), 3),
        bit in 0u32..64, place in 0usize..3,
    ) {
        let key = meta.rotate_left(9);
        let echo =
            |sequence, meta, key, x: &[u64]| abi::echo(sequence, meta, key, x.iter().copied());
        let first = echo(sequence, meta, key, &x);
        let mut other = x.clone();
        other[place] ^= 1 << bit;
        prop_assert_ne!(first, echo(sequence, meta, key, &other));
        prop_assert_ne!(first, echo(sequence, meta, key ^ 1 << bit, &x));
        prop_assert_ne!(first, echo(sequence, meta ^ 1 << bit, key, &x));
        prop_assert_ne!(first, echo(sequence.wrapping_add(1), meta, key, &x));
    }
}

#[test]
fn swapped_features_change_the_echo() {
    let (a, b) = (0.2f64.to_bits(), 0.3f64.to_bits());
    let echo = |key, x: [u64; 3]| abi::echo(1, 0, key, x.into_iter());
    assert_ne!(echo(0, [a, b, a]), echo(0, [b, a, a]));
    assert_ne!(echo(a, [b, a, a]), echo(b, [a, a, a]));
}

#[test]
fn memory_shorter_than_its_geometry_is_an_empty_ring() {
    let geometry = Geometry::new(3, 64).unwrap();
    for lines in [0, 1, 2, 3] {
        let looked_at = RequestConsumer::new(memory(lines), geometry, 1);
        assert_eq!(looked_at.look(), Look::Empty);
        let mut answers = ResponseConsumer::new(memory(lines), geometry);
        assert_eq!(answers.pop(), None);
        let mut requests = RequestProducer::new(memory(lines), geometry);
        assert_eq!(requests.push(0, 0, &[1.0; 3]), 1);
        ResponseProducer::new(memory(lines), geometry, 1).push(1, &response(1, 0));
    }
}

#[test]
fn only_shapes_that_fit_a_region_are_rings() {
    for (features, slots) in [(1, 1), (3, 4096), (1024, 512), (13, 4096)] {
        let geometry = Geometry::new(features, slots).unwrap();
        assert!(geometry.req_lines() * abi::LINE_LEN <= abi::REGION_LEN_MAX);
        assert_eq!(geometry.resp_lines(), 2 + slots);
    }
    let wrong = [(0, 1), (1025, 1), (3, 0), (3, 3), (3, 8192), (1024, 1024), (usize::MAX, 1)];
    for (features, slots) in wrong {
        assert_eq!(Geometry::new(features, slots), None, "{features} features, {slots} slots");
    }
}

#[test]
fn the_worker_sees_a_violation_only_beyond_its_position() {
    let mut channel = channel(3, 4);
    let slot = |position: u64| &channel.req.0[2 + (position as usize & 3)][request::SEQUENCE];
    for (sequence, look) in [(0, Look::Empty), (5, Look::Violation), (u64::MAX, Look::Violation)] {
        slot(1).store(sequence, Ordering::Relaxed);
        assert_eq!(channel.looked_at.look(), look, "sequence {sequence} at position 1");
    }
    slot(1).store(1, Ordering::Relaxed);
    assert_eq!(channel.looked_at.look(), Look::Ready);
    channel.looked_at.advance(1);
    for _ in 0..3 {
        let position = channel.looked_at.position();
        slot(position).store(position, Ordering::Relaxed);
        channel.looked_at.advance(1);
    }
    assert_eq!(channel.looked_at.position(), 5);
    assert_eq!(channel.looked_at.look(), Look::Empty, "the old one is still there");
}

#[test]
fn responses_with_more_outputs_have_lines_of_their_own() {
    let geometry = Geometry::new(3, 4).unwrap();
    assert_eq!(geometry.with_outputs(2), Some(geometry));
    for (outputs, lines) in [(3, 2), (10, 2), (11, 3), (64, 9)] {
        let wide = geometry.with_outputs(outputs).unwrap();
        assert_eq!((wide.output_count(), wide.resp_lines()), (outputs, 2 + 4 * lines));
        assert_eq!(wide.req_lines(), geometry.req_lines());
        let resp = memory(wide.resp_lines());
        let mut responses = ResponseProducer::new(resp.clone(), wide, 1);
        let mut answers = ResponseConsumer::new(resp, wide);
        for position in 1..=9 {
            responses.push(position, &response(position, position));
            assert_eq!(answers.pop(), Some(response(position, position)));
        }
    }
    for outputs in [0, 1, 65, usize::MAX] {
        assert_eq!(geometry.with_outputs(outputs), None, "{outputs} outputs");
    }
    assert_eq!(Geometry::new(3, 4096).unwrap().with_outputs(64).map(|_| ()), Some(()));
}
