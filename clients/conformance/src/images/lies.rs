//! Images of which no reader may believe a word: half made, of other shapes, or untrue in one
//! point.

use super::sheet::Sheet;
use super::{
    NAMES, OUTPUTS, WELCOME_RIGHTS, check, entry, model_slot, models_header, response_slot, row,
    served, slot_name,
};
use crate::image::SLOTS;
use factord_core::abi::{self, models_region, resp_header, response, status_region};

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
            .word("MODELS", slot + m::SLOT_SPLIT, abi::UNDIVIDED)
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
        (s::ROW_SPLIT, abi::UNDIVIDED),
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

pub(super) fn half_made() -> Vec<(&'static str, Sheet)> {
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

pub(super) fn false_regions() -> Vec<(&'static str, Sheet)> {
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

pub(super) fn lies() -> Vec<(&'static str, Sheet)> {
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
