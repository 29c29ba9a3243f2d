//! The bins of one feature, or of the answers.

use factord_models::file::EDGE_COUNT;

/// Bins, and the share of the training rows in each.
#[derive(Clone, Debug, PartialEq)]
pub struct Bins {
    edges: Vec<f64>,
    shares: Vec<f64>,
}

impl Bins {
    /// From the nine deciles of the training rows; `None` where fewer than two bins are left.
    ///
    /// Where deciles are equal, many rows have the very same value, and how many of them stand on
    /// either side is not known: such an edge is left out, as is one at the least or greatest
    /// value, and what lies around it is one bin, whose share is known.
    pub fn of(deciles: &[f64; EDGE_COUNT], min: Option<f64>, max: Option<f64>) -> Option<Bins> {
        let is_alone = |place: usize| {
            let edge = deciles[place];
            let before = if place == 0 { min } else { Some(deciles[place - 1]) };
            let after = deciles.get(place + 1).copied().or(max);
            before != Some(edge) && after != Some(edge)
        };
        let (mut edges, mut shares, mut last) = (Vec::new(), Vec::new(), 0);
        for place in (0..EDGE_COUNT).filter(|&place| is_alone(place)) {
            edges.push(deciles[place]);
            shares.push((place + 1 - last) as f64 / 10.0);
            last = place + 1;
        }
        shares.push((10 - last) as f64 / 10.0);
        (!edges.is_empty()).then_some(Bins { edges, shares })
    }

    /// How many there are, two to ten.
    pub fn count(&self) -> usize {
        self.shares.len()
    }

    /// The share of the training rows in each.
    pub fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// The bin of a number: an edge belongs to the bin below it.
    #[inline]
    pub fn place(&self, value: f64) -> usize {
        self.edges.iter().map(|edge| usize::from(value > *edge)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [f64; EDGE_COUNT] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

    #[test]
    fn deciles_that_differ_make_ten_bins_and_an_edge_belongs_below() {
        let bins = Bins::of(&PLAIN, Some(0.0), Some(1.0)).unwrap();
        assert_eq!(bins.shares(), [0.1; 10]);
        for (value, place) in [(-5.0, 0), (0.1, 0), (0.100_001, 1), (0.9, 8), (0.95, 9), (7.0, 9)] {
            assert_eq!(bins.place(value), place, "{value}");
        }
    }

    /// Thirty-odd rows in a hundred are 0: three deciles, of which nothing else is known.
    #[test]
    fn equal_deciles_make_one_bin_with_their_neighbours() {
        let close = |shares: &[f64], expected: &[f64]| {
            assert_eq!(shares.len(), expected.len(), "{shares:?}");
            shares.iter().zip(expected).for_each(|(a, b)| assert!((a - b).abs() < 1e-15));
        };
        let bins = Bins::of(&[0.0, 0.0, 0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9], None, None).unwrap();
        close(bins.shares(), &[0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]);
        let bins = Bins::of(&[0.1, 0.2, 0.5, 0.5, 0.5, 0.6, 0.7, 1.0, 1.0], None, None).unwrap();
        close(bins.shares(), &[0.1, 0.1, 0.4, 0.1, 0.3]);
        // One decile at the least value, and one at the greatest.
        let bins = Bins::of(&PLAIN, Some(0.1), Some(0.9)).unwrap();
        close(bins.shares(), &[0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2]);
        assert_eq!(Bins::of(&[0.0; EDGE_COUNT], None, None), None);
    }
}
