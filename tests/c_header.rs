//! The constants of the C client are those of `crates/core/src/abi.rs` and the files below it, of
//! the control messages and of the exponential's table.
//! `FACTORD_WRITE=1 cargo test --release --test c_header` writes them anew.

use factord_core::abi::{
    self, class, image_region, models_region, req_header, request, resp_header, response, right,
    status, status_region, tap_record, tap_region,
};
use factord_core::channel::{
    Hello, MODEL_NAME_LEN, MORE_WORDS, Message, NAME_LEN, Refusal, Verb, Welcome,
};
use factord_core::model::image;
use factord_eval::exp::{INV_STEP, NORMAL, SATURATED, SHIFTER, STEP_HI, STEP_LO, STEPS, TABLE};
use factord_eval::{Kind, Model};
use std::fmt::Write;
use std::path::Path;

const PATH: &str = "clients/c/factord_abi.h";

/// One `#define` of each constant named, after its path: `request::META` is `FACTORD_REQUEST_META`.
macro_rules! defines {
    ($text:expr, $($path:path),* $(,)?) => {
        $(define(&mut $text, stringify!($path), $path as u64);)*
    };
}

fn define(text: &mut String, path: &str, value: u64) {
    let name = path.replace("abi::", "").replace("_region", "").replace("::", "_").to_uppercase();
    let value = if value > 0xFFFF { format!("{value:#x}") } else { value.to_string() };
    writeln!(text, "#define FACTORD_{} UINT64_C({value})", name.replace(' ', "")).unwrap();
}

fn rings(text: &mut String) {
    defines!(
        *text,
        abi::MAGIC,
        abi::ABI_WORD,
        abi::RINGS_HASH,
        abi::LINE_LEN,
        abi::LINE_WORDS,
        abi::RING_HEADER_LINES,
        abi::REGION_LEN_MAX,
        abi::INLINE_FEATURE_COUNT_MAX,
        abi::ECHO_MULTIPLIER,
        abi::ECHO_FIRST_ROTATION,
        abi::ECHO_ROTATION_STEP,
        abi::ARM_FIRST_MULTIPLIER,
        abi::ARM_SECOND_MULTIPLIER,
        request::SEQUENCE,
        request::META,
        request::KEY,
        request::FEATURES,
        request::FLAG_STAMP,
        request::MODEL_MASK,
        request::MODEL_NONE,
        request::CHECK_SHIFT,
        response::SEQUENCE,
        response::Y,
        response::SECOND,
        response::VERDICT,
        response::ECHO,
        response::FINGERPRINT,
        response::T_RECEIVED,
        response::T_DONE,
        status::OK,
        status::BAD_INPUT,
        status::UNKNOWN_MODEL,
        status::WIDTH_MISMATCH,
        status::WRONG_CLASS,
        class::LIGHT,
        class::HEAVY,
        right::LOCAL,
        req_header::LOCAL_BY_STATUS,
        resp_header::MAGIC,
        resp_header::ABI,
        resp_header::LAYOUT_HASH,
        resp_header::CLIENT_ID,
        resp_header::FEATURE_COUNT,
        resp_header::SLOT_COUNT,
        resp_header::OUTPUT_COUNT,
        resp_header::CLASS,
        resp_header::EPOCH_SEQUENCE,
        resp_header::EPOCH,
        resp_header::EPOCH_SINCE,
        resp_header::EPOCH_BEFORE,
    );
    // The limits that factord.h has under names of its own.
    let limits = [
        ("FEATURE_COUNT_MAX", abi::FEATURE_COUNT_MAX),
        ("SLOT_COUNT_MAX", abi::SLOT_COUNT_MAX),
        ("OUTPUT_COUNT_MAX", abi::OUTPUT_COUNT_MAX),
        ("MODEL_COUNT_MAX", abi::MODEL_COUNT_MAX),
        ("ARM_COUNT_MAX", abi::ARM_COUNT_MAX),
        ("WORKER_COUNT_MAX", abi::WORKER_COUNT_MAX),
    ];
    for (name, limit) in limits {
        define(text, &format!("ABI_{name}"), limit as u64);
    }
}

fn tap(text: &mut String) {
    defines!(
        *text,
        abi::TAP_HASH,
        tap_region::MAGIC,
        tap_region::LAYOUT_HASH,
        tap_region::CELL_COUNT,
        tap_region::NEXT,
        tap_region::CELLS,
        tap_region::CELL_WORDS,
        tap_region::CELL_TURN,
        tap_region::CELL_REQUEST,
        tap_region::CELL_VERDICT,
        tap_region::CELL_KEY,
        tap_region::CELL_Y,
        tap_region::CELL_FEATURES,
        tap_record::HEADER_COUNT,
        tap_record::CLIENT_SHIFT,
        tap_record::WIDTH_SHIFT,
        tap_record::RUN,
        tap_record::RUN_TSC,
        tap_record::RUN_COUNT,
        tap_record::VERSION,
        tap_record::VERSION_NUMBER,
        tap_record::VERSION_CHECK,
        tap_record::VERSION_FINGERPRINTS,
        tap_record::FIRST_POSITION,
        tap_record::TURN_SHIFT,
        tap_record::WRITING,
        tap_record::FIRST,
        tap_record::CELL_COUNT_MIN,
        tap_record::CELL_COUNT_MAX,
    );
}

