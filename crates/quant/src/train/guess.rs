//! Order statistics of a column, exact, in one pass: a sample says between which two keys each
//! answer lies, and the pass counts keys by cells and collects those of the cells between the two.
//!
//! A sample may mislead, and what is between may be too much to keep; then there is no answer, and
//! `select` looks for it bit by bit.

use super::TrainError;
use super::keys::{Keys, Query, value_of};
use super::scratch::{Part, Scratch, Tile};
use factord_eval::vectors::Level;
use std::ops::Range;

/// The fewest rows that are guessed at: fewer are soon sorted.
const ROWS_MIN: usize = 1 << 18;

/// How many rows a sample has at most.
const SAMPLE_MAX: usize = 1 << 18;

/// To either side of a key of the sample, how many deviations of its rank are searched.
// 5: of independent rows one answer in a million is missed.
const DEVIATIONS: f64 = 5.0;

/// The most keys that are collected.
// 2^22: 64 MiB with their classes; a tenth of 40 M rows.
const COLLECTED_MAX: usize = 1 << 22;

/// Cells between the lowest and the highest key of all brackets.
const CELLS: usize = 4096;

/// All cells: one for what is below and one for what is above, too.
const ALL_CELLS: usize = CELLS + 2;

/// From here on to its double, a number's last bit is worth 1.
const TWO_52: f64 = 4_503_599_627_370_496.0;

/// Rows that are worked on at once.
const BLOCK_ROWS: usize = 512;

/// Two keys between which an answer of a class is thought to lie, or which it is.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bracket {
    class: u64,
    low: u64,
    high: u64,
}

/// Cells of about the same width in the values of keys. A higher key is never in a lower cell.
#[derive(Clone, Copy, Debug)]
struct Cells {
    low: f64,
    high: f64,
    factor: f64,
}

impl Cells {
    /// `None` without finite ends.
    fn new(brackets: &[Bracket]) -> Option<Cells> {
        let low = value_of(brackets.iter().map(|bracket| bracket.low).min()?);
        let high = value_of(brackets.iter().map(|bracket| bracket.high).max()?);
        let factor = CELLS as f64 / (high - low);
        let factor = if factor.is_finite() { factor } else { 0.0 };
        (low.is_finite() && high.is_finite()).then_some(Cells { low, high, factor })
    }

    #[inline(always)]
    fn of(&self, key: u64) -> u32 {
        let value = value_of(key);
        let place = (value - self.low) * self.factor;
        let place = if place > 0.0 { place } else { 0.0 };
        let place = if place < (CELLS - 1) as f64 { place } else { (CELLS - 1) as f64 };
        // 2^52 leaves the nearest integer in the last bits: two instructions, in vectors, too.
        let inside = (place + TWO_52).to_bits() as u32 + 1;
        let inside = if value < self.low { 0 } else { inside };
        if value > self.high { CELLS as u32 + 1 } else { inside }
    }
}

/// What all rows share.
struct Plan<'a> {
    brackets: &'a [Bracket],
    cells: Cells,
    /// The ends of all brackets, ascending: they are counted, since many rows may have them.
    ends: Vec<u64>,
    /// The cells of brackets, in runs that do not touch, and of each cell the number of its run
    /// from 1; 0 where nothing is collected.
    runs: Vec<Range<usize>>,
    run_of: Vec<u16>,
    /// One more than the highest class that is asked about.
    classes: usize,
}

/// What was counted.
#[derive(Default)]
struct Counts {
    /// Rows by class and cell.
    cells: Vec<u64>,
    /// Rows by class and end.
    ends: Vec<u64>,
    /// Class and key of those in the cells of each run, but for the ends.
    collected: Vec<Vec<(u64, u64)>>,
    /// Whether these were too many.
    many: bool,
    rows: Keys,
}

