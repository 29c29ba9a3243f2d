//! [`Scratch`]: the rows of a table, column by column in tiles, in a file without a name.
//!
//! A table is parsed once and then passed over many times, so its numbers are kept where they take
//! no memory. Every pass works on spans of [`SPAN_TILES`] tiles, each by one thread, and takes
//! the results in the order of the spans: the same bits for any number of threads.

use super::TrainError;
use factord_models::whole;
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

/// Rows of a tile.
// 4,096: a column is 32 KiB, so the columns of a narrow table stay in the second-level cache.
pub(super) const TILE_ROWS: usize = 4096;

/// Words from one column of a tile to the next.
// One line more than the rows take: at a distance of 32 KiB the columns of a row would share one
// set of the first-level cache.
const STRIDE: usize = TILE_ROWS + 8;

/// Tiles of a span.
const SPAN_TILES: usize = 16;

/// Columns of numbers before and behind the features, and columns of words behind those.
const FLOATS_BEFORE: usize = 2;
const WORDS: usize = 3;

/// Which columns a pass reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Features, target and marks.
    Fit,
    /// Those, and the baselines.
    All,
    /// Target and marks.
    Target,
    /// Marks and times.
    Times,
    /// One feature alone.
    Feature(usize),
}

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

/// The rows of one tile, as far as the pass reads them.
#[derive(Debug)]
pub(super) struct Tile {
    width: usize,
    loaded: Range<usize>,
    words: Vec<u64>,
    /// The number of its first row among all.
    first: usize,
    rows: usize,
}

impl Tile {
    fn new(width: usize) -> Tile {
        Tile { width, loaded: 0..0, words: Vec::new(), first: 0, rows: 0 }
    }

    fn word(&self, column: usize) -> &[u64] {
        let at = (column - self.loaded.start) * STRIDE;
        &self.words[at..at + self.rows]
    }

    fn float(&self, column: usize) -> &[f64] {
        bytemuck::cast_slice(self.word(column))
    }

    /// One feature.
    pub(super) fn x(&self, feature: usize) -> &[f64] {
        self.float(FLOATS_BEFORE + feature)
    }

    /// How many of its rows are among the first `count` of all.
    pub(super) fn rows_among(&self, count: usize) -> usize {
        count.saturating_sub(self.first).min(self.rows)
    }

    /// The target.
    pub(super) fn y(&self) -> &[f64] {
        self.float(FLOATS_BEFORE + self.width)
    }

    /// The last value known.
    pub(super) fn last(&self) -> &[f64] {
        self.float(0)
    }

    /// The mean of the last values known.
    pub(super) fn rolling(&self) -> &[f64] {
        self.float(1)
    }

    /// The marks.
    pub(super) fn marks(&self) -> &[u64] {
        self.word(FLOATS_BEFORE + self.width + 1)
    }

    /// When each row's window started.
    pub(super) fn starts_ns(&self) -> &[i64] {
        bytemuck::cast_slice(self.word(FLOATS_BEFORE + self.width + 2))
    }

    /// From when on a test may follow.
    pub(super) fn purges_ns(&self) -> impl Iterator<Item = i64> {
        self.word(FLOATS_BEFORE + self.width + 3).iter().map(|&word| word.cast_signed())
    }
}

/// The file and its shape.
#[derive(Debug)]
pub(super) struct Scratch {
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
        Ok(Scratch { file, folder, width, rows: 0, threads, filling, filled: 0 })
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

