//! Images: one version's parameters, complete, as the words of a sealed memory file.
//!
//! What is read from one is checked as if a stranger had written it.

use crate::abi::{self, image_region as at};
use factord_eval::forest::Check;
use factord_eval::{Kind, Model};

/// The forms that this build writes and reads: [`at::FORM`].
const FORM_AFFINE: u64 = 1;
const FORM_FOREST: u64 = 2;

/// The words of the image of a model whose artifact has `fingerprint`: those of the first part,
/// then those of the second, which a forest has already.
pub fn parts(fingerprint: u64, model: &Model) -> (Vec<u64>, &[u64]) {
    let mut words = vec![0; at::PARAMETERS];
    let (form, rest) = match model {
        Model::Affine(affine) => {
            words.push(affine.intercept().to_bits());
            words.resize(at::PARAMETERS + abi::LINE_WORDS, 0);
            for values in [affine.weights(), affine.mean(), affine.scale()] {
                words.extend(values.iter().map(|value| value.to_bits()));
            }
            (FORM_AFFINE, Default::default())
        }
        Model::Forest(forest) => (FORM_FOREST, forest.words()),
    };
    words[at::MAGIC] = abi::MAGIC;
    words[at::ABI] = abi::ABI_WORD;
    words[at::LAYOUT_HASH] = abi::IMAGE_HASH;
    words[at::FINGERPRINT] = fingerprint;
    words[at::SHAPE] = shape(model);
    words[at::WORD_COUNT] = (words.len() + rest.len()) as u64;
    words[at::FORM] = form;
    (words, rest)
}

/// The words of an image, in one piece.
pub fn words(fingerprint: u64, model: &Model) -> Vec<u64> {
    let (mut words, rest) = parts(fingerprint, model);
    words.extend(rest);
    words
}

/// [`abi::shape`] of a model: one output for a forest that gives a prediction alone, else two.
pub fn shape(model: &Model) -> u64 {
    let output_count = match model {
        Model::Forest(_) if !model.is_classifier() => 1,
        _ => 2,
    };
    // The width of a model is at most 1,024.
    abi::shape(model.kind() as u32, model.width() as u16, output_count)
}

/// What an image holds.
#[derive(Debug)]
pub enum Content {
    /// A linear or logistic model, copied.
    Affine(Model),
    /// A forest whose words, those from [`at::PARAMETERS`] on, this goes on to check.
    Forest(Check),
}

/// Reads an image that should be of the artifact with `fingerprint`; `None` when it is not one, or
/// of a kind or form that this build does not know.
pub fn read(words: &[u64], fingerprint: u64) -> Option<Content> {
    let header = |index: usize| words.get(index).copied();
    let is_ours = header(at::MAGIC)? == abi::MAGIC
        && header(at::ABI)? >> 16 == abi::ABI_WORD >> 16
        && header(at::LAYOUT_HASH)? == abi::IMAGE_HASH
        && header(at::FINGERPRINT)? == fingerprint
        && header(at::WORD_COUNT)? == words.len() as u64;
    let shape = header(at::SHAPE)?;
    let (kind, width) = (Kind::from_code(shape as u32)?, abi::bits(shape, 32, 16) as usize);
    if !is_ours || !(1..=abi::FEATURE_COUNT_MAX).contains(&width) {
        return None;
    }
    let parameters = words.get(at::PARAMETERS..)?;
    match (kind, header(at::FORM)?) {
        (Kind::Linear | Kind::Logistic, FORM_AFFINE) => affine(parameters, kind, width),
        (Kind::Forest, FORM_FOREST) => Check::new(parameters, width).map(Content::Forest),
        _ => None,
    }
}

fn affine(parameters: &[u64], kind: Kind, width: usize) -> Option<Content> {
    let vector = |place: usize| {
        let start = abi::LINE_WORDS + place * width;
        let words = parameters.get(start..start + width)?;
        Some(words.iter().map(|&word| f64::from_bits(word)).collect::<Vec<f64>>())
    };
    let intercept = f64::from_bits(*parameters.first()?);
    let model = if kind == Kind::Logistic {
        Model::logistic(vector(0)?, intercept, vector(1)?, vector(2)?)
    } else {
        Model::linear(vector(0)?, intercept)
    };
    model.ok().map(Content::Affine)
}
