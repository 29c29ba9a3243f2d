//! Audit files: what an engine answered, in Parquet, so that anybody can prove it afterwards.
//!
//! A row is one answer: when, to whom, for which name and unit key, from which features, by which
//! version. Rows are sorted by name, and within one by arrival. A file says in its notes, under the
//! key [`NOTES_KEY`] of its metadata, which answers of which workers it holds and which of them
//! were missed, the hash of the file before it and the head of the store's ledger: a file that is
//! gone, or a row that is, leaves a gap that nothing explains.

mod compare;
mod error;
mod notes;
mod read;
mod rows;
mod verify;
mod write;

pub use compare::{Comparison, Interval, VersionFigures, difference, share_interval};
pub use error::AuditError;
pub use notes::{FeedNote, LedgerHead, LocalNote, NOTES_KEY, Notes};
pub use read::{AuditFile, Batch, files};
pub use rows::{Row, Rows};
pub use verify::{Finding, Report, verify};
pub use write::{schema, write};

use factord_eval::status;

/// What statuses are called in files, by code; the last one stands for all that there are not.
const STATUSES: [&str; 6] =
    ["ok", "bad_input", "unknown_model", "width_mismatch", "wrong_class", "unknown_status"];

const _: () = assert!(
    status::OK == 0
        && status::BAD_INPUT == 1
        && status::UNKNOWN_MODEL == 2
        && status::WIDTH_MISMATCH == 3
);

/// What a status is called.
pub fn status_name(code: u16) -> &'static str {
    STATUSES[usize::from(code).min(STATUSES.len() - 1)]
}

/// A fingerprint as the start of its artifact's hash is written.
pub fn fingerprint_text(fingerprint: u64) -> String {
    format!("{:016x}", fingerprint.swap_bytes())
}
