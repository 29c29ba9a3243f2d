//! REQ and RESP, one pair a channel.

layout! {
    RINGS_LAYOUT, RINGS_HASH;

    /// Words of a request slot, by index.
    pub mod request {
        /// The turn of the slot; stored last.
        pub const SEQUENCE: usize = 0;
        /// Model number, flags and the check of the model's name.
        pub const META: usize = 1;
        /// The caller's unit key; 0 for none.
        pub const KEY: usize = 2;
        /// The first feature.
        pub const FEATURES: usize = 3;
        /// Asks the worker for `t_received` and `t_done`.
        pub const FLAG_STAMP: u64 = 1 << 16;
        /// The bits of `meta` that hold the model number.
        pub const MODEL_MASK: u64 = 0xFFFF;
        /// The number that no model has: what is published for a name that is not served.
        pub const MODEL_NONE: u64 = 0xFFFF;
        /// Bits below the name check in `meta`.
        pub const CHECK_SHIFT: u32 = 32;
    }

    /// Words of a response slot, by index.
    pub mod response {
        /// The turn of the slot; stored last.
        pub const SEQUENCE: usize = 0;
        /// First output, as bits.
        pub const Y: usize = 1;
        /// Second output, as bits.
        pub const SECOND: usize = 2;
        /// `status | arm << 16 | generation << 32`.
        pub const VERDICT: usize = 3;
        /// [`crate::abi::echo`] of the request that was read.
        pub const ECHO: usize = 4;
        /// The fingerprint of the artifact that answered; 0 when none did.
        pub const FINGERPRINT: usize = 5;
        /// TSC when the request was seen; 0 unless asked for.
        pub const T_RECEIVED: usize = 6;
        /// TSC when the answer was about to be published; 0 unless asked for.
        pub const T_DONE: usize = 7;
        /// Third and further outputs, as bits, on lines of their own.
        pub const MORE: usize = 8;
    }

    /// The codes of a response's status.
    pub mod status {
        /// Answered.
        pub const OK: u16 = factord_eval::status::OK;
        /// A feature, or the prediction, is not finite.
        pub const BAD_INPUT: u16 = factord_eval::status::BAD_INPUT;
        /// No model of that number and name check is served.
        pub const UNKNOWN_MODEL: u16 = factord_eval::status::UNKNOWN_MODEL;
        /// The model takes another number of features than the channel carries, or gives more
        /// outputs.
        pub const WIDTH_MISMATCH: u16 = factord_eval::status::WIDTH_MISMATCH;
        /// The model is served to channels of the other class.
        pub const WRONG_CLASS: u16 = factord_eval::status::WRONG_CLASS;
        /// Codes that are counted, those of later minors included.
        pub const COUNT: usize = 8;
    }

    /// Classes of models, of channels and of workers.
    pub mod class {
        /// Cheap enough to share a worker.
        pub const LIGHT: u64 = 0;
        /// On workers of its own.
        pub const HEAVY: u64 = 1;
    }

    /// What a user may do, by bit.
    pub mod right {
        /// Have a channel.
        pub const ATTACH: u64 = 1;
        /// Map MODELS and evaluate in its own process.
        pub const LOCAL: u64 = 2;
        /// Map CHANNELS and TAP.
        pub const OBSERVE: u64 = 4;
        /// Read artifacts.
        pub const READ: u64 = 8;
        /// Reload models and change deployments.
        pub const PUBLISH: u64 = 16;
    }

    /// Words of the REQ header, by index.
    pub mod req_header {
        /// Evaluations in the client's own process by status code, eight words: a claim.
        pub const LOCAL_BY_STATUS: usize = 0;
    }

    /// Words of the RESP header, by index. The second line is the engine's, and changes when a new
    /// one takes the channel over.
    pub mod resp_header {
        /// [`crate::abi::MAGIC`].
        pub const MAGIC: usize = 0;
        /// `major << 16 | minor`.
        pub const ABI: usize = 1;
        /// [`crate::abi::RINGS_HASH`].
        pub const LAYOUT_HASH: usize = 2;
        /// The daemon's number of the client.
        pub const CLIENT_ID: usize = 3;
        /// Features a request.
        pub const FEATURE_COUNT: usize = 4;
        /// Slots a ring.
        pub const SLOT_COUNT: usize = 5;
        /// Outputs a response has room for, from 2.
        pub const OUTPUT_COUNT: usize = 6;
        /// A code of [`crate::abi::class`].
        pub const CLASS: usize = 7;
        /// Odd while the next three words are being changed.
        pub const EPOCH_SEQUENCE: usize = 8;
        /// Epoch of the engine that answers.
        pub const EPOCH: usize = 9;
        /// The first sequence that this engine answers.
        pub const EPOCH_SINCE: usize = 10;
        /// Epoch of the engine that answered the sequences before it; 0 when there was none.
        pub const EPOCH_BEFORE: usize = 11;
    }
}

