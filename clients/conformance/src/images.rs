//! The images themselves: a good one, and those that differ from it in one point each.

mod lies;
mod sheet;

use crate::divided::{self, Request};
use crate::fault::Fault;
use crate::golden_rows::{IMAGE_ROWS, image_rows};
use crate::image::{
    CLIENT_ID, EPOCH, EPOCH_SINCE, FEATURES, GENERATIONS, SLOTS, TSC_HZ, WORKER_CPU,
};
use crate::models;
use factord_core::abi::{
    self, image_region, models_region, resp_header, response, status, status_region,
};
use factord_core::model::image;
use factord_models::file::Artifact;
use lies::{false_regions, half_made, lies};
use sha2::{Digest, Sha256};
use sheet::Sheet;

/// Outputs of every image's channel.
const OUTPUTS: usize = 2;
/// The names of the golden image's two models, by their numbers.
const NAMES: [&str; 2] = ["regression", "classification"];
/// The word of the welcome that says what the user may do.
const WELCOME_RIGHTS: usize = 11;

/// First word of a response slot.
fn response_slot(sequence: usize) -> usize {
    (abi::RING_HEADER_LINES + (sequence & (SLOTS - 1))) * abi::LINE_WORDS
}

/// First word of a row of the model table.
fn row(id: usize) -> usize {
    status_region::ROWS + id * status_region::ROW_WORDS
}

/// First word of an entry of MODELS.
fn entry(id: usize) -> usize {
    models_region::ENTRIES + id * models_region::ENTRY_WORDS
}

/// First word of a slot of an entry.
fn model_slot(id: usize, slot: usize) -> usize {
    entry(id) + models_region::SLOTS + slot * models_region::SLOT_WORDS
}

