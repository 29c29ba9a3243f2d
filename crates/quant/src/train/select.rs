//! Order statistics of a column, exact, in passes: nothing is estimated.
//!
//! Keys are words whose order is that of the values. Most answers are where a sample says
//! (`guess`). For the others, each pass counts the next eleven bits of the keys that share what is
//! known of an answer; when few are left they are collected and sorted.

use super::TrainError;
use super::guess::guess;
use super::keys::{Keys, Query};
use super::scratch::{Part, Scratch, Tile};

/// Bits learnt a pass, and the number of keys that are few enough to sort.
const DIGIT_BITS: u32 = 11;
const FEW: u64 = 16_384;

/// What is known of an answer: it is in `[low, low + 2^bits)`, with this rank among the keys there.
#[derive(Clone, Copy, Debug)]
struct Known {
    query: Query,
    low: u64,
    bits: u32,
    rank: u64,
    count: u64,
}

impl Known {
    fn holds(&self, key: u64) -> bool {
        let offset = key.wrapping_sub(self.low);
        key >= self.low && (self.bits == 64 || offset >> self.bits == 0)
    }
}

/// The keys asked for, in the order of the queries. `keys` adds the class and key of each row that
/// counts. All keys are within `range`.
pub(super) fn select(
    scratch: &Scratch,
    part: Part,
    queries: &[Query],
    range: (u64, u64),
    keys: impl Fn(&Tile, &mut Keys) + Sync,
) -> Result<Vec<u64>, TrainError> {
    let guessed = guess(scratch, part, queries, range, &keys)?;
    let open = queries.iter().zip(&guessed).filter(|(_, guessed)| guessed.is_none());
    let open: Vec<Query> = open.map(|(query, _)| *query).collect();
    let mut searched = search(scratch, part, &open, range, &keys)?.into_iter();
    let answer = |guessed: Option<u64>| guessed.or_else(|| searched.next()).unwrap_or(range.0);
    Ok(guessed.into_iter().map(answer).collect())
}

/// The same, bit by bit.
fn search(
    scratch: &Scratch,
    part: Part,
    queries: &[Query],
    range: (u64, u64),
    keys: &(impl Fn(&Tile, &mut Keys) + Sync),
) -> Result<Vec<u64>, TrainError> {
    let bits = 64 - (range.1 - range.0).leading_zeros();
    let known =
        |&query: &Query| Known { query, low: range.0, bits, rank: query.rank, count: u64::MAX };
    let mut all: Vec<Known> = queries.iter().map(known).collect();
    while all.iter().any(|known| known.bits > 0 && known.count > FEW) {
        narrow(scratch, part, &mut all, keys)?;
    }
    // What is left is sorted.
    let new = || (vec![Vec::new(); all.len()], Keys::default());
    let (mut found, _) = new();
    let add = |(found, rows): &mut (Vec<Vec<u64>>, Keys), tile: &Tile| {
        rows.clear();
        keys(tile, rows);
        for (known, found) in all.iter().zip(found).filter(|(known, _)| known.bits > 0) {
            let held = |(class, key): (u64, u64)| {
                (known.query.class as u64 >= class && known.holds(key)).then_some(key)
            };
            found.extend(rows.rows().filter_map(held));
        }
    };
    if all.iter().any(|known| known.bits > 0) {
        scratch.fold(part, 1, new, add, |(more, _)| {
            found.iter_mut().zip(more).for_each(|(found, more)| found.extend(more));
        })?;
    }
    let answer = |(known, mut found): (&Known, Vec<u64>)| {
        found.sort_unstable();
        usize::try_from(known.rank).ok().and_then(|rank| found.get(rank).copied())
    };
    let answers = all.iter().zip(found);
    Ok(answers.map(|(known, found)| answer((known, found)).unwrap_or(known.low)).collect())
}

/// Counts of the next digits of the keys in one interval.
struct Table {
    interval: Known,
    /// The classes that are asked about, ascending: a row counts for the first that holds it, and
    /// the counts of those before it are added later.
    classes: Vec<u64>,
    /// Where the counts of the first class begin, in digits.
    first: usize,
}

/// One table for each interval that is not few enough.
fn tables(all: &[Known]) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for known in all.iter().filter(|known| known.bits > 0 && known.count > FEW) {
        let class = known.query.class as u64;
        match tables.iter_mut().find(|table| table.is_of(known)) {
            Some(table) => table.classes.push(class),
            None => tables.push(Table { interval: *known, classes: vec![class], first: 0 }),
        }
    }
    let mut first = 0;
    for table in &mut tables {
        table.classes.sort_unstable();
        table.classes.dedup();
        table.first = first;
        first += table.classes.len();
    }
    tables
}

