//! THE layout of everything that crosses a process border: regions, slots, messages.
//!
//! ```text
//! REQ      client writes, daemon reads; both map it writable
//!   0      client's own counts of local evaluations by status (a claim)   128 bytes
//!   128    slot 0 | slot 1 | ... | slot_count - 1          request_stride bytes each
//!
//!   request slot    0 sequence | 8 meta | 16 x0 | 24 x1 | 32 x2 | ... padded to whole lines
//!                   meta: bits 0..16 model id, 16..32 flags, 32..64 zero
//!
//! RESP     daemon writes, client reads; both map it writable
//!   0      magic | abi | layout_hash | epoch | client_id | feature_count | slot_count | 0
//!   64     reserved
//!   128    slot 0 | slot 1 | ...                                       64 bytes each
//!
//!   response slot   0 sequence | 8 y | 16 second | 24 status u16, arm u16, generation u32
//!                   32 echo | 40 epoch | 48 t_received | 56 t_done
//!
//! STATUS   daemon writes, everybody else read-only
//!   0      magic | abi | layout_hash | epoch | state | pid | started_unix_ns | worker_count
//!   64     heartbeat_count | heartbeat_ns | channel_count | attached | freed | refused
//!          | reloads | reload_failures
//!   128    tsc_hz | models_sequence | local evaluations by status, four words | 0 ...
//!   256    model rows, 16 x 128 bytes:
//!          name 32 bytes | kind u32, width u32 | generation | sha256 32 bytes | 0 ...
//!   4096   worker blocks, 4096 bytes each:
//!          0    turn_count, alone on two lines
//!          128  core | idle | 0 | ok | bad_input | unknown_model | width_mismatch | violations
//!          192  detached | sample_count | sample_sum_ticks | 0 ...
//!          256  histogram of sampled service times in TSC ticks, 304 counts
//!
//! MODELS   daemon writes, everybody else read-only
//!   0      magic | abi | layout_hash | model_count_max | 0 ...
//!   4096   entries, 16 x 73,984 bytes:
//!          0    published: generation u32 << 32 | slot u32; 0 means no model
//!          64   slot 0 | slot 1 | slot 2, 24,640 bytes each:
//!               0 generation | 8 kind u32, width u32 | 16 intercept | 64 weights[1024]
//!               8256 mean[1024] | 16448 scale[1024]
//! ```
//!
//! All words are little-endian 64-bit; floats travel as their bits. Sequences start at 1, and 0
//! means never written. The version is the format's own, not the package's: majors must be equal,
//! a minor only fills reserved space.

