//! [`Day`]: the correlations of one day, and [`Summary`]: those of all days together.

use super::ascending::Placed;
use super::blocks::Unit;
use super::correlation::{pearson, spearman};
use super::resample::{BLOCKS_MIN, DRAWS, Interval, draw, generator, interval};
use super::rows::Row;
use super::undefined::{Figure, Undefined};
use std::ops::Range;

/// How predictions and outcomes of one day go together, those of all symbols and windows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Day {
    /// When it begins, in nanoseconds since 1970 UTC; of a block, its first window, or the number
    /// of its first row from 0.
    pub start_ns: i64,
    /// Rows whose outcome is known.
    pub row_count: usize,
    /// Pearson's correlation.
    pub ic: Figure,
    /// Spearman's correlation.
    pub rank_ic: Figure,
}

impl Day {
    /// Of the rows of one day or block, at least one; the predictions of those whose outcome is
    /// known ascend so.
    pub(super) fn of(rows: &[Row], ascending: &[Placed], unit: Unit) -> Day {
        let known = || rows.iter().filter(|row| row.outcome.is_finite());
        let x: Vec<f64> = known().map(|row| row.predicted).collect();
        let y: Vec<f64> = known().map(|row| row.outcome).collect();
        let first = rows[0].start_ns;
        let start_ns = match unit {
            Unit::Day => first - first.rem_euclid(86_400_000_000_000),
            Unit::Windows | Unit::Rows => first,
        };
        let rank_ic = spearman(ascending, &y);
        Day { start_ns, row_count: x.len(), ic: pearson(&x, &y), rank_ic }
    }
}

/// The predictions of each day in ascending order.
pub(super) struct Orders {
    placed: Vec<Placed>,
    /// Where those of each day end.
    ends: Vec<usize>,
}

impl Orders {
    pub(super) fn parts(&self) -> impl Iterator<Item = &[Placed]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends).map(|(start, end)| &self.placed[*start..*end])
    }
}

/// Deals the predictions of all rows, which ascend, out to the days; those whose outcome is known,
/// each with its place among them.
pub(super) fn orders(rows: &[Row], ascending: &[Placed], days: &[Range<usize>]) -> Orders {
    const NONE: u32 = u32::MAX;
    // Of each row, its day and its place there.
    let mut seats = vec![(NONE, 0); rows.len()];
    let (mut next, mut count) = (Vec::with_capacity(days.len()), 0);
    for (day, part) in (0..).zip(days) {
        next.push(count);
        let mut place = 0;
        for (row, seat) in rows[part.clone()].iter().zip(&mut seats[part.clone()]) {
            if row.outcome.is_finite() {
                *seat = (day, place);
                place += 1;
            }
        }
        count += place as usize;
    }
    let mut placed = vec![Placed::new(0.0, 0, false); count];
    for one in ascending {
        let (day, place) = seats[one.place()];
        if day != NONE {
            let at = &mut next[day as usize];
            placed[*at] = Placed::new(one.value(), place as usize, false);
            *at += 1;
        }
    }
    // Where those of each day start has become where they end.
    Orders { placed, ends: next }
}

/// A figure of each day, over the days that define it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Days that define it.
    pub day_count: usize,
    /// Its mean.
    pub mean: Figure,
    /// Its deviation, with one day fewer as the divisor.
    pub std: Figure,
    /// The mean over its standard error, which is the deviation over the root of the days.
    pub t: Figure,
    /// Of the mean, 95 %, from drawing days.
    pub interval: Result<Interval, Undefined>,
}

impl Summary {
    pub(super) fn undefined(why: Undefined) -> Summary {
        let (mean, std, t) = (Err(why), Err(why), Err(why));
        Summary { day_count: 0, mean, std, t, interval: Err(why) }
    }

    pub(super) fn of(figures: impl Iterator<Item = Figure>, seed: u64) -> Summary {
        let all: Vec<Figure> = figures.collect();
        let values: Vec<f64> = all.iter().filter_map(|figure| figure.ok()).collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        match values[..] {
            [] => {
                // All days of one reason have it.
                let whys = || all.iter().filter_map(|figure| figure.err());
                let same = whys().next().filter(|first| whys().all(|why| why == *first));
                return Summary::undefined(same.unwrap_or(Undefined::NoDay));
            }
            [only] => {
                let few = Undefined::OneDay;
                let interval = Err(Undefined::FewBlocks { found: 1, needed: BLOCKS_MIN });
                let (std, t) = (Err(few), Err(few));
                return Summary { day_count: 1, mean: Ok(only), std, t, interval };
            }
            _ => {}
        }
        let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        let equal = values.iter().all(|value| *value == values[0]);
        let std = if equal { 0.0 } else { (squares / (count - 1.0)).sqrt() };
        let t = match std > 0.0 {
            true => Ok(mean / (std / count.sqrt())),
            false => Err(Undefined::EqualDays),
        };
        let interval = mean_interval(&values, seed);
        Summary { day_count: values.len(), mean: Ok(mean), std: Ok(std), t, interval }
    }
}

