//! [`Intervals`] of a model's figures on all rows.

use super::ascending::Placed;
use super::blocks::{self, Unit};
use super::resample::{BLOCKS_MIN, DRAWS, Interval, draw, generator, interval};
use super::rows::{Row, Rows};
use super::undefined::Undefined;
use std::ops::Range;

/// Bins of the probability by which an area is counted again in a draw: of more probabilities than
/// these, neighbours share one.
// 1,024: an area counted so is off by less than 1e-3 / 2, which is then taken off.
const BINS: usize = 1024;

/// Intervals of 95 % from drawing days, or blocks where there are fewer than [`BLOCKS_MIN`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Intervals {
    /// What was drawn.
    pub unit: Unit,
    /// How many there are.
    pub count: usize,
    /// Of R2, for predictions of a value.
    pub r2: Result<Interval, Undefined>,
    /// Of the accuracy of a classifier.
    pub accuracy: Result<Interval, Undefined>,
    /// Of its area under the ROC curve.
    pub auc: Result<Interval, Undefined>,
}

impl Intervals {
    /// Of some rows, which it puts in the order of time; `None` without any.
    pub fn of(rows: &mut Rows, seed: u64) -> Option<Intervals> {
        if rows.is_empty() {
            return None;
        }
        let (is_class, is_dated) = (rows.is_class(), rows.is_dated());
        let refused = |unit, count, why| {
            Some(Intervals { unit, count, r2: Err(why), accuracy: Err(why), auc: Err(why) })
        };
        let limit = rows.limit();
        let Some((sorted, ascending)) = rows.ascending() else {
            let unit = if is_dated { Unit::Day } else { Unit::Rows };
            return refused(unit, 0, Undefined::TooMany { limit });
        };
        let (unit, parts) = blocks::drawn(sorted, is_dated);
        let count = parts.len();
        if count < BLOCKS_MIN {
            let why = Undefined::FewBlocks { found: count, needed: BLOCKS_MIN };
            return refused(unit, count, why);
        }
        let blocks: Vec<&[Row]> =
            parts.into_iter().map(|part: Range<usize>| &sorted[part]).collect();
        let none = Err(Undefined::NoDraw);
        let (r2, accuracy, auc) = match is_class {
            false => (r2(&blocks, seed), none, none),
            true => (none, accuracy(&blocks, seed), auc(ascending, &blocks, seed)),
        };
        Some(Intervals { unit, count, r2, accuracy, auc })
    }
}

/// Computes a figure of every draw; all figures see the same draws.
fn drawn(
    count: usize,
    seed: u64,
    mut figure: impl FnMut(&[usize]) -> f64,
) -> Result<Interval, Undefined> {
    let mut random = generator(seed, 1);
    let mut values = Vec::with_capacity(DRAWS);
    for _ in 0..DRAWS {
        let blocks: Vec<usize> = draw(&mut random, count).collect();
        values.push(figure(&blocks));
    }
    match interval(values) {
        ends if ends.0.is_finite() => Ok(ends),
        _ => Err(Undefined::NoDraw),
    }
}

/// Sums of blocks, drawn and added up.
fn of_sums<const N: usize>(
    sums: &[[f64; N]],
    seed: u64,
    figure: impl Fn([f64; N]) -> f64,
) -> Result<Interval, Undefined> {
    drawn(sums.len(), seed, |blocks| {
        let mut total = [0.0; N];
        for &block in blocks {
            total.iter_mut().zip(sums[block]).for_each(|(total, sum)| *total += sum);
        }
        figure(total)
    })
}