impl Table {
    fn is_of(&self, known: &Known) -> bool {
        (self.interval.low, self.interval.bits) == (known.low, known.bits)
    }

    /// Bits behind the digit.
    fn rest(&self) -> u32 {
        self.interval.bits.saturating_sub(DIGIT_BITS)
    }

    fn add(&self, rows: &Keys, counts: &mut [u64]) {
        for (class, key) in rows.rows().filter(|row| self.interval.holds(row.1)) {
            let place = self.classes.partition_point(|&asked| asked < class);
            if place < self.classes.len() {
                let digit = (key - self.interval.low) >> self.rest();
                counts[((self.first + place) << DIGIT_BITS) + digit as usize] += 1;
            }
        }
    }

    /// The counts of a class and those below it.
    fn counts(&self, class: u64, counts: &[u64]) -> Vec<u64> {
        let mut sums = vec![0; 1 << DIGIT_BITS];
        let asked = self.classes.iter().take_while(|&&asked| asked <= class).count();
        for place in self.first..self.first + asked {
            let counts = &counts[place << DIGIT_BITS..(place + 1) << DIGIT_BITS];
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        sums
    }
}

/// One pass: every answer loses its next digit.
fn narrow(
    scratch: &Scratch,
    part: Part,
    all: &mut [Known],
    keys: &(impl Fn(&Tile, &mut Keys) + Sync),
) -> Result<(), TrainError> {
    let tables = tables(all);
    let places: usize = tables.iter().map(|table| table.classes.len()).sum();
    let new = || (vec![0u64; places << DIGIT_BITS], Keys::default());
    let (mut counts, _) = new();
    let add = |(counts, rows): &mut (Vec<u64>, Keys), tile: &Tile| {
        rows.clear();
        keys(tile, rows);
        tables.iter().for_each(|table| table.add(rows, counts));
    };
    scratch.fold(part, 1, new, add, |(more, _)| {
        counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
    })?;
    for known in all.iter_mut().filter(|known| known.bits > 0 && known.count > FEW) {
        let Some(table) = tables.iter().find(|table| table.is_of(known)) else { continue };
        let counts = table.counts(known.query.class as u64, &counts);
        let mut digit = 0;
        while digit + 1 < counts.len() && known.rank >= counts[digit] {
            known.rank -= counts[digit];
            digit += 1;
        }
        known.low += (digit as u64) << table.rest();
        (known.bits, known.count) = (table.rest(), counts[digit]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::keys::{key_of, value_of};
    use super::super::scratch::tests::filled;
    use super::*;
    use rand::RngExt;
    use rand_pcg::Pcg64;

    fn check(values: &[f64]) {
        let rows: Vec<(Vec<f64>, f64)> = values.iter().map(|&y| (vec![0.0], y)).collect();
        let scratch = filled(&rows, 3);
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let range = (key_of(sorted[0]), key_of(*sorted.last().unwrap()));
        let ranks = [0, 1, sorted.len() / 3, sorted.len() / 2, sorted.len() - 1];
        let of = sorted.len() as u64;
        let queries = ranks.map(|rank| Query { class: 0, rank: rank as u64, of });
        let found = select(&scratch, Part::Target, &queries, range, |tile, rows| {
            rows.add(tile.y().iter().map(|&y| key_of(y)));
        });
        let found: Vec<f64> = found.unwrap().into_iter().map(value_of).collect();
        assert_eq!(found, ranks.map(|rank| sorted[rank]));
    }

    #[test]
    fn every_rank_is_exact_with_few_many_and_equal_values() {
        let mut random = Pcg64::new(3, 3);
        check(&[0.25, -1.0, 7.5]);
        check(&vec![0.5; 40_000]);
        check(&(0..90_000).map(|_| random.random::<f64>() - 0.5).collect::<Vec<_>>());
        check(&(0..90_000).map(|i| f64::from(i % 3)).collect::<Vec<_>>());
        check(&(0..60_000).map(|i| if i % 2 == 0 { -1e-300 } else { 1e300 }).collect::<Vec<_>>());
        check(&(0..300_000).map(|_| random.random::<f64>() - 0.5).collect::<Vec<_>>());
    }
}
