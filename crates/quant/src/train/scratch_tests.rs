//! Rows come back as they went in; and a scratch for the tests of others.

use super::*;

/// A scratch of rows, all with the same mark.
pub(in crate::train) fn filled(rows: &[(Vec<f64>, f64)], threads: usize) -> Scratch {
    held(rows, threads, usize::MAX)
}

/// One that holds so many tiles in memory at most.
fn held(rows: &[(Vec<f64>, f64)], threads: usize, held_max: usize) -> Scratch {
    let folder = std::env::temp_dir();
    let folder = tempfile::tempdir_in(folder).unwrap();
    let mut scratch = Scratch::create(folder.path(), rows[0].0.len(), threads).unwrap();
    scratch.held_max = scratch.held_max.min(held_max);
    for (index, (x, y)) in rows.iter().enumerate() {
        let time = index as i64;
        let example =
            Example { x, y: *y, last: 0.0, rolling: 0.0, mark: 0, start_ns: time, purge_ns: time };
        if scratch.push(&example) {
            scratch.flush().unwrap();
        }
    }
    scratch.flush().unwrap();
    scratch
}

#[test]
fn every_row_comes_back_in_order_from_memory_and_file_for_any_number_of_threads() {
    let count = 40 * TILE_ROWS + 17;
    let rows: Vec<(Vec<f64>, f64)> =
        (0..count).map(|i| (vec![i as f64, -(i as f64)], 0.5 + i as f64)).collect();
    // None, some, and all of the tiles are held.
    for (threads, tiles_held) in [(1, 0), (2, 5), (3, 17), (7, 40), (2, 41)] {
        let mut scratch = held(&rows, threads, tiles_held);
        assert_eq!(scratch.held.len(), tiles_held);
        scratch.mark(|| |old, start, purge| old + 3 * (start + purge).cast_unsigned()).unwrap();
        let mut seen = Vec::new();
        let add = |sums: &mut Vec<(f64, f64, f64, u64)>, tile: &Tile| {
            for row in 0..tile.y().len() {
                sums.push((tile.x(0)[row], tile.x(1)[row], tile.y()[row], tile.marks()[row]));
            }
        };
        scratch.fold(Part::All, 1, Vec::new, add, |sums| seen.extend(sums)).unwrap();
        assert_eq!(seen.len(), count);
        for (i, row) in seen.into_iter().enumerate() {
            let at = i as f64;
            assert_eq!(row, (at, -at, 0.5 + at, 6 * i as u64), "{threads} threads");
        }
        assert_eq!(scratch.start_ns(count - 1).unwrap(), count as i64 - 1);
        let mut sampled = Vec::new();
        let y = |tile: &Tile| sampled.extend_from_slice(tile.y());
        scratch.sample(Part::Fit, SAMPLE_MOST, y).unwrap();
        let tiles = (0..40).flat_map(|tile| {
            sampled_rows(tile).map(move |row| 0.5 + (tile * TILE_ROWS + row) as f64)
        });
        assert_eq!(sampled[..40 * SAMPLE_ROWS], tiles.collect::<Vec<_>>());
    }
}

/// More than a sample of these has.
const SAMPLE_MOST: usize = 1 << 18;
