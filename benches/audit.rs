//! How long audit files take to write and to verify: rows of two names, three versions each, asked
//! by four clients with three features, as a recorder has them. Then the last file is written three
//! times again, with one bit, one row and one version wrong, each of which has to be found.
//!
//! `cargo bench --bench audit [ROWS] [DIR]`: so many rows (default 10,000,000) in files of 524,288;
//! they are kept if a folder is named, for `factord audit verify DIR/audit --store DIR/store`.

use factord_eval::Model;
use factord_eval::evaluator::Evaluator;
use factord_models::file::{Artifact, Details};
use factord_models::store::{Store, lines};
use factord_quant::audit::{self, FeedNote, LedgerHead, Notes, Row, Rows};
use std::path::{Path, PathBuf};
use std::time::Instant;

const NAMES: [&str; 2] = ["bid", "ask"];
/// Answers between two changes of what serves.
const CHANGE_ROWS: u64 = 1_000_003;

/// What answers from some row on.
struct Served {
    evaluator: Evaluator,
    fingerprint: u64,
    generation: u32,
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn value(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A version of one of the names.
fn artifact(which: usize, version: u64) -> Artifact {
    let shift = version as f64 / 8.0;
    let model = if which == 0 {
        Model::linear(vec![-0.99 + shift, 8e-4, -3e-4], 0.9998)
    } else {
        let (mean, scale) = (vec![0.47, 0.09, 0.11], vec![0.087, 0.066, 0.073]);
        Model::logistic(vec![-25.4 + shift, -0.13, 0.18], 0.028, mean, scale)
    };
    let feature_names = ["buy_rate", "large_buy", "large_sell"].map(str::to_owned).to_vec();
    let details = Details { name: NAMES[which].to_owned(), feature_names, ..Details::default() };
    Artifact::new(model.unwrap(), details).unwrap()
}

/// Makes a store that serves each version in turn, as often as there are changes.
fn store(root: &Path, changes: u64) -> Vec<[Served; 2]> {
    let mut store = Store::open_or_make(root).unwrap();
    let mut serve = |which: usize, change: u64| {
        let artifact = artifact(which, change % 3);
        let (version, _) = store.publish(&artifact).unwrap();
        let served = store.promote(version).unwrap();
        Served {
            evaluator: Evaluator::new(artifact.model()),
            fingerprint: u64::from_le_bytes(*version.0.first_chunk().unwrap()),
            generation: served.generation,
        }
    };
    (0..=changes).map(|change| [serve(0, change), serve(1, change)]).collect()
}

/// What is wrong with one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Bit,
    Row,
    Version,
}

/// Fills rows from an ordinal on until they are a file's, or the last ordinal is reached; one in
/// the middle of a file has the fault.
fn fill(
    first: u64,
    last: u64,
    served: &[[Served; 2]],
    random: &mut Random,
    fault: Option<Fault>,
) -> Rows {
    let mut rows = Rows::default();
    let (mut ordinal, middle) = (first, first + (last - first) / 2);
    while ordinal < last && !rows.is_full() {
        let fault = fault.filter(|_| ordinal == middle);
        let key = random.bits() % 5000;
        let which = (key % 2) as usize;
        let x = [random.value(), random.value(), random.value()];
        let change = (ordinal / CHANGE_ROWS) as usize;
        let generation = served[change][which].generation;
        let other = if change > 0 { change - 1 } else { change + 1 };
        let swapped = fault == Some(Fault::Version);
        let by = &served[if swapped { other } else { change }][which];
        let answer = by.evaluator.evaluate(&x);
        let client = (random.bits() % 4) as u32;
        if fault == Some(Fault::Row) {
            ordinal += 1;
            continue;
        }
        let is_new = rows.push(&Row {
            unix_ns: 1_795_000_000_000_000_000 + ordinal as i64 * 1000,
            epoch: 1,
            worker: 0,
            ordinal,
            name: Some(NAMES[which]),
            client,
            key,
            features: &x,
            y: f64::from_bits(answer.y ^ u64::from(fault == Some(Fault::Bit))),
            status: answer.status,
            fingerprint: by.fingerprint,
            generation,
            arm: 0,
            service_ns: ordinal.is_multiple_of(64).then_some(100),
        });
        if is_new {
            rows.name_client(client, Some(["alpha", "beta", "gamma", "delta"][client as usize]));
        }
        ordinal += 1;
    }
    rows
}

/// The last file, to be written again.
struct Last {
    path: PathBuf,
    notes: Notes,
    first: u64,
    /// Of the random numbers, before its first row.
    state: u64,
}

fn main() {
    // `cargo bench` adds a flag of its own.
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with("--"));
    let count: u64 = words.next().map_or(10_000_000, |word| word.parse().expect("a number"));
    let temporary = tempfile::tempdir().unwrap();
    let folder = words.next().map_or(temporary.path().to_owned(), PathBuf::from);
    let (root, audit) = (folder.join("store"), folder.join("audit"));
    let served = store(&root, 1 + count / CHANGE_ROWS);
    let head = lines(&root, |_, _| {}).unwrap();
    let mut random = Random(7);
    let (mut before, mut number, mut next, mut writing_s, mut bytes) = (None, 0, 0, 0.0, 0);
    let last = loop {
        number += 1;
        let state = random.0;
        let rows = fill(next, count, &served, &mut random, None);
        let (first, end) = (next, next + rows.len() as u64);
        let mut notes = Notes::new("bench".to_owned(), number, before);
        notes.ledger = Some(LedgerHead { line: head.line, hash: head.hash });
        notes.feeds = vec![FeedNote { epoch: 1, worker: 0, first, next: end, gaps: Vec::new() }];
        (notes.seen, notes.written) = (end, end);
        let path = audit.join(format!("day=2026-11-18/host=bench/{number:010}.parquet"));
        let start = Instant::now();
        before = Some(audit::write(&path, &rows, &notes).unwrap());
        writing_s += start.elapsed().as_secs_f64();
        bytes += std::fs::metadata(&path).unwrap().len();
        next = end;
        if next == count {
            break Last { path, notes, first, state };
        }
    };
    let rate = |seconds: f64| count as f64 / seconds / 1e6;
    let of_row = bytes as f64 / count as f64;
    println!(
        "written: {count} rows of {of_row:.1} bytes in {writing_s:.2} s, {:.2} M rows/s",
        rate(writing_s)
    );
    let files = audit::files(&[audit]).unwrap();
    for _ in 0..3 {
        let start = Instant::now();
        let report = audit::verify(&files, &root, &|_| {}).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!((report.rows, report.scored, report.finding_count), (count, count, 0));
        println!("verified: {count} rows in {seconds:.2} s, {:.2} M rows/s", rate(seconds));
    }
    find_faults((&files, &root), &last, count, &served);
}

/// Writes the last file with each fault in turn, which has to be found; and at last as it was.
fn find_faults(
    (files, root): (&[PathBuf], &Path),
    last: &Last,
    count: u64,
    served: &[[Served; 2]],
) {
    for fault in [Fault::Bit, Fault::Row, Fault::Version] {
        let rows = fill(last.first, count, served, &mut Random(last.state), Some(fault));
        audit::write(&last.path, &rows, &last.notes).unwrap();
        let start = Instant::now();
        let report = audit::verify(files, root, &|_| {}).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        let found: Vec<&str> = report.findings.iter().map(|found| found.what.as_str()).collect();
        println!(
            "found among {count} rows in {seconds:.2} s, one wrong {fault:?}: {}",
            found.join("; ")
        );
        assert!(report.finding_count > 0, "{fault:?} was not found");
    }
    let rows = fill(last.first, count, served, &mut Random(last.state), None);
    audit::write(&last.path, &rows, &last.notes).unwrap();
}
