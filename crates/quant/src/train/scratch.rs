//! [`Scratch`]: the rows of a table, column by column in tiles, in memory and behind that in a file
//! without a name.
//!
//! A table is parsed once and then passed over many times. The first [`HELD_MAX`] bytes of its rows
//! stay in memory, where a pass need not copy them; the others are kept where they take none. Every
//! pass works on spans of [`SPAN_TILES`] tiles, each by one thread, and takes the results in the
//! order of the spans: the same bits for any number of threads.

use super::TrainError;
use super::tile::{FLOATS_BEFORE, SAMPLE_ROWS, STRIDE, WORDS};
pub(super) use super::tile::{Part, TILE_ROWS, Tile, sampled_rows};
use factord_models::whole;
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

/// The most bytes of rows that are held in memory.
// 384 MiB: 5 M rows of three features.
const HELD_MAX: usize = 384 << 20;

/// Tiles of a span.
const SPAN_TILES: usize = 16;

/// One row on its way in, as a fit sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Example<'a> {
    pub(super) x: &'a [f64],
    pub(super) y: f64,
    /// The target's last value known; NaN before there is one.
    pub(super) last: f64,
    /// The mean of its last known values; NaN if there are none.
    pub(super) rolling: f64,
    pub(super) mark: u64,
    pub(super) start_ns: i64,
    /// A test that starts before this time must not follow a training with this row.
    pub(super) purge_ns: i64,
}

/// The rows and their shape.
#[derive(Debug)]
pub(super) struct Scratch {
    /// The first tiles, and how many these may be.
    held: Vec<Vec<u64>>,
    held_max: usize,
    /// The tiles behind those.
    file: File,
    folder: PathBuf,
    width: usize,
    rows: usize,
    threads: usize,
    /// Columns of the tile that is being filled, and its rows.
    filling: Vec<u64>,
    filled: usize,
}

impl Scratch {
    /// Makes an empty one for this many features, in a folder; it is gone when it is dropped.
    pub(super) fn create(
        folder: &Path,
        width: usize,
        threads: usize,
    ) -> Result<Scratch, TrainError> {
        let failed = |error| TrainError::Scratch { path: folder.to_owned(), error };
        let file = whole::scratch(folder).map_err(failed)?;
        let filling = vec![0; (FLOATS_BEFORE + width + 1 + WORDS) * STRIDE];
        let folder = folder.to_owned();
        let (held, held_max) = (Vec::new(), HELD_MAX / (filling.len() * 8));
        Ok(Scratch { held, held_max, file, folder, width, rows: 0, threads, filling, filled: 0 })
    }

    /// Adds a row; says whether the tile is full and must be flushed.
    #[must_use]
    pub(super) fn push(&mut self, example: &Example<'_>) -> bool {
        let at = self.filled;
        let mut put = |column: usize, word: u64| self.filling[column * STRIDE + at] = word;
        put(0, example.last.to_bits());
        put(1, example.rolling.to_bits());
        for (feature, x) in example.x.iter().enumerate() {
            put(FLOATS_BEFORE + feature, x.to_bits());
        }
        let behind = FLOATS_BEFORE + self.width;
        put(behind, example.y.to_bits());
        put(behind + 1, example.mark);
        put(behind + 2, example.start_ns.cast_unsigned());
        put(behind + 3, example.purge_ns.cast_unsigned());
        self.filled += 1;
        self.rows += 1;
        self.filled == TILE_ROWS
    }

    /// Which rows are in the tile that is being filled.
    pub(super) fn filled(&self) -> Range<usize> {
        self.rows - self.filled..self.rows
    }

    /// A feature of these, or the target as the one behind the last.
    pub(super) fn filling(&self, feature: usize) -> &[f64] {
        let at = (FLOATS_BEFORE + feature) * STRIDE;
        bytemuck::cast_slice(&self.filling[at..at + self.filled])
    }

    /// Puts the tile that is being filled away; after the last row it must be called once.
    pub(super) fn flush(&mut self) -> Result<(), TrainError> {
        if self.filled == 0 {
            return Ok(());
        }
        self.filled = 0;
        if self.held.len() < self.held_max {
            self.held.push(self.filling.clone());
            return Ok(());
        }
        let bytes = bytemuck::cast_slice(&self.filling);
        self.file.write_all(bytes).map_err(|error| self.failed(error))
    }

    /// The number of rows.
    pub(super) fn len(&self) -> usize {
        self.rows
    }

