//! The images themselves: a good one, and those that differ from it in one point each.

use crate::fault::Fault;
use crate::golden_rows::{IMAGE_ROWS, image_rows};
use crate::image::{CLIENT_ID, EPOCH, FEATURES, GENERATIONS, SLOTS};
use crate::models;
use factord_core::abi::{self, models_region, resp_header, response, status, status_region};
use factord_models::file::Artifact;
use std::fmt::Write;

/// An image being written.
struct Sheet(String);

impl Sheet {
    fn new(about: &str) -> Sheet {
        Sheet(format!("# {about}\n"))
    }

    fn like_good(about: &str) -> Sheet {
        let mut sheet = Sheet::new(about);
        sheet.0 += "like good\n";
        sheet
    }

    fn word(mut self, region: &str, index: usize, word: u64) -> Sheet {
        // A string takes every write.
        let _ = writeln!(self.0, "{region} {:05x} {word:016x}", index * 8);
        self
    }

    fn words(self, region: &str, words: impl IntoIterator<Item = (usize, u64)>) -> Sheet {
        words.into_iter().fold(self, |sheet, (index, word)| sheet.word(region, index, word))
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

fn good() -> Result<Sheet, Fault> {
    use resp_header as r;
    use status_region as s;
    let artifacts = models::built_in();
    let about = "The golden image: two models, and the answers to 16 requests in place.";
    let mut sheet = Sheet::new(about)
        .words("STATUS", [(s::MAGIC, abi::MAGIC), (s::ABI, abi::ABI_WORD)])
        .words("STATUS", [(s::LAYOUT_HASH, abi::LAYOUT_HASH), (s::EPOCH, EPOCH)])
        .words("STATUS", [(s::STATE, abi::state::SERVING), (s::PID, 1), (s::WORKER_COUNT, 1)])
        .words("STATUS", [(s::HEARTBEAT_COUNT, 3), (s::MODELS_SEQUENCE, 2)]);
    for (id, artifact) in artifacts.iter().enumerate() {
        sheet = sheet.words("STATUS", row_words(id, artifact));
    }
    sheet = sheet.words(
        "MODELS",
        [
            (models_region::MAGIC, abi::MAGIC),
            (models_region::ABI, abi::ABI_WORD),
            (models_region::LAYOUT_HASH, abi::LAYOUT_HASH),
            (models_region::MODEL_COUNT, abi::MODEL_COUNT_MAX as u64),
        ],
    );
    for (id, artifact) in artifacts.iter().enumerate() {
        sheet = sheet.words("MODELS", model_words(id, artifact));
    }
    sheet = sheet
        .words("RESP", [(r::MAGIC, abi::MAGIC), (r::ABI, abi::ABI_WORD)])
        .words("RESP", [(r::LAYOUT_HASH, abi::LAYOUT_HASH), (r::EPOCH, EPOCH)])
        .words("RESP", [(r::CLIENT_ID, CLIENT_ID), (r::FEATURE_COUNT, FEATURES as u64)])
        .words("RESP", [(r::SLOT_COUNT, SLOTS as u64)]);
    for (index, answer) in image_rows()?.iter().enumerate() {
        let (sequence, model) = (index + 1, index / IMAGE_ROWS);
        let bits = answer.x.iter().map(|value| value.to_bits());
        let at = response_slot(sequence);
        sheet = sheet
            .word("RESP", at + response::SEQUENCE, sequence as u64)
            .word("RESP", at + response::Y, answer.y)
            .word("RESP", at + response::SECOND, answer.second)
            .word("RESP", at + response::VERDICT, abi::verdict(status::OK, 0, GENERATIONS[model]))
            .word("RESP", at + response::ECHO, abi::echo(sequence as u64, model as u64, bits))
            .word("RESP", at + response::EPOCH, EPOCH);
    }
    Ok(sheet)
}

fn shape(artifact: &Artifact) -> u64 {
    artifact.kind() as u64 | (artifact.model().width() as u64) << 32
}

fn row_words(id: usize, artifact: &Artifact) -> Vec<(usize, u64)> {
    use status_region as s;
    let mut name = [0; s::ROW_NAME_LEN];
    name[..artifact.name().len()].copy_from_slice(artifact.name().as_bytes());
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let at = |start: usize| move |(index, word)| (row(id) + start + index, word);
    let mut words: Vec<(usize, u64)> =
        name.as_chunks().0.iter().map(word).enumerate().map(at(s::ROW_NAME)).collect();
    words.push((row(id) + s::ROW_SHAPE, shape(artifact)));
    words.push((row(id) + s::ROW_GENERATION, GENERATIONS[id].into()));
    let sha256 = artifact.sha256();
    words.extend(sha256.as_chunks().0.iter().map(word).enumerate().map(at(s::ROW_SHA256)));
    words
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
        (slot + m::SLOT_SHAPE, shape(artifact)),
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

/// Ten models that no reader may evaluate.
fn wild_models() -> Sheet {
    use models_region as m;
    let mut sheet =
        Sheet::like_good("Ten models that cannot be evaluated, each for a reason of its own.")
            .say("MODELS", "zero")
            .word("MODELS", m::MAGIC, abi::MAGIC)
            .word("MODELS", m::ABI, abi::ABI_WORD)
            .word("MODELS", m::LAYOUT_HASH, abi::LAYOUT_HASH)
            .word("MODELS", m::MODEL_COUNT, abi::MODEL_COUNT_MAX as u64);
    let one = 1f64.to_bits();
    let linear = 1 | 3 << 32;
    for id in 0..10 {
        let slot = model_slot(id, 0);
        sheet = sheet
            .word("MODELS", entry(id) + m::PUBLISHED, 1 << 32)
            .word("MODELS", slot + m::SLOT_GENERATION, 1)
            .word("MODELS", slot + m::SLOT_SHAPE, linear)
            .words("MODELS", (0..3).map(|index| (slot + m::SLOT_WEIGHTS + index, one)));
    }
    for id in 2..10 {
        sheet = sheet.words("STATUS", plain_row(id, linear));
    }
    let shape = |id: usize, shape: u64| (model_slot(id, 0) + m::SLOT_SHAPE, shape);
    sheet
        .word("MODELS", entry(0) + m::PUBLISHED, 1 << 32 | 3)
        .word("MODELS", entry(1) + m::PUBLISHED, 1 << 32 | 0xFFFF_FFFF)
        .words("MODELS", [shape(2, 9 | 3 << 32), shape(3, 3 << 32), shape(4, 1)])
        .words("MODELS", [shape(5, 1 | 1025 << 32), shape(6, 1 | 0xFFFF_FFFF << 32)])
        .word("MODELS", model_slot(7, 0) + m::SLOT_WEIGHTS + 1, f64::NAN.to_bits())
        .word("MODELS", model_slot(8, 0) + m::SLOT_INTERCEPT, f64::INFINITY.to_bits())
        // A logistic model whose scales are all zero.
        .words("MODELS", [shape(9, 2 | 3 << 32)])
}

/// A sound row of the model table, of generation 1: its name is one letter a model.
fn plain_row(id: usize, shape: u64) -> [(usize, u64); 3] {
    use status_region as s;
    let name = u64::from(b'a') + id as u64;
    [(s::ROW_NAME, name), (s::ROW_SHAPE, shape), (s::ROW_GENERATION, 1)]
        .map(|(index, word)| (row(id) + index, word))
}

/// A model table of one row that a newer daemon could write, and of rows that cannot be.
fn wild_status() -> Sheet {
    use status_region as s;
    let about = "One row of an unknown kind, 9; impossible widths and impossible generations.";
    let shapes = [
        (9, 1),
        (3 << 32, 0),
        (1, 1),
        (1 | 1025 << 32, 1),
        (2 | 0xFFFF_FFFF << 32, 1),
        (1 | 3 << 32, 0),
        (1 | 3 << 32, 1 << 32),
        (1 | 3 << 32, u64::MAX),
    ];
    let mut sheet = Sheet::like_good(about);
    for (id, (shape, generation)) in shapes.into_iter().enumerate() {
        // Names without an end.
        let name = (0..s::ROW_NAME_LEN / 8).map(|index| (row(id) + index, u64::MAX));
        sheet = sheet.words("STATUS", name).word("STATUS", row(id) + s::ROW_SHAPE, shape).word(
            "STATUS",
            row(id) + s::ROW_GENERATION,
            generation,
        );
    }
    sheet.words("STATUS", plain_row(shapes.len(), 9 | 3 << 32))
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
    let resp_len = abi::resp_lines(SLOTS) * abi::LINE_LEN;
    let another_abi = 7 << 16 | 3;
    vec![
        ("unsealed-req", cut("REQ")),
        ("unsealed-resp", cut("RESP")),
        ("short-resp", sized("RESP", resp_len - abi::LINE_LEN)),
        ("long-resp", sized("RESP", resp_len + 4096)),
        ("short-status", sized("STATUS", 4096)),
        ("three-descriptors", Sheet::like_good("One descriptor is missing.").say("RESP", "absent")),
        ("pipe", Sheet::like_good("A pipe where STATUS should be.").say("STATUS", "pipe")),
        ("status-magic", false_word("Another magic.", "STATUS", status_region::MAGIC, 1)),
        ("status-layout", false_word("Another layout.", "STATUS", status_region::LAYOUT_HASH, 1)),
        ("models-layout", false_word("Another layout.", "MODELS", models_region::LAYOUT_HASH, 1)),
        (
            "models-count",
            false_word("More models than fit.", "MODELS", models_region::MODEL_COUNT, 17),
        ),
        ("resp-abi", false_word("Another ABI, 7.3.", "RESP", resp_header::ABI, another_abi)),
        ("resp-shape", false_word("Four features.", "RESP", resp_header::FEATURE_COUNT, 4)),
        ("resp-slots", false_word("4,096 slots.", "RESP", resp_header::SLOT_COUNT, 4096)),
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
        ("models-wild", wild_models()),
        (
            "models-torn",
            Sheet::like_good("A model whose slot is of another generation for ever.")
                .word("MODELS", torn, 6),
        ),
        ("status-wild", wild_status()),
        (
            "status-odd",
            Sheet::like_good("A model table that is for ever being written.").word(
                "STATUS",
                status_region::MODELS_SEQUENCE,
                3,
            ),
        ),
    ]
}

/// Every image by its name, as text.
pub(crate) fn texts() -> Result<Vec<(&'static str, String)>, Fault> {
    let mut sheets = vec![("good", good()?)];
    sheets.extend(half_made());
    sheets.extend(false_regions());
    sheets.extend(lies());
    Ok(sheets.into_iter().map(|(name, sheet)| (name, sheet.0)).collect())
}
