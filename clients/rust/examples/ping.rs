//! The round trip of one request, 16 at a time between two readings of the clock.

use factord_client::{AttachOptions, Client};
use std::time::{Duration, Instant};

/// Round trips between two readings: the clock's own step is then below a nanosecond each.
const GROUP: u32 = 16;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = AttachOptions { name: "ping".to_owned(), ..AttachOptions::default() };
    let mut client = Client::attach(&options)?;
    let model = client.model("regression").ok_or("no model `regression` is served")?.id;
    let mut groups = Vec::new();
    for group in 0..2_000 {
        let start = Instant::now();
        for request in 0..GROUP {
            let x = [f64::from(group % 100) / 100.0, 0.2, f64::from(request) / 100.0];
            client.predict(model, &x, Duration::from_secs(1))?;
        }
        groups.push(start.elapsed().as_nanos() as f64 / f64::from(GROUP));
    }
    groups.sort_by(f64::total_cmp);
    let at = |share: f64| groups[(share * (groups.len() - 1) as f64) as usize];
    println!("round trip p50 {:.1} ns, p99 {:.1} ns", at(0.5), at(0.99));
    Ok(())
}