fn r2(blocks: &[&[Row]], seed: u64) -> Result<Interval, Undefined> {
    let all = || blocks.iter().flat_map(|rows| rows.iter());
    let first = all().next().map_or(0.0, |row| row.outcome);
    if all().all(|row| row.outcome == first) {
        return Err(Undefined::EqualOutcomes);
    }
    // Around about their mean squares do not cancel.
    let mean = all().map(|row| row.outcome).sum::<f64>() / all().count() as f64;
    let sums = |rows: &&[Row]| {
        let mut sums = [rows.len() as f64, 0.0, 0.0, 0.0];
        for row in *rows {
            let (y, off) = (row.outcome - mean, row.predicted - row.outcome);
            sums.iter_mut().zip([0.0, y, y * y, off * off]).for_each(|(sum, more)| *sum += more);
        }
        sums
    };
    let sums: Vec<[f64; 4]> = blocks.iter().map(sums).collect();
    of_sums(&sums, seed, |[count, y, squares, off]| {
        let total = squares - y * y / count;
        if total > 0.0 { 1.0 - off / total } else { f64::NAN }
    })
}

fn accuracy(blocks: &[&[Row]], seed: u64) -> Result<Interval, Undefined> {
    let hits = |rows: &&[Row]| rows.iter().filter(|row| row.hit).count() as f64;
    let sums: Vec<[f64; 2]> = blocks.iter().map(|rows| [rows.len() as f64, hits(rows)]).collect();
    of_sums(&sums, seed, |[count, hits]| hits / count)
}

/// The area of each draw, counted in bins, less by what bins make of the area of all rows, whose
/// probabilities ascend so, each marked by its label. The blocks are those rows in their order.
fn auc(ascending: &[Placed], blocks: &[&[Row]], seed: u64) -> Result<Interval, Undefined> {
    if ascending.iter().all(|placed| placed.mark() == ascending[0].mark()) {
        return Err(Undefined::OneClass);
    }
    let ties = || ascending.chunk_by(|a, b| a.value() == b.value());
    let groups = ties().count();
    // Of each row, by its place, how many bins are below its own; equal scores share one.
    let mut bins = vec![0_u16; ascending.len()];
    let (mut count, mut before, mut next) = (1, 0, 1);
    for (at, ties) in ties().enumerate() {
        // A bin of its own while there are bins enough; else the next one from its first row on.
        if groups <= BINS && at > 0 || groups > BINS && before * BINS >= next * ascending.len() {
            count += 1;
            next = before * BINS / ascending.len() + 1;
        }
        before += ties.len();
        // Below `BINS`.
        ties.iter().for_each(|placed| bins[placed.place()] = count - 1);
    }
    let exact = area(ties().map(|ties| {
        let ones = ties.iter().filter(|placed| placed.mark()).count() as f64;
        [ties.len() as f64 - ones, ones]
    }));
    let none = || vec![[0.0; 2]; count.into()];
    let mut rest = &bins[..];
    let counts = blocks.iter().map(|rows| {
        let mut counts = none();
        let (bins, others) = rest.split_at(rows.len());
        rest = others;
        for (row, &bin) in rows.iter().zip(bins) {
            counts[usize::from(bin)][usize::from(row.label)] += 1.0;
        }
        counts
    });
    let counts: Vec<Vec<[f64; 2]>> = counts.collect();
    let add = |total: &mut [[f64; 2]], counts: &[[f64; 2]]| {
        for (sum, more) in total.iter_mut().zip(counts) {
            sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        }
    };
    let mut total = none();
    counts.iter().for_each(|counts| add(&mut total, counts));
    let shift = exact - area(total.iter().copied());
    drawn(blocks.len(), seed, |blocks| {
        total.fill([0.0; 2]);
        blocks.iter().for_each(|&block| add(&mut total, &counts[block]));
        area(total.iter().copied()) + shift
    })
}

/// The area by counts of class 0 and 1 at ascending scores, equal ones counting half.
fn area(counts: impl Iterator<Item = [f64; 2]>) -> f64 {
    let (mut zeros, mut ones, mut above) = (0.0, 0.0, 0.0);
    for [zero, one] in counts {
        above += one * (zeros + zero / 2.0);
        zeros += zero;
        ones += one;
    }
    above / (zeros * ones)
}
