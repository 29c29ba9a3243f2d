//! The MODELS region: what serves each name, published for evaluation in the clients' processes.
//!
//! Each name has three slots; only a slot that is not published is written, and the word that names
//! slot and generation is stored last. A reader copies the slot and then checks that it still
//! carries the generation: it was overtaken twice if it does not, and looks again. A writer that
//! dies half-way leaves the published slot intact, so no reader ever spins on it.

use crate::abi::{self, INLINE_FEATURE_COUNT_MAX, models_region as at};
use crate::sync::{AtomicU64, Ordering, ReadOnlyWord, fence};
use factord_eval::{Kind, Model};

/// What serves a name, as far as it fits here.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    /// The check of the name.
    pub check: u32,
    /// Grows with every change.
    pub generation: u32,
    /// [`abi::split`] of its requests.
    pub split: u64,
    /// What [`abi::arm`] starts from.
    pub salt: u64,
    /// The arms' fingerprints, the champion first; 0 where there is none.
    pub fingerprints: [u64; abi::ARM_COUNT_MAX],
    /// [`abi::shape`] of the champion.
    pub shape: u64,
    /// The champion, if it is linear or logistic and has at most eight features; otherwise it is in
    /// its image.
    pub champion: Option<Model>,
}

impl Deployment {
    /// How many arms there are.
    fn arm_count(&self) -> u64 {
        self.fingerprints.iter().filter(|&&fingerprint| fingerprint != 0).count() as u64
    }
}

/// Publishes what serves the name of `number` from now on. A champion that does not fit is left
/// out.
pub fn publish(words: &[AtomicU64], number: usize, deployment: &Deployment) {
    let Some(entry) = entry(words, number) else { return };
    // Relaxed: this thread is the only writer.
    let published = entry[at::PUBLISHED].load(Ordering::Relaxed);
    let slot_index = (published as u32 as usize + 1) % at::SLOT_COUNT;
    let slot = &entry[at::SLOTS + slot_index * at::SLOT_WORDS..][..at::SLOT_WORDS];
    // Relaxed: ordered by the fence below.
    slot[at::SLOT_GENERATION].store(0, Ordering::Relaxed);
    // SYNC(models.slot): pairs with the Acquire fence before the second look in `read`; the zero
    // is seen before any other word changes.
    fence(Ordering::Release);
    let store = |index: usize, value: u64| slot[index].store(value, Ordering::Relaxed);
    let affine = deployment.champion.as_ref().and_then(Model::affine);
    let inline = affine.filter(|affine| affine.weights().len() <= INLINE_FEATURE_COUNT_MAX);
    let name = u64::from(deployment.check)
        | deployment.arm_count() << 32
        | u64::from(inline.is_some()) << 48;
    store(at::SLOT_SHAPE, deployment.shape);
    store(at::SLOT_NAME, name);
    store(at::SLOT_SPLIT, deployment.split);
    store(at::SLOT_SALT, deployment.salt);
    for (arm, &fingerprint) in deployment.fingerprints.iter().enumerate() {
        store(at::SLOT_FINGERPRINTS + arm, fingerprint);
    }
    if let Some(model) = inline {
        store(at::SLOT_INTERCEPT, model.intercept().to_bits());
        let vectors = [
            (at::SLOT_WEIGHTS, model.weights()),
            (at::SLOT_MEAN, model.mean()),
            (at::SLOT_SCALE, model.scale()),
        ];
        for (start, values) in vectors {
            for (index, value) in values.iter().enumerate() {
                store(start + index, value.to_bits());
            }
        }
    }
    // Relaxed: ordered by the Release store below, which is what a reader of this generation saw.
    slot[at::SLOT_GENERATION].store(deployment.generation.into(), Ordering::Relaxed);
    let published = u64::from(deployment.generation) << 32 | slot_index as u64;
    // SYNC(models.published): pairs with the Acquire fence in `read`; publishes the slot.
    entry[at::PUBLISHED].store(published, Ordering::Release);
}

