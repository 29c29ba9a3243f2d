//! Random numbers with the same bits on every machine: a documented generator, and nothing of the
//! machine's mathematical library. Additions, multiplications, divisions and square roots only,
//! which IEEE 754 rounds in one way.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

/// A source of random numbers.
#[derive(Clone, Debug)]
pub(super) struct Random(Pcg64);

impl Random {
    /// Starts the stream of one stock; streams of other stocks and seeds share nothing.
    pub(super) fn new(seed: u64, stock: u64) -> Random {
        // 2^64 over the golden ratio: neighbouring seeds then differ in half of their bits, and no
        // two pairs that somebody would ask for meet.
        let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(stock);
        Random(Pcg64::seed_from_u64(mixed))
    }

    /// Draws 64 random bits.
    #[inline]
    pub(super) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Draws a number above 0 and at most 1, one of 2^53.
    #[inline]
    pub(super) fn unit(&mut self) -> f64 {
        // Both factors and the product are exact.
        ((self.bits() >> 11) + 1) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Draws whether something happens that has this probability.
    #[inline]
    pub(super) fn happens(&mut self, probability: f64) -> bool {
        self.unit() <= probability
    }

    /// Draws a whole number below `limit`, which is at least 1 and small.
    #[inline]
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(limit)) >> 64) as u64
    }

    /// Draws how much larger than the smallest something is, at least 1: more than `l` with
    /// probability `l^-1.6`, Pareto's law.
    ///
    /// Its inverse is `u^(-5/8)`, which square roots give, rounded in one way step by step;
    /// `rand_distr` takes `powf`, whose last bits differ between machines.
    #[inline]
    pub(super) fn pareto(&mut self) -> f64 {
        let u = self.unit();
        let half = u.sqrt();
        let eighth = half.sqrt().sqrt();
        1.0 / (half * eighth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_tail_of_their_law() {
        let mut random = Random::new(7, 0);
        let count = 1_000_000;
        let sizes: Vec<f64> = (0..count).map(|_| random.pareto()).collect();
        assert!(sizes.iter().all(|size| *size >= 1.0 && size.is_finite()));
        for size in [2.0f64, 4.0, 16.0, 64.0] {
            let share = sizes.iter().filter(|s| **s > size).count() as f64 / f64::from(count);
            let law = size.powf(-1.6);
            assert!((share / law - 1.0).abs() < 0.1, "{size}: {share} {law}");
        }
    }

    #[test]
    fn the_streams_of_stocks_and_seeds_differ() {
        let draw = |seed, stock| Random::new(seed, stock).bits();
        let mut all: Vec<u64> =
            (0..50).flat_map(|seed| (0..50).map(move |stock| draw(seed, stock))).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 2500);
        assert_eq!(draw(3, 4), draw(3, 4));
    }

    #[test]
    fn numbers_below_a_limit_stay_there_and_reach_both_ends() {
        let mut random = Random::new(1, 1);
        let mut seen = [0; 5];
        (0..1000).for_each(|_| seen[random.below(5) as usize] += 1);
        assert!(seen.iter().all(|count| *count > 100), "{seen:?}");
        assert!((0..1000).all(|_| { 0.0..=1.0 }.contains(&random.unit())));
    }
}
