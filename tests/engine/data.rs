//! Models, inputs and the answers they must get.

use factord_core::client::{Answer, Prediction};
use factord_eval::Model;
use factord_eval::eval::eval;
use factord_eval::forest::{Builder, Link, Missing, Node};
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

/// A forest of trees that are `depth` levels deep on every way, with every sort of missing value.
pub(crate) fn forest(width: u16, tree_count: usize, depth: u32, seed: u64) -> Model {
    let mut random = Random(seed);
    let link = if seed.is_multiple_of(2) { Link::Identity } else { Link::Sigmoid { scale: 0.5 } };
    let mut builder = Builder::new(width.into(), link, false).unwrap();
    for _ in 0..tree_count {
        let mut nodes = Vec::new();
        for _ in 1..1 << depth {
            let bits = random.bits();
            let missing = [Missing::None, Missing::Zero, Missing::Nan][bits as usize % 3];
            nodes.push(Node::Split {
                feature: (bits >> 8) as u16 % width,
                threshold: random.signed() * 0.7,
                missing,
                default_left: missing == Missing::None || bits & (1 << 40) != 0,
            });
        }
        nodes.extend((0..1 << depth).map(|_| Node::Leaf(random.signed() / 64.0)));
        builder.push(&nodes).unwrap();
    }
    Model::Forest(builder.finish().unwrap())
}

/// A row for a forest: now and then zero, or missing.
pub(crate) fn row_with_gaps(random: &mut Random, width: usize) -> Vec<f64> {
    let value = |_| match random.bits() % 16 {
        0 => f64::NAN,
        1 => 0.0,
        2 => 1e-36,
        _ => random.signed(),
    };
    (0..width).map(value).collect()
}

/// The artifact of a model under the name it is served by.
pub(crate) fn artifact(name: &str, model: &Model) -> Artifact {
    let details = Details {
        name: name.to_owned(),
        feature_names: (0..model.width()).map(|index| format!("x{index}")).collect(),
        ..Details::default()
    };
    Artifact::new(model.clone(), details).unwrap()
}

/// Writes the artifact of a model under the name it is served by.
pub(crate) fn save(directory: &Path, name: &str, model: &Model) {
    let file = directory.join(format!("{name}.fmodel"));
    artifact(name, model).save(&file).unwrap();
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
