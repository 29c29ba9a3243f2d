//! A table through the ring: the bits of every answer, a line a row.

use super::answers::MISSING;
use super::{PLENTY, id, options};
use crate::fault::{During, Fault, fail};
use factord_client::Prediction;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Predicts the rows of `input` and writes their bits to `output`.
pub(super) fn run(input: &Path, output: &Path) -> Result<(), Fault> {
    let socket = super::from_environment("FACTORD_SOCKET")?;
    let text = fs::read_to_string(input).during(input.display())?;
    let mut rows = Vec::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').take(3).collect();
        let [a, b, c] = fields.as_slice() else { return fail(format!("too short: {line}")) };
        for field in [a, b, c] {
            rows.push(field.parse::<f64>().during(line)?);
        }
    }
    let mut client = super::patiently(&options(&socket))?;
    let mut predict = |name: &str| {
        let model = id(&client, name)?;
        let mut answers = vec![MISSING; rows.len() / 3];
        client.predict_batch(model, &rows, &mut answers, PLENTY).during(name)?;
        answers.into_iter().collect::<Result<Vec<Prediction>, _>>().during(name)
    };
    let (regression, classification) = (predict("regression")?, predict("classification")?);
    let mut text = String::new();
    for (r, c) in regression.iter().zip(&classification) {
        let words = [r.y, c.y, c.second].map(f64::to_bits);
        // A string takes every write.
        let _ = writeln!(text, "{:016x} {:016x} {:016x}", words[0], words[1], words[2]);
    }
    fs::write(output, text).during(output.display())
}
