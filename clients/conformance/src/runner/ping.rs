//! Round trips, timed on request of the driver.

use super::{PLENTY, options};
use crate::fault::{During, Fault, fail};
use factord_client::{AttachOptions, Client, IdleStrategy};
use std::hint::black_box;
use std::io::{self, BufRead, Write};
use std::time::{Duration, Instant};

/// Different inputs, so that nothing is answered from a branch predictor's memory.
const INPUT_COUNT: usize = 1024;
/// Round trips between two readings of the clock.
const GROUP: usize = 16;

struct Pinger {
    client: Client,
    batches: Client,
    model: u16,
    inputs: Vec<f64>,
    next: usize,
}

/// Answers the lines of stdin.
pub(super) fn run() -> Result<(), Fault> {
    let socket = super::from_environment("FACTORD_SOCKET")?;
    let attach = |slot_count| {
        let options = AttachOptions { slot_count, idle: IdleStrategy::Spin, ..options(&socket) };
        Client::attach(&options).during("attach")
    };
    // Few lines make a round trip fast, many a batch.
    let (client, batches) = (attach(8)?, attach(256)?);
    let model = super::id(&client, "regression")?;
    let inputs =
        (1..=3 * INPUT_COUNT).map(|index| (index as f64 * 0.618_033_988_749_894).fract()).collect();
    let mut pinger = Pinger { client, batches, model, inputs, next: 0 };
    let mut out = io::stdout().lock();
    let mut say =
        |text: String| writeln!(out, "{text}").and_then(|()| out.flush()).during("stdout");
    say("ready".to_owned())?;
    for line in io::stdin().lock().lines() {
        let line = line.during("stdin")?;
        match line.split_once(' ') {
            Some(("go", count)) => {
                let p50_ns = pinger.round_trip_p50_ns(count.parse().during(count)?)?;
                say(format!("p50_ns {p50_ns:.1}"))?;
            }
            Some(("many", rows)) => {
                let rate = pinger.batch_per_second(rows.parse().during(rows)?)?;
                say(format!("per_second {rate:.0}"))?;
            }
            _ => return fail(format!("no such line: {line}")),
        }
    }
    Ok(())
}

impl Pinger {
    fn group_ns(&mut self) -> Result<u64, Fault> {
        let start = Instant::now();
        for _ in 0..GROUP {
            let x = &self.inputs[3 * self.next..][..3];
            self.next = (self.next + 1) % INPUT_COUNT;
            black_box(self.client.predict(self.model, x, PLENTY).during("predict")?);
        }
        Ok(start.elapsed().as_nanos() as u64)
    }

    fn round_trip_p50_ns(&mut self, count: usize) -> Result<f64, Fault> {
        let mut groups = Vec::with_capacity(count);
        for _ in 0..count {
            groups.push(self.group_ns()?);
        }
        groups.sort_unstable();
        let median = groups.get(count / 2).ok_or("no groups").during("go")?;
        Ok(*median as f64 / GROUP as f64)
    }

    fn batch_per_second(&mut self, rows: usize) -> Result<f64, Fault> {
        let inputs: Vec<f64> = self.inputs.iter().copied().cycle().take(3 * rows).collect();
        let mut answers = vec![super::answers::MISSING; rows];
        let mut spent = Duration::ZERO;
        for _ in 0..2 {
            let start = Instant::now();
            self.batches
                .predict_batch(self.model, &inputs, &mut answers, PLENTY)
                .during("predict_batch")?;
            spent = start.elapsed();
        }
        Ok(rows as f64 / spent.as_secs_f64())
    }
}
