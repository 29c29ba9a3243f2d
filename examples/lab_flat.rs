use factord::client::{AttachOptions, Client, PredictError};
use std::time::{Duration, Instant};
fn main() {
    let slots: usize = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(256);
    factord::sys::sched::allow_cpus(&[0]).unwrap();
    let mut c = Client::attach(&AttachOptions { slot_count: slots, ..Default::default() }).unwrap();
    for model in [0u16, 1] {
        let n = 10_000usize;
        let rows: Vec<f64> = (0..n * 3).map(|i| (i as f64 * 0.618).fract()).collect();
        let mut answers = vec![Err(PredictError::Deadline); n];
        let mut best = 0.0f64;
        let mut all = vec![];
        for _ in 0..300 {
            let t = Instant::now();
            c.predict_batch(model, &rows, &mut answers, Duration::from_secs(5)).unwrap();
            let r = n as f64 / t.elapsed().as_secs_f64() / 1e6;
            best = best.max(r);
            all.push(r);
        }
        all.sort_by(f64::total_cmp);
        println!("slots {slots} model {model}: median {:.1} M/s best {best:.1} M/s", all[150]);
    }
}