impl Plan<'_> {
    fn new(brackets: &[Bracket]) -> Option<Plan<'_>> {
        let cells = Cells::new(brackets)?;
        let mut ends: Vec<u64> = brackets.iter().flat_map(|b| [b.low, b.high]).collect();
        ends.sort_unstable();
        ends.dedup();
        let mut run_of = vec![0; ALL_CELLS];
        for bracket in brackets {
            run_of[cells.of(bracket.low) as usize..=cells.of(bracket.high) as usize].fill(1);
        }
        let mut runs: Vec<Range<usize>> = Vec::new();
        for (cell, run) in run_of.iter_mut().enumerate().filter(|(_, run)| **run > 0) {
            match runs.last_mut().filter(|last| last.end == cell) {
                Some(last) => last.end += 1,
                None => runs.push(cell..cell + 1),
            }
            // At most every other cell begins one.
            *run = runs.len() as u16;
        }
        let classes = brackets.iter().map(|bracket| bracket.class).max()? as usize + 1;
        Some(Plan { brackets, cells, ends, runs, run_of, classes })
    }

    fn counts(&self) -> Counts {
        let cells = vec![0; self.classes * ALL_CELLS];
        let ends = vec![0; self.classes * self.ends.len()];
        let collected = vec![Vec::new(); self.runs.len()];
        Counts { cells, ends, collected, ..Counts::default() }
    }

    /// Adds the rows of `counts`.
    fn add(&self, level: Level, counts: &mut Counts) {
        let mut cells = [0; BLOCK_ROWS];
        let Keys { classes, keys } = &counts.rows;
        for (classes, keys) in classes.chunks(BLOCK_ROWS).zip(keys.chunks(BLOCK_ROWS)) {
            level.run(
                #[inline(always)]
                || cells.iter_mut().zip(keys).for_each(|(to, &key)| *to = self.cells.of(key)),
            );
            for ((&class, &key), &cell) in classes.iter().zip(keys).zip(&cells) {
                if class as usize >= self.classes {
                    continue;
                }
                counts.cells[class as usize * ALL_CELLS + cell as usize] += 1;
                let run = usize::from(self.run_of[cell as usize]);
                if run > 0 {
                    match self.ends.binary_search(&key) {
                        Ok(end) => counts.ends[class as usize * self.ends.len() + end] += 1,
                        Err(_) => counts.collected[run - 1].push((class, key)),
                    }
                }
            }
        }
    }

    /// The key of a rank, if it is in the run of its bracket.
    fn answer(&self, counts: &Counts, bracket: &Bracket, rank: u64) -> Option<u64> {
        let class = bracket.class;
        let at = usize::from(self.run_of[self.cells.of(bracket.low) as usize]).checked_sub(1)?;
        let run = &self.runs[at];
        let of_cells = counts.cells.chunks(ALL_CELLS).take(class as usize + 1);
        let below: u64 = of_cells.map(|of| of[..run.start].iter().sum::<u64>()).sum();
        let held = counts.collected[at].iter().filter(|row| row.0 <= class);
        let mut keys: Vec<u64> = held.map(|row| row.1).collect();
        // What is left of the rank when the ends up to here are taken off.
        let mut rank = rank.checked_sub(below)?;
        let in_run = |end: &(usize, &u64)| run.contains(&(self.cells.of(*end.1) as usize));
        for (at, &end) in self.ends.iter().enumerate().filter(in_run) {
            let before = keys.iter().filter(|&&key| key < end).count() as u64;
            let of_end = counts.ends.chunks(self.ends.len()).take(class as usize + 1);
            let equal: u64 = of_end.map(|of| of[at]).sum();
            if rank < before {
                break;
            }
            if rank < before + equal {
                return Some(end);
            }
            rank -= equal;
        }
        let at = usize::try_from(rank).ok().filter(|at| *at < keys.len())?;
        Some(*keys.select_nth_unstable(at).1)
    }
}

/// The keys asked for as far as they were found, in the order of the queries; arguments as for
/// `select`.
pub(super) fn guess(
    scratch: &Scratch,
    part: Part,
    queries: &[Query],
    range: (u64, u64),
    keys: &(impl Fn(&Tile, &mut Keys) + Sync),
) -> Result<Vec<Option<u64>>, TrainError> {
    let none = vec![None; queries.len()];
    if scratch.len() < ROWS_MIN {
        return Ok(none);
    }
    let mut sample = Keys::default();
    scratch.sample(part, SAMPLE_MAX, |tile| keys(tile, &mut sample))?;
    let brackets = brackets(&sample, queries, range);
    let Some(plan) = Plan::new(&brackets) else { return Ok(none) };
    let level = Level::best();
    let add = |counts: &mut Counts, tile: &Tile| {
        counts.rows.clear();
        keys(tile, &mut counts.rows);
        plan.add(level, counts);
    };
    let mut total = plan.counts();
    scratch.fold(part, 1, || plan.counts(), add, |more| total.merge(&more))?;
    if total.many {
        return Ok(none);
    }
    let asked = queries.iter().zip(plan.brackets);
    Ok(asked.map(|(query, bracket)| plan.answer(&total, bracket, query.rank)).collect())
}

