//! Both ends in one thread: every width, readers that are overtaken, and words of nobody's.

use super::*;
use crate::abi::{self, FEATURE_COUNT_MAX, tap_record as record, tap_region as at};
use crate::sync::{Line, Ordering, read_only};

const CELL_COUNT: usize = record::CELL_COUNT_MIN;

struct Memory(Vec<Line>);

impl AsRef<[Line]> for Memory {
    fn as_ref(&self) -> &[Line] {
        &self.0
    }
}

fn memory() -> Memory {
    Memory((0..abi::tap_lines(CELL_COUNT)).map(|_| Line::default()).collect())
}

fn run(count: u64) -> Cell {
    let mut cell = [record::FIRST, record::RUN, 0, 0, 0, 0, 0, 0];
    (cell[record::RUN_TSC], cell[record::RUN_COUNT]) = (7 * count, count);
    cell
}

fn features(ordinal: u64, width: usize) -> Vec<f64> {
    (0..width).map(|feature| ordinal as f64 + feature as f64 / 1024.0).collect()
}

/// The cells of an answer.
fn answer(ordinal: u64, width: usize) -> Vec<Cell> {
    let mut words = features(ordinal, width).into_iter().map(f64::to_bits);
    let mut cells = vec![[0; at::CELL_WORDS]; abi::tap_cells(width)];
    cells[0][..at::CELL_FEATURES].copy_from_slice(&[
        record::FIRST,
        abi::tap_request(5, 1 << 33 | 9, width),
        abi::verdict(1, 2, 3),
        ordinal,
        (0.5 + ordinal as f64).to_bits(),
    ]);
    cells[0][at::CELL_FEATURES..].fill_with(|| words.next().unwrap_or_default());
    for cell in &mut cells[1..] {
        cell[1..].fill_with(|| words.next().unwrap_or_default());
    }
    assert_eq!(words.next(), None);
    cells
}

fn expected(ordinal: u64, run: u64, width: usize) -> Record {
    Record {
        ordinal,
        tsc: 7 * run,
        service_ticks: 0,
        number: 5,
        client: 9,
        status: 1,
        arm: 2,
        generation: 3,
        key: ordinal,
        y: 0.5 + ordinal as f64,
        features: features(ordinal, width),
    }
}

#[test]
fn every_width_is_read_as_it_was_written() {
    let memory = memory();
    let words = || read_only(memory.0.as_flattened());
    let mut reader = TapReader::new(words(), CELL_COUNT);
    let mut writer = TapWriter::new(&memory, CELL_COUNT);
    assert_eq!(reader.step(words()), Step::Empty);
    for (ordinal, width) in (1..=FEATURE_COUNT_MAX).enumerate() {
        let ordinal = ordinal as u64;
        let mut cells = vec![run(ordinal)];
        cells.extend(answer(ordinal, width));
        writer.write(&cells, ordinal + 1);
        assert_eq!(reader.step(words()), Step::Record, "{width}");
        assert_eq!(*reader.record(), expected(ordinal, ordinal, width));
        assert_eq!(reader.step(words()), Step::Empty);
    }
}

#[test]
fn the_one_answer_of_a_run_that_was_timed_says_what_it_took() {
    let memory = memory();
    let words = || read_only(memory.0.as_flattened());
    let mut reader = TapReader::new(words(), CELL_COUNT);
    let mut writer = TapWriter::new(&memory, CELL_COUNT);
    for (place, ticks) in [(0, 0), (1, 40), (3, 50), (u64::MAX, 60)] {
        let first = reader.ordinal();
        let mut cells = vec![run(first)];
        (cells[0][record::RUN_TIMED], cells[0][record::RUN_TICKS]) = (place, ticks);
        (first..first + 3).for_each(|ordinal| cells.extend(answer(ordinal, 3)));
        writer.write(&cells, first + 3);
        for at in 1..=3 {
            assert_eq!(reader.step(words()), Step::Record);
            let took = if at == place { ticks } else { 0 };
            assert_eq!(reader.record().service_ticks, took, "{at} of a run with {place}");
        }
    }
}

#[test]
fn one_who_comes_late_begins_with_the_newest() {
    let memory = memory();
    let words = || read_only(memory.0.as_flattened());
    let mut writer = TapWriter::new(&memory, CELL_COUNT);
    for ordinal in 0..10 {
        writer.write(&[run(ordinal), answer(ordinal, 3)[0]], ordinal + 1);
    }
    let mut late = TapReader::new(words(), CELL_COUNT);
    assert_eq!(late.step(words()), Step::Empty);
    writer.write(&[run(10), answer(10, 3)[0]], 11);
    assert_eq!(late.step(words()), Step::Record, "and it missed nothing");
    assert_eq!(*late.record(), expected(10, 10, 3));
}

