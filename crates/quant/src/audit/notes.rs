//! What an audit file says of itself.

use factord_models::store::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The key of the notes among a file's metadata.
pub const NOTES_KEY: &str = "factord.audit";

/// The version of the notes.
pub(super) const VERSION: u32 = 1;

/// What a file says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notes {
    /// The version of the notes.
    pub version: u32,
    /// The host whose engine answered.
    pub host: String,
    /// The file's number, from 1.
    pub number: u64,
    /// The hash of the file before it; none before the first.
    pub before: Option<Digest>,
    /// Where the store's ledger ended, if a store was named.
    pub ledger: Option<LedgerHead>,
    /// Which answers of which workers.
    pub feeds: Vec<FeedNote>,
    /// Answers since the recorder started: read from the taps,
    pub seen: u64,
    /// in files, this one included,
    pub written: u64,
    /// overwritten before they were read,
    pub dropped: u64,
    /// and read, but in no file.
    pub failed: u64,
    /// What was answered without the engine.
    pub local: LocalNote,
}

impl Notes {
    /// Notes of this version that say nothing yet.
    pub fn new(host: String, number: u64, before: Option<Digest>) -> Notes {
        Notes {
            version: VERSION,
            host,
            number,
            before,
            ledger: None,
            feeds: Vec::new(),
            seen: 0,
            written: 0,
            dropped: 0,
            failed: 0,
            local: LocalNote::default(),
        }
    }
}

/// Where a ledger ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerHead {
    /// The number of its last line.
    pub line: u64,
    /// That line's hash.
    pub hash: Digest,
}

/// Which answers of a worker a file holds: those from `first` up to `next`, but for the gaps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedNote {
    /// The epoch of the engine.
    pub epoch: u64,
    /// The number of the worker.
    pub worker: u16,
    /// The ordinal of the first answer.
    pub first: u64,
    /// The ordinal behind the last one.
    pub next: u64,
    /// Ordinals that were missed: first, and behind the last.
    pub gaps: Vec<[u64; 2]>,
}

impl FeedNote {
    /// Answers that were missed.
    pub fn dropped(&self) -> u64 {
        self.gaps.iter().map(|[first, next]| next.saturating_sub(*first)).sum()
    }
}

/// Evaluations in clients' own processes, which no tap sees.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalNote {
    /// Whether clients may.
    pub allowed: bool,
    /// How many all say that they have made since the engine started.
    pub total: u64,
    /// How many each that is attached says that it has made since then.
    pub claims: BTreeMap<String, u64>,
}
