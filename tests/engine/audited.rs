//! `factord audit verify` on files that were changed: each change is found, and named.

use crate::data;
use crate::harness::Watchdog;
use crate::recorded::{AUDITED, NAMES, Rig, end, settle};
use factord_quant::audit::{self, AuditFile, Notes, Row, Rows};
use std::fs;
use std::path::Path;

/// Copies a file's rows, but for what `change` makes of each.
fn rewrite(path: &Path, mut change: impl FnMut(u64, Row<'_>, &mut Rows)) -> (Rows, Notes) {
    let file = AuditFile::open(path).unwrap();
    let mut rows = Rows::default();
    file.batches(|before, batch| {
        for row in 0..batch.len() {
            let (epoch, worker) = batch.feed(row);
            let version = batch
                .version(row)
                .map_or(0, |text| u64::from_str_radix(text, 16).unwrap().swap_bytes());
            let status = (0..).find(|&code| audit::status_name(code) == batch.status(row));
            let old = Row {
                unix_ns: batch.unix_ns(row),
                epoch,
                worker,
                ordinal: batch.ordinal(row),
                name: batch.name(row),
                client: 0,
                key: batch.key(row),
                features: batch.features(row),
                y: batch.y(row),
                status: status.unwrap(),
                fingerprint: version,
                generation: batch.generation(row),
                arm: batch.arm(row),
                service_ns: batch.service_ns(row).map(u64::from),
            };
            change(before + row as u64, old, &mut rows);
        }
        Ok::<(), audit::AuditError>(())
    })
    .unwrap();
    (rows, file.notes)
}

/// [SPEC-760]
#[test]
fn each_row_is_compared_by_itself_though_many_are_evaluated_at_once() {
    let _watchdog = Watchdog::start("audits row by row", 120);
    let rig = Rig::new(&AUDITED);
    let mut client = rig.engine.attach(3, 8);
    let recorder = rig.record(&[]);
    rig.ask(&mut client, 300);
    settle();
    end(recorder);
    let file = rig.files().remove(0);
    // In the middle of eight, at their end, and behind the last eight of a name.
    let flipped = [3, 7, 8, 99, 298, 299];
    let narrowed = [20, 210];
    let (rows, notes) = rewrite(&file, |row, mut old, rows| {
        if flipped.contains(&row) {
            old.y = f64::from_bits(old.y.to_bits() ^ 1);
        }
        if narrowed.contains(&row) {
            old.features = &old.features[..2];
        }
        rows.push(&old);
    });
    audit::write(&file, &rows, &notes).unwrap();
    let report = |file| audit::verify(&[file], &rig.store, &|_| {}).unwrap();
    let report = report(file);
    let mut expected: Vec<u64> = flipped.into_iter().chain(narrowed).collect();
    expected.sort_unstable();
    let found: Vec<u64> = report.findings.iter().filter_map(|finding| finding.row).collect();
    assert_eq!(found, expected, "{report:?}");
    assert_eq!((report.rows, report.scored, report.finding_count), (300, 300, 8));
}

/// [SPEC-751, SPEC-752, SPEC-753]
#[test]
fn a_flipped_bit_a_missing_row_a_swapped_version_and_a_missing_file_are_found() {
    let _watchdog = Watchdog::start("audits", 120);
    let rig = Rig::new(&AUDITED);
    let mut client = rig.engine.attach(3, 8);
    for _ in 0..3 {
        let recorder = rig.record(&[]);
        rig.ask(&mut client, 300);
        settle();
        end(recorder);
    }
    let files = rig.files();
    assert_eq!(files.len(), 3, "{files:?}");
    assert!(rig.verify(&[&rig.audit]).status.success());
    let original = fs::read(&files[1]).unwrap();
    let found = |paths: &[&Path]| {
        let output = rig.verify(paths);
        assert_eq!(output.status.code(), Some(65), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let changed = |change: &mut dyn FnMut(u64, Row<'_>, &mut Rows)| {
        fs::write(&files[1], &original).unwrap();
        let (rows, notes) = rewrite(&files[1], change);
        audit::write(&files[1], &rows, &notes).unwrap();
    };
    changed(&mut |row, mut old, rows| {
        if row == 123 {
            old.y = f64::from_bits(old.y.to_bits() ^ 1 << 17);
        }
        rows.push(&old);
    });
    let said = found(&[&files[1]]);
    assert!(said.contains(" row 123: ") && said.contains("bit 17 of the answer"), "{said}");
    assert!(said.contains(" 1 findings"), "{said}");
    let mut gone = None;
    changed(&mut |row, old, rows| {
        if row == 200 {
            gone = Some(old.ordinal);
        } else {
            rows.push(&old);
        }
    });
    let said = found(&[&files[1]]);
    let expected = format!("answer {} of worker 0", gone.unwrap());
    assert!(said.contains(&expected) && said.contains(" 1 findings"), "{said}");
    // Another version of the same name, with the answer that it would have given.
    let other = data::model(3, false, 2);
    let digest = factord_models::store::Digest::of(&data::artifact(NAMES[0], &other).encode());
    let evaluator = factord_eval::evaluator::Evaluator::new(&other);
    changed(&mut |_, mut old, rows| {
        if old.name == Some(NAMES[0]) && old.key == 30 {
            old.y = f64::from_bits(evaluator.evaluate(old.features).y);
            old.fingerprint = factord_core::counters::fingerprint(&digest.0);
        }
        rows.push(&old);
    });
    let said = found(&[&files[1]]);
    assert!(said.contains("by the ledger") && said.contains(" 1 findings"), "{said}");
    // The file that follows names the hash that this one had.
    let said = found(&[&rig.audit]);
    assert!(said.contains("it follows a file of hash"), "{said}");
    fs::remove_file(&files[1]).unwrap();
    let said = found(&[&rig.audit]);
    assert!(said.contains("file 1 is followed by file 3"), "{said}");
    fs::write(&files[1], &original[..original.len() / 2]).unwrap();
    let output = rig.verify(&[&rig.audit]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("is no whole Parquet file"), "{said}");
}
