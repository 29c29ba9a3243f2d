//! Who trades: parent orders, each split into child orders of one direction.
//!
//! Lillo, Mike and Farmer, "Theory for long memory in supply and demand", Physical Review E 71
//! (2005): where a few parent orders are worked at a time, each by one child order after another,
//! and their sizes have the tail `l^-a`, the signs of the child orders have the autocorrelation
//! `tau^-(a - 1)`. With a = 1.6 that is `tau^-0.6`, as real markets have it.

use super::random::Random;

/// Parent orders that are worked at the same time, a power of two.
// 8: the signs of neighbours then correlate by about 0.25, as in liquid stocks.
const PARENTS: usize = 8;

/// The most child orders of a parent order.
const CHILDREN_MAX: f64 = 100_000.0;

#[derive(Clone, Copy, Debug, Default)]
struct Parent {
    buys: bool,
    children_left: u64,
}

/// The parent orders of one stock.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    parents: [Parent; PARENTS],
}

impl Flow {
    pub(super) fn new(random: &mut Random) -> Flow {
        Flow { parents: std::array::from_fn(|_| Flow::parent(random)) }
    }

    fn parent(random: &mut Random) -> Parent {
        let buys = random.bits() >> 63 == 1;
        // At least 1, and small: the cast only rounds down.
        Parent { buys, children_left: random.pareto().min(CHILDREN_MAX) as u64 }
    }

    /// Whether the next child order buys.
    #[inline]
    pub(super) fn next_buys(&mut self, random: &mut Random) -> bool {
        let parent = &mut self.parents[random.below(PARENTS as u64) as usize];
        let buys = parent.buys;
        parent.children_left -= 1;
        if parent.children_left == 0 {
            *parent = Flow::parent(random);
        }
        buys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The autocorrelation of signs at some lags.
    fn autocorrelation(signs: &[f64], lags: &[usize]) -> Vec<f64> {
        let count = signs.len() as f64;
        let mean = signs.iter().sum::<f64>() / count;
        let variance = signs.iter().map(|s| (s - mean) * (s - mean)).sum::<f64>() / count;
        let at = |lag: usize| {
            let pairs = signs.iter().zip(&signs[lag..]);
            let sum: f64 = pairs.map(|(a, b)| (a - mean) * (b - mean)).sum();
            sum / (signs.len() - lag) as f64 / variance
        };
        lags.iter().map(|lag| at(*lag)).collect()
    }

    #[test]
    fn the_memory_of_signs_decays_like_a_power_near_minus_0_6() {
        let lags: Vec<usize> = (2..=9).map(|power| 1 << power).collect();
        let mut mean = vec![0.0; lags.len()];
        for seed in 0..4 {
            let mut random = Random::new(seed, 0);
            let mut flow = Flow::new(&mut random);
            let signs: Vec<f64> = (0..1_000_000)
                .map(|_| if flow.next_buys(&mut random) { 1.0 } else { -1.0 })
                .collect();
            let buys = signs.iter().filter(|sign| **sign > 0.0).count() as f64 / 1e6;
            assert!((0.45..0.55).contains(&buys), "{buys}");
            for (sum, value) in mean.iter_mut().zip(autocorrelation(&signs, &lags)) {
                *sum += value / 4.0;
            }
        }
        // The slope of the least-squares line through the logarithms.
        let points: Vec<(f64, f64)> =
            lags.iter().zip(&mean).map(|(lag, c)| ((*lag as f64).ln(), c.ln())).collect();
        let count = points.len() as f64;
        let x_mean = points.iter().map(|p| p.0).sum::<f64>() / count;
        let y_mean = points.iter().map(|p| p.1).sum::<f64>() / count;
        let covariance: f64 = points.iter().map(|p| (p.0 - x_mean) * (p.1 - y_mean)).sum();
        let slope = covariance / points.iter().map(|p| (p.0 - x_mean).powi(2)).sum::<f64>();
        assert!((-0.75..-0.45).contains(&slope), "{slope} {mean:?}");
        // A power, and not an exponential: no point lies far off the line.
        for (x, y) in points {
            assert!((y - y_mean - slope * (x - x_mean)).abs() < 0.25, "{slope} {mean:?}");
        }
        assert!((0.05..0.4).contains(&mean[0]), "{mean:?}");
    }
}
