//! The images themselves: a good one, and those that differ from it in one point each.

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
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Outputs of every image's channel.
const OUTPUTS: usize = 2;
/// The names of the golden image's two models, by their numbers.
const NAMES: [&str; 2] = ["regression", "classification"];
/// The word of the welcome that says what the user may do.
const WELCOME_RIGHTS: usize = 11;
/// The split of a name whose requests all go to the champion.
const UNDIVIDED: u64 = abi::split([256; 3]);

/// An image being written.
struct Sheet(String);

impl Sheet {
    fn new(about: &str) -> Sheet {
        Sheet(format!("# {about}\n"))
    }

    fn like(about: &str, other: &str) -> Sheet {
        let mut sheet = Sheet::new(about);
        // A string takes every write.
        let _ = writeln!(sheet.0, "like {other}");
        sheet
    }

    fn like_good(about: &str) -> Sheet {
        Sheet::like(about, "good")
    }

    fn word(mut self, region: &str, index: usize, word: u64) -> Sheet {
        // A string takes every write.
        let _ = writeln!(self.0, "{region} {:05x} {word:016x}", index * 8);
        self
    }

    fn words(self, region: &str, words: impl IntoIterator<Item = (usize, u64)>) -> Sheet {
        words.into_iter().fold(self, |sheet, (index, word)| sheet.word(region, index, word))
    }

    /// The image of a version.
    fn version(self, fingerprint: u64, words: &[u64]) -> Sheet {
        let region = format!("IMAGE {fingerprint:016x}");
        let words: Vec<(usize, u64)> = words.iter().copied().enumerate().collect();
        self.say(&region, "zero")
            .say(&region, &format!("len {}", words.len() * 8))
            .words(&region, words.into_iter().filter(|&(_, word)| word != 0))
    }