use super::LINE_WORDS;

/// Outputs in the first line of a response.
const OUTPUTS_IN_FIRST_LINE: usize = 2;

/// Lines of one request slot for a channel of `feature_count` features.
pub const fn request_stride_lines(feature_count: usize) -> usize {
    (request::FEATURES + feature_count).div_ceil(LINE_WORDS)
}

/// Lines of one response slot for a channel of `output_count` outputs.
pub const fn response_stride_lines(output_count: usize) -> usize {
    1 + output_count.saturating_sub(OUTPUTS_IN_FIRST_LINE).div_ceil(LINE_WORDS)
}

/// Lines of a REQ region.
pub const fn req_lines(feature_count: usize, slot_count: usize) -> usize {
    super::RING_HEADER_LINES + slot_count * request_stride_lines(feature_count)
}

/// Lines of a RESP region.
pub const fn resp_lines(output_count: usize, slot_count: usize) -> usize {
    super::RING_HEADER_LINES + slot_count * response_stride_lines(output_count)
}

/// A cheap hash of one request: which words the worker answered for.
///
/// `sequence * 0x9E37_79B9_7F4A_7C15 ^ meta ^ rotl(key, 7) ^ rotl(x_i, 11 * i + 18)` over all
/// features. The rotation makes swapped words differ.
#[inline]
pub fn echo(sequence: u64, meta: u64, key: u64, features: impl Iterator<Item = u64>) -> u64 {
    let start = sequence.wrapping_mul(super::ECHO_MULTIPLIER)
        ^ meta
        ^ key.rotate_left(super::ECHO_FIRST_ROTATION);
    let mut turn = super::ECHO_FIRST_ROTATION;
    features.fold(start, |hash, bits| {
        turn = turn.wrapping_add(super::ECHO_ROTATION_STEP);
        hash ^ bits.rotate_left(turn & 63)
    })
}

/// Packs the second word of a request, without its flags.
#[inline]
pub const fn meta(number: u16, check: u32) -> u64 {
    number as u64 | (check as u64) << request::CHECK_SHIFT
}

/// Packs the fourth word of a response.
#[inline]
pub const fn verdict(status: u16, arm: u16, generation: u32) -> u64 {
    status as u64 | (arm as u64) << 16 | (generation as u64) << 32
}

/// Packs what a model takes and gives: its kind, its width and its number of outputs.
#[inline]
pub const fn shape(kind: u32, width: u16, output_count: u16) -> u64 {
    kind as u64 | (width as u64) << 32 | (output_count as u64) << 48
}

const _: () = assert!(status::COUNT.is_power_of_two());
const _: () = assert!(request_stride_lines(3) == 1 && request_stride_lines(5) == 1);
const _: () = assert!(request_stride_lines(6) == 2 && request_stride_lines(1024) == 129);
const _: () = assert!(response_stride_lines(1) == 1 && response_stride_lines(2) == 1);
const _: () = assert!(response_stride_lines(3) == 2 && response_stride_lines(10) == 2);
const _: () = assert!(req_lines(1024, 512) * super::LINE_LEN <= super::REGION_LEN_MAX);
