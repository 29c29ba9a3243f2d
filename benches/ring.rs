//! The ring within one thread: what push and pop cost when no line has to travel.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use factord_core::abi;
use factord_core::ring::{
    Geometry, Look, RequestConsumer, RequestProducer, Response, ResponseConsumer, ResponseProducer,
};
use factord_core::sync::Line;
use std::hint::black_box;

fn memory(line_count: usize) -> Vec<Line> {
    (0..line_count).map(|_| Line::default()).collect()
}

/// Both ends of both rings.
struct Rings<'m> {
    requests: RequestProducer<&'m Vec<Line>>,
    arrivals: RequestConsumer<&'m Vec<Line>>,
    answers: ResponseProducer<&'m Vec<Line>>,
    responses: ResponseConsumer<&'m Vec<Line>>,
}

impl Rings<'_> {
    fn push(&mut self, x: &[f64]) -> u64 {
        self.requests.push(0, 0, x)
    }

    /// Answers the next request with its first feature.
    fn answer(&mut self) {
        assert_eq!(self.arrivals.look(), Look::Ready);
        let sequence = self.arrivals.position();
        let (meta, key, bits) = self.arrivals.read_triple(0);
        self.arrivals.advance(1);
        let echo = abi::echo(sequence, meta, key, bits.into_iter());
        let verdict = abi::verdict(abi::status::OK, 0, 1);
        let (y, second) = (bits[0], 0);
        let response =
            Response { y, second, verdict, echo, fingerprint: 1, t_received: 0, t_done: 0 };
        self.answers.push(sequence, &response);
    }

    fn take(&mut self) -> Response {
        let position = self.responses.position();
        let response = self.responses.pop().expect("it was answered");
        assert_eq!(response.echo, self.requests.echo(position));
        response
    }
}

fn round_trips(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ring");
    let x = [0.5, 0.2, 0.3];
    for (slot_count, burst) in [(64, 1), (64, 16), (256, 256)] {
        let geometry = Geometry::new(3, slot_count).unwrap();
        let (req, resp) = (memory(geometry.req_lines()), memory(geometry.resp_lines()));
        let mut rings = Rings {
            requests: RequestProducer::new(&req, geometry),
            arrivals: RequestConsumer::new(&req, geometry, 1),
            answers: ResponseProducer::new(&resp, geometry, 1),
            responses: ResponseConsumer::new(&resp, geometry),
        };
        group.throughput(Throughput::Elements(burst));
        group.bench_function(format!("{slot_count} slots, {burst} at once"), |bencher| {
            bencher.iter(|| {
                for _ in 0..burst {
                    rings.push(black_box(&x));
                }
                for _ in 0..burst {
                    rings.answer();
                }
                for _ in 0..burst {
                    black_box(rings.take());
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, round_trips);
criterion_main!(benches);