/// Withdraws the name of `number`.
pub fn withdraw(words: &[AtomicU64], number: usize) {
    if let Some(entry) = entry(words, number) {
        // Relaxed: there is nothing behind it to be read.
        entry[at::PUBLISHED].store(0, Ordering::Relaxed);
    }
}

/// A word that changes whenever what serves the name of `number` does; 0 when nothing does.
#[inline]
pub fn published(words: &[ReadOnlyWord], number: usize) -> u64 {
    // Relaxed: only compared with an earlier reading.
    let index = at::ENTRIES + number * at::ENTRY_WORDS + at::PUBLISHED;
    words.get(index).map_or(0, ReadOnlyWord::load_relaxed)
}

/// Copies what serves the name of `number`, with the word of [`published`] that stood for it;
/// `None` when nothing does.
pub fn read(words: &[ReadOnlyWord], number: usize) -> Option<(Deployment, u64)> {
    let entry = entry(words, number)?;
    // A thousand: each failed try means that the writer published twice meanwhile.
    for _ in 0..1000 {
        let word = published(words, number);
        // SYNC(models.published): pairs with the Release store in `publish`.
        fence(Ordering::Acquire);
        let (generation, slot_index) = ((word >> 32) as u32, word as u32 as usize);
        if word == 0 || slot_index >= at::SLOT_COUNT {
            return None;
        }
        let slot = &entry[at::SLOTS + slot_index * at::SLOT_WORDS..][..at::SLOT_WORDS];
        let deployment = copy(slot, generation);
        // SYNC(models.slot): pairs with the Release fence in `publish`.
        fence(Ordering::Acquire);
        // Relaxed: ordered by the fence above.
        if slot[at::SLOT_GENERATION].load_relaxed() == u64::from(generation) {
            return Some((deployment, word));
        }
    }
    None
}

fn copy(slot: &[ReadOnlyWord], generation: u32) -> Deployment {
    // Relaxed: validated by the second look at the generation.
    let load = |index: usize| slot[index].load_relaxed();
    let (shape, name) = (load(at::SLOT_SHAPE), load(at::SLOT_NAME));
    let is_inline = abi::bits(name, 48, 16) != 0;
    Deployment {
        check: name as u32,
        generation,
        split: load(at::SLOT_SPLIT),
        salt: load(at::SLOT_SALT),
        fingerprints: core::array::from_fn(|arm| load(at::SLOT_FINGERPRINTS + arm)),
        shape,
        champion: if is_inline { inline_model(shape, load) } else { None },
    }
}

/// The model whose parameters stand in a slot; `None` for a kind that this build does not know, and
/// for parameters that are no model.
fn inline_model(shape: u64, load: impl Fn(usize) -> u64) -> Option<Model> {
    let width = abi::bits(shape, 32, 16) as usize;
    if width > INLINE_FEATURE_COUNT_MAX {
        return None;
    }
    let vector = |start: usize| {
        (start..start + width).map(|index| f64::from_bits(load(index))).collect::<Vec<f64>>()
    };
    let intercept = f64::from_bits(load(at::SLOT_INTERCEPT));
    let weights = vector(at::SLOT_WEIGHTS);
    match Kind::from_code(shape as u32)? {
        Kind::Linear => Model::linear(weights, intercept).ok(),
        Kind::Logistic => {
            Model::logistic(weights, intercept, vector(at::SLOT_MEAN), vector(at::SLOT_SCALE)).ok()
        }
        Kind::Forest => None,
    }
}

fn entry<W>(words: &[W], number: usize) -> Option<&[W]> {
    let start = at::ENTRIES + number * at::ENTRY_WORDS;
    if number >= abi::MODEL_COUNT_MAX { None } else { words.get(start..start + at::ENTRY_WORDS) }
}

#[cfg(all(test, loom))]
mod loom_tests;