fn status(text: &mut String) {
    defines!(
        *text,
        abi::STATUS_HASH,
        status_region::MAGIC,
        status_region::ABI,
        status_region::LAYOUT_HASH,
        status_region::EPOCH,
        status_region::WORKER_COUNT,
        status_region::HEARTBEAT_COUNT,
        status_region::HEARTBEAT_NS,
        status_region::TSC_HZ,
        status_region::ROWS_SEQUENCE,
        status_region::NAMES_SEQUENCE,
        status_region::ROW_COUNT,
        status_region::ROWS,
        status_region::ROW_WORDS,
        status_region::ROW_SEQUENCE,
        status_region::ROW_SHAPE,
        status_region::ROW_SERVED,
        status_region::ROW_COST_NS,
        status_region::ROW_NAME,
        status_region::ROW_NAME_LEN,
        status_region::ROW_SHA256,
        status_region::ROW_ARM_FINGERPRINTS,
        status_region::ROW_SPLIT,
        status_region::ROW_CHECK,
        status_region::WORKERS,
        status_region::WORKER_WORDS,
        status_region::CORE,
        status_region::LINES,
    );
}

fn models(text: &mut String) {
    defines!(
        *text,
        abi::MODELS_HASH,
        models_region::MAGIC,
        models_region::ABI,
        models_region::LAYOUT_HASH,
        models_region::MODEL_COUNT,
        models_region::ENTRIES,
        models_region::ENTRY_WORDS,
        models_region::PUBLISHED,
        models_region::SLOTS,
        models_region::SLOT_COUNT,
        models_region::SLOT_WORDS,
        models_region::SLOT_GENERATION,
        models_region::SLOT_SHAPE,
        models_region::SLOT_NAME,
        models_region::SLOT_SPLIT,
        models_region::SLOT_SALT,
        models_region::SLOT_FINGERPRINTS,
        models_region::SLOT_INTERCEPT,
        models_region::SLOT_WEIGHTS,
        models_region::SLOT_MEAN,
        models_region::SLOT_SCALE,
        models_region::LINES,
        abi::IMAGE_HASH,
        image_region::MAGIC,
        image_region::ABI,
        image_region::LAYOUT_HASH,
        image_region::FINGERPRINT,
        image_region::SHAPE,
        image_region::WORD_COUNT,
        image_region::FORM,
        image_region::PARAMETERS,
        Kind::Linear,
        Kind::Logistic,
    );
    // The form that this build writes, as an image of its own says it.
    let model = Model::linear(vec![1.0], 0.0).unwrap();
    define(text, "IMAGE_FORM_PLAIN", image::words(0, &model)[image_region::FORM]);
}

fn words(message: &Message) -> Vec<u64> {
    let bytes = message.encode();
    bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect()
}

/// Where each field of a message stands, found by values that occur once.
fn places(text: &mut String, message: &Message, prefix: &str, fields: &[(&str, u64)]) {
    let words = words(message);
    define(text, prefix, words[1]);
    for (field, value) in fields {
        let found: Vec<usize> = (2..words.len()).filter(|&at| words[at] == *value).collect();
        assert_eq!(found.len(), 1, "{prefix} {field}");
        define(text, &format!("{prefix}_{field}"), found[0] as u64);
    }
}

