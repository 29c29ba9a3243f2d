//! Histograms and shared models.

use factord_core::abi::{
    self, INLINE_FEATURE_COUNT_MAX, MODEL_COUNT_MAX, image_region, models_region, status_region,
};
use factord_core::counters::{
    ModelRow, Observer, StatusWriter, Unsettled, bucket_index, bucket_upper,
};
use factord_core::model::image::{self, Content};
use factord_core::model::shared::{self, Deployment};
use factord_core::region::Region;
use factord_core::sync::{AtomicU64, Ordering, read_only};
use factord_eval::forest::{Builder, Link, Missing, Node};
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
    [1, 3, INLINE_FEATURE_COUNT_MAX]
        .into_iter()
        .flat_map(|width| {
            let linear = Model::linear(vector(width, -1.0), 0.5).unwrap();
            let scale = vector(width, 1.0);
            let logistic = Model::logistic(vector(width, 2.0), 1.5, vector(width, 0.0), scale);
            [linear, logistic.unwrap()]
        })
        .collect()
}

fn deployment(generation: u32, model: &Model) -> Deployment {
    Deployment {
        check: 7 * generation,
        generation,
        split: abi::split([100, 200, 256]),
        salt: 9,
        fingerprints: [u64::from(generation), 2, 3, 0],
        shape: image::shape(model),
        champion: Some(model.clone()),
    }
}

fn word(generation: u32, slot: u64) -> u64 {
    u64::from(generation) << 32 | slot
}

#[test]
fn a_published_deployment_is_read_back_whole_and_a_withdrawn_one_not_at_all() {
    let words = region();
    let seen = read_only(&words);
    for (generation, model) in (1u32..).zip(models().iter().cycle().take(40)) {
        let number = generation as usize * 101 % MODEL_COUNT_MAX;
        let published = deployment(generation, model);
        shared::publish(&words, number, &published);
        assert_eq!(shared::read(seen, number), Some((published, word(generation, 1))));
    }
    shared::withdraw(&words, 303);
    assert_eq!((shared::read(seen, 303), shared::published(seen, 303)), (None, 0));
    assert!(shared::read(seen, 404).is_some());
    for number in [MODEL_COUNT_MAX, usize::MAX / models_region::ENTRY_WORDS / 2] {
        shared::publish(&words, number, &deployment(1, &models()[0]));
        shared::withdraw(&words, number);
        assert_eq!(shared::read(seen, number), None);
    }
}

#[test]
fn a_champion_of_nine_features_is_left_to_its_image() {
    let words = region();
    let model = Model::linear(vec![0.5; INLINE_FEATURE_COUNT_MAX + 1], 1.0).unwrap();
    shared::publish(&words, 5, &deployment(3, &model));
    let (read, _) = shared::read(read_only(&words), 5).unwrap();
    assert_eq!(read, Deployment { champion: None, ..deployment(3, &model) });
}

#[test]
fn a_writer_that_died_half_way_leaves_the_published_deployment_readable() {
    let words = region();
    let seen = read_only(&words);
    let published = deployment(1, &models()[2]);
    shared::publish(&words, 0, &published);
    // The next slot, as it is while it is being written.
    let start = models_region::ENTRIES + models_region::SLOTS + 2 * models_region::SLOT_WORDS;
    for word in &words[start..start + models_region::SLOT_WORDS] {
        word.store(u64::MAX, Ordering::Relaxed);
    }
    words[start].store(0, Ordering::Relaxed);
    assert_eq!(shared::read(seen, 0), Some((published, word(1, 1))));
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
    words[slot + models_region::SLOT_NAME].store(1 << 48, Ordering::Relaxed);
    for shape in [0, 1, 9, 1 | 9 << 32, 1 | u64::MAX << 32, 2 | 3 << 32, u64::MAX] {
        words[slot + models_region::SLOT_SHAPE].store(shape, Ordering::Relaxed);
        let (read, _) = shared::read(seen, 0).unwrap();
        assert_eq!(read.champion, None, "shape {shape:x}");
    }
}

/// The model that an image holds, checked to its end.
fn image_of(words: &[u64], fingerprint: u64) -> Option<Model> {
    match image::read(words, fingerprint)? {
        Content::Affine(model) => Some(model),
        Content::Forest(mut check) => {
            let parameters: Arc<[u64]> = words[image_region::PARAMETERS..].into();
            // In pieces, as a client does.
            while !check.step(&parameters, 2)? {}
            check.forest(parameters).map(Model::Forest)
        }
    }
}