    /// The number of features.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// When the window of one row started.
    pub(super) fn start_ns(&self, row: usize) -> Result<i64, TrainError> {
        let mut buffer = Vec::new();
        let (index, row) = (row / TILE_ROWS, row % TILE_ROWS);
        let tile = self.load(index, row..row + 1, Part::Times, &mut buffer);
        tile.map(|tile| tile.starts_ns()[0]).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> TrainError {
        TrainError::Scratch { path: self.folder.clone(), error }
    }

    fn tile_len(&self) -> usize {
        self.filling.len() * 8
    }

    /// Where a tile that is not held is in the file.
    fn place(&self, index: usize) -> usize {
        (index - self.held.len()) * self.tile_len()
    }

    /// Which rows a tile has, from 0.
    fn rows_of(&self, index: usize) -> Range<usize> {
        0..(self.rows - index * TILE_ROWS).min(TILE_ROWS)
    }

    /// Some rows of a tile, from memory or through a buffer.
    fn load<'a>(
        &'a self,
        index: usize,
        rows: Range<usize>,
        part: Part,
        buffer: &'a mut Vec<u64>,
    ) -> io::Result<Tile<'a>> {
        let loaded = part.columns(self.width);
        let first = index * TILE_ROWS + rows.start;
        let words = match self.held.get(index) {
            Some(tile) => &tile[loaded.start * STRIDE + rows.start..],
            None => {
                buffer.resize(loaded.len() * STRIDE, 0);
                let at = self.place(index) + (loaded.start * STRIDE + rows.start) * 8;
                // Whole columns follow each other; of few rows there is much between.
                let runs = if rows.len() > SAMPLE_ROWS { 1 } else { loaded.len() };
                let run = if runs == 1 { (loaded.len() - 1) * STRIDE } else { 0 } + rows.len();
                for column in 0..runs {
                    let words = &mut buffer[column * STRIDE..column * STRIDE + run];
                    let at = at + column * STRIDE * 8;
                    self.file.read_exact_at(bytemuck::cast_slice_mut(words), at as u64)?;
                }
                &buffer[..]
            }
        };
        Ok(Tile { width: self.width, loaded, words, first, rows: rows.len() })
    }

    /// Shows some rows of every tile, or of fewer tiles, so that there are `most` rows at most.
    pub(super) fn sample(
        &self,
        part: Part,
        most: usize,
        mut show: impl FnMut(&Tile),
    ) -> Result<(), TrainError> {
        let tiles = self.rows.div_ceil(TILE_ROWS);
        let mut buffer = Vec::new();
        for index in (0..tiles).step_by((tiles * SAMPLE_ROWS).div_ceil(most).max(1)) {
            let (rows, end) = (sampled_rows(index), self.rows_of(index).end);
            let tile = self.load(index, rows.start.min(end)..rows.end.min(end), part, &mut buffer);
            show(&tile.map_err(|error| self.failed(error))?);
        }
        Ok(())
    }

    /// Writes the marks of all rows again, as a `marker` made for the tile says for each from its
    /// old one and its times.
    pub(super) fn mark<M: FnMut(u64, i64, i64) -> u64>(
        &mut self,
        marker: impl Fn() -> M + Sync,
    ) -> Result<(), TrainError> {
        let column = FLOATS_BEFORE + self.width + 1;
        let marks = |tile: &Tile| -> Vec<u64> {
            let mut mark = marker();
            let times = tile.starts_ns().iter().copied().zip(tile.purges_ns());
            let marks = tile.marks().iter().zip(times);
            marks.map(|(&old, (start, purge))| mark(old, start, purge)).collect()
        };
        self.mark_held(column, &marks);
        let mut buffer = Vec::new();
        for index in self.held.len()..self.rows.div_ceil(TILE_ROWS) {
            let tile = self.load(index, self.rows_of(index), Part::Times, &mut buffer);
            let new = marks(&tile.map_err(|error| self.failed(error))?);
            let at = self.place(index) + column * STRIDE * 8;
            let written = self.file.write_all_at(bytemuck::cast_slice(&new), at as u64);
            written.map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    /// Writes the marks of the tiles in memory.
    fn mark_held(&mut self, column: usize, marks: &(impl Fn(&Tile) -> Vec<u64> + Sync)) {
        let (all_rows, width) = (self.rows, self.width);
        let share = self.held.len().div_ceil(self.threads).max(1);
        thread::scope(|scope| {
            for (part, tiles) in self.held.chunks_mut(share).enumerate() {
                scope.spawn(move || {
                    for (at, words) in tiles.iter_mut().enumerate() {
                        let first = (part * share + at) * TILE_ROWS;
                        let rows = (all_rows - first).min(TILE_ROWS);
                        let loaded = 0..column + 3;
                        let new = marks(&Tile { width, loaded, words: &words[..], first, rows });
                        words[column * STRIDE..column * STRIDE + rows].copy_from_slice(&new);
                    }
                });
            }
        });
    }

    /// Passes over every tile, or over every `every`-th: `new` starts the sums of a span, `add`
    /// adds a tile to them, and `take` receives them in the order of the spans.
    pub(super) fn fold<A: Send>(
        &self,
        part: Part,
        every: usize,
        new: impl Fn() -> A + Sync,
        add: impl Fn(&mut A, &Tile) + Sync,
        mut take: impl FnMut(A),
    ) -> Result<(), TrainError> {
        let tiles: Vec<usize> = (0..self.rows.div_ceil(TILE_ROWS)).step_by(every).collect();
        let spans: Vec<&[usize]> = tiles.chunks(SPAN_TILES).collect();
        let sum = |span: &[usize], buffer: &mut Vec<u64>| -> io::Result<A> {
            let mut sums = new();
            for &index in span {
                add(&mut sums, &self.load(index, self.rows_of(index), part, buffer)?);
            }
            Ok(sums)
        };
        let failed = |error| self.failed(error);
        let threads = self.threads.min(spans.len());
        if threads <= 1 {
            let mut buffer = Vec::new();
            for span in spans {
                take(sum(span, &mut buffer).map_err(failed)?);
            }
            return Ok(());
        }
        let (sum, spans) = (&sum, &spans);
        thread::scope(|scope| {
            let work = |first: usize| {
                let (send, receive) = mpsc::sync_channel(1);
                scope.spawn(move || {
                    let mut buffer = Vec::new();
                    for span in spans.iter().skip(first).step_by(threads) {
                        // Nobody listens any more when another span failed.
                        if send.send(sum(span, &mut buffer)).is_err() {
                            return;
                        }
                    }
                });
                receive
            };
            let workers: Vec<_> = (0..threads).map(work).collect();
            for index in 0..spans.len() {
                let ended = |_| io::Error::other("a thread ended early");
                let sums = workers[index % threads].recv().map_err(ended).flatten();
                take(sums.map_err(failed)?);
            }
            Ok(())
        })
    }
}

#[cfg(test)]
#[path = "scratch_tests.rs"]
pub(super) mod tests;