    fn say(mut self, region: &str, what: &str) -> Sheet {
        let _ = writeln!(self.0, "{region} {what}");
        self
    }
}

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
        (s::ROW_SPLIT, UNDIVIDED),
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
    let mut words = vec![
        (entry(id) + m::PUBLISHED, generation << 32 | slot_index as u64),
        (slot + m::SLOT_GENERATION, generation),
        (slot + m::SLOT_SHAPE, image::shape(model)),
        (slot + m::SLOT_NAME, slot_name(check(artifact.name()), 1)),
        (slot + m::SLOT_SPLIT, UNDIVIDED),
        (slot + m::SLOT_FINGERPRINTS, divided::fingerprint(artifact)),
        (slot + m::SLOT_INTERCEPT, model.intercept().to_bits()),
    ];
    let vectors = [
        (m::SLOT_WEIGHTS, model.weights()),
        (m::SLOT_MEAN, model.mean()),
        (m::SLOT_SCALE, model.scale()),
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

/// Ten models that no reader may evaluate.
fn wild_models() -> Sheet {
    use models_region as m;
    let mut sheet =
        Sheet::like_good("Ten models that cannot be evaluated, each for a reason of its own.")
            .word("STATUS", status_region::ROW_COUNT, 10)
            .say("MODELS", "zero")
            .words("MODELS", models_header());
    let one = 1f64.to_bits();
    let linear = abi::shape(1, 3, OUTPUTS as u16);
    for id in 0..10 {
        let slot = model_slot(id, 0);
        let name = NAMES.get(id).map_or_else(|| letter(id), |&name| name.to_owned());
        sheet = sheet
            .word("MODELS", entry(id) + m::PUBLISHED, 1 << 32)
            .word("MODELS", slot + m::SLOT_GENERATION, 1)
            .word("MODELS", slot + m::SLOT_SHAPE, linear)
            .word("MODELS", slot + m::SLOT_NAME, slot_name(check(&name), 1))
            .word("MODELS", slot + m::SLOT_SPLIT, UNDIVIDED)
            .word("MODELS", slot + m::SLOT_FINGERPRINTS, id as u64 + 1)
            .words("MODELS", (0..3).map(|index| (slot + m::SLOT_WEIGHTS + index, one)));
    }
    for id in 2..10 {
        sheet = sheet.words("STATUS", plain_row(id, linear));
    }
    let shape = |id: usize, kind: u32, width: u16| {
        (model_slot(id, 0) + m::SLOT_SHAPE, abi::shape(kind, width, OUTPUTS as u16))
    };
    sheet
        .word("MODELS", entry(0) + m::PUBLISHED, 1 << 32 | 3)
        .word("MODELS", entry(1) + m::PUBLISHED, 1 << 32 | 0xFFFF_FFFF)
        .words("MODELS", [shape(2, 9, 3), shape(3, 0, 3), shape(4, 1, 0)])
        .words("MODELS", [shape(5, 1, 1025), shape(6, 1, 0xFFFF)])
        .word("MODELS", model_slot(7, 0) + m::SLOT_WEIGHTS + 1, f64::NAN.to_bits())
        .word("MODELS", model_slot(8, 0) + m::SLOT_INTERCEPT, f64::INFINITY.to_bits())
        // A logistic model whose scales are all zero.
        .words("MODELS", [shape(9, 2, 3)])
}

/// The names of those that are neither of the two: `a`, `b` and so on.
fn letter(id: usize) -> String {
    char::from(b'a' + id as u8).to_string()
}

/// A sound row of the model table, of generation 1: its name is one letter a model.
fn plain_row(id: usize, shape: u64) -> [(usize, u64); 6] {
    use status_region as s;
    let name = letter(id);
    [
        (s::ROW_SEQUENCE, 2),
        (s::ROW_NAME, name.bytes().next().map_or(0, u64::from)),
        (s::ROW_SHAPE, shape),
        (s::ROW_SERVED, served(1, 1)),
        (s::ROW_SPLIT, UNDIVIDED),
        (s::ROW_CHECK, check(&name).into()),
    ]
    .map(|(index, word)| (row(id) + index, word))
}

/// A model table of one row that a newer daemon could write, and of rows that cannot be.
fn wild_status() -> Sheet {
    use status_region as s;
    let about = "One row of an unknown kind, 9; impossible widths and an impossible generation.";
    let outputs = OUTPUTS as u16;
    let rows = [
        (abi::shape(9, 0, outputs), served(1, 1)),
        (abi::shape(0, 3, outputs), served(0, 1)),
        (abi::shape(1, 0, outputs), served(1, 1)),
        (abi::shape(1, 1025, outputs), served(1, 1)),
        (abi::shape(2, 0xFFFF, outputs), served(1, 1)),
        (abi::shape(1, 3, outputs), served(0, 1)),
        (abi::shape(1, 3, outputs), u64::MAX << 32),
    ];
    let mut sheet = Sheet::like_good(about).word("STATUS", s::ROW_COUNT, rows.len() as u64 + 1);
    for (id, (shape, served)) in rows.into_iter().enumerate() {
        // Names without an end.
        let name = (s::ROW_NAME..s::ROW_SHA256).map(|index| (row(id) + index, u64::MAX));
        sheet = sheet.words("STATUS", name).word("STATUS", row(id) + s::ROW_SHAPE, shape).word(
            "STATUS",
            row(id) + s::ROW_SERVED,
            served,
        );
    }
    sheet.words("STATUS", plain_row(rows.len(), abi::shape(9, 3, outputs)))
}

fn half_made() -> Vec<(&'static str, Sheet)> {
    let half = |name: &'static str, region: &str| {
        let sheet = Sheet::like_good("A region whose header is not written yet.");
        (name, sheet.say(region, "zero"))
    };
    let zero = Sheet::new("Regions of the right sizes with nothing written in them.");
    vec![
        ("half-zero", zero),
        half("half-status", "STATUS"),
        half("half-models", "MODELS"),
        half("half-resp", "RESP"),
    ]
}

