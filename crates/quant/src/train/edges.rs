//! The edges of drift: between ten bins of equally many training rows, of each feature and of the
//! answers. They are frozen here, so that what is seen later cannot move them.

use super::TrainError;
use super::keys::{Query, key_of, value_of};
use super::load::Loaded;
use super::scratch::{Part, Scratch, Tile};
use super::select::select;
use factord_eval::vectors::Level;
use factord_eval::{Affine, simd};
use factord_models::file::EDGE_COUNT;
use std::borrow::Cow;

/// Nine edges, ascending.
type Edges = [f64; EDGE_COUNT];

/// The values at which a tenth, two tenths and so on of the rows are reached: numpy's `quantile`
/// by its method `inverted_cdf`.
fn queries(rows: u64) -> Vec<Query> {
    let rank = |tenth: u64| (rows * tenth).div_ceil(10) - 1;
    (1..=EDGE_COUNT as u64).map(|tenth| Query { class: 0, rank: rank(tenth), of: rows }).collect()
}

/// Of rows that were fitted to; those held out come behind them.
fn edges(
    scratch: &Scratch,
    part: Part,
    rows: u64,
    range: (f64, f64),
    values: impl for<'a> Fn(&'a Tile<'_>, usize) -> Cow<'a, [f64]> + Sync,
) -> Result<Edges, TrainError> {
    // Adding 0 makes one number of both zeros.
    let key = |value: f64| key_of(value + 0.0);
    let range = (key(range.0), key(range.1));
    let keys = select(scratch, part, &queries(rows), range, |tile, keys| {
        let count = tile.rows_among(rows as usize);
        keys.add(values(tile, count).iter().map(|&value| key(value)));
    })?;
    Ok(std::array::from_fn(|edge| value_of(keys[edge])))
}

/// Of each feature.
pub(super) fn of_features(scratch: &Scratch, loaded: &Loaded) -> Result<Vec<Edges>, TrainError> {
    let of = |feature: usize| {
        let range = (loaded.seen[feature].min, loaded.seen[feature].max);
        edges(scratch, Part::Feature(feature), loaded.used, range, |tile, count| {
            Cow::Borrowed(&tile.x(feature)[..count])
        })
    };
    (0..scratch.width()).map(of).collect()
}

/// Of a model's answers: y, or the probability.
pub(super) fn of_answers(
    scratch: &Scratch,
    loaded: &Loaded,
    model: &Affine,
) -> Result<Edges, TrainError> {
    let level = Level::best();
    let range = if model.is_logistic() { (0.0, 1.0) } else { (f64::NEG_INFINITY, f64::INFINITY) };
    edges(scratch, Part::Features, loaded.used, range, |tile, count| {
        let x: Vec<&[f64]> = (0..scratch.width()).map(|j| &tile.x(j)[..count]).collect();
        let mut decisions = vec![0.0; count];
        simd::decide(level, model, &x, &mut decisions);
        if !model.is_logistic() {
            return Cow::Owned(decisions);
        }
        let mut probabilities = vec![0.0; count];
        simd::probabilities(level, &decisions, &mut probabilities);
        Cow::Owned(probabilities)
    })
}

#[cfg(test)]
mod tests {
    use super::queries;

    #[test]
    fn the_edges_are_the_rows_that_reach_each_tenth() {
        let ranks = |rows: u64| queries(rows).iter().map(|query| query.rank).collect::<Vec<_>>();
        assert_eq!(ranks(10), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(ranks(3), [0, 0, 0, 1, 1, 1, 2, 2, 2]);
        assert_eq!(ranks(1000)[8], 899);
    }
}
