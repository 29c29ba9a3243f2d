//! Writes the constants of the Java client, from the layout itself:
//!
//! ```sh
//! cargo run --release --example java_constants > clients/java/src/factord/Abi.java
//! ```
//!
//! Run as a test it compares that file with what it would write.

use factord_core::abi::{
    self, class, image_region, models_region, req_header, request, resp_header,
};
use factord_core::abi::{response, right, status, status_region};
use factord_core::channel::{
    Hello, MESSAGE_LEN, MODEL_NAME_LEN, MORE_WORDS, Message, NAME_LEN, Refusal, Verb, Welcome,
};
use factord_eval::{Kind, exp};
use std::fmt::Write as _;
use std::io::Write as _;

/// A value that stands nowhere in a message but where it was put.
const MARK: u64 = 0x6d61_726b;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(constants().as_bytes())
}

/// The whole file.
fn constants() -> String {
    let mut text = String::from(
        "// Generated from abi.rs, abi/ and channel/message.rs of crates/core/src and exp.rs of crates/eval/src by\n\
         // `make constants`; a test of the daemon fails when it is not fresh.\n\
         package factord;\n\n\
         /** The layout of shared memory and the messages of the control socket. */\n\
         final class Abi {\n",
    );
    long(&mut text, "MAGIC", abi::MAGIC);
    long(&mut text, "ABI_WORD", abi::ABI_WORD);
    long(&mut text, "RINGS_HASH", abi::RINGS_HASH);
    long(&mut text, "STATUS_HASH", abi::STATUS_HASH);
    long(&mut text, "MODELS_HASH", abi::MODELS_HASH);
    long(&mut text, "IMAGE_HASH", abi::IMAGE_HASH);
    long(&mut text, "FLAG_STAMP", request::FLAG_STAMP);
    long(&mut text, "MODEL_MASK", request::MODEL_MASK);
    long(&mut text, "MODEL_NONE", request::MODEL_NONE);
    long(&mut text, "ECHO_MULTIPLIER", abi::ECHO_MULTIPLIER);
    long(&mut text, "ARM_FIRST_MULTIPLIER", abi::ARM_FIRST_MULTIPLIER);
    long(&mut text, "ARM_SECOND_MULTIPLIER", abi::ARM_SECOND_MULTIPLIER);
    long(&mut text, "UNDIVIDED", abi::split([256; 3]));
    long(&mut text, "CLASS_LIGHT", class::LIGHT);
    long(&mut text, "CLASS_HEAVY", class::HEAVY);
    long(&mut text, "RIGHT_LOCAL", right::LOCAL);
    long(&mut text, "VERB_IMAGE", Verb::Image as u64);
    for (name, value) in limits()
        .into_iter()
        .chain(words())
        .chain(regions())
        .chain(messages())
        .chain(other_messages())
    {
        int(&mut text, name, value);
    }
    exponential(&mut text);
    text.push_str("\n    private Abi() {}\n}\n");
    text
}

fn long(text: &mut String, name: &str, value: u64) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(text, "    static final long {name} = 0x{value:016x}L;");
}

fn int(text: &mut String, name: &str, value: usize) {
    let _ = writeln!(text, "    static final int {name} = {value};");
}

fn limits() -> Vec<(&'static str, usize)> {
    vec![
        ("LINE_LEN", abi::LINE_LEN),
        ("RING_HEADER_LINES", abi::RING_HEADER_LINES),
        ("SLOT_COUNT_MAX", abi::SLOT_COUNT_MAX),
        ("REGION_LEN_MAX", abi::REGION_LEN_MAX),
        ("FEATURE_COUNT_MAX", abi::FEATURE_COUNT_MAX),
        ("INLINE_FEATURE_COUNT_MAX", abi::INLINE_FEATURE_COUNT_MAX),
        ("OUTPUT_COUNT_MAX", abi::OUTPUT_COUNT_MAX),
        ("MODEL_COUNT_MAX", abi::MODEL_COUNT_MAX),
        ("ARM_COUNT_MAX", abi::ARM_COUNT_MAX),
        ("WORKER_COUNT_MAX", abi::WORKER_COUNT_MAX),
        ("ECHO_FIRST_ROTATION", abi::ECHO_FIRST_ROTATION as usize),
        ("ECHO_ROTATION_STEP", abi::ECHO_ROTATION_STEP as usize),
        ("CHECK_SHIFT", request::CHECK_SHIFT as usize),
        ("KIND_LINEAR", Kind::Linear as usize),
        ("KIND_LOGISTIC", Kind::Logistic as usize),
        ("STATUS_OK", status::OK.into()),
        ("STATUS_BAD_INPUT", status::BAD_INPUT.into()),
        ("STATUS_UNKNOWN_MODEL", status::UNKNOWN_MODEL.into()),
        ("STATUS_WIDTH_MISMATCH", status::WIDTH_MISMATCH.into()),
        ("STATUS_WRONG_CLASS", status::WRONG_CLASS.into()),
    ]
}

