//! THE layout of everything that crosses a process border: regions, slots, messages.
//!
//! ```text
//! REQ      client writes, daemon reads; both map it writable
//!   0      client's own counts of local evaluations by status (a claim)   128 bytes
//!   128    slot 0 | slot 1 | ... | slot_count - 1          request_stride bytes each
//!
//!   request slot    0 sequence | 8 meta | 16 key | 24 x0 | 32 x1 | ... padded to whole lines
//!                   meta: bits 0..16 model number, 16..32 flags, 32..64 check of the name
//!
//! RESP     daemon writes, client reads; both map it writable
//!   0      magic | abi | layout_hash | client_id | feature_count | slot_count | output_count
//!          | class
//!   64     epoch_sequence | epoch | epoch_since | epoch_before | reserved
//!   128    slot 0 | slot 1 | ...                          response_stride bytes each
//!
//!   response slot   0 sequence | 8 y | 16 second | 24 status u16, arm u16, generation u32
//!                   32 echo | 40 fingerprint | 48 t_received | 56 t_done | 64 third output | ...
//!
//! STATUS   daemon writes, everybody else read-only
//!   0      magic | abi | layout_hash | epoch | state | pid | started_unix_ns | worker_count
//!   64     heartbeat_count | heartbeat_ns | channel_count | attached | freed | refused
//!          | reloads | reload_failures
//!   128    tsc_hz | program version, 32 bytes | rows_sequence | 0 ...
//!   192    names_sequence | row_count | 0 ...
//!   256    local evaluations by status, eight words
//!   4096   model rows, 4,096 x 192 bytes, by number:
//!          sequence | kind u32, width u16, outputs u16 | generation u32, arms u16, class u16
//!          | cost_ns | name 64 bytes | sha256 32 bytes | fingerprints of arms 1 to 3
//!          | split | check | 0 ...
//!   790528 worker blocks, 4,096 bytes each:
//!          0    turn_count, alone on two lines
//!          128  core | idle | class | violations | detached | sample_count | sample_sum_ticks
//!          192  answers by status, eight words
//!          256  histogram of sampled service times in TSC ticks, 304 counts
//!
//! CHANNELS daemon writes, observers read-only
//!   0      magic | abi | layout_hash | row_count
//!   4096   rows, 1,024 x 128 bytes:
//!          sequence | client_id | uid u32, pid u32 | features, slots, outputs, class, u16 each
//!          | name 32 bytes | worker u32, rights u32 | attached_unix_ns | local | answered | 0 ...
//!
//! MODELS   daemon writes, those who may evaluate locally read-only
//!   0      magic | abi | layout_hash | model_count_max | 0 ...
//!   4096   entries, 4,096 x 1,024 bytes, by number:
//!          0    published: generation u32 << 32 | slot u32; 0 means that nothing is served
//!          64   slot 0 | slot 1 | slot 2, 320 bytes each:
//!               0 generation | 8 shape | 16 check u32, arms u16, inline u16 | 24 split | 32 salt
//!               64 fingerprints of four arms | 96 intercept
//!               128 weights[8] | 192 mean[8] | 256 scale[8]
//!
//! image    sealed by the daemon, read-only: what does not fit an entry of MODELS
//!   0      magic | abi | layout_hash | fingerprint | shape | word_count | form | 0
//!   64     parameters
//!
//! TAP      worker writes, observers read-only
//!   0      magic | abi | layout_hash | cell_count | worker | epoch | flags
//!   64     position of the next cell | answers before it
//!   4096   cells of 64 bytes: turn | number, client | verdict | key | y | x0 | x1 | x2
//! ```
//!
//! All words are little-endian 64-bit; floats travel as their bits. Sequences start at 1, and 0
//! means never written. The version is the format's own, not the package's: majors must be equal,
//! a minor only fills reserved space. Each object has a layout hash of its own, so that a new
//! object breaks no client.

