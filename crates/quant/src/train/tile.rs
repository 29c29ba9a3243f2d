//! [`Tile`]: rows of a table column by column, and [`Part`], which columns a pass reads.

use std::ops::Range;

/// Rows of a tile.
// 4,096: a column is 32 KiB, so the columns of a narrow table stay in the second-level cache.
pub(super) const TILE_ROWS: usize = 4096;

/// Words from one column of a tile to the next.
// One line more than the rows take: at a distance of 32 KiB the columns of a row would share one
// set of the first-level cache.
pub(super) const STRIDE: usize = TILE_ROWS + 8;

/// Rows of a tile that a sample has.
pub(super) const SAMPLE_ROWS: usize = 128;

/// Columns of numbers before and behind the features, and columns of words behind those.
pub(super) const FLOATS_BEFORE: usize = 2;
pub(super) const WORDS: usize = 3;

/// Which rows of a tile a sample has: elsewhere in each, so that nothing that comes again in the
/// rows is met always or never.
pub(super) fn sampled_rows(tile: usize) -> Range<usize> {
    let places = TILE_ROWS / SAMPLE_ROWS;
    // 13: prime, and far from the first and from the last place.
    let first = tile * 13 % places * SAMPLE_ROWS;
    first..first + SAMPLE_ROWS
}

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
    /// All features.
    Features,
}

impl Part {
    /// The columns of a table with so many features.
    pub(super) fn columns(self, width: usize) -> Range<usize> {
        let y = FLOATS_BEFORE + width;
        match self {
            Part::Fit => FLOATS_BEFORE..y + 2,
            Part::All => 0..y + 3,
            Part::Target => y..y + 2,
            Part::Times => y + 1..y + 4,
            Part::Feature(feature) => FLOATS_BEFORE + feature..FLOATS_BEFORE + feature + 1,
            Part::Features => FLOATS_BEFORE..y,
        }
    }
}

/// The rows of one tile, as far as the pass reads them.
#[derive(Debug)]
pub(super) struct Tile<'a> {
    pub(super) width: usize,
    /// The columns that were read.
    pub(super) loaded: Range<usize>,
    /// Their words, [`STRIDE`] from one column to the next.
    pub(super) words: &'a [u64],
    /// The number of its first row among all.
    pub(super) first: usize,
    pub(super) rows: usize,
}

impl Tile<'_> {
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
