//! The ledger: a line a change, each with the hash of the line before.

use super::error::at;
use super::{Canary, Digest, Split, StoreError};
use crate::regular;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The most bytes of a line.
// 4 KiB: several times what the longest name and all hashes take.
const LINE_LEN_MAX: u64 = 4 << 10;

/// What a line tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// An artifact was added.
    Published {
        /// The name in it.
        name: String,
        /// Its hash.
        version: Digest,
    },
    /// Something else is to serve a name.
    Intended {
        /// What was asked for.
        verb: Verb,
        /// The name.
        name: String,
        /// What serves it from then on; nothing when it is withdrawn.
        champion: Option<Digest>,
        /// The generation from then on.
        generation: u32,
        /// Whether it may not be changed from then on.
        pinned: bool,
        /// How its requests are divided from then on, if they are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        split: Option<Split>,
        /// Versions that are scored from the tap from then on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        shadows: Vec<Digest>,
        /// The canary under way from then on, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        canary: Option<Box<Canary>>,
        /// Why, where nobody asked for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// An intended change was not carried out: its writer ended.
    Dropped {
        /// The line that intended it.
        line: u64,
    },
    /// A daemon serves what the lines up to this one intended.
    Serving {
        /// The last of them.
        line: u64,
        /// The only name that it has read again; all without one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
}

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Another version.
    Promote,
    /// Several versions, each for its share of the requests.
    Split,
    /// A first share for a candidate.
    Canary,
    /// The candidate's next share.
    Step,
    /// The end of a canary whose candidate has become champion.
    Settle,
    /// Other versions scored from the tap.
    Shadow,
    /// What was before.
    Rollback,
    /// No change from now on.
    Pin,
    /// Changes again.
    Unpin,
    /// No version any more.
    Withdraw,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its number, from 1.
    pub line: u64,
    /// When it was written, nanoseconds since 1970.
    pub at_unix_ns: u64,
    /// The user who wrote it, or had a daemon write it.
    pub uid: u32,
    /// The hash of the line before; zeros in the first.
    pub before: Digest,
    /// What it tells.
    pub event: Event,
}

/// Where a ledger ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The number of its last line; 0 without one.
    pub line: u64,
    /// That line's hash, without its end.
    pub hash: Digest,
    /// Bytes up to its end; a line behind them has none, and does not count.
    len: u64,
}

/// Reads a ledger, and gives `take` each line with its hash; a file that is not there has none.
///
/// # Errors
///
/// [`StoreError::Ledger`] names the first line that does not follow from the one before it.
pub(super) fn scan(path: &Path, mut take: impl FnMut(&Line, Digest)) -> Result<Head, StoreError> {
    let file = match regular::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Head::default()),
        other => other.map_err(at(path))?,
    };
    let (mut reader, mut head, mut bytes) = (BufReader::new(file), Head::default(), Vec::new());
    loop {
        bytes.clear();
        let read = reader.by_ref().take(LINE_LEN_MAX).read_until(b'\n', &mut bytes);
        read.map_err(at(path))?;
        let line_len = bytes.len() as u64;
        if bytes.pop() != Some(b'\n') {
            if line_len == LINE_LEN_MAX {
                return Err(refused(path, head.line + 1, "it is longer than any line"));
            }
            return Ok(head);
        }
        let line: Line =
            serde_json::from_slice(&bytes).map_err(|error| refused(path, head.line + 1, error))?;
        if line.line != head.line + 1 || line.before != head.hash {
            let reason = format!("it says that it follows {}, which is not so", line.before);
            return Err(refused(path, head.line + 1, reason));
        }
        head = Head { line: line.line, hash: Digest::of(&bytes), len: head.len + line_len };
        take(&line, head.hash);
    }
}

fn refused(path: &Path, line: u64, reason: impl ToString) -> StoreError {
    StoreError::Ledger { path: path.to_owned(), line, reason: reason.to_string() }
}

/// A ledger that is written to.
#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
    file: File,
    head: Head,
    /// Whom lines name.
    uid: u32,
}

impl Ledger {
    /// Opens the ledger behind its head; a last line without its end is cut off.
    pub(super) fn open(path: PathBuf, head: Head) -> Result<Ledger, StoreError> {
        let mut file = regular::open_to_extend(&path).map_err(at(&path))?;
        let cut = file.set_len(head.len).and_then(|()| file.seek(SeekFrom::End(0)));
        cut.map_err(at(&path))?;
        Ok(Ledger { path, file, head, uid: regular::user() })
    }

    pub(super) fn head(&self) -> Head {
        self.head
    }

    /// Names another user in the lines that follow.
    pub(super) fn on_behalf_of(&mut self, uid: u32) {
        self.uid = uid;
    }

    /// Writes a line, and waits until the disk has it.
    pub(super) fn append(&mut self, at_unix_ns: u64, event: Event) -> Result<Head, StoreError> {
        let (number, before) = (self.head.line + 1, self.head.hash);
        let line = Line { line: number, at_unix_ns, uid: self.uid, before, event };
        let failed = |error| at(&self.path)(error);
        let mut bytes = serde_json::to_vec(&line).map_err(|error| failed(error.into()))?;
        let hash = Digest::of(&bytes);
        bytes.push(b'\n');
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // A line that may be there in part must not stand before another.
            let _ = self.file.set_len(self.head.len);
            let _ = self.file.seek(SeekFrom::Start(self.head.len));
            return Err(failed(error));
        }
        self.head = Head { line: number, hash, len: self.head.len + bytes.len() as u64 };
        Ok(self.head)
    }
}