/// Words of slots and ring headers.
fn words() -> Vec<(&'static str, usize)> {
    vec![
        ("REQUEST_SEQUENCE", request::SEQUENCE),
        ("REQUEST_META", request::META),
        ("REQUEST_KEY", request::KEY),
        ("REQUEST_FEATURES", request::FEATURES),
        ("RESPONSE_SEQUENCE", response::SEQUENCE),
        ("RESPONSE_Y", response::Y),
        ("RESPONSE_SECOND", response::SECOND),
        ("RESPONSE_VERDICT", response::VERDICT),
        ("RESPONSE_ECHO", response::ECHO),
        ("RESPONSE_FINGERPRINT", response::FINGERPRINT),
        ("RESPONSE_T_RECEIVED", response::T_RECEIVED),
        ("RESPONSE_T_DONE", response::T_DONE),
        ("REQ_LOCAL_BY_STATUS", req_header::LOCAL_BY_STATUS),
        ("RESP_MAGIC", resp_header::MAGIC),
        ("RESP_ABI", resp_header::ABI),
        ("RESP_LAYOUT_HASH", resp_header::LAYOUT_HASH),
        ("RESP_CLIENT_ID", resp_header::CLIENT_ID),
        ("RESP_FEATURE_COUNT", resp_header::FEATURE_COUNT),
        ("RESP_SLOT_COUNT", resp_header::SLOT_COUNT),
        ("RESP_OUTPUT_COUNT", resp_header::OUTPUT_COUNT),
        ("RESP_CLASS", resp_header::CLASS),
        ("RESP_EPOCH_SEQUENCE", resp_header::EPOCH_SEQUENCE),
        ("RESP_EPOCH", resp_header::EPOCH),
        ("RESP_EPOCH_SINCE", resp_header::EPOCH_SINCE),
        ("RESP_EPOCH_BEFORE", resp_header::EPOCH_BEFORE),
    ]
}

