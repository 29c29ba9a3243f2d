//! The files together: each names the hash of the one before it and goes on where that one ended.

use super::super::{AuditFile, FeedNote};
use super::{Finding, Report};
use factord_models::store::Digest;
use std::collections::BTreeMap;

/// Checks that the files of each host follow one another. What is before the first of them is
/// nobody's claim.
pub(super) fn check(files: &[AuditFile], digests: &[Digest], report: &mut Report) {
    let mut hosts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, file) in files.iter().enumerate() {
        hosts.entry(&file.notes.host).or_default().push(index);
    }
    for mut indices in hosts.into_values() {
        indices.sort_by_key(|&index| files[index].notes.number);
        for pair in indices.windows(2) {
            let (earlier, later) = (&files[pair[0]], &files[pair[1]]);
            let mut say = |what: String| {
                report.add(Finding { path: later.path.clone(), row: None, what });
            };
            let numbers = (earlier.notes.number, later.notes.number);
            if numbers.0 == numbers.1 {
                say(format!("it has the number of {}", earlier.path.display()));
            } else if numbers.0 + 1 != numbers.1 {
                say(format!(
                    "file {} is followed by file {}: name those between",
                    numbers.0, numbers.1
                ));
            } else if later.notes.before != Some(digests[pair[0]]) {
                let said = later.notes.before.map_or("none".to_owned(), |hash| hash.to_string());
                say(format!(
                    "it follows a file of hash {said}, and {} has {}",
                    earlier.path.display(),
                    digests[pair[0]]
                ));
            }
            for feed in &later.notes.feeds {
                goes_on(feed, &earlier.notes.feeds).into_iter().for_each(&mut say);
            }
            let lines = [earlier, later].map(|file| file.notes.ledger.map(|head| head.line));
            if let [Some(before), Some(line)] = lines
                && before > line
            {
                say(format!("the ledger ended at line {line}, and at {before} a file before"));
            }
        }
    }
}

/// Whether a worker's answers go on where they ended in the file before.
fn goes_on(feed: &FeedNote, before: &[FeedNote]) -> Option<String> {
    let same = |other: &&FeedNote| (other.epoch, other.worker) == (feed.epoch, feed.worker);
    let before = before.iter().find(same)?;
    (before.next != feed.first).then(|| {
        format!(
            "the answers of worker {} begin with {}, and ended before {} in the file before",
            feed.worker, feed.first, before.next
        )
    })
}
