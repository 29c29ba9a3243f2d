//! [`GoldenRow`]: inputs, and the bits that answer them.

use crate::fault::{Fault, ensure};
use crate::models::{self, Random};
use factord_core::abi::status;
use factord_eval::Model;
use factord_eval::evaluator::Evaluator;

/// Random rows of the narrow files.
const ROWS: usize = 200;
/// Rows of the golden image for each of its models.
pub(crate) const IMAGE_ROWS: usize = 8;

/// Values that a plain range of random ones leaves out, all within what no model overflows at.
const EDGES: [f64; 9] = [0.0, -0.0, 1.0, -1.0, 5e-324, 2.225_073_858_507_201e-308, 1e-9, 1e9, -1e9];

/// One row and the bits of its answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GoldenRow {
    pub(crate) x: Vec<f64>,
    pub(crate) y: u64,
    pub(crate) second: u64,
}

impl GoldenRow {
    fn of(model: &Model, x: Vec<f64>) -> Result<GoldenRow, Fault> {
        let answer = Evaluator::new(model).evaluate(&x);
        ensure(answer.status == status::OK, || format!("{x:?} has no answer"))?;
        Ok(GoldenRow { x, y: answer.y, second: answer.second })
    }
}

/// Narrow inputs: random ones as they come in practice, wide-spread ones, and edges in each place.
pub(crate) fn narrow_inputs() -> Vec<Vec<f64>> {
    let mut random = Random(3);
    let mut inputs: Vec<Vec<f64>> = (0..ROWS).map(|_| random.numbers(3, 0.0, 1.0)).collect();
    inputs.extend((0..ROWS / 4).map(|_| random.numbers(3, -50.0, 50.0)));
    for place in 0..3 {
        for edge in EDGES {
            let mut x = vec![0.5, 0.25, 0.125];
            x[place] = edge;
            inputs.push(x);
        }
    }
    inputs
}

/// Rows of these inputs for a model that answers each of them.
pub(crate) fn answered(model: &Model, inputs: Vec<Vec<f64>>) -> Result<Vec<GoldenRow>, Fault> {
    inputs.into_iter().map(|x| GoldenRow::of(model, x)).collect()
}

/// The rows of the golden image: the first half for `regression`, the rest for `classification`.
pub(crate) fn image_rows() -> Result<Vec<GoldenRow>, Fault> {
    let [regression, classification] = models::built_in();
    let inputs = narrow_inputs();
    let (first, second) = (&inputs[..IMAGE_ROWS], &inputs[ROWS..ROWS + IMAGE_ROWS]);
    let mut rows = answered(regression.model(), first.to_vec())?;
    rows.extend(answered(classification.model(), second.to_vec())?);
    Ok(rows)
}
