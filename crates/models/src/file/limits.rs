//! The numbers of the formats: their magic, their versions and their limits.

/// The first eight bytes of an artifact.
pub const MAGIC: [u8; 8] = *b"FMODEL\r\n";

/// The newest version of the format. All from 1 on are read.
pub const FORMAT_VERSION: u32 = 2;

/// The most models that are served at once.
pub const MODEL_COUNT_MAX: usize = 4096;

/// The most bytes a payload may have.
// 64 MiB: half a million tree nodes in 32 bytes each, four times over.
pub const PAYLOAD_LEN_MAX: usize = 64 << 20;

/// The same of format 1, for ever.
// 2 MiB: a logistic model of 1,024 features with 256-byte names, statistics and its golden
// vectors takes 0.7 MiB.
pub const PAYLOAD_LEN_MAX_FIRST: usize = 2 << 20;

/// Bytes in front of the payload.
pub(super) const HEADER_LEN: usize = 52;

/// The most sections of an artifact.
pub(super) const SECTION_COUNT_MAX: usize = 64;

/// The most bytes of a section that this version knows; decoded, it takes a few times as many.
pub(super) const SECTION_LEN_MAX: usize = PAYLOAD_LEN_MAX_FIRST;

/// The same of the settings: 64 of them with the longest names and texts take 20 KiB.
pub(super) const SETTINGS_LEN_MAX: usize = 64 << 10;

/// The same of the lineage.
// 8 MiB: 16,384 tables with names of 256 bytes and hashes take 4.7 MiB.
pub(super) const LINEAGE_LEN_MAX: usize = 8 << 20;

/// The same of the trees of a forest: two million nodes take 24 MiB.
pub(super) const TREES_LEN_MAX: usize = 48 << 20;

/// The most tables in a lineage.
pub const TABLE_COUNT_MAX: usize = 16_384;

/// The most golden vectors an artifact may carry.
pub(super) const GOLDEN_COUNT_MAX: usize = 256;

/// The most bytes of a model's name.
// 64: names such as `600519.SH.next-1m`, which are files and URLs, too.
pub const NAME_LEN_MAX: usize = 64;

/// The same in format 1, for ever.
pub(super) const NAME_LEN_MAX_FIRST: usize = 31;

/// The most bytes of a feature's name, a target's, or a key in a report.
pub(crate) const TEXT_LEN_MAX: usize = 256;

/// The most figures in a report, and the most keys that lead to one.
pub(crate) const METRIC_COUNT_MAX: usize = 512;
pub(super) const METRIC_DEPTH_MAX: usize = 8;