/// Defines constants and a list of them at once, so that none can be forgotten, and the hash of
/// that list.
macro_rules! layout {
    (
        $layout:ident, $hash:ident;
        $($(#[$module_doc:meta])* pub mod $module:ident {
            $(use super::super::{$($import:ident),*};)?
            $($(#[$doc:meta])* pub const $name:ident: $type:ty = $value:expr;)*
        })*
    ) => {
        $($(#[$module_doc])* pub mod $module {
            $(use super::super::{$($import),*};)?
            $($(#[$doc])* pub const $name: $type = $value;)*
        })*

        /// Every constant of this layout, by its path within [`crate::abi`].
        pub const $layout: &[(&str, u64)] = &[
            $($((concat!(stringify!($module), "::", stringify!($name)), $module::$name as u64),)*)*
        ];

        /// The hash of the common constants and of those of this layout.
        pub const $hash: u64 = crate::abi::fingerprint(crate::abi::COMMON_HASH, $layout);
    };
}

/// The same for the constants that all objects share.
macro_rules! common {
    ($($(#[$doc:meta])* pub const $name:ident: $type:ty = $value:expr;)*) => {
        $($(#[$doc])* pub const $name: $type = $value;)*

        /// Every constant that all objects share.
        pub const COMMON_LAYOUT: &[(&str, u64)] = &[$((stringify!($name), $name as u64),)*];
    };
}

mod models;
mod rings;
mod tables;
mod tap;
mod tap_records;

pub use models::{
    IMAGE_HASH, IMAGE_LAYOUT, MODELS_HASH, MODELS_LAYOUT, UNDIVIDED, arm, image_region,
    models_region, split, unit,
};
pub use rings::{
    RINGS_HASH, RINGS_LAYOUT, class, echo, meta, req_header, req_lines, request,
    request_stride_lines, resp_header, resp_lines, response, response_stride_lines, right, shape,
    status, verdict,
};
pub use tables::{
    CHANNELS_HASH, CHANNELS_LAYOUT, STATUS_HASH, STATUS_LAYOUT, channels_region, state,
    status_region,
};
pub use tap::{TAP_HASH, TAP_LAYOUT, tap_region};
pub use tap_records::{tap_cells, tap_lines, tap_record, tap_request};

common! {
    /// Opens every region but REQ, and every control message.
    pub const MAGIC: u64 = u64::from_le_bytes(*b"FACTORD\x01");
    /// Peers with another major cannot talk.
    pub const ABI_MAJOR: u16 = 2;

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
    /// The maximum number of features of a model whose parameters stand in MODELS itself.
    pub const INLINE_FEATURE_COUNT_MAX: usize = 8;
    /// The maximum number of outputs in a response.
    pub const OUTPUT_COUNT_MAX: usize = 64;
    /// Names a daemon can serve at once; a number is less than this.
    pub const MODEL_COUNT_MAX: usize = 4096;
    /// Versions that share one name's requests.
    pub const ARM_COUNT_MAX: usize = 4;
    /// Workers a daemon can run.
    pub const WORKER_COUNT_MAX: usize = 16;
    /// Channels a daemon can have.
    pub const CHANNEL_COUNT_MAX: usize = 1024;

    /// What spreads the sequence over all bits of an [`echo`]: 2^64 over the golden ratio.
    pub const ECHO_MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
    /// Bits by which an [`echo`] turns the key.
    pub const ECHO_FIRST_ROTATION: u32 = 7;
    /// Bits by which it turns each feature further than the word before it.
    pub const ECHO_ROTATION_STEP: u32 = 11;
    /// The first multiplier of an [`arm`]'s hash.
    pub const ARM_FIRST_MULTIPLIER: u64 = 0xBF58_476D_1CE4_E5B9;
    /// The second one.
    pub const ARM_SECOND_MULTIPLIER: u64 = 0x94D0_49BB_1331_11EB;
}

/// Counts the fillings of reserved space; not part of a layout hash, which they must not change.
pub const ABI_MINOR: u16 = 0;
/// `major << 16 | minor`, as regions carry it.
pub const ABI_WORD: u64 = (ABI_MAJOR as u64) << 16 | ABI_MINOR as u64;

/// The hash of [`COMMON_LAYOUT`], from which the hash of each object goes on.
// 0xcbf2...: the offset basis of FNV-1a.
pub const COMMON_HASH: u64 = fingerprint(0xcbf2_9ce4_8422_2325, COMMON_LAYOUT);

/// FNV-1a, 64 bits (Fowler, Noll, Vo), over the bytes of each name and then its value as one word:
/// with the names, so that constants that exchange their values have another fingerprint wherever
/// they stand. It goes on from `start`.
pub const fn fingerprint(start: u64, constants: &[(&str, u64)]) -> u64 {
    let mut hash = start;
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

/// Reads what a word packs for `width` bits from bit `from` on.
#[inline]
pub const fn bits(word: u64, from: u32, width: u32) -> u64 {
    word >> from & ((1 << width) - 1)
}

const _: () = assert!(SLOT_COUNT_MAX.is_power_of_two());
const _: () = assert!(MODEL_COUNT_MAX <= request::MODEL_NONE as usize);
const _: () = assert!(models_region::LINES * LINE_LEN <= REGION_LEN_MAX);
const _: () = assert!(status_region::LINES * LINE_LEN <= REGION_LEN_MAX);