/// Words of STATUS, of MODELS and of an image.
fn regions() -> Vec<(&'static str, usize)> {
    vec![
        ("STATUS_LINES", status_region::LINES),
        ("STATUS_MAGIC", status_region::MAGIC),
        ("STATUS_ABI", status_region::ABI),
        ("STATUS_LAYOUT_HASH", status_region::LAYOUT_HASH),
        ("STATUS_EPOCH", status_region::EPOCH),
        ("STATUS_WORKER_COUNT", status_region::WORKER_COUNT),
        ("STATUS_HEARTBEAT_COUNT", status_region::HEARTBEAT_COUNT),
        ("STATUS_HEARTBEAT_NS", status_region::HEARTBEAT_NS),
        ("STATUS_TSC_HZ", status_region::TSC_HZ),
        ("STATUS_ROWS_SEQUENCE", status_region::ROWS_SEQUENCE),
        ("STATUS_NAMES_SEQUENCE", status_region::NAMES_SEQUENCE),
        ("STATUS_ROW_COUNT", status_region::ROW_COUNT),
        ("STATUS_ROWS", status_region::ROWS),
        ("ROW_WORDS", status_region::ROW_WORDS),
        ("ROW_SEQUENCE", status_region::ROW_SEQUENCE),
        ("ROW_SHAPE", status_region::ROW_SHAPE),
        ("ROW_SERVED", status_region::ROW_SERVED),
        ("ROW_COST_NS", status_region::ROW_COST_NS),
        ("ROW_NAME", status_region::ROW_NAME),
        ("ROW_NAME_LEN", status_region::ROW_NAME_LEN),
        ("ROW_SHA256", status_region::ROW_SHA256),
        ("ROW_CHECK", status_region::ROW_CHECK),
        ("STATUS_WORKERS", status_region::WORKERS),
        ("WORKER_WORDS", status_region::WORKER_WORDS),
        ("WORKER_CORE", status_region::CORE),
        ("MODELS_LINES", models_region::LINES),
        ("MODELS_MAGIC", models_region::MAGIC),
        ("MODELS_ABI", models_region::ABI),
        ("MODELS_LAYOUT_HASH", models_region::LAYOUT_HASH),
        ("MODELS_MODEL_COUNT", models_region::MODEL_COUNT),
        ("MODELS_ENTRIES", models_region::ENTRIES),
        ("ENTRY_WORDS", models_region::ENTRY_WORDS),
        ("ENTRY_PUBLISHED", models_region::PUBLISHED),
        ("ENTRY_SLOTS", models_region::SLOTS),
        ("ENTRY_SLOT_COUNT", models_region::SLOT_COUNT),
        ("SLOT_WORDS", models_region::SLOT_WORDS),
        ("SLOT_GENERATION", models_region::SLOT_GENERATION),
        ("SLOT_SHAPE", models_region::SLOT_SHAPE),
        ("SLOT_NAME", models_region::SLOT_NAME),
        ("SLOT_SPLIT", models_region::SLOT_SPLIT),
        ("SLOT_SALT", models_region::SLOT_SALT),
        ("SLOT_FINGERPRINTS", models_region::SLOT_FINGERPRINTS),
        ("SLOT_INTERCEPT", models_region::SLOT_INTERCEPT),
        ("SLOT_WEIGHTS", models_region::SLOT_WEIGHTS),
        ("SLOT_MEAN", models_region::SLOT_MEAN),
        ("SLOT_SCALE", models_region::SLOT_SCALE),
        ("IMAGE_MAGIC", image_region::MAGIC),
        ("IMAGE_ABI", image_region::ABI),
        ("IMAGE_LAYOUT_HASH", image_region::LAYOUT_HASH),
        ("IMAGE_FINGERPRINT", image_region::FINGERPRINT),
        ("IMAGE_SHAPE", image_region::SHAPE),
        ("IMAGE_WORD_COUNT", image_region::WORD_COUNT),
        ("IMAGE_FORM", image_region::FORM),
        ("IMAGE_PARAMETERS", image_region::PARAMETERS),
    ]
}

/// Kinds and words of the messages, found by writing a mark into each field in turn.
fn messages() -> Vec<(&'static str, usize)> {
    // The mark stands in one of the words, or in the name for the sixth of them.
    let hello = |marked: usize| {
        let word = |index: usize| if index == marked { MARK } else { 0 };
        let mut name = [0; NAME_LEN];
        name[..8].copy_from_slice(&word(6).to_le_bytes());
        Message::Hello(Hello {
            abi: word(0),
            feature_count: word(1),
            slot_count: word(2),
            nonce: word(3),
            name,
            output_count: word(4),
            class: word(5),
        })
    };
    let blank = Welcome {
        abi: 0,
        layout_hash: 0,
        epoch: 0,
        client_id: 0,
        feature_count: 0,
        slot_count: 0,
        nonce: 0,
        output_count: 0,
        class: 0,
        rights: 0,
    };
    let welcome = Message::Welcome;
    vec![
        ("MESSAGE_LEN", MESSAGE_LEN),
        ("NAME_LEN", NAME_LEN),
        ("HELLO", kind(&hello(0))),
        ("HELLO_ABI", place(&hello(0))),
        ("HELLO_FEATURE_COUNT", place(&hello(1))),
        ("HELLO_SLOT_COUNT", place(&hello(2))),
        ("HELLO_NONCE", place(&hello(3))),
        ("HELLO_OUTPUT_COUNT", place(&hello(4))),
        ("HELLO_CLASS", place(&hello(5))),
        ("HELLO_NAME", place(&hello(6))),
        ("WELCOME", kind(&welcome(blank))),
        ("WELCOME_ABI", place(&welcome(Welcome { abi: MARK, ..blank }))),
        ("WELCOME_LAYOUT_HASH", place(&welcome(Welcome { layout_hash: MARK, ..blank }))),
        ("WELCOME_EPOCH", place(&welcome(Welcome { epoch: MARK, ..blank }))),
        ("WELCOME_CLIENT_ID", place(&welcome(Welcome { client_id: MARK, ..blank }))),
        ("WELCOME_FEATURE_COUNT", place(&welcome(Welcome { feature_count: MARK, ..blank }))),
        ("WELCOME_SLOT_COUNT", place(&welcome(Welcome { slot_count: MARK, ..blank }))),
        ("WELCOME_NONCE", place(&welcome(Welcome { nonce: MARK, ..blank }))),
        ("WELCOME_OUTPUT_COUNT", place(&welcome(Welcome { output_count: MARK, ..blank }))),
        ("WELCOME_CLASS", place(&welcome(Welcome { class: MARK, ..blank }))),
        ("WELCOME_RIGHTS", place(&welcome(Welcome { rights: MARK, ..blank }))),
    ]
}