fn messages(text: &mut String) {
    let (abi, feature_count, slot_count, nonce) = (901, 902, 903, 904);
    let (layout_hash, epoch, client_id) = (905, 906, 907);
    let name = [0x2a; NAME_LEN];
    let (output_count, class, rights) = (910, 911, 912);
    let hello = Hello { abi, feature_count, slot_count, nonce, name, output_count, class };
    let hello = Message::Hello(hello);
    define(text, "MESSAGE_WORDS", words(&hello).len() as u64);
    let shape = [
        ("ABI", 901),
        ("FEATURE_COUNT", 902),
        ("SLOT_COUNT", 903),
        ("NONCE", 904),
        ("OUTPUT_COUNT", 910),
        ("CLASS", 911),
    ];
    places(text, &hello, "HELLO", &shape);
    let first = words(&hello).iter().position(|&word| word == 0x2a2a_2a2a_2a2a_2a2a).unwrap();
    define(text, "HELLO_NAME", first as u64);
    define(text, "HELLO_NAME_LEN", NAME_LEN as u64);
    let welcome = Welcome {
        abi,
        layout_hash,
        epoch,
        client_id,
        feature_count,
        slot_count,
        nonce,
        output_count,
        class,
        rights,
    };
    let mut granted = shape.to_vec();
    granted.extend([("LAYOUT_HASH", 905), ("EPOCH", 906), ("CLIENT_ID", 907), ("RIGHTS", 912)]);
    places(text, &Message::Welcome(welcome), "WELCOME", &granted);
    places(text, &Message::Mapped, "MAPPED", &[]);
    places(text, &Message::Ready, "READY", &[]);
    let refusal = Refusal::ChannelQuota { used: 908, limit: 909 };
    let refused = Message::Refused { abi, refusal };
    let code = words(&refused)[3];
    places(text, &refused, "REFUSED", &[("ABI", 901), ("CODE", code), ("A", 908), ("B", 909)]);
    let codes = [
        ("NOT_A_HELLO", Refusal::NotAHello),
        ("ABI", Refusal::Abi),
        ("GEOMETRY", Refusal::Geometry { feature_count, slot_count }),
        ("CHANNEL_QUOTA", refusal),
        ("BYTE_QUOTA", Refusal::ByteQuota { wanted: 0, limit: 0 }),
        ("NO_MEMORY", Refusal::NoMemory { bytes: 0 }),
        ("NOT_ALLOWED", Refusal::NotAllowed { uid: 0 }),
        ("SEALED", Refusal::Sealed),
        ("BUSY", Refusal::Busy),
        ("NOT_PERMITTED", Refusal::NotPermitted { uid: 0 }),
        ("TOO_MANY", Refusal::TooMany { used: 0, limit: 0 }),
        ("NO_SUCH_CLASS", Refusal::NoSuchClass { class }),
        ("OUTPUTS", Refusal::Outputs { output_count, slot_count }),
    ];
    for (name, refusal) in codes {
        let code = words(&Message::Refused { abi, refusal })[3];
        define(text, &format!("REFUSAL_{name}"), code);
    }
    // The verb is one that there is, the argument any number.
    define(text, "VERB_TAP", Verb::Tap as u64);
    let verb = Verb::Image as u64;
    let name = [0; MODEL_NAME_LEN];
    let command = Message::Command { abi, verb, argument: 913, name, more: [0; MORE_WORDS] };
    places(text, &command, "COMMAND", &[("ABI", 901), ("VERB", verb), ("ARGUMENT", 913)]);
    define(text, "VERB_IMAGE", verb);
    places(text, &Message::Reply { code: 914 }, "REPLY", &[("CODE", 914)]);
}

/// The numbers of the exponential.
fn exponential(text: &mut String) {
    for (name, value) in [("INV_STEP", INV_STEP), ("STEP_HI", STEP_HI), ("STEP_LO", STEP_LO)] {
        define(text, &format!("EXP_{name}_BITS"), value.to_bits());
    }
    let whole =
        [("STEPS", STEPS), ("SHIFTER", SHIFTER), ("NORMAL", NORMAL), ("SATURATED", SATURATED)];
    for (name, value) in whole {
        writeln!(text, "#define FACTORD_EXP_{name} {value:.1}").unwrap();
    }
    text.push_str(
        "\n/* For i from 0 to 127: what 2^(i / 128) lacks, and its bits less i << 45. */\n",
    );
    writeln!(text, "static const uint64_t FACTORD_EXP_TABLE[{}][2] = {{", TABLE.len()).unwrap();
    for [tail, head] in TABLE {
        writeln!(text, "    {{UINT64_C({tail:#018x}), UINT64_C({head:#018x})}},").unwrap();
    }
    text.push_str("};\n");
}

fn header() -> String {
    let mut text = String::from(
        "/* Generated from abi, channel and model of crates/core/src and exp.rs of crates/eval/src by\n \
         * tests/c_header.rs, which fails when this file is stale:\n \
         * FACTORD_WRITE=1 cargo test --release --test c_header */\n\
         #ifndef FACTORD_ABI_H\n#define FACTORD_ABI_H\n\n#include <stdint.h>\n\n",
    );
    rings(&mut text);
    status(&mut text);
    tap(&mut text);
    models(&mut text);
    text.push('\n');
    messages(&mut text);
    text.push('\n');
    exponential(&mut text);
    text.push_str("\n#endif\n");
    text
}

#[test]
fn the_constants_of_the_c_client_are_those_of_the_layout() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PATH);
    let fresh = header();
    assert!(fresh.lines().count() > 250, "the header is nearly empty");
    if std::env::var_os("FACTORD_WRITE").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = committed.lines().zip(fresh.lines()).position(|(old, new)| old != new);
    assert!(
        committed == fresh,
        "{PATH} is stale (first at line {:?}): FACTORD_WRITE=1 cargo test --release --test c_header",
        differs.map(|line| line + 1)
    );
}