impl Counts {
    fn merge(&mut self, other: &Counts) {
        let cells = self.cells.iter_mut().zip(&other.cells);
        cells.chain(self.ends.iter_mut().zip(&other.ends)).for_each(|(sum, more)| *sum += more);
        let count = |counts: &Counts| counts.collected.iter().map(Vec::len).sum::<usize>();
        self.many |= count(self) + count(other) > COLLECTED_MAX;
        for (keys, more) in self.collected.iter_mut().zip(&other.collected) {
            match self.many {
                true => *keys = Vec::new(),
                false => keys.extend_from_slice(more),
            }
        }
    }
}

/// The bracket of each query.
fn brackets(sample: &Keys, queries: &[Query], range: (u64, u64)) -> Vec<Bracket> {
    let mut sorted: Option<(u64, Vec<u64>)> = None;
    let mut all = Vec::with_capacity(queries.len());
    for query in queries {
        let class = query.class as u64;
        let is_of = |sorted: &(u64, Vec<u64>)| sorted.0 == class;
        let (_, keys) = match sorted.take().filter(is_of) {
            Some(same) => sorted.insert(same),
            None => {
                let both = sample.classes.iter().zip(&sample.keys);
                let held = both.filter(|(of, _)| **of <= class);
                let mut keys: Vec<u64> = held.map(|(_, &key)| key).collect();
                keys.sort_unstable();
                sorted.insert((class, keys))
            }
        };
        let count = keys.len() as f64;
        let share = (query.rank as f64 + 0.5) / query.of as f64;
        let reach = DEVIATIONS * (count * share * (1.0 - share)).sqrt() + 1.0;
        let (from, to) = ((share * count - reach).floor(), (share * count + reach).ceil());
        let low = if from < 0.0 { range.0 } else { keys[from as usize] };
        let high = if to < count { keys[to as usize] } else { range.1 };
        all.push(Bracket { class, low, high });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::keys::key_of;
    use super::super::scratch::tests::filled;
    use super::*;
    use rand::RngExt;
    use rand_pcg::Pcg64;

    /// What is found of these values; the others must be those of sorting.
    fn found(values: &[f64]) -> Vec<bool> {
        let rows: Vec<(Vec<f64>, f64)> = values.iter().map(|&y| (vec![0.0], y)).collect();
        let scratch = filled(&rows, 2);
        let mut sorted: Vec<u64> = values.iter().map(|&value| key_of(value)).collect();
        sorted.sort_unstable();
        let of = sorted.len() as u64;
        let ranks = [0, of / 10, of / 2, of - 1];
        let queries = ranks.map(|rank| Query { class: 0, rank, of });
        let range = (sorted[0], sorted[sorted.len() - 1]);
        let keys = |tile: &Tile, keys: &mut Keys| keys.add(tile.y().iter().map(|&y| key_of(y)));
        let guessed = guess(&scratch, Part::Target, &queries, range, &keys).unwrap();
        for (rank, key) in ranks.iter().zip(&guessed) {
            assert!(key.is_none_or(|key| key == sorted[*rank as usize]), "{rank}");
        }
        guessed.iter().map(Option::is_some).collect()
    }

    #[test]
    fn a_sample_finds_exact_ranks_and_one_that_misleads_finds_none() {
        let mut random = Pcg64::new(7, 7);
        let rows = ROWS_MIN + 4097;
        let mut noise: Vec<f64> = (0..rows).map(|_| random.random::<f64>() - 0.5).collect();
        assert_eq!(found(&noise), [true; 4]);
        assert_eq!(found(&vec![-0.25; rows]), [true; 4]);
        assert_eq!(found(&(0..rows).map(|row| (row % 3) as f64).collect::<Vec<_>>()), [true; 4]);
        assert_eq!(found(&(0..rows).map(|row| row as f64).collect::<Vec<_>>()), [true; 4]);
        // Half of the rows are where no sample looks.
        let tile = super::super::scratch::TILE_ROWS;
        let seen = super::super::scratch::sampled_rows;
        for (row, value) in noise.iter_mut().enumerate() {
            if !seen(row / tile).contains(&(row % tile)) && row % 2 == 0 {
                *value = -5.0 - *value;
            }
        }
        assert!(found(&noise).contains(&false));
    }

    #[test]
    fn fewer_rows_are_left_to_sorting() {
        let values: Vec<f64> = (0..1000).map(f64::from).collect();
        assert_eq!(found(&values), [false; 4]);
    }
}