#[test]
fn the_image_of_a_forest_is_read_back_and_a_changed_one_is_none_or_another() {
    let mut builder = Builder::new(3, Link::Sigmoid { scale: 1.0 }, false).unwrap();
    let split = |feature, missing| Node::Split {
        feature,
        threshold: 0.5,
        missing,
        default_left: missing == Missing::None,
    };
    let leaf = Node::Leaf(0.25);
    builder.push(&[split(0, Missing::None), leaf, split(2, Missing::Nan), leaf, leaf]).unwrap();
    builder.push(&[leaf]).unwrap();
    let forest = builder.finish().unwrap();
    let model = Model::Forest(forest.clone());
    let words = image::words(77, &model);
    assert_eq!(words[image_region::SHAPE], abi::shape(Kind::Forest as u32, 3, 2));
    assert_eq!(words[image_region::PARAMETERS..], *forest.words());
    assert_eq!(image_of(&words, 77), Some(model.clone()));
    assert_eq!(image_of(&words, 78), None);
    for (index, bit) in (0..words.len()).flat_map(|index| (0..64).map(move |bit| (index, bit))) {
        let mut changed = words.clone();
        changed[index] ^= 1 << bit;
        let is_minor = index == image_region::ABI && bit < 16;
        let is_outputs = index == image_region::SHAPE && bit >= 48;
        let is_padding = index == image_region::PARAMETERS - 1;
        let read = image_of(&changed, 77);
        if is_minor || is_outputs || is_padding {
            assert_eq!(read.as_ref(), Some(&model), "word {index}, bit {bit}");
        } else {
            assert_ne!(read.as_ref(), Some(&model), "word {index}, bit {bit}");
        }
    }
    for len in 0..words.len() {
        assert_eq!(image_of(&words[..len], 77), None, "{len}");
    }
}

proptest! {
    #[test]
    fn an_image_is_read_back_and_a_changed_one_is_the_same_model_or_none(
        width in 1usize..40,
        logistic in any::<bool>(),
        place in any::<prop::sample::Index>(),
        bit in 0u32..64,
        cut in any::<prop::sample::Index>(),
    ) {
        let part = |start: f64| (0..width).map(|i| start + i as f64).collect::<Vec<f64>>();
        let model = if logistic {
            Model::logistic(part(1.0), 0.5, part(2.0), part(3.0)).unwrap()
        } else {
            Model::linear(part(1.0), 0.5).unwrap()
        };
        let words = image::words(77, &model);
        prop_assert_eq!(image_of(&words, 77), Some(model.clone()));
        prop_assert_eq!(image_of(&words, 78), None);
        prop_assert_eq!(image_of(&words[..cut.index(words.len())], 77), None);
        let mut changed = words.clone();
        let index = place.index(words.len());
        changed[index] ^= 1 << bit;
        let read = image_of(&changed, 77);
        let header = image_region::PARAMETERS;
        let minor = index == image_region::ABI && bit < 16;
        let outputs = index == image_region::SHAPE && bit >= 48;
        if index < header - 1 && !minor && !outputs {
            prop_assert_ne!(read, Some(model), "word {}", index);
        }
    }
}

#[test]
fn an_arm_is_chosen_by_the_key_and_the_shares_are_those_of_the_split() {
    let split = abi::split([64, 192, 256]);
    let x = [0.5f64, 0.2, 0.3].map(f64::to_bits);
    let mut counts = [0; 4];
    for key in 1..=100_000u64 {
        let arm = abi::arm(split, 42, key, x.into_iter());
        assert_eq!(arm, abi::arm(split, 42, key, [1, 2, 3].into_iter()), "the key alone decides");
        counts[usize::from(arm)] += 1;
    }
    // A quarter, a half, a quarter, within five standard deviations.
    for (count, share) in counts.into_iter().zip([25_000i64, 50_000, 25_000, 0]) {
        assert!((count - share).abs() <= if share == 0 { 0 } else { 800 }, "{counts:?}");
    }
    // Without a key the features decide, and equal ones go to one arm.
    let arms: std::collections::BTreeSet<u16> =
        (0..200u64).map(|n| abi::arm(split, 42, 0, [n, n * n, 7].into_iter())).collect();
    assert_eq!(arms.len(), 3);
    // Right values, computed apart from this code: docs/abi.md, "Which arm answers".
    assert_eq!([1u64, 2, 3, 4].map(|key| abi::arm(split, 0, key, x.into_iter())), ARMS);
    assert_eq!(abi::arm(abi::split([256; 3]), 1, 2, x.into_iter()), 0);
}