    /// Writes the tile that is being filled; after the last row it must be called once.
    pub(super) fn flush(&mut self) -> Result<(), TrainError> {
        if self.filled > 0 {
            let bytes = bytemuck::cast_slice(&self.filling);
            self.file.write_all(bytes).map_err(|error| self.failed(error))?;
            self.filled = 0;
        }
        Ok(())
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
        let column = FLOATS_BEFORE + self.width + 2;
        let at = row / TILE_ROWS * self.tile_len() + (column * STRIDE + row % TILE_ROWS) * 8;
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, at as u64).map_err(|error| self.failed(error))?;
        Ok(i64::from_ne_bytes(bytes))
    }

    fn failed(&self, error: io::Error) -> TrainError {
        TrainError::Scratch { path: self.folder.clone(), error }
    }

    fn tile_len(&self) -> usize {
        self.filling.len() * 8
    }

    fn columns(&self, part: Part) -> Range<usize> {
        let y = FLOATS_BEFORE + self.width;
        match part {
            Part::Fit => FLOATS_BEFORE..y + 2,
            Part::All => 0..y + 3,
            Part::Target => y..y + 2,
            Part::Times => y + 1..y + 4,
            Part::Feature(feature) => FLOATS_BEFORE + feature..FLOATS_BEFORE + feature + 1,
        }
    }

    fn load(&self, index: usize, part: Part, tile: &mut Tile) -> io::Result<()> {
        let columns = self.columns(part);
        tile.first = index * TILE_ROWS;
        tile.rows = (self.rows - index * TILE_ROWS).min(TILE_ROWS);
        tile.words.resize(columns.len() * STRIDE, 0);
        let at = index * self.tile_len() + columns.start * STRIDE * 8;
        let bytes = bytemuck::cast_slice_mut(&mut tile.words);
        self.file.read_exact_at(bytes, at as u64)?;
        tile.loaded = columns;
        Ok(())
    }

    /// Writes the marks of all rows again, as a `marker` made for the tile says for each from its
    /// old one and its times.
    pub(super) fn mark<M: FnMut(u64, i64, i64) -> u64>(
        &self,
        marker: impl Fn() -> M + Sync,
    ) -> Result<(), TrainError> {
        let column = FLOATS_BEFORE + self.width + 1;
        let write = |tile: &Tile, index: usize| {
            let mut mark = marker();
            let times = tile.starts_ns().iter().copied().zip(tile.purges_ns());
            let marks = tile.marks().iter().zip(times);
            let marks: Vec<u64> =
                marks.map(|(&old, (start, purge))| mark(old, start, purge)).collect();
            let at = index * self.tile_len() + column * STRIDE * 8;
            self.file.write_all_at(bytemuck::cast_slice(&marks), at as u64)
        };
        let mut ended = Ok(());
        self.pass(
            Part::Times,
            1,
            || Ok(()),
            |state: &mut io::Result<()>, tile, index| {
                if state.is_ok() {
                    *state = write(tile, index);
                }
            },
            |state| {
                if ended.is_ok() {
                    ended = state;
                }
            },
        )?;
        ended.map_err(|error| self.failed(error))
    }

    /// Passes over every tile, or over every `every`-th: `new` starts the sums of a span, `add`
    /// adds a tile to them, and `take` receives them in the order of the spans.
    pub(super) fn fold<A: Send>(
        &self,
        part: Part,
        every: usize,
        new: impl Fn() -> A + Sync,
        add: impl Fn(&mut A, &Tile) + Sync,
        take: impl FnMut(A),
    ) -> Result<(), TrainError> {
        self.pass(part, every, new, |sums, tile, _| add(sums, tile), take)
    }

    fn pass<A: Send>(
        &self,
        part: Part,
        every: usize,
        new: impl Fn() -> A + Sync,
        add: impl Fn(&mut A, &Tile, usize) + Sync,
        mut take: impl FnMut(A),
    ) -> Result<(), TrainError> {
        let tiles: Vec<usize> = (0..self.rows.div_ceil(TILE_ROWS)).step_by(every).collect();
        let spans: Vec<&[usize]> = tiles.chunks(SPAN_TILES).collect();
        let sum = |span: &[usize], tile: &mut Tile| -> io::Result<A> {
            let mut sums = new();
            for &index in span {
                self.load(index, part, tile)?;
                add(&mut sums, tile, index);
            }
            Ok(sums)
        };
        let failed = |error| self.failed(error);
        let threads = self.threads.min(spans.len());
        if threads <= 1 {
            let mut tile = Tile::new(self.width);
            for span in spans {
                take(sum(span, &mut tile).map_err(failed)?);
            }
            return Ok(());
        }
        let (sum, spans) = (&sum, &spans);
        thread::scope(|scope| {
            let work = |first: usize| {
                let (send, receive) = mpsc::sync_channel(1);
                scope.spawn(move || {
                    let mut tile = Tile::new(self.width);
                    for span in spans.iter().skip(first).step_by(threads) {
                        // Nobody listens any more when another span failed.
                        if send.send(sum(span, &mut tile)).is_err() {
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
