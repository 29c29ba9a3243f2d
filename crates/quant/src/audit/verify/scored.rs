//! One file: each row answered again, and the answers that its notes promise.

use super::super::{AuditError, AuditFile, Batch, FeedNote, STATUSES, status_name};
use super::versions::{Version, Versions};
use super::{FINDING_COUNT_MAX, Finding};
use factord_eval::evaluator::Evaluation;
use factord_eval::simd::{VECTOR_LEN, Vector};
use factord_eval::status;
use factord_eval::vectors::Level;
use std::array;
use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;

/// The place of the name of all statuses that have none of their own.
const UNKNOWN_STATUS: u16 = STATUSES.len() as u16 - 1;

/// What came of a file.
#[derive(Debug, Default)]
pub(super) struct Scored {
    path: PathBuf,
    pub(super) rows: u64,
    pub(super) scored: u64,
    pub(super) findings: Vec<Finding>,
    pub(super) finding_count: u64,
}

impl Scored {
    fn add(&mut self, row: Option<u64>, what: impl FnOnce() -> String) {
        self.finding_count += 1;
        if self.findings.len() < FINDING_COUNT_MAX {
            self.findings.push(Finding { path: self.path.clone(), row, what: what() });
        }
    }
}

/// Verifies a file; tells how many rows were read each time that some were.
pub(super) fn score(
    file: &AuditFile,
    versions: &Versions,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Scored, AuditError> {
    let mut scored = Scored { path: file.path.clone(), ..Scored::default() };
    let mut ordinals: HashMap<(u64, u16), Vec<u64>> = HashMap::new();
    file.batches(|before, batch| {
        score_batch(before, batch, versions, &mut scored);
        let mut row = 0;
        while row < batch.len() {
            let of_feed = batch.of_one_feed(row);
            ordinals.entry(batch.feed(row)).or_default().extend_from_slice(of_feed);
            row += of_feed.len();
        }
        progress(batch.len() as u64);
        Ok::<(), AuditError>(())
    })?;
    for note in &file.notes.feeds {
        let found = ordinals.remove(&(note.epoch, note.worker)).unwrap_or_default();
        compare(note, found, &mut scored);
    }
    for (epoch, worker) in ordinals.into_keys() {
        scored.add(None, || {
            format!("answers of worker {worker} in epoch {epoch}, of which its notes say nothing")
        });
    }
    Ok(scored)
}

fn score_batch(before: u64, batch: &Batch, versions: &Versions, scored: &mut Scored) {
    let statuses = batch.statuses();
    let mut next = 0;
    while next < batch.len() {
        let rows = batch.alike(next);
        (next, scored.rows) = (rows.end, scored.rows + rows.len() as u64);
        let (first, name) = (rows.start, batch.name(rows.start).unwrap_or_default());
        let Some(start) = batch.version(first) else {
            rows.for_each(|row| unanswered(before, batch, row, scored));
            continue;
        };
        let what = (start, name, batch.generation(first), batch.arm(first));
        let Some(version) = named(before + first as u64, what, versions, scored) else { continue };
        scored.scored += rows.len() as u64;
        again(version, batch, rows, |row, again| {
            let found = (batch.y(row).to_bits(), statuses[row]);
            if found != (again.y, again.status.min(UNKNOWN_STATUS)) {
                scored.add(Some(before + row as u64), || {
                    difference(batch, row, (again.status, again.y))
                });
            }
        });
    }
}

/// Looks at a row that names no version.
fn unanswered(before: u64, batch: &Batch, row: usize, scored: &mut Scored) {
    let status = batch.status(row);
    let no_answer = [status::UNKNOWN_MODEL, status::WRONG_CLASS].map(status_name);
    if !no_answer.contains(&status) {
        scored.add(Some(before + row as u64), || {
            let key = batch.key(row);
            format!("key {key} was answered {status:?}, and the row names no version")
        });
    }
}

/// Gives rows of one version their answers again.
fn again(
    version: &Version,
    batch: &Batch,
    rows: Range<usize>,
    mut take: impl FnMut(usize, Evaluation),
) {
    let (evaluator, level) = (&version.evaluator, Level::best());
    let mut first = rows.start;
    if let Some(features) = batch.features_of_width(rows.clone(), 3) {
        for x in features.as_chunks::<{ 3 * VECTOR_LEN }>().0 {
            let x: [Vector; 3] = array::from_fn(|feature| array::from_fn(|at| x[3 * at + feature]));
            let answers = evaluator.evaluate_vector(level, &x);
            answers.into_iter().enumerate().for_each(|(at, answer)| take(first + at, answer));
            first += VECTOR_LEN;
        }
    }
    for row in first..rows.end {
        take(row, evaluator.evaluate(batch.features(row)));
    }
}

/// Says what differs of an answer that was given again.
fn difference(batch: &Batch, row: usize, (status, y): (u16, u64)) -> String {
    let found = batch.y(row).to_bits();
    let name = batch.name(row).unwrap_or_default();
    let (key, ordinal) = (batch.key(row), batch.ordinal(row));
    let place = format!("{name}, key {key}, ordinal {ordinal}");
    let version = batch.version(row).unwrap_or_default();
    if status_name(status) != batch.status(row) {
        let (told, again) = (batch.status(row), status_name(status));
        return format!("{place}: status {told}, and version {version} gives {again}");
    }
    let bit = (found ^ y).trailing_zeros();
    format!(
        "{place}: bit {bit} of the answer differs: {found:016x}, and version {version} gives \
         {y:016x}"
    )
}

/// The version that a row names, unless it is another's or not in the store.
fn named<'v>(
    row: u64,
    (start, name, generation, arm): (&str, &str, u32, u16),
    versions: &'v Versions,
    scored: &mut Scored,
) -> Option<&'v Version> {
    let champion = versions.champion(name, generation).filter(|_| arm == 0);
    if let Some(champion) = champion.filter(|champion| *champion != start) {
        scored.add(Some(row), || {
            format!(
                "{name}: version {start} answered as generation {generation}, which was {champion} \
                 by the ledger"
            )
        });
        return None;
    }
    let Some(version) = versions.of(start) else {
        scored.add(Some(row), || {
            format!("{name}: version {start} is not in the store: name the store that it was from")
        });
        return None;
    };
    if version.name != name {
        let other = &version.name;
        scored.add(Some(row), || format!("{name}: version {start} is of another name, {other}"));
        return None;
    }
    Some(version)
}