/// By `z = key; z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9; z = (z ^ z >> 27) * 0x94D049BB133111EB;
/// z ^= z >> 31` modulo 2^64, and the ends 64 and 192 that `z >> 56` reaches.
const ARMS: [u16; 4] = [1, 2, 0, 1];

fn row(id: u16, kind: KindCode) -> ModelRow {
    ModelRow {
        id,
        check: 5 * u32::from(id),
        name: format!("{id}-{}", "m".repeat(59)),
        kind,
        width: 4,
        output_count: 2,
        generation: 1,
        arm_count: 2,
        class: 1,
        cost_ns: 12,
        sha256: [id as u8; 32],
        arm_fingerprints: [4, 0, 0],
        split: abi::split([100, 256, 256]),
    }
}

/// STATUS as its writer has it, and a reader of it.
fn status() -> (Arc<Region>, Observer) {
    let region = Region::create("status", status_region::LINES).unwrap();
    let observer = Observer::new(region.view_head(status_region::LINES).unwrap());
    (Arc::new(region), observer)
}

fn write(region: &Arc<Region>, rows: &[ModelRow]) {
    let writer = StatusWriter::new(region.clone());
    for row in rows {
        writer.write_row(row.id, Some(row));
    }
    writer.rows_changed(true);
}

#[test]
fn a_model_of_an_unknown_kind_is_listed_with_its_number_and_impossible_rows_are_not() {
    let (region, observer) = status();
    let rows = [row(0, Kind::Linear.into()), row(1, KindCode(7)), row(2, KindCode(0))];
    write(&region, &rows);
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
        (2, status_region::ROW_SERVED, 1 << 32),
    ] {
        word(id, offset).store(value, Ordering::Relaxed);
        let left: Vec<usize> = observer.models().unwrap().iter().map(|row| row.id.into()).collect();
        assert_eq!(left, (id + 1..3).collect::<Vec<_>>());
    }
}

#[test]
fn a_row_is_found_by_its_whole_name_and_cleared_ones_are_not() {
    let (region, observer) = status();
    let rows: Vec<ModelRow> = (0..40).map(|id| row(100 * id, Kind::Linear.into())).collect();
    write(&region, &rows);
    for row in &rows {
        assert_eq!(observer.find(&row.name), Ok(Some(row.clone())));
    }
    assert_eq!(observer.find(&rows[3].name[..59]), Ok(None));
    let before = (observer.rows_sequence(), observer.names_sequence());
    let writer = StatusWriter::new(region.clone());
    writer.write_row(300, None);
    writer.rows_changed(true);
    assert_eq!(observer.find(&rows[3].name), Ok(None));
    assert_eq!((observer.rows_sequence(), observer.names_sequence()), (before.0 + 1, before.1 + 1));
    writer.rows_changed(false);
    assert_eq!((observer.rows_sequence(), observer.names_sequence()), (before.0 + 2, before.1 + 1));
}

#[test]
fn a_row_that_stays_half_written_is_told_and_hides_no_other() {
    let (region, observer) = status();
    let rows = [row(0, Kind::Linear.into()), row(1, Kind::Linear.into())];
    write(&region, &rows);
    let sequence = status_region::ROWS + status_region::ROW_SEQUENCE;
    region.mapping().words()[sequence].store(3, Ordering::Relaxed);
    assert_eq!(observer.models(), Err(Unsettled));
    assert_eq!(observer.snapshot().models, Err(Unsettled));
    assert_eq!(observer.find(&rows[1].name), Ok(Some(rows[1].clone())));
    assert_eq!(observer.find(&rows[0].name), Err(Unsettled));
    // The next engine writes over it.
    write(&region, &rows[..1]);
    assert_eq!(observer.models().unwrap(), rows);
}
