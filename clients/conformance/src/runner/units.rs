//! Requests with unit keys for a divided name, as `units` of the driver has them.

use super::{PLENTY, options};
use crate::fault::{During, Fault};
use factord_client::Prediction;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Request `index`, counted from 0: its key, and its features.
pub(crate) fn request(index: u64) -> (u64, [f64; 3]) {
    let key = if index % 4 == 3 { 0 } else { (index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) };
    let part = |at: u64| ((3 * index + at) as f64 * 0.618_033_988_749_894).fract();
    (key, [part(1), part(2), part(3)])
}

/// The requests that are asked in a batch, too.
pub(crate) fn is_in_a_batch(index: u64) -> bool {
    index.is_multiple_of(499)
}

/// Asks `count` requests through the ring and locally, some in a batch, and writes what answered.
pub(super) fn run(count: u64, output: &Path) -> Result<(), Fault> {
    let socket = super::from_environment("FACTORD_SOCKET")?;
    let mut client = super::patiently(&options(&socket))?;
    let model = super::id(&client, "regression")?;
    client.fetch(model, PLENTY).during("fetch")?;
    let mut text = String::new();
    let mut write = |answer: Prediction, end: char| {
        let Prediction { generation, arm, fingerprint, y, .. } = answer;
        let y = y.to_bits();
        // A string takes every write.
        let _ = write!(text, "{generation} {arm} {fingerprint:016x} {y:016x}{end}");
    };
    for index in 0..count {
        let (key, x) = request(index);
        write(client.predict_keyed(model, key, &x, PLENTY).during("predict")?, ' ');
        let local = client.predict_local_keyed(model, key, &x).during("predict_local")?;
        if is_in_a_batch(index) {
            write(local, ' ');
            let mut answers = [super::answers::MISSING];
            client
                .predict_batch_keyed(model, key, &x, &mut answers, PLENTY)
                .during("predict_batch")?;
            let [answer] = answers;
            write(answer.during("predict_batch")?, '\n');
        } else {
            write(local, '\n');
        }
    }
    fs::write(output, text).during(output.display())
}