/// The check of a name: the first four bytes of its SHA-256, little-endian.
fn check(name: &str) -> u32 {
    let hash: [u8; 32] = Sha256::digest(name.as_bytes()).into();
    hash.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn good() -> Result<Sheet, Fault> {
    use resp_header as r;
    use status_region as s;
    let artifacts = models::built_in();
    let worker = s::WORKERS;
    let about = "The golden image: two models, and the answers to 16 requests in place.";
    let mut sheet = Sheet::new(about)
        .words("STATUS", [(s::MAGIC, abi::MAGIC), (s::ABI, abi::ABI_WORD)])
        .words("STATUS", [(s::LAYOUT_HASH, abi::STATUS_HASH), (s::EPOCH, EPOCH)])
        .words("STATUS", [(s::STATE, abi::state::SERVING), (s::PID, 1), (s::WORKER_COUNT, 1)])
        .word("STATUS", s::HEARTBEAT_COUNT, 3)
        // Local calls answer for a second after the last heartbeat.
        .say("STATUS", &format!("{:05x} soon", s::HEARTBEAT_NS * 8))
        .words("STATUS", [(s::TSC_HZ, TSC_HZ), (s::ROWS_SEQUENCE, 2)])
        .words("STATUS", [(s::NAMES_SEQUENCE, 2), (s::ROW_COUNT, artifacts.len() as u64)])
        .word("STATUS", worker + s::CORE, WORKER_CPU + 1);
    for (id, artifact) in artifacts.iter().enumerate() {
        sheet = sheet.words("STATUS", row_words(id, artifact));
    }
    sheet = sheet.words("MODELS", models_header());
    for (id, artifact) in artifacts.iter().enumerate() {
        sheet = sheet.words("MODELS", model_words(id, artifact));
    }
    sheet = sheet
        .words("RESP", [(r::MAGIC, abi::MAGIC), (r::ABI, abi::ABI_WORD)])
        .words("RESP", [(r::LAYOUT_HASH, abi::RINGS_HASH), (r::CLIENT_ID, CLIENT_ID)])
        .words("RESP", [(r::FEATURE_COUNT, FEATURES as u64), (r::SLOT_COUNT, SLOTS as u64)])
        .words("RESP", [(r::OUTPUT_COUNT, OUTPUTS as u64), (r::CLASS, abi::class::LIGHT)])
        .words("RESP", [(r::EPOCH_SEQUENCE, 4), (r::EPOCH, EPOCH)])
        .words("RESP", [(r::EPOCH_SINCE, EPOCH_SINCE), (r::EPOCH_BEFORE, EPOCH - 1)]);
    for (index, row) in image_rows()?.into_iter().enumerate() {
        let model = index / IMAGE_ROWS;
        let fingerprint = divided::fingerprint(&artifacts[model]);
        let request = Request { key: 0, row, arm: 0, fingerprint };
        sheet = sheet.words("RESP", answer_words(index + 1, model, &request));
    }
    Ok(sheet)
}

fn models_header() -> [(usize, u64); 4] {
    use models_region as m;
    [
        (m::MAGIC, abi::MAGIC),
        (m::ABI, abi::ABI_WORD),
        (m::LAYOUT_HASH, abi::MODELS_HASH),
        (m::MODEL_COUNT, abi::MODEL_COUNT_MAX as u64),
    ]
}

/// The answer to the request of a sequence, for one of the two models.
fn answer_words(sequence: usize, model: usize, request: &Request) -> [(usize, u64); 6] {
    let Request { key, row, arm, fingerprint } = request;
    let meta = abi::meta(model as u16, check(NAMES[model]));
    let bits = row.x.iter().map(|value| value.to_bits());
    let verdict = abi::verdict(status::OK, *arm, GENERATIONS[model]);
    [
        (response::SEQUENCE, sequence as u64),
        (response::Y, row.y),
        (response::SECOND, row.second),
        (response::VERDICT, verdict),
        (response::ECHO, abi::echo(sequence as u64, meta, *key, bits)),
        (response::FINGERPRINT, *fingerprint),
    ]
    .map(|(index, word)| (response_slot(sequence) + index, word))
}

fn row_words(id: usize, artifact: &Artifact) -> Vec<(usize, u64)> {
    use status_region as s;
    let mut name = [0; s::ROW_NAME_LEN];
    name[..artifact.name().len()].copy_from_slice(artifact.name().as_bytes());
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let at = |start: usize| move |(index, word)| (row(id) + start + index, word);
    let mut words: Vec<(usize, u64)> =
        name.as_chunks().0.iter().map(word).enumerate().map(at(s::ROW_NAME)).collect();
    let sha256 = artifact.sha256();
    words.extend(sha256.as_chunks().0.iter().map(word).enumerate().map(at(s::ROW_SHA256)));
    let rest = [
        (s::ROW_SEQUENCE, 2),
        (s::ROW_SHAPE, image::shape(artifact.model())),
        (s::ROW_SERVED, served(GENERATIONS[id], 1)),
        (s::ROW_COST_NS, 5),
        (s::ROW_SPLIT, abi::UNDIVIDED),
        (s::ROW_CHECK, check(artifact.name()).into()),
    ];
    words.extend(rest.map(|(index, word)| (row(id) + index, word)));
    words
}

/// What a row of the model table says of a name of the light class.
fn served(generation: u32, arm_count: u64) -> u64 {
    u64::from(generation) | arm_count << 32
}

/// What a slot of MODELS says of a name whose champion stands in it.
fn slot_name(check: u32, arm_count: u64) -> u64 {
    u64::from(check) | arm_count << 32 | 1 << 48
}

fn model_words(id: usize, artifact: &Artifact) -> Vec<(usize, u64)> {
    use models_region as m;
    // Slot 0 for the one, slot 2 for the other: a reader that takes the first slot is found out.
    let slot_index = 2 * id;
    let slot = model_slot(id, slot_index);
    let generation = u64::from(GENERATIONS[id]);
    let model = artifact.model();
    let affine = model.affine().expect("the suite's models are linear or logistic");
    let mut words = vec![
        (entry(id) + m::PUBLISHED, generation << 32 | slot_index as u64),
        (slot + m::SLOT_GENERATION, generation),
        (slot + m::SLOT_SHAPE, image::shape(model)),
        (slot + m::SLOT_NAME, slot_name(check(artifact.name()), 1)),
        (slot + m::SLOT_SPLIT, abi::UNDIVIDED),
        (slot + m::SLOT_FINGERPRINTS, divided::fingerprint(artifact)),
        (slot + m::SLOT_INTERCEPT, affine.intercept().to_bits()),
    ];
    let vectors = [
        (m::SLOT_WEIGHTS, affine.weights()),
        (m::SLOT_MEAN, affine.mean()),
        (m::SLOT_SCALE, affine.scale()),
    ];
    for (start, values) in vectors {
        let word = |(index, value): (usize, &f64)| (slot + start + index, value.to_bits());
        words.extend(values.iter().enumerate().map(word));
    }
    words
}

/// `regression` served by four versions, and the answers to 16 requests in place.
fn divided() -> Result<Sheet, Fault> {
    use models_region as m;
    use status_region as s;
    let arms = divided::arms()?;
    let prints = arms.each_ref().map(divided::fingerprint);
    let count = arms.len() as u64;
    let (slot, split) = (model_slot(0, 0), abi::split(divided::ENDS));
    let about = "The first name divided among four versions, and the answers to 16 requests.";
    let mut sheet = Sheet::like_good(about)
        .word("STATUS", row(0) + s::ROW_SERVED, served(GENERATIONS[0], count))
        .word("STATUS", row(0) + s::ROW_SPLIT, split)
        .word("MODELS", slot + m::SLOT_NAME, slot_name(check(NAMES[0]), count))
        .words("MODELS", [(slot + m::SLOT_SPLIT, split), (slot + m::SLOT_SALT, divided::SALT)]);
    for (arm, &fingerprint) in prints.iter().enumerate().skip(1) {
        sheet = sheet
            .word("STATUS", row(0) + s::ROW_ARM_FINGERPRINTS + arm - 1, fingerprint)
            .word("MODELS", slot + m::SLOT_FINGERPRINTS + arm, fingerprint)
            .version(fingerprint, &image::words(fingerprint, arms[arm].model()));
    }
    for (index, request) in divided::requests()?.iter().enumerate() {
        sheet = sheet.words("RESP", answer_words(index + 1, 0, request));
    }
    Ok(sheet)
}

/// Images of the second version that are not what was asked for.
fn false_versions() -> Result<Vec<(&'static str, Sheet)>, Fault> {
    use image_region as i;
    let arms = divided::arms()?;
    let fingerprint = divided::fingerprint(&arms[1]);
    let truth = image::words(fingerprint, arms[1].model());
    let shape = truth[i::SHAPE];
    let changed = |about: &str, index: usize, word: u64| {
        let mut words = truth.clone();
        words[index] = word;
        Sheet::like(about, "divided").version(fingerprint, &words)
    };
    let short = &truth[..truth.len() - 1];
    let long: Vec<u64> = truth.iter().copied().chain([0]).collect();
    let other = divided::fingerprint(&arms[2]);
    let weights = i::PARAMETERS + abi::LINE_WORDS;
    Ok(vec![
        (
            "image-short",
            Sheet::like("An image that ends before its last word.", "divided")
                .version(fingerprint, short),
        ),
        (
            "image-long",
            Sheet::like("An image that goes on behind its last word.", "divided")
                .version(fingerprint, &long),
        ),
        (
            "image-other",
            Sheet::like("The image of another version than was asked for.", "divided")
                .version(fingerprint, &image::words(other, arms[2].model())),
        ),
        ("image-kind", changed("An image of an unknown kind.", i::SHAPE, shape & !0xFFFF | 9)),
        (
            "image-width",
            changed("An image of 1,000 features and three weights.", i::SHAPE, 1 | 1000 << 32),
        ),
        ("image-form", changed("An image of an unknown form.", i::FORM, 2)),
        ("image-layout", changed("An image of another layout.", i::LAYOUT_HASH, 1)),
        ("image-nan", changed("An image with a weight that is none.", weights, f64::NAN.to_bits())),
    ])
}

/// Every image by its name, as text.
pub(crate) fn texts() -> Result<Vec<(&'static str, String)>, Fault> {
    let unentitled = Sheet::like_good("The golden image for a user that may not evaluate locally.")
        .word("WELCOME", WELCOME_RIGHTS, abi::right::ATTACH)
        .say("MODELS", "absent");
    let mut sheets = vec![("good", good()?), ("unentitled", unentitled), ("divided", divided()?)];
    sheets.extend(half_made());
    sheets.extend(false_regions());
    sheets.extend(lies());
    sheets.extend(false_versions()?);
    Ok(sheets.into_iter().map(|(name, sheet)| (name, sheet.0)).collect())
}
