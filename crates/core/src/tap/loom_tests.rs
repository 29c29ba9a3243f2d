//! A reader against a writer that overtakes it, on two cells.

use super::*;
use crate::abi::{self, tap_record as record, tap_region as at};
use crate::sync::{AtomicU64, Line, read_only};
use loom::thread;
use std::sync::Arc;

const CELL_COUNT: usize = 2;

#[derive(Clone)]
struct Memory(Arc<Vec<Line>>);

impl AsRef<[Line]> for Memory {
    fn as_ref(&self) -> &[Line] {
        &self.0
    }
}

fn memory(cell_count: usize) -> Memory {
    let line = |_| core::array::from_fn(|_| AtomicU64::new(0));
    Memory(Arc::new((0..abi::tap_lines(cell_count)).map(line).collect()))
}

fn run(count: u64) -> Cell {
    let mut cell = [record::FIRST, record::RUN, 0, 0, 0, 0, 0, 0];
    (cell[record::RUN_TSC], cell[record::RUN_COUNT]) = (count, count);
    cell
}

/// All words of an answer follow from its ordinal.
fn answer(ordinal: u64) -> Cell {
    let mut cell = [record::FIRST; at::CELL_WORDS];
    cell[at::CELL_REQUEST] = abi::tap_request(ordinal, ordinal, 3);
    cell[at::CELL_VERDICT] = abi::verdict(0, 0, ordinal as u32);
    cell[at::CELL_KEY] = ordinal;
    cell[at::CELL_Y..].fill((ordinal as f64).to_bits());
    cell
}

#[test]
fn an_answer_that_is_read_is_one_that_was_written_however_often_it_is_overtaken() {
    // 2: the reader is overtaken by one switch away and one back.
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(|| {
        let memory = memory(CELL_COUNT);
        let mut reader = TapReader::new(read_only(memory.0.as_flattened()), CELL_COUNT);
        let mut writer = TapWriter::new(memory.clone(), CELL_COUNT);
        writer.write(&[run(1), answer(1)], 2);
        let thread = thread::spawn(move || {
            writer.write(&[run(2), answer(2)], 3);
        });
        let words = read_only(memory.0.as_flattened());
        let mut last = 0;
        for _ in 0..2 {
            let step = reader.step(words);
            if step == Step::Record {
                let record = reader.record();
                let ordinal = record.ordinal;
                assert!(ordinal > last, "answers are read once, in order");
                last = ordinal;
                let y = ordinal as f64;
                let expected = Record {
                    ordinal,
                    tsc: ordinal,
                    service_ticks: 0,
                    number: ordinal as u16,
                    client: ordinal as u32,
                    status: 0,
                    arm: 0,
                    generation: ordinal as u32,
                    key: ordinal,
                    y,
                    features: vec![y; 3],
                };
                assert_eq!(*record, expected);
            }
        }
        thread.join().unwrap();
    });
}

#[test]
fn one_who_comes_late_misses_nothing_that_was_not_overwritten() {
    loom::model(|| {
        let memory = memory(4);
        let mut writer = TapWriter::new(memory.clone(), 4);
        let thread = thread::spawn(move || {
            writer.write(&[run(0), answer(0)], 1);
            writer.write(&[run(1), answer(1)], 2);
        });
        let words = read_only(memory.0.as_flattened());
        let mut reader = TapReader::new(words, 4);
        assert!(!matches!(reader.step(words), Step::Missed(_)));
        thread.join().unwrap();
        assert!(!matches!(reader.step(words), Step::Missed(_)));
    });
}