/// Compares the ordinals that were found with those that a note promises.
fn compare(note: &FeedNote, mut found: Vec<u64>, scored: &mut Scored) {
    // Rows are sorted by name: a few rising runs, which this merges.
    found.sort();
    let of = format!("worker {} in epoch {}", note.worker, note.epoch);
    let mut say = |first: u64, next: u64, what: &str| {
        let range = if next - first == 1 {
            format!("answer {first}")
        } else {
            format!("answers {first} to {}", next - 1)
        };
        scored.add(None, || format!("{range} of {of}: {what}"));
    };
    let mut gaps: Vec<[u64; 2]> = note.gaps.clone();
    gaps.push([note.next, u64::MAX]);
    let (mut expected, mut gaps) = (note.first, gaps.into_iter().peekable());
    for ordinal in found {
        while let Some([first, next]) = gaps.next_if(|[first, _]| *first <= ordinal) {
            if first > expected {
                say(expected, first, "missing, and not counted as dropped");
            }
            expected = expected.max(next);
        }
        if ordinal < expected {
            say(ordinal, ordinal + 1, "there twice, or where its notes have none");
            continue;
        }
        if ordinal > expected {
            say(expected, ordinal, "missing, and not counted as dropped");
        }
        expected = ordinal + 1;
    }
    for [first, next] in gaps {
        if first > expected {
            say(expected, first, "missing, and not counted as dropped");
        }
        expected = expected.max(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(note: (u64, u64, &[[u64; 2]]), found: &[u64]) -> Vec<String> {
        let (first, next, gaps) = note;
        let note = FeedNote { epoch: 1, worker: 0, first, next, gaps: gaps.to_vec() };
        let mut scored = Scored::default();
        compare(&note, found.to_vec(), &mut scored);
        scored.findings.into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn each_answer_that_is_missing_or_too_much_is_named() {
        let none: [String; 0] = [];
        assert_eq!(compared((5, 8, &[]), &[7, 5, 6]), none);
        assert_eq!(compared((5, 12, &[[6, 9], [10, 11]]), &[5, 9, 11]), none);
        assert_eq!(compared((5, 9, &[[5, 9]]), &[]), none);
        assert_eq!(compared((5, 9, &[[5, 7]]), &[7, 8]), none);
        let of = "of worker 0 in epoch 1";
        let missing = "missing, and not counted as dropped";
        assert_eq!(compared((5, 8, &[]), &[5, 7]), [format!("answer 6 {of}: {missing}")]);
        assert_eq!(compared((5, 8, &[]), &[]), [format!("answers 5 to 7 {of}: {missing}")]);
        assert_eq!(compared((5, 9, &[[6, 7]]), &[5]), [format!("answers 7 to 8 {of}: {missing}")]);
        assert_eq!(compared((5, 9, &[[7, 8]]), &[5, 8]), [format!("answer 6 {of}: {missing}")]);
        let much = "there twice, or where its notes have none";
        for found in [[5, 5, 6], [4, 5, 6], [5, 6, 7]] {
            let said = compared((5, 7, &[]), &found);
            assert!(said.len() == 1 && said[0].ends_with(much), "{said:?}");
        }
        assert_eq!(compared((5, 8, &[[6, 7]]), &[5, 6, 7]), [format!("answer 6 {of}: {much}")]);
    }
}