/// The interval of a mean over days.
fn mean_interval(values: &[f64], seed: u64) -> Result<Interval, Undefined> {
    let found = values.len();
    if found < BLOCKS_MIN {
        return Err(Undefined::FewBlocks { found, needed: BLOCKS_MIN });
    }
    let mut random = generator(seed, 3);
    let mut mean = || draw(&mut random, found).map(|at| values[at]).sum::<f64>() / found as f64;
    Ok(interval((0..DRAWS).map(|_| mean()).collect()))
}

#[cfg(test)]
mod tests {
    use super::super::ascending::ascending;
    use super::super::rows::tests::value;
    use super::*;

    #[test]
    fn the_predictions_of_a_day_ascend_with_their_places_among_those_of_known_outcome() {
        let predicted = [3.0, 1.0, 2.0, 9.0, 0.5, 1.0, 1.0, 4.0];
        let outcome = |at: usize| if at == 1 || at == 7 { f64::NAN } else { 0.0 };
        let rows = predicted.iter().enumerate();
        let rows: Vec<Row> = rows.map(|(at, &x)| value(at as i64, x, outcome(at))).collect();
        let all = ascending(predicted.iter().map(|&x| (x, true)));
        let orders = orders(&rows, &all, &[0..4, 4..7, 7..8]);
        let found: Vec<Vec<(f64, usize)>> = orders
            .parts()
            .map(|part| part.iter().map(|placed| (placed.value(), placed.place())).collect())
            .collect();
        let first = vec![(2.0, 1), (3.0, 0), (9.0, 2)];
        assert_eq!(found, [first, vec![(0.5, 0), (1.0, 1), (1.0, 2)], vec![]]);
    }

    #[test]
    fn a_summary_is_of_the_days_that_define_it() {
        let why = Undefined::OneRow;
        let summary = Summary::of([Ok(0.1), Err(why), Ok(0.3), Ok(0.2)].into_iter(), 1);
        assert_eq!(summary.day_count, 3);
        assert!((summary.mean.unwrap() - 0.2).abs() < 1e-15);
        assert!((summary.std.unwrap() - 0.1).abs() < 1e-15);
        assert!((summary.t.unwrap() - 0.2 / (0.1 / 3f64.sqrt())).abs() < 1e-14);
        assert_eq!(summary.interval, Err(Undefined::FewBlocks { found: 3, needed: 8 }));
        let one = Summary::of([Ok(0.1), Err(why)].into_iter(), 1);
        assert_eq!((one.mean, one.std, one.t), (Ok(0.1), Err(Undefined::OneDay), one.std));
        let equal = Summary::of([Ok(0.1); 3].into_iter(), 1);
        assert_eq!((equal.std, equal.t), (Ok(0.0), Err(Undefined::EqualDays)));
        assert_eq!(Summary::of([Err(why); 2].into_iter(), 1).mean, Err(why));
        let mixed = [Err(why), Err(Undefined::EqualOutcomes)];
        assert_eq!(Summary::of(mixed.into_iter(), 1).mean, Err(Undefined::NoDay));
    }

    #[test]
    fn the_interval_of_a_mean_is_as_wide_as_its_standard_error_says() {
        let values: Vec<f64> = (0..100).map(|at| f64::from(at % 10)).collect();
        let summary = Summary::of(values.iter().map(|&value| Ok(value)), 1);
        let (low, high) = summary.interval.unwrap();
        // 1.96 standard errors to either side, with the divisor of the draws.
        let half = 1.96 * 8.25f64.sqrt() / 10.0;
        assert!((low - (4.5 - half)).abs() < 0.1 && (high - (4.5 + half)).abs() < 0.1, "{low}");
    }

    #[test]
    fn a_day_counts_rows_of_known_outcome() {
        let rows = [value(86_400_000_000_001, 1.0, 2.0), value(86_400_000_000_009, 2.0, f64::NAN)];
        let day = Day::of(&rows, &ascending([(1.0, false)].into_iter()), Unit::Day);
        assert_eq!((day.start_ns, day.row_count), (86_400_000_000_000, 1));
        assert_eq!((day.ic, day.rank_ic), (Err(Undefined::OneRow), Err(Undefined::OneRow)));
    }
}
