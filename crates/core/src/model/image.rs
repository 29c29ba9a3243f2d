//! Images: one version's parameters, complete, as the words of a sealed memory file.
//!
//! What is read from one is checked as if a stranger had written it.

use crate::abi::{self, image_region as at};
use factord_eval::{Kind, Model};

/// The form that this build writes and reads: [`at::FORM`].
const FORM: u64 = 1;

/// The words of the image of a model whose artifact has `fingerprint`.
pub fn words(fingerprint: u64, model: &Model) -> Vec<u64> {
    let mut words = vec![0; at::PARAMETERS + abi::LINE_WORDS];
    words[at::PARAMETERS] = model.intercept().to_bits();
    for values in [model.weights(), model.mean(), model.scale()] {
        words.extend(values.iter().map(|value| value.to_bits()));
    }
    words[at::MAGIC] = abi::MAGIC;
    words[at::ABI] = abi::ABI_WORD;
    words[at::LAYOUT_HASH] = abi::IMAGE_HASH;
    words[at::FINGERPRINT] = fingerprint;
    words[at::SHAPE] = shape(model);
    words[at::WORD_COUNT] = words.len() as u64;
    words[at::FORM] = FORM;
    words
}

/// [`abi::shape`] of a model.
pub fn shape(model: &Model) -> u64 {
    // The width of a model is at most 1,024.
    abi::shape(model.kind() as u32, model.width() as u16, 2)
}

/// Reads an image that should be of the artifact with `fingerprint`; `None` when it is not one, or
/// of a kind or form that this build does not know.
pub fn read(words: &[u64], fingerprint: u64) -> Option<Model> {
    let header = |index: usize| words.get(index).copied();
    let is_ours = header(at::MAGIC)? == abi::MAGIC
        && header(at::ABI)? >> 16 == abi::ABI_WORD >> 16
        && header(at::LAYOUT_HASH)? == abi::IMAGE_HASH
        && header(at::FINGERPRINT)? == fingerprint
        && header(at::WORD_COUNT)? == words.len() as u64
        && header(at::FORM)? == FORM;
    let shape = header(at::SHAPE)?;
    let (kind, width) = (Kind::from_code(shape as u32)?, abi::bits(shape, 32, 16) as usize);
    if !is_ours || !(1..=abi::FEATURE_COUNT_MAX).contains(&width) {
        return None;
    }
    let vector = |place: usize| {
        let start = at::PARAMETERS + abi::LINE_WORDS + place * width;
        let words = words.get(start..start + width)?;
        Some(words.iter().map(|&word| f64::from_bits(word)).collect::<Vec<f64>>())
    };
    let intercept = f64::from_bits(header(at::PARAMETERS)?);
    match kind {
        Kind::Linear => Model::linear(vector(0)?, intercept).ok(),
        Kind::Logistic => Model::logistic(vector(0)?, intercept, vector(1)?, vector(2)?).ok(),
    }
}