/// The same of the other messages.
fn other_messages() -> Vec<(&'static str, usize)> {
    let refused =
        |abi, used, limit| Message::Refused { abi, refusal: Refusal::ChannelQuota { used, limit } };
    let refusal = Message::Refused { abi: 0, refusal: Refusal::Other(MARK) };
    let command = |abi, verb, argument| {
        let name = [0; MODEL_NAME_LEN];
        Message::Command { abi, verb, argument, name, more: [0; MORE_WORDS] }
    };
    let reply = Message::Reply { code: MARK };
    vec![
        ("MAPPED", kind(&Message::Mapped)),
        ("READY", kind(&Message::Ready)),
        ("REFUSED", kind(&refusal)),
        ("REFUSED_ABI", place(&refused(MARK, 0, 0))),
        ("REFUSED_CODE", place(&refusal)),
        ("REFUSED_A", place(&refused(0, MARK, 0))),
        ("REFUSED_B", place(&refused(0, 0, MARK))),
        ("COMMAND", kind(&command(0, 0, 0))),
        ("COMMAND_ABI", place(&command(MARK, 0, 0))),
        ("COMMAND_VERB", place(&command(0, MARK, 0))),
        ("COMMAND_ARGUMENT", place(&command(0, 0, MARK))),
        ("REPLY", kind(&reply)),
        ("REPLY_CODE", place(&reply)),
    ]
}

fn words_of(message: &Message) -> Vec<u64> {
    message.encode().as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect()
}

/// The word that tells a message's kind.
fn kind(message: &Message) -> usize {
    words_of(message)[1] as usize
}

/// Where the mark stands.
fn place(message: &Message) -> usize {
    let words = words_of(message);
    words.iter().position(|&word| word == MARK).expect("each message here carries the mark")
}

/// The constants and the table of the exponential.
fn exponential(text: &mut String) {
    let constants = [
        ("STEPS", exp::STEPS),
        ("INV_STEP", exp::INV_STEP),
        ("STEP_HI", exp::STEP_HI),
        ("STEP_LO", exp::STEP_LO),
        ("SHIFTER", exp::SHIFTER),
        ("NORMAL", exp::NORMAL),
        ("SATURATED", exp::SATURATED),
    ];
    for (name, value) in constants {
        // Both languages write and read the shortest decimal that gives the same bits.
        let _ = writeln!(text, "    static final double EXP_{name} = {value:?};");
    }
    int(text, "EXP_TABLE_LEN", exp::TABLE.len());
    text.push_str("\n    /** Tail and head of each power, one after the other. */\n");
    text.push_str("    static final long[] EXP_TABLE = {\n");
    for [tail, head] in exp::TABLE {
        let _ = writeln!(text, "        0x{tail:016x}L, 0x{head:016x}L,");
    }
    text.push_str("    };\n");
}

#[test]
fn the_constants_of_the_java_client_are_those_of_the_layout() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/java/src/factord/Abi.java");
    let committed = std::fs::read_to_string(path).unwrap();
    assert!(committed == constants(), "{path} is not fresh: run `make -C clients/java constants`");
}