#[test]
fn one_who_is_overtaken_is_told_how_many_it_missed() {
    for width in [1, 3, 4, 100, FEATURE_COUNT_MAX] {
        let memory = memory();
        let words = || read_only(memory.0.as_flattened());
        let mut writer = TapWriter::new(&memory, CELL_COUNT);
        let mut reader = TapReader::new(words(), CELL_COUNT);
        let (mut written, mut read, mut missed) = (0, 0, 0);
        for round in 0..200u64 {
            // From a few to more than all cells of the tap between two looks.
            for _ in 0..(round * round) % 3989 {
                let mut cells = vec![run(written)];
                for _ in 0..=written % 3 {
                    if cells.len() + abi::tap_cells(width) > record::RUN_CELLS_MAX {
                        break;
                    }
                    cells.extend(answer(written, width));
                    written += 1;
                }
                writer.write(&cells, written);
            }
            loop {
                match reader.step(words()) {
                    Step::Record => {
                        let found = reader.record();
                        let run = found.tsc / 7;
                        assert_eq!(*found, expected(found.ordinal, run, width));
                        assert_eq!(found.ordinal, read + missed);
                        read += 1;
                    }
                    Step::Missed(count) => missed += count,
                    Step::Version(_) => panic!("none was written"),
                    Step::Empty => break,
                }
            }
        }
        assert_eq!(read + missed, written, "width {width}");
        assert!(missed > 0 && read > missed / 200, "width {width}: {read} read, {missed} missed");
    }
}

#[test]
fn one_who_comes_back_goes_on_behind_what_it_read_and_counts_what_is_gone() {
    let memory = memory();
    let words = || read_only(memory.0.as_flattened());
    let mut writer = TapWriter::new(&memory, CELL_COUNT);
    let mut write = |ordinals: core::ops::Range<u64>| {
        for ordinal in ordinals {
            writer.write(&[run(ordinal), answer(ordinal, 3)[0]], ordinal + 1);
        }
    };
    write(0..10);
    for (first, missed) in [(0, 0), (7, 0), (10, 0)] {
        let mut reader = TapReader::from(words(), CELL_COUNT, first);
        for ordinal in first + missed..10 {
            assert_eq!(reader.step(words()), Step::Record);
            assert_eq!(*reader.record(), expected(ordinal, ordinal, 3));
        }
        assert_eq!(reader.step(words()), Step::Empty);
    }
    write(10..CELL_COUNT as u64);
    let mut reader = TapReader::from(words(), CELL_COUNT, 7);
    let Step::Missed(missed) = reader.step(words()) else { panic!("it is overwritten") };
    let mut count = 0;
    while reader.step(words()) == Step::Record {
        assert_eq!(reader.record().ordinal, 7 + missed + count);
        count += 1;
    }
    assert_eq!(7 + missed + count, CELL_COUNT as u64);
    assert!(count > CELL_COUNT as u64 / 5, "half of the tap is still there: {count}");
}

#[test]
fn a_version_stands_between_the_answers_of_the_two() {
    let memory = memory();
    let words = || read_only(memory.0.as_flattened());
    let mut writer = TapWriter::new(&memory, CELL_COUNT);
    let mut reader = TapReader::new(words(), CELL_COUNT);
    let cell = [record::FIRST, record::VERSION, 4 << 32 | 5, 6, 1, 2, 3, 0];
    writer.write(&[cell], 0);
    assert!(matches!(reader.step(words()), Step::Version(_)), "before any answer");
    writer.write(&[run(0), answer(0, 3)[0]], 1);
    writer.write(&[cell], 1);
    writer.write(&[run(1), answer(1, 3)[0]], 2);
    assert_eq!(reader.step(words()), Step::Record);
    let version = VersionCell { number: 5, generation: 4, check: 6, fingerprints: [1, 2, 3, 0] };
    assert_eq!(reader.step(words()), Step::Version(version));
    assert_eq!(reader.step(words()), Step::Record);
}

#[test]
fn words_of_nobody_s_are_read_in_bounds_and_end() {
    let memory = memory();
    let words = || read_only(memory.0.as_flattened());
    let mut state = 1u64;
    let mut next = || {
        // SplitMix64.
        state = state.wrapping_add(abi::ECHO_MULTIPLIER);
        let z = (state ^ state >> 30).wrapping_mul(abi::ARM_FIRST_MULTIPLIER);
        z ^ z >> 27
    };
    let mut reader = TapReader::new(words(), CELL_COUNT);
    for round in 0..200 {
        for line in &memory.0 {
            for (index, word) in line.iter().enumerate() {
                let value = match (next() % 4, index) {
                    // Turns and requests that come near to what is looked for.
                    (0, 0) => ((next() % 64) << 2) | (next() % 4),
                    (0 | 1, 1) => abi::tap_request(next() % 3, 0, (next() % 1100) as usize),
                    _ => next(),
                };
                word.store(value, Ordering::Relaxed);
            }
        }
        if round % 10 == 0 {
            reader = TapReader::new(words(), CELL_COUNT);
        }
        for _ in 0..50 {
            if reader.step(words()) == Step::Record {
                assert!((1..=FEATURE_COUNT_MAX).contains(&reader.record().features.len()));
            }
        }
    }
}
