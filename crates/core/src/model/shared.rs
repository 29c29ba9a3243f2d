//! The MODELS region: the active parameters, published for evaluation in the clients' processes.
//!
//! Each model has three slots; only a slot that is not published is written, and the word that
//! names slot and generation is stored last. A reader copies the parameters and then checks that
//! the slot still carries the generation: it was overtaken twice if it does not, and looks again. A
//! writer that dies half-way leaves the published slot intact, so no reader ever spins on it.

use crate::abi::{self, models_region as at};
use crate::sync::{AtomicU64, Ordering, ReadOnlyWord, fence};
use factord_eval::{Kind, Model};

/// Publishes `model` under `generation` in the entry of `id`.
pub fn publish(words: &[AtomicU64], id: usize, generation: u32, model: &Model) {
    let Some(entry) = entry(words, id) else { return };
    // Relaxed: this thread is the only writer.
    let published = entry[at::PUBLISHED].load(Ordering::Relaxed);
    let slot_index = (published as u32 as usize + 1) % at::SLOT_COUNT;
    let slot = &entry[at::SLOTS + slot_index * at::SLOT_WORDS..][..at::SLOT_WORDS];
    // Relaxed: ordered by the fence below.
    slot[at::SLOT_GENERATION].store(0, Ordering::Relaxed);
    // SYNC(models.slot): pairs with the Acquire fence before the second look in `read`; the zero
    // is seen before any parameter changes.
    fence(Ordering::Release);
    let shape = model.kind() as u64 | (model.width() as u64) << 32;
    let store = |index: usize, value: u64| slot[index].store(value, Ordering::Relaxed);
    store(at::SLOT_SHAPE, shape);
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
    // Relaxed: ordered by the Release store below, which is what a reader of this generation saw.
    slot[at::SLOT_GENERATION].store(generation.into(), Ordering::Relaxed);
    let published = u64::from(generation) << 32 | slot_index as u64;
    // SYNC(models.published): pairs with the Acquire fence in `read`; publishes the slot.
    entry[at::PUBLISHED].store(published, Ordering::Release);
}

/// Withdraws the model of `id`.
pub fn withdraw(words: &[AtomicU64], id: usize) {
    if let Some(entry) = entry(words, id) {
        // Relaxed: there is nothing behind it to be read.
        entry[at::PUBLISHED].store(0, Ordering::Relaxed);
    }
}

/// A word that changes whenever the model with this `id` does; 0 when there is no such model.
#[inline]
pub fn published(words: &[ReadOnlyWord], id: usize) -> u64 {
    // Relaxed: only compared with an earlier reading.
    let index = at::ENTRIES + id * at::ENTRY_WORDS + at::PUBLISHED;
    words.get(index).map_or(0, ReadOnlyWord::load_relaxed)
}

/// Copies the active model with this `id` and its generation; `None` when there is no such model.
pub fn read(words: &[ReadOnlyWord], id: usize) -> Option<(Model, u32)> {
    let entry = entry(words, id)?;
    // A thousand: each failed try means that the writer published twice meanwhile.
    for _ in 0..1000 {
        let word = published(words, id);
        // SYNC(models.published): pairs with the Release store in `publish`.
        fence(Ordering::Acquire);
        let (generation, slot_index) = ((word >> 32) as u32, word as u32 as usize);
        if word == 0 || slot_index >= at::SLOT_COUNT {
            return None;
        }
        let slot = &entry[at::SLOTS + slot_index * at::SLOT_WORDS..][..at::SLOT_WORDS];
        let model = copy(slot);
        // SYNC(models.slot): pairs with the Release fence in `publish`.
        fence(Ordering::Acquire);
        // Relaxed: ordered by the fence above.
        if slot[at::SLOT_GENERATION].load_relaxed() == u64::from(generation) {
            return model.map(|model| (model, generation));
        }
    }
    None
}

fn copy(slot: &[ReadOnlyWord]) -> Option<Model> {
    // Relaxed: validated by the second look at the generation.
    let load = |index: usize| slot[index].load_relaxed();
    let shape = load(at::SLOT_SHAPE);
    let width = (shape >> 32) as usize;
    if width > abi::FEATURE_COUNT_MAX {
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
    }
}

fn entry<W>(words: &[W], id: usize) -> Option<&[W]> {
    let start = at::ENTRIES + id * at::ENTRY_WORDS;
    if id >= abi::MODEL_COUNT_MAX { None } else { words.get(start..start + at::ENTRY_WORDS) }
}

#[cfg(all(test, loom))]
mod loom_tests;
