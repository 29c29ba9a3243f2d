//! Proves audit files: every answer is given again, by the version of the store that the row names,
//! and every answer that a file should hold is looked for.

mod chain;
mod scored;
mod versions;

use super::{AuditError, AuditFile};
use scored::{Scored, score};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use versions::Versions;

/// Findings that are kept; the rest is counted.
const FINDING_COUNT_MAX: usize = 100;

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// In which file.
    pub path: PathBuf,
    /// In which row, from 0; none where it concerns the whole file.
    pub row: Option<u64>,
    /// What it is, for people.
    pub what: String,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// Rows that were read.
    pub rows: u64,
    /// Of these, answers that were given again.
    pub scored: u64,
    /// Answers that the recorder counted as missed.
    pub dropped: u64,
    /// What is wrong, by file and row; at most a hundred.
    pub findings: Vec<Finding>,
    /// How much is wrong.
    pub finding_count: u64,
}

impl Report {
    fn add(&mut self, finding: Finding) {
        self.finding_count += 1;
        if self.findings.len() < FINDING_COUNT_MAX {
            self.findings.push(finding);
        }
    }

    fn take(&mut self, scored: Scored) {
        self.rows += scored.rows;
        self.scored += scored.scored;
        self.finding_count += scored.finding_count;
        let room = FINDING_COUNT_MAX.saturating_sub(self.findings.len());
        self.findings.extend(scored.findings.into_iter().take(room));
    }
}

/// Verifies files against a store; all cores read files. `progress` is told how many rows were read
/// each time that some were.
///
/// # Errors
///
/// [`AuditError`] when a file or the store cannot be read.
pub fn verify(
    paths: &[PathBuf],
    store: &Path,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Report, AuditError> {
    let versions = Versions::read(store)?;
    let mut opened = Vec::new();
    for path in paths {
        opened.push(AuditFile::open(path)?);
    }
    let queue: Mutex<VecDeque<usize>> = Mutex::new((0..opened.len()).collect());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let work = || {
        let mut done = Vec::new();
        while let Some(index) = next() {
            let file: &AuditFile = &opened[index];
            done.push((index, score(file, &versions, progress)?, file.digest()?));
        }
        Ok(done)
    };
    let count = thread::available_parallelism().map_or(1, usize::from).min(opened.len().max(1));
    let done: Vec<Result<Vec<_>, AuditError>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(work)).collect();
        // A panic there is one here.
        let join = |thread: thread::ScopedJoinHandle<'_, _>| match thread.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        threads.into_iter().map(join).collect()
    });
    let mut all = Vec::new();
    for done in done {
        all.extend(done?);
    }
    all.sort_by_key(|(index, ..)| *index);
    let mut report = Report::default();
    let mut digests = Vec::new();
    for (index, scored, digest) in all {
        let feeds = &opened[index].notes.feeds;
        report.dropped += feeds.iter().map(super::FeedNote::dropped).sum::<u64>();
        report.take(scored);
        digests.push(digest);
    }
    chain::check(&opened, &digests, &mut report);
    report.findings.sort_by(|a, b| (&a.path, a.row).cmp(&(&b.path, b.row)));
    Ok(report)
}
