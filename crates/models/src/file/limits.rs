//! The numbers of the format: its magic, its version and its limits.

/// The first eight bytes of an artifact.
pub const MAGIC: [u8; 8] = *b"FMODEL\r\n";

/// The version of the format; another one is refused.
pub const FORMAT_VERSION: u32 = 1;

/// The most bytes a payload may have.
// 2 MiB: a logistic model of 1,024 features with 256-byte names, statistics and its golden
// vectors takes 0.7 MiB.
pub const PAYLOAD_LEN_MAX: usize = 2 << 20;

/// Bytes in front of the payload.
pub(super) const HEADER_LEN: usize = 52;

/// The most golden vectors an artifact may carry.
pub(super) const GOLDEN_COUNT_MAX: usize = 256;

/// The most bytes of a model's name.
// 31: the model table in shared memory holds 32 with a NUL.
pub const NAME_LEN_MAX: usize = 31;

/// The most bytes of a feature's name, a target's, or a key in a report.
pub(crate) const TEXT_LEN_MAX: usize = 256;

/// The most figures in a report, and the most keys that lead to one.
pub(crate) const METRIC_COUNT_MAX: usize = 512;
pub(super) const METRIC_DEPTH_MAX: usize = 8;
