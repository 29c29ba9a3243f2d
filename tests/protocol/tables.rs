//! Histograms and shared models.

use factord_core::abi::{FEATURE_COUNT_MAX, MODEL_COUNT_MAX, models_region, status_region};
use factord_core::counters::{
    ModelRow, Observer, StatusWriter, Unsettled, bucket_index, bucket_upper,
};
use factord_core::model::shared;
use factord_core::region::Region;
use factord_core::sync::{AtomicU64, Ordering, read_only};
use factord_eval::{Kind, KindCode, Model};
use proptest::prelude::*;
use std::sync::Arc;

proptest! {
    #[test]
    fn a_value_falls_into_the_bucket_that_bounds_it(bits in 0u32..40, low in any::<u64>()) {
        let value = (low & ((1 << bits) - 1)) | 1 << bits;
        let index = bucket_index(value);
        prop_assert!(value <= bucket_upper(index));
        prop_assert!(index == 0 || bucket_upper(index - 1) < value);
        // An eighth of the value, or exact.
        prop_assert!(bucket_upper(index) - value <= value / 8);
    }
}

#[test]
fn buckets_are_in_order_and_the_last_takes_everything() {
    let uppers: Vec<u64> = (0..status_region::HISTOGRAM_COUNTS).map(bucket_upper).collect();
    assert!(uppers.is_sorted_by(|a, b| a < b));
    assert_eq!(bucket_index(0), 0);
    assert_eq!(bucket_index(15), 15);
    assert_eq!(bucket_index(16), 16);
    for huge in [1 << 40, u64::MAX] {
        assert_eq!(bucket_index(huge), status_region::HISTOGRAM_COUNTS - 1);
    }
}

fn region() -> Vec<AtomicU64> {
    (0..models_region::LINES * 8).map(|_| AtomicU64::new(0)).collect()
}

fn models() -> Vec<Model> {
    let vector = |width: usize, start: f64| (0..width).map(|i| start + i as f64 / 7.0).collect();
    [1, 3, 64, FEATURE_COUNT_MAX]
        .into_iter()
        .flat_map(|width| {
            let linear = Model::linear(vector(width, -1.0), 0.5).unwrap();
            let scale = vector(width, 1.0);
            let logistic = Model::logistic(vector(width, 2.0), 1.5, vector(width, 0.0), scale);
            [linear, logistic.unwrap()]
        })
        .collect()
}

#[test]
fn a_published_model_is_read_back_whole_and_a_withdrawn_one_not_at_all() {
    let words = region();
    let seen = read_only(&words);
    for (generation, model) in (1u32..).zip(models().iter().cycle().take(40)) {
        let id = generation as usize % MODEL_COUNT_MAX;
        shared::publish(&words, id, generation, model);
        assert_eq!(shared::read(seen, id), Some((model.clone(), generation)));
    }
    shared::withdraw(&words, 3);
    assert_eq!((shared::read(seen, 3), shared::published(seen, 3)), (None, 0));
    assert!(shared::read(seen, 4).is_some());
    for id in [MODEL_COUNT_MAX, usize::MAX / models_region::ENTRY_WORDS / 2] {
        shared::publish(&words, id, 1, &models()[0]);
        shared::withdraw(&words, id);
        assert_eq!(shared::read(seen, id), None);
    }
}

#[test]
fn a_writer_that_died_half_way_leaves_the_published_model_readable() {
    let words = region();
    let seen = read_only(&words);
    let models = models();
    shared::publish(&words, 0, 1, &models[2]);
    // The next slot, as it is while it is being written.
    let start = models_region::ENTRIES + models_region::SLOTS + 2 * models_region::SLOT_WORDS;
    for word in &words[start..start + models_region::SLOT_WORDS] {
        word.store(u64::MAX, Ordering::Relaxed);
    }
    words[start].store(0, Ordering::Relaxed);
    assert_eq!(shared::read(seen, 0), Some((models[2].clone(), 1)));
}

#[test]
fn words_that_are_no_model_are_none_and_no_panic() {
    let words = region();
    let seen = read_only(&words);
    let entry = models_region::ENTRIES;
    for published in [1u64 << 32 | 3, 1 << 32 | 0xFFFF_FFFF, u64::MAX, 7] {
        words[entry].store(published, Ordering::Relaxed);
        assert_eq!(shared::read(seen, 0), None, "{published:x}");
    }
    words[entry].store(1 << 32, Ordering::Relaxed);
    let slot = entry + models_region::SLOTS;
    words[slot].store(1, Ordering::Relaxed);
    for shape in [0, 1, 9, 1 | 1025 << 32, 1 | u64::MAX << 32, 2 | 3 << 32, u64::MAX] {
        words[slot + models_region::SLOT_SHAPE].store(shape, Ordering::Relaxed);
        assert_eq!(shared::read(seen, 0), None, "shape {shape:x}");
    }
}

fn row(id: u16, kind: KindCode) -> ModelRow {
    ModelRow { id, name: format!("m{id}"), kind, width: 4, generation: 1, sha256: [id as u8; 32] }
}

/// STATUS as its writer has it, and a reader of it.
fn status() -> (Arc<Region>, Observer) {
    let region = Region::create("status", status_region::LINES).unwrap();
    let observer = Observer::new(region.view_head(status_region::LINES).unwrap());
    (Arc::new(region), observer)
}

#[test]
fn a_model_of_an_unknown_kind_is_listed_with_its_number_and_impossible_rows_are_not() {
    let (region, observer) = status();
    let rows = [row(0, Kind::Linear.into()), row(1, KindCode(7)), row(2, KindCode(0))];
    StatusWriter::new(region.clone()).write_models(&rows);
    assert_eq!(observer.models().unwrap(), rows);
    let kinds = rows.map(|row| row.kind.to_string());
    assert_eq!(kinds, ["linear", "kind 7", "kind 0"]);
    let words = region.mapping().words();
    let word = |id: usize, offset: usize| {
        &words[status_region::ROWS + id * status_region::ROW_WORDS + offset]
    };
    for (id, offset, value) in [
        (0, status_region::ROW_SHAPE, 1),
        (1, status_region::ROW_SHAPE, 7 | 1025 << 32),
        (2, status_region::ROW_GENERATION, 1 << 32),
    ] {
        word(id, offset).store(value, Ordering::Relaxed);
        let left: Vec<usize> = observer.models().unwrap().iter().map(|row| row.id.into()).collect();
        assert_eq!(left, (id + 1..3).collect::<Vec<_>>());
    }
}

#[test]
fn a_model_table_that_stays_half_written_is_told_and_not_shown() {
    let (region, observer) = status();
    StatusWriter::new(region.clone()).write_models(&[row(0, Kind::Linear.into())]);
    region.mapping().words()[status_region::MODELS_SEQUENCE].store(3, Ordering::Relaxed);
    assert_eq!(observer.models(), Err(Unsettled));
    assert_eq!(observer.snapshot().models, Err(Unsettled));
}
