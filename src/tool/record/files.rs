//! The folder of a recorder: what is there already, and the next file.

use super::super::Failure;
use super::collect::Collected;
use crate::exit::Code;
use chrono::DateTime;
use factord_core::client::Begin;
use factord_core::sys::clock;
use factord_models::store::{self, Digest};
use factord_quant::audit::{self, AuditError, AuditFile, LedgerHead, Notes};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a host may be called, since it names folders.
pub(super) fn host_name(text: &str) -> Result<String, String> {
    let is_sound = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let sound = (1..=64).contains(&text.len()) && text.chars().all(is_sound);
    let sound = sound && !text.starts_with('.');
    sound.then(|| text.to_owned()).ok_or_else(|| {
        "a host's name has 1 to 64 letters, digits, and any of -_. behind the first".to_owned()
    })
}

/// What the system is called.
pub(super) fn system_host() -> Result<String, Failure> {
    let path = Path::new("/proc/sys/kernel/hostname");
    let text = fs::read_to_string(path).map_err(|error| Failure::reading(path, &error))?;
    host_name(text.trim()).map_err(|why| {
        Failure::new(
            Code::Config,
            format!("the system is called {:?}: {why}: use --host", text.trim()),
        )
    })
}

/// Where files of one host go.
pub(super) struct Folder {
    root: PathBuf,
    store: Option<PathBuf>,
    /// Those of the next file; its counters go on from there.
    next: Notes,
    begin: Begin,
}

/// A file that was closed.
pub(super) struct Written {
    path: PathBuf,
    row_count: usize,
    hash: Digest,
    notes: Notes,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Written { path, row_count, hash, notes } = self;
        write!(f, "closed {} rows {row_count} sha256 {hash}", path.display())?;
        if let Some(head) = notes.ledger {
            write!(f, " ledger {} {}", head.line, head.hash)?;
        }
        write!(f, " seen {} written {}", notes.seen, notes.written)?;
        write!(f, " dropped {} failed {}", notes.dropped, notes.failed)
    }
}

impl Folder {
    /// Looks where the files of a host end.
    pub(super) fn open(
        root: &Path,
        host: String,
        store: Option<PathBuf>,
    ) -> Result<Folder, Failure> {
        fs::create_dir_all(root).map_err(|error| Failure::creating(root, &error))?;
        if let Some(store) = &store {
            head(store)?;
        }
        let root = root.to_owned();
        let Some(path) = last_file(&root, &host)? else {
            let next = Notes::new(host, 1, None);
            return Ok(Folder { root, store, next, begin: Begin::Newest });
        };
        let last = AuditFile::open(&path)?;
        let next = Notes::new(host, last.notes.number + 1, Some(last.digest()?));
        let epoch = last.notes.feeds.iter().map(|feed| feed.epoch).max().unwrap_or(0);
        let mut ordinals = Vec::new();
        for feed in last.notes.feeds.iter().filter(|feed| feed.epoch == epoch) {
            let worker = usize::from(feed.worker);
            ordinals.resize(ordinals.len().max(worker + 1), 0);
            ordinals[worker] = feed.next;
        }
        Ok(Folder { root, store, next, begin: Begin::Ordinals(epoch, ordinals) })
    }

    /// With which answers to begin.
    pub(super) fn begin(&self) -> Begin {
        self.begin.clone()
    }

    pub(super) fn next_number(&self) -> u64 {
        self.next.number
    }

    /// Writes the next file.
    pub(super) fn write(&mut self, collected: Collected) -> Result<Written, Failure> {
        let Collected { rows, feeds, local } = collected;
        let row_count = rows.len();
        self.next.seen += row_count as u64;
        self.next.dropped += feeds.iter().map(audit::FeedNote::dropped).sum::<u64>();
        let mut notes = Notes { feeds, local, ..self.next.clone() };
        notes.written += row_count as u64;
        let mut write = || -> Result<Written, Failure> {
            notes.ledger = self.store.as_deref().map(head).transpose()?;
            let first_ns = rows.first_unix_ns().unwrap_or_else(|| clock::unix_ns() as i64);
            let day = DateTime::from_timestamp_nanos(first_ns).format("day=%Y-%m-%d").to_string();
            let host = format!("host={}", notes.host);
            let file = format!("{:010}.parquet", notes.number);
            let path = self.root.join(day).join(host).join(file);
            let hash = audit::write(&path, &rows, &notes)?;
            Ok(Written { path, row_count, hash, notes: notes.clone() })
        };
        let written = write().map_err(|failure| {
            let counts = format!(
                "seen {} written {} dropped {} failed {row_count}",
                notes.seen, self.next.written, notes.dropped
            );
            failure.about(format!("recording stopped ({counts}); the engine serves on"))
        })?;
        let empty = Notes::new(String::new(), 0, None);
        self.next = Notes {
            number: notes.number + 1,
            before: Some(written.hash),
            feeds: empty.feeds,
            local: empty.local,
            ..notes
        };
        Ok(written)
    }
}

/// Where a store's ledger ends.
fn head(store: &Path) -> Result<LedgerHead, Failure> {
    let head = store::lines(store, |_, _| {}).map_err(AuditError::from)?;
    Ok(LedgerHead { line: head.line, hash: head.hash })
}

/// The host's file with the highest number.
fn last_file(root: &Path, host: &str) -> Result<Option<PathBuf>, Failure> {
    let reading = |error: io::Error| Failure::reading(root, &error);
    let mut last: Option<(String, PathBuf)> = None;
    for day in fs::read_dir(root).map_err(reading)? {
        let folder = day.map_err(reading)?.path().join(format!("host={host}"));
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.map_err(reading)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let number = name.strip_suffix(".parquet").filter(|number| is_number(number));
            if let Some(number) = number.map(str::to_owned)
                && last.as_ref().is_none_or(|(highest, _)| *highest < number)
            {
                last = Some((number, path));
            }
        }
    }
    Ok(last.map(|(_, path)| path))
}

fn is_number(text: &str) -> bool {
    text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit())
}