fn false_regions() -> Vec<(&'static str, Sheet)> {
    let cut =
        |what: &str| Sheet::like_good("A region that its maker could cut.").say(what, "unsealed");
    let sized = |what: &str, len: usize| {
        Sheet::like_good("A region of another size than the shape has.")
            .say(what, &format!("len {len}"))
    };
    let false_word = |about: &str, region: &str, index: usize, word: u64| {
        Sheet::like_good(about).word(region, index, word)
    };
    let resp_len = abi::resp_lines(OUTPUTS, SLOTS) * abi::LINE_LEN;
    let another_abi = 7 << 16 | 3;
    vec![
        ("unsealed-req", cut("REQ")),
        ("unsealed-resp", cut("RESP")),
        ("short-resp", sized("RESP", resp_len - abi::LINE_LEN)),
        ("long-resp", sized("RESP", resp_len + 4096)),
        ("short-status", sized("STATUS", 4096)),
        (
            "three-descriptors",
            Sheet::like_good("MODELS is missing, though the welcome grants it.")
                .say("MODELS", "absent"),
        ),
        (
            "four-descriptors",
            Sheet::like_good("MODELS comes along, though the welcome does not grant it.").word(
                "WELCOME",
                WELCOME_RIGHTS,
                abi::right::ATTACH,
            ),
        ),
        ("pipe", Sheet::like_good("A pipe where STATUS should be.").say("STATUS", "pipe")),
        ("status-magic", false_word("Another magic.", "STATUS", status_region::MAGIC, 1)),
        ("status-layout", false_word("Another layout.", "STATUS", status_region::LAYOUT_HASH, 1)),
        ("models-layout", false_word("Another layout.", "MODELS", models_region::LAYOUT_HASH, 1)),
        (
            "models-count",
            false_word("More models than fit.", "MODELS", models_region::MODEL_COUNT, 4097),
        ),
        ("resp-abi", false_word("Another ABI, 7.3.", "RESP", resp_header::ABI, another_abi)),
        ("resp-shape", false_word("Four features.", "RESP", resp_header::FEATURE_COUNT, 4)),
        ("resp-slots", false_word("4,096 slots.", "RESP", resp_header::SLOT_COUNT, 4096)),
        ("resp-outputs", false_word("Three outputs.", "RESP", resp_header::OUTPUT_COUNT, 3)),
        ("resp-class", false_word("Another class.", "RESP", resp_header::CLASS, 1)),
        ("resp-client", false_word("Another client's.", "RESP", resp_header::CLIENT_ID, 6)),
    ]
}

fn lies() -> Vec<(&'static str, Sheet)> {
    let first = response_slot(1);
    let ahead = (0..SLOTS).map(|slot| {
        // One turn of the ring too late for every request of the first one.
        (response_slot(slot) + response::SEQUENCE, (slot + SLOTS) as u64)
    });
    let torn = model_slot(0, 0) + models_region::SLOT_GENERATION;
    let first_name = model_slot(0, 0) + models_region::SLOT_NAME;
    vec![
        (
            "resp-echo",
            Sheet::like_good("The first answer is for other words.").word(
                "RESP",
                first + response::ECHO,
                u64::MAX,
            ),
        ),
        (
            "resp-status",
            Sheet::like_good("The first answer has a status that there is not.").word(
                "RESP",
                first + response::VERDICT,
                abi::verdict(77, 0, 7),
            ),
        ),
        (
            "resp-ahead",
            Sheet::like_good("Answers to requests that were never made.").words("RESP", ahead),
        ),
        (
            "epoch-odd",
            Sheet::like_good("Who answers is for ever being written.").word(
                "RESP",
                resp_header::EPOCH_SEQUENCE,
                5,
            ),
        ),
        ("models-wild", wild_models()),
        (
            "models-torn",
            Sheet::like_good("A model whose slot is of another generation for ever.")
                .word("MODELS", torn, 6),
        ),
        (
            "models-check",
            Sheet::like_good("An entry of another name than the row with its number.").word(
                "MODELS",
                first_name,
                slot_name(check("swing"), 1),
            ),
        ),
        ("status-wild", wild_status()),
        (
            "status-odd",
            Sheet::like_good("A row that is for ever being written.").word(
                "STATUS",
                row(1) + status_region::ROW_SEQUENCE,
                3,
            ),
        ),
    ]
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
