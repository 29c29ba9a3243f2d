//! Nanoseconds a row of batches of 10,000 rows, for some milliseconds: the best batch and the mean
//! of all. Compiled against two versions of the client by `benches/beside/run`, so it uses what
//! both have.

use std::time::{Duration, Instant};

use factord_core::client::{Answer, AttachOptions, Batch, Client};

const ROWS: usize = 10_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, socket, model, milliseconds] = &arguments[..] else {
        panic!("pipelined SOCKET MODEL MILLISECONDS");
    };
    let mut client = Client::attach(&AttachOptions {
        socket: Some(socket.into()),
        feature_count: 3,
        slot_count: 64,
        ..AttachOptions::default()
    })
    .unwrap();
    let number = client.number(model).unwrap();
    let rows: Vec<f64> = (0..3 * ROWS).map(|i| (i % 97) as f64 / 97.0).collect();
    let (mut best, mut sum, mut batches) = (f64::MAX, 0.0, 0_u32);
    let end = Instant::now() + Duration::from_millis(milliseconds.parse().unwrap());
    while Instant::now() < end {
        let began = Instant::now();
        let (mut batch, mut total) = (Batch::default(), 0.0);
        let take = |_: usize, answer: Answer| {
            total += answer.unwrap().y;
        };
        client.advance_batch(&mut batch, number, &rows, take, Duration::from_secs(5)).unwrap();
        std::hint::black_box(total);
        let nanoseconds = began.elapsed().as_nanos() as f64 / ROWS as f64;
        best = best.min(nanoseconds);
        sum += nanoseconds;
        batches += 1;
    }
    println!("{best:.2} {:.2}", sum / f64::from(batches));
}
