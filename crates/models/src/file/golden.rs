//! Golden vectors: inputs near the training data and the exact answers they must get.

use super::limits::GOLDEN_COUNT_MAX;
use super::{ArtifactError, FeatureStats};
use factord_eval::eval::{Output, Triple, eval};
use factord_eval::forest::Node;
use factord_eval::{Forest, Model};

/// Widths up to this one get vectors that move a single feature; wider ones would need too many.
const SINGLE_WIDTH_MAX: usize = 4;

/// Golden vectors of a forest besides those of zeros and of nothing.
const HARD_ROW_COUNT: usize = 62;

/// One input and its answer, as bits.
#[derive(Clone, Debug)]
pub struct Golden {
    /// One value per feature.
    pub x: Vec<f64>,
    /// Bits of the first output.
    pub y_bits: u64,
    /// Bits of the second output.
    pub second_bits: u64,
}

/// Bit for bit: NaN is a value for some models.
impl PartialEq for Golden {
    fn eq(&self, other: &Golden) -> bool {
        let bits = |golden: &Golden| golden.x.iter().map(|x| x.to_bits()).collect::<Vec<u64>>();
        (self.y_bits, self.second_bits) == (other.y_bits, other.second_bits)
            && bits(self) == bits(other)
    }
}

/// Chooses the inputs, always the same ones for the same model and statistics, and scores them.
pub(super) fn generate(model: &Model, stats: &[FeatureStats]) -> Vec<Golden> {
    let inputs = match model {
        Model::Affine(_) => inputs(model, stats),
        Model::Forest(forest) => hard_rows(forest),
    };
    inputs
        .into_iter()
        .map(|x| {
            let output = eval(model, &x);
            Golden { x, y_bits: output.y.to_bits(), second_bits: output.second.to_bits() }
        })
        .collect()
}

/// Scores every vector on every path that could serve the model, and compares bits.
pub(super) fn rescore(model: &Model, golden: &[Golden]) -> Result<(), ArtifactError> {
    if golden.is_empty() || golden.len() > GOLDEN_COUNT_MAX {
        return Err(ArtifactError::GoldenCount { found: golden.len() });
    }
    let triple = Triple::of(model);
    for (index, vector) in golden.iter().enumerate() {
        if vector.x.len() != model.width() || !model.accepts(&vector.x) {
            return Err(ArtifactError::GoldenInput { index });
        }
        let output = eval(model, &vector.x);
        if !output.y.is_finite() {
            return Err(ArtifactError::GoldenOverflow { index, value: output.y });
        }
        compare(index, "general", vector, output)?;
        if let (Some(triple), Ok(x)) = (&triple, vector.x.as_slice().try_into()) {
            let output = if model.is_classifier() { triple.logistic(x) } else { triple.linear(x) };
            compare(index, "triple", vector, output)?;
        }
    }
    Ok(())
}

fn compare(
    index: usize,
    path: &'static str,
    golden: &Golden,
    output: Output,
) -> Result<(), ArtifactError> {
    if (golden.y_bits, golden.second_bits) == (output.y.to_bits(), output.second.to_bits()) {
        return Ok(());
    }
    let expected = (f64::from_bits(golden.y_bits), f64::from_bits(golden.second_bits));
    Err(ArtifactError::GoldenAnswer { index, path, expected, found: (output.y, output.second) })
}

fn inputs(model: &Model, stats: &[FeatureStats]) -> Vec<Vec<f64>> {
    let width = model.width();
    let (mean, std) = centre(model, stats);
    let moved = |feature: Option<usize>, deviations: f64| -> Vec<f64> {
        let place = |index: usize| match feature {
            Some(only) if only != index => mean[index],
            _ => mean[index] + deviations * std[index],
        };
        (0..width).map(place).collect()
    };
    let mut inputs = vec![mean.clone(), vec![0.0; width], vec![1.0; width]];
    let singles = if width <= SINGLE_WIDTH_MAX { width } else { 0 };
    for feature in std::iter::once(None).chain((0..singles).map(Some)) {
        for deviations in [-3.0, -2.0, -1.0, 1.0, 2.0, 3.0] {
            inputs.push(moved(feature, deviations));
        }
    }
    // Any fixed seed does: the points need full mantissas, so that another order of evaluation
    // or a fused multiply-add shows.
    let mut random = Unit(0x666d_6f64_656c);
    for _ in 0..16 {
        inputs.push((0..width).map(|i| mean[i] + (8.0 * random.next() - 4.0) * std[i]).collect());
    }
    for _ in 0..8 {
        inputs.push((0..width).map(|_| random.next()).collect());
    }
    inputs
}

/// Where the data are: the training statistics, else the model's own scaler, else 0 and 1.
fn centre(model: &Model, stats: &[FeatureStats]) -> (Vec<f64>, Vec<f64>) {
    if stats.len() == model.width() {
        return stats.iter().map(|feature| (feature.mean, feature.std)).unzip();
    }
    match model.affine().filter(|affine| affine.is_logistic()) {
        Some(affine) => (affine.mean().to_vec(), affine.scale().to_vec()),
        None => (vec![0.0; model.width()], vec![1.0; model.width()]),
    }
}

/// Rows at which a forest's leaves change: thresholds and their upper neighbours, missing values,
/// zeros and what counts as such.
fn hard_rows(forest: &Forest) -> Vec<Vec<f64>> {
    let width = forest.width();
    let mut thresholds = vec![Vec::new(); width];
    for node in forest.nodes() {
        if let Node::Split { feature, threshold, .. } = node
            && threshold.abs() < f64::MAX
        {
            thresholds[usize::from(feature)].push(threshold);
        }
    }
    let mut random = Unit(0x666d_6f64_656c);
    let mut value = |feature: usize| {
        let (chance, known) = (random.next(), &thresholds[feature]);
        let place = (random.next() * known.len() as f64) as usize;
        match known.get(place) {
            Some(&threshold) if chance < 0.4 => threshold,
            Some(&threshold) if chance < 0.7 => threshold.next_up(),
            _ if chance < 0.8 => f64::NAN,
            _ if chance < 0.85 => 0.0,
            _ if chance < 0.9 => 1e-36,
            _ => random.next() * 4.0 - 2.0,
        }
    };
    let mut rows = vec![vec![0.0; width], vec![f64::NAN; width]];
    rows.extend((0..HARD_ROW_COUNT).map(|_| (0..width).map(&mut value).collect::<Vec<f64>>()));
    rows
}

/// Pseudo-random values in [0, 1), by SplitMix64.
struct Unit(u64);

impl Unit {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // 53 bits fill a mantissa exactly.
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}
