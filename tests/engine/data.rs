//! Models, inputs and the answers they must get.

use factord_core::client::{Answer, Prediction};
use factord_eval::Model;
use factord_eval::eval::eval;
use factord_models::catalogue;
use factord_models::file::{Artifact, Details};
use std::path::Path;

/// Pseudo-random numbers by SplitMix64: the same for the same seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [-1, 1).
    pub(crate) fn signed(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    pub(crate) fn row(&mut self, width: usize) -> Vec<f64> {
        (0..width).map(|_| self.signed()).collect()
    }
}

/// A linear or logistic model of any width.
pub(crate) fn model(width: usize, logistic: bool, seed: u64) -> Model {
    let mut random = Random(seed);
    let (weights, mean) = (random.row(width), random.row(width));
    let scale = random.row(width).iter().map(|x| 1.5 + x).collect();
    let model = if logistic {
        Model::logistic(weights, 0.125, mean, scale)
    } else {
        Model::linear(weights, -0.5)
    };
    model.unwrap()
}

/// Writes the artifact of a model under the name it is served by.
pub(crate) fn save(directory: &Path, name: &str, model: &Model) {
    let details = Details {
        name: name.to_owned(),
        feature_names: (0..model.width()).map(|index| format!("x{index}")).collect(),
        ..Details::default()
    };
    let artifact = Artifact::new(model.clone(), details).unwrap();
    artifact.save(&directory.join(format!("{name}.fmodel"))).unwrap();
}

/// The models built into the binary, by id.
pub(crate) fn embedded() -> Vec<Model> {
    catalogue::embedded().into_iter().map(|served| served.artifact.model().clone()).collect()
}

/// Tells whether an answer is the model's own, bit for bit.
pub(crate) fn is_exact(model: &Model, x: &[f64], prediction: &Prediction) -> bool {
    let expected = eval(model, x);
    prediction.y.to_bits() == expected.y.to_bits()
        && prediction.second.to_bits() == expected.second.to_bits()
}

#[track_caller]
pub(crate) fn assert_exact(model: &Model, x: &[f64], answer: &Answer) -> Prediction {
    let prediction = answer.unwrap_or_else(|error| panic!("{x:?}: {error}"));
    assert!(is_exact(model, x, &prediction), "{x:?}: {prediction:?} != {:?}", eval(model, x));
    prediction
}