/// Defines constants and [`LAYOUT`], the list of them, at once, so that none can be forgotten.
macro_rules! layout {
    (
        { $($(#[$root_doc:meta])* pub const $root:ident: $root_type:ty = $root_value:expr;)* }
        $($(#[$module_doc:meta])* pub mod $module:ident {
            $(use super::{$($import:ident),*};)?
            $($(#[$doc:meta])* pub const $name:ident: $type:ty = $value:expr;)*
        })*
    ) => {
        $($(#[$root_doc])* pub const $root: $root_type = $root_value;)*
        $($(#[$module_doc])* pub mod $module {
            $(use super::{$($import),*};)?
            $($(#[$doc])* pub const $name: $type = $value;)*
        })*

        /// Every constant of the layout, by its path within this module.
        pub const LAYOUT: &[(&str, u64)] = &[
            $((stringify!($root), $root as u64),)*
            $($((concat!(stringify!($module), "::", stringify!($name)), $module::$name as u64),)*)*
        ];
    };
}

layout! {
    {
        /// Opens STATUS, MODELS and RESP, and every control message.
        pub const MAGIC: u64 = u64::from_le_bytes(*b"FACTORD\x01");
        /// Peers with another major cannot talk.
        pub const ABI_MAJOR: u16 = 1;

        /// Bytes in a cache line.
        // 64: the line size of x86-64 and of most ARMv8 cores (getconf LEVEL1_DCACHE_LINESIZE).
        pub const LINE_LEN: usize = 64;
        /// Words in a cache line.
        pub const LINE_WORDS: usize = LINE_LEN / 8;

        /// Lines before the first slot of REQ and RESP.
        // Two: a pair of lines is what the adjacent-line prefetcher of x86-64 fetches together.
        pub const RING_HEADER_LINES: usize = 2;

        /// The most slots a ring may have.
        pub const SLOT_COUNT_MAX: usize = 4096;
        /// The maximum size of a region in bytes.
        pub const REGION_LEN_MAX: usize = 8 << 20;
        /// The maximum number of features in a request.
        pub const FEATURE_COUNT_MAX: usize = factord_eval::FEATURE_COUNT_MAX;
        /// Models a daemon can serve at once.
        pub const MODEL_COUNT_MAX: usize = 16;
        /// Workers a daemon can run.
        pub const WORKER_COUNT_MAX: usize = 16;

        /// What spreads the sequence over all bits of an [`echo`]: 2^64 over the golden ratio.
        pub const ECHO_MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
        /// Bits by which an [`echo`] turns the first feature.
        pub const ECHO_FIRST_ROTATION: u32 = 7;
        /// Bits by which it turns each next feature further.
        pub const ECHO_ROTATION_STEP: u32 = 11;
    }

    /// Words of a request slot, by index.
    pub mod request {
        /// The turn of the slot; stored last.
        pub const SEQUENCE: usize = 0;
        /// Model id and flags.
        pub const META: usize = 1;
        /// The first feature.
        pub const FEATURES: usize = 2;
        /// Asks the worker for `t_received` and `t_done`.
        pub const FLAG_STAMP: u64 = 1 << 16;
        /// The bits of `meta` that hold the model id.
        pub const MODEL_MASK: u64 = 0xFFFF;
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
        /// The epoch of the engine that answered.
        pub const EPOCH: usize = 5;
        /// TSC when the request was seen; 0 unless asked for.
        pub const T_RECEIVED: usize = 6;
        /// TSC when the answer was about to be published; 0 unless asked for.
        pub const T_DONE: usize = 7;
    }

    /// The codes of a response's status.
    pub mod status {
        /// Answered.
        pub const OK: u16 = factord_eval::status::OK;
        /// A feature, or the prediction, is not finite.
        pub const BAD_INPUT: u16 = factord_eval::status::BAD_INPUT;
        /// No model of that id is served.
        pub const UNKNOWN_MODEL: u16 = factord_eval::status::UNKNOWN_MODEL;
        /// The model takes another number of features than the channel carries.
        pub const WIDTH_MISMATCH: u16 = factord_eval::status::WIDTH_MISMATCH;
    }

    /// Words of the REQ header, by index.
    pub mod req_header {
        /// Evaluations in the client's own process by status code, four words: a claim.
        pub const LOCAL_BY_STATUS: usize = 0;
    }

    /// Words of the RESP header, by index.
    pub mod resp_header {
        /// [`crate::abi::MAGIC`].
        pub const MAGIC: usize = 0;
        /// `major << 16 | minor`.
        pub const ABI: usize = 1;
        /// [`crate::abi::LAYOUT_HASH`].
        pub const LAYOUT_HASH: usize = 2;
        /// Epoch of the engine that made the region.
        pub const EPOCH: usize = 3;
        /// The daemon's number of the client.
        pub const CLIENT_ID: usize = 4;
        /// Features a request.
        pub const FEATURE_COUNT: usize = 5;
        /// Slots a ring.
        pub const SLOT_COUNT: usize = 6;
    }

    /// STATUS, by word index from its start unless said otherwise.
    pub mod status_region {
        use super::{LINE_WORDS, WORKER_COUNT_MAX};
        /// [`crate::abi::MAGIC`].
        pub const MAGIC: usize = 0;
        /// `major << 16 | minor`.
        pub const ABI: usize = 1;
        /// [`crate::abi::LAYOUT_HASH`].
        pub const LAYOUT_HASH: usize = 2;
        /// Grows with every start of the daemon: nanoseconds since 1970 at its start.
        pub const EPOCH: usize = 3;
        /// A code of [`crate::abi::state`].
        pub const STATE: usize = 4;
        /// Process id of the daemon.
        pub const PID: usize = 5;
        /// Nanoseconds since 1970.
        pub const STARTED_UNIX_NS: usize = 6;
        /// Worker blocks in use.
        pub const WORKER_COUNT: usize = 7;
        /// Grows while the worker sweeps.
        pub const HEARTBEAT_COUNT: usize = 8;
        /// CLOCK_MONOTONIC nanoseconds of the last heartbeat.
        pub const HEARTBEAT_NS: usize = 9;
        /// Channels attached now.
        pub const CHANNEL_COUNT: usize = 10;
        /// Channels ever attached.
        pub const ATTACHED_TOTAL: usize = 11;
        /// Channels ever freed.
        pub const FREED_TOTAL: usize = 12;
        /// Attach attempts refused.
        pub const REFUSED_TOTAL: usize = 13;
        /// Model reloads adopted.
        pub const RELOADS_TOTAL: usize = 14;
        /// Model reloads refused.
        pub const RELOAD_FAILURES_TOTAL: usize = 15;
        /// TSC ticks per second; 0 until calibrated.
        pub const TSC_HZ: usize = 16;
        /// Odd while the model rows are being written.
        pub const MODELS_SEQUENCE: usize = 17;
        /// Evaluations in the clients' own processes by status code, four words, as clients claim.
        pub const LOCAL_BY_STATUS: usize = 18;

        /// First word of the model rows.
        pub const ROWS: usize = 32;
        /// Words of a row.
        pub const ROW_WORDS: usize = 16;
        /// Within a row: the name, NUL-padded.
        pub const ROW_NAME: usize = 0;
        /// Bytes of a name.
        pub const ROW_NAME_LEN: usize = 32;
        /// Within a row: `kind | width << 32`.
        pub const ROW_SHAPE: usize = 4;
        /// Within a row: the generation; 0 means no model.
        pub const ROW_GENERATION: usize = 5;
        /// Within a row: SHA-256 of the artifact.
        pub const ROW_SHA256: usize = 6;

        /// First word of the worker blocks.
        pub const WORKERS: usize = 512;
        /// Words of a worker block.
        pub const WORKER_WORDS: usize = 512;
        /// Within a block: turns of the duty cycle, stored every 1,024.
        pub const TURN_COUNT: usize = 0;
        /// Within a block: the CPU the worker is pinned to, plus one; 0 when it is not.
        pub const CORE: usize = 16;
        /// Within a block: index in `IdleStrategy::ALL`.
        pub const IDLE: usize = 17;
        /// Within a block: answers by status code, four words.
        pub const BY_STATUS: usize = 19;
        /// Within a block: protocol violations.
        pub const VIOLATIONS: usize = 23;
        /// Within a block: channels detached for their violations.
        pub const DETACHED: usize = 24;
        /// Within a block: sampled messages.
        pub const SAMPLE_COUNT: usize = 25;
        /// Within a block: sum of the sampled service times.
        pub const SAMPLE_SUM_TICKS: usize = 26;
        /// Within a block: the histogram's counts.
        pub const HISTOGRAM: usize = 32;
        /// Number of histogram counts.
        pub const HISTOGRAM_COUNTS: usize = 304;

        /// Lines of STATUS.
        pub const LINES: usize = (WORKERS + WORKER_COUNT_MAX * WORKER_WORDS) / LINE_WORDS;
    }

    /// States of the daemon.
    pub mod state {
        /// Not serving yet.
        pub const STARTING: u64 = 1;
        /// Answering.
        pub const SERVING: u64 = 2;
        /// Told to stop.
        pub const STOPPING: u64 = 3;
    }

    /// MODELS, by word index.
    pub mod models_region {
        use super::{FEATURE_COUNT_MAX, LINE_WORDS, MODEL_COUNT_MAX};
        /// [`crate::abi::MAGIC`].
        pub const MAGIC: usize = 0;
        /// `major << 16 | minor`.
        pub const ABI: usize = 1;
        /// [`crate::abi::LAYOUT_HASH`].
        pub const LAYOUT_HASH: usize = 2;
        /// Entries in the region.
        pub const MODEL_COUNT: usize = 3;
        /// First word of the entries.
        pub const ENTRIES: usize = 512;
        /// Within an entry: `generation << 32 | slot`; 0 means no model.
        pub const PUBLISHED: usize = 0;
        /// Within an entry: the first slot.
        pub const SLOTS: usize = LINE_WORDS;
        /// Slots of an entry, each written only while another one is published.
        // Three: a reader must be overtaken twice before its copy can be disturbed.
        pub const SLOT_COUNT: usize = 3;
        /// Within a slot: its generation; 0 while it is being written.
        pub const SLOT_GENERATION: usize = 0;
        /// Within a slot: `kind | width << 32`.
        pub const SLOT_SHAPE: usize = 1;
        /// Within a slot: the intercept's bits.
        pub const SLOT_INTERCEPT: usize = 2;
        /// Within a slot: weights.
        pub const SLOT_WEIGHTS: usize = LINE_WORDS;
        /// Within a slot: means.
        pub const SLOT_MEAN: usize = SLOT_WEIGHTS + FEATURE_COUNT_MAX;
        /// Within a slot: scales.
        pub const SLOT_SCALE: usize = SLOT_MEAN + FEATURE_COUNT_MAX;
        /// Words of a slot.
        pub const SLOT_WORDS: usize = SLOT_SCALE + FEATURE_COUNT_MAX;
        /// Words of an entry.
        pub const ENTRY_WORDS: usize = SLOTS + SLOT_COUNT * SLOT_WORDS;
        /// Lines of MODELS.
        pub const LINES: usize = (ENTRIES + MODEL_COUNT_MAX * ENTRY_WORDS) / LINE_WORDS;
    }
}

/// Counts the fillings of reserved space; not part of the fingerprint, which they must not change.
pub const ABI_MINOR: u16 = 0;
/// `major << 16 | minor`, as regions carry it.
pub const ABI_WORD: u64 = (ABI_MAJOR as u64) << 16 | ABI_MINOR as u64;

/// A fingerprint of all of [`LAYOUT`]; both sides compare it, so that a layout changed without a
/// new version is caught at attach.
pub const LAYOUT_HASH: u64 = fingerprint(LAYOUT);

/// FNV-1a, 64 bits (Fowler, Noll, Vo), over the bytes of each name and then its value as one word:
/// with the names, so that constants that exchange their values have another fingerprint wherever
/// they stand.
pub const fn fingerprint(constants: &[(&str, u64)]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut index = 0;
    while index < constants.len() {
        let (name, value) = constants[index];
        let mut at = 0;
        while at < name.len() {
            hash = mixed(hash, name.as_bytes()[at] as u64);
            at += 1;
        }
        hash = mixed(hash, value);
        index += 1;
    }
    hash
}

const fn mixed(hash: u64, word: u64) -> u64 {
    (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3)
}

/// Lines of one request slot for a channel of `feature_count` features.
pub const fn request_stride_lines(feature_count: usize) -> usize {
    (request::FEATURES + feature_count).div_ceil(LINE_WORDS)
}

/// Lines of a REQ region.
pub const fn req_lines(feature_count: usize, slot_count: usize) -> usize {
    RING_HEADER_LINES + slot_count * request_stride_lines(feature_count)
}

/// Lines of a RESP region.
pub const fn resp_lines(slot_count: usize) -> usize {
    RING_HEADER_LINES + slot_count
}

/// A cheap hash of one request: which words the worker answered for.
///
/// `sequence * 0x9E37_79B9_7F4A_7C15 ^ meta ^ rotl(x_i, 11 * i + 7)` over all features. The
/// rotation makes swapped features differ.
#[inline]
pub fn echo(sequence: u64, meta: u64, features: impl Iterator<Item = u64>) -> u64 {
    let start = sequence.wrapping_mul(ECHO_MULTIPLIER) ^ meta;
    let mut turn = ECHO_FIRST_ROTATION;
    features.fold(start, |hash, bits| {
        let next = hash ^ bits.rotate_left(turn & 63);
        turn = turn.wrapping_add(ECHO_ROTATION_STEP);
        next
    })
}

/// Packs the third word of a response.
#[inline]
pub const fn verdict(status: u16, arm: u16, generation: u32) -> u64 {
    status as u64 | (arm as u64) << 16 | (generation as u64) << 32
}

const _: () = assert!(request_stride_lines(3) == 1 && request_stride_lines(6) == 1);
const _: () = assert!(request_stride_lines(7) == 2 && request_stride_lines(1024) == 129);
const _: () = assert!(req_lines(1024, 512) * LINE_LEN <= REGION_LEN_MAX);
const _: () = assert!(SLOT_COUNT_MAX.is_power_of_two());
const _: () = {
    use status_region::*;
    assert!(ROWS + MODEL_COUNT_MAX * ROW_WORDS <= WORKERS);
    assert!(HISTOGRAM + HISTOGRAM_COUNTS <= WORKER_WORDS);
    assert!(HEARTBEAT_COUNT.is_multiple_of(LINE_WORDS));
    assert!(CORE.is_multiple_of(2 * LINE_WORDS));
};
const _: () = assert!(models_region::ENTRY_WORDS.is_multiple_of(LINE_WORDS));
const _: () = assert!(models_region::ENTRY_WORDS * 8 == 73_984);
