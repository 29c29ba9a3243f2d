//! Folds and blocks: which rows train, test and are drawn together.
//!
//! Walk-forward: the time of the rows is cut into `folds + 1` parts of about as many rows; fold `t`
//! trains on what is over before part `t + 1` starts, and tests on that part. "Over" is said of the
//! target's window, plus as many windows again as the horizon is long: the purge and the embargo of
//! Lopez de Prado, Advances in Financial Machine Learning (2018), chapter 7.

use super::TrainError;
use super::error::LAST_GROUP;
use super::keys::{Query, key_of_time, time_of};
use super::load::Loaded;
use super::mark::{self, HOLDOUT, NONE};
use super::scratch::{Part, Scratch};
use super::select::select;

/// The most blocks that rows are drawn in, and the fewest rows of one.
// 64: enough for an interval of 95 %, each still many times longer than the memory of the target.
const BLOCKS_MAX: usize = 64;
const BLOCK_ROWS_MIN: usize = 16;

/// Where time was cut.
#[derive(Clone, Debug)]
pub(super) struct Split {
    /// When the tests of the folds start, in order.
    pub(super) cuts_ns: Vec<i64>,
    /// How many blocks the training rows fall into.
    pub(super) blocks: usize,
    /// How many blocks the rows held out fall into.
    pub(super) holdout_blocks: usize,
}

impl Split {
    /// The group of the training number `model`, the last of which is on all rows.
    pub(super) fn group(&self, model: usize) -> u64 {
        if model < self.cuts_ns.len() { model as u64 } else { LAST_GROUP }
    }
}

/// Cuts time and marks every row.
pub(super) fn split(
    scratch: &mut Scratch,
    loaded: &Loaded,
    folds: usize,
) -> Result<Split, TrainError> {
    let count = loaded.used as usize;
    let held_out = scratch.len() - count;
    let blocks = |rows: usize| (rows / BLOCK_ROWS_MIN).clamp(1, BLOCKS_MAX);
    let ranks = |rows: usize, parts: usize| (1..parts).map(move |part| rows * part / parts);
    let wanted: Vec<usize> = ranks(count, folds + 1).chain(ranks(count, blocks(count))).collect();
    let times = starts_at(scratch, loaded, false, 0, &wanted)?;
    let (cuts, block_cuts) = times.split_at(folds);
    let wanted: Vec<usize> = ranks(held_out, blocks(held_out)).collect();
    let holdout_cuts = starts_at(scratch, loaded, true, count, &wanted)?;
    let before = |cuts: &[i64], time: i64| cuts.partition_point(|&cut| cut <= time) as u64;
    let mark = |old: u64, start, purge| {
        if mark::group(old) == HOLDOUT {
            return mark::with(old, HOLDOUT, NONE, before(&holdout_cuts, start));
        }
        let group = cuts.partition_point(|&cut| cut < purge);
        let group = if group < folds { group as u64 } else { LAST_GROUP };
        let test = before(cuts, start).checked_sub(1).unwrap_or(NONE);
        mark::with(old, group, test, before(block_cuts, start))
    };
    scratch.mark(|| {
        // Symbols share windows: what was said of the row before mostly holds again.
        let mut same = None;
        move |old, start, purge| {
            let asked = (mark::purpose(old), start, purge);
            match same {
                Some((before, mark)) if before == asked => mark::as_of(old, mark),
                _ => {
                    let new = mark(old, start, purge);
                    same = Some((asked, new));
                    new
                }
            }
        }
    })?;
    let (blocks, holdout_blocks) = (block_cuts.len() + 1, holdout_cuts.len() + 1);
    Ok(Split { cuts_ns: cuts.to_vec(), blocks, holdout_blocks })
}

/// When the windows of some ranks start, among the rows held out or the others; `first` is the
/// place of the first of them.
fn starts_at(
    scratch: &Scratch,
    loaded: &Loaded,
    held_out: bool,
    first: usize,
    ranks: &[usize],
) -> Result<Vec<i64>, TrainError> {
    if ranks.is_empty() {
        return Ok(Vec::new());
    }
    if loaded.in_order {
        return ranks.iter().map(|rank| scratch.start_ns(first + rank)).collect();
    }
    let of = if held_out { scratch.len() - first } else { loaded.used as usize } as u64;
    let query = |&rank: &usize| Query { class: 0, rank: rank as u64, of };
    let queries: Vec<Query> = ranks.iter().map(query).collect();
    let range = (key_of_time(loaded.starts_ns.0), key_of_time(loaded.starts_ns.1));
    let keys = select(scratch, Part::Times, &queries, range, |tile, rows| {
        let both = tile.marks().iter().zip(tile.starts_ns().iter().copied());
        let meant = both.filter(|both| (mark::group(*both.0) == HOLDOUT) == held_out);
        rows.add(meant.map(|(_, start)| key_of_time(start)));
    })?;
    Ok(keys.into_iter().map(time_of).collect())
}
