//! The versions that shared a name's requests, compared by what files say of their answers.

use super::Batch;
use std::collections::BTreeMap;

/// Answers of which no interval is given.
// 10: the expansion of Student's quantile is exact to four digits from nine degrees of freedom on.
const COUNT_MIN: u64 = 10;

/// The quantile of the normal distribution that leaves 2.5 % above it.
const Z: f64 = 1.959_963_984_540_054;

/// From, up to.
pub type Interval = [f64; 2];

/// One version's answers.
#[derive(Clone, Debug, Default)]
pub struct VersionFigures {
    /// Requests that it got.
    pub count: u64,
    /// Those that it answered.
    pub answered: u64,
    /// The lowest and the highest generation.
    pub generations: Option<[u32; 2]>,
    /// Of its outputs: the mean, and the sum of squared distances from it.
    mean: f64,
    squares: f64,
    /// Of the answers that were timed.
    service_ns: Vec<u32>,
}

impl VersionFigures {
    /// Counts one request, with the output if there was one.
    fn add(&mut self, generation: u32, y: Option<f64>, service_ns: Option<u32>) {
        self.count += 1;
        self.service_ns.extend(service_ns);
        let [low, high] = self.generations.unwrap_or([generation; 2]);
        self.generations = Some([low.min(generation), high.max(generation)]);
        let Some(y) = y else { return };
        self.answered += 1;
        let distance = y - self.mean;
        self.mean += distance / self.answered as f64;
        self.squares += distance * (y - self.mean);
    }

    /// The mean of its outputs; `None` without any.
    pub fn mean(&self) -> Option<f64> {
        (self.answered > 0).then_some(self.mean)
    }

    /// The variance of its outputs; `None` of fewer than ten.
    fn variance(&self) -> Option<f64> {
        (self.answered >= COUNT_MIN).then(|| self.squares / (self.answered - 1) as f64)
    }

    /// The 95 % interval of the mean, by Student's distribution; `None` of fewer than ten outputs.
    pub fn mean_interval(&self) -> Option<Interval> {
        let count = self.answered as f64;
        let half = student(count - 1.0) * (self.variance()? / count).sqrt();
        Some([self.mean - half, self.mean + half])
    }

    /// How many of its answers were timed.
    pub fn timed(&self) -> usize {
        self.service_ns.len()
    }

    /// Nanoseconds that so great a share of its timed answers took at most, by nearest rank; `None`
    /// without any.
    pub fn service_ns(&self, share: f64) -> Option<u32> {
        let mut sorted = self.service_ns.clone();
        sorted.sort_unstable();
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.max(1) - 1).copied()
    }

    /// Requests that it refused.
    pub fn refused(&self) -> u64 {
        self.count - self.answered
    }
}

/// The versions that answered for a name.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// By the start of their hashes.
    pub versions: BTreeMap<String, VersionFigures>,
}

impl Comparison {
    /// Counts a row of a file, if a version answered or refused it.
    pub fn add(&mut self, batch: &Batch, row: usize) {
        if let Some(version) = batch.version(row) {
            let y = (batch.status(row) == "ok").then(|| batch.y(row));
            self.note(version, batch.generation(row), y, batch.service_ns(row));
        }
    }

    fn note(&mut self, version: &str, generation: u32, y: Option<f64>, service_ns: Option<u32>) {
        match self.versions.get_mut(version) {
            Some(figures) => figures.add(generation, y, service_ns),
            None => {
                let mut figures = VersionFigures::default();
                figures.add(generation, y, service_ns);
                self.versions.insert(version.to_owned(), figures);
            }
        }
    }

    /// Requests of all versions.
    pub fn count(&self) -> u64 {
        self.versions.values().map(|figures| figures.count).sum()
    }
}

/// The 95 % interval of a share, by Wilson; `None` of nothing.
pub fn share_interval(count: u64, of: u64) -> Option<Interval> {
    if of == 0 {
        return None;
    }
    let (n, p) = (of as f64, count as f64 / of as f64);
    let z2 = Z * Z;
    let middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    Some([(middle - half).max(0.0), (middle + half).min(1.0)])
}

/// The difference of two means, and its 95 % interval by Welch; `None` of fewer than ten outputs on
/// either side.
pub fn difference(a: &VersionFigures, b: &VersionFigures) -> Option<(f64, Interval)> {
    let [u, v] = [a.variance()? / a.answered as f64, b.variance()? / b.answered as f64];
    let difference = b.mean - a.mean;
    let freedom = if u + v > 0.0 {
        let part = |error: f64, count: u64| error * error / (count - 1) as f64;
        (u + v) * (u + v) / (part(u, a.answered) + part(v, b.answered))
    } else {
        f64::INFINITY
    };
    let half = student(freedom) * (u + v).sqrt();
    Some((difference, [difference - half, difference + half]))
}

/// The quantile of Student's distribution that leaves 2.5 % above it, by the expansion in one over
/// the degrees of freedom (Abramowitz and Stegun 26.7.5).
fn student(freedom: f64) -> f64 {
    let z2 = Z * Z;
    let terms = [
        (z2 + 1.0) / 4.0,
        ((5.0 * z2 + 16.0) * z2 + 3.0) / 96.0,
        (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) / 384.0,
        ((((79.0 * z2 + 776.0) * z2 + 1482.0) * z2 - 1920.0) * z2 - 945.0) / 92_160.0,
    ];
    let inverse = 1.0 / freedom;
    Z * (1.0 + terms.iter().rev().fold(0.0, |sum, term| (sum + term) * inverse))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() < tolerance, "{found} is not {expected}");
    }

    fn of(outputs: impl IntoIterator<Item = f64>) -> VersionFigures {
        let mut figures = VersionFigures::default();
        outputs.into_iter().for_each(|y| figures.add(1, Some(y), None));
        figures
    }

    /// By scipy: `scipy.stats.t.ppf(0.975, freedom)`.
    #[test]
    fn the_quantile_of_student_is_the_tables() {
        for (freedom, expected) in
            [(9.0, 2.262157), (12.0, 2.178813), (30.0, 2.042272), (1000.0, 1.962339)]
        {
            close(student(freedom), expected, 2e-4);
        }
        close(student(f64::INFINITY), Z, 1e-12);
    }

    /// 81 of 263: Wilson's interval is 0.2553 to 0.3662 (Newcombe 1998, table I).
    #[test]
    fn the_interval_of_a_share_is_wilson_s() {
        let [low, high] = share_interval(81, 263).unwrap();
        close(low, 0.2553, 5e-5);
        close(high, 0.3662, 5e-5);
        let [low, high] = share_interval(0, 20).unwrap();
        close(low, 0.0, 1e-15);
        close(high, 0.1611, 5e-5);
        assert_eq!(share_interval(0, 0), None);
    }

    /// 1 to 10: mean 5.5, variance 55/6; twice that: mean 11, variance 220/6.
    #[test]
    fn two_means_differ_by_welch_s_interval() {
        let a = of((1..=10).map(f64::from));
        let b = of((1..=10).map(|y| 2.0 * f64::from(y)));
        let half = 2.262157 * (55.0f64 / 60.0).sqrt();
        let [low, high] = a.mean_interval().unwrap();
        close(low, 5.5 - half, 5e-4);
        close(high, 5.5 + half, 5e-4);
        // Errors 55/60 and 220/60: (275/60)^2 / ((55/60)^2 / 9 + (220/60)^2 / 9) = 225 / 17.
        let (found, [low, high]) = difference(&a, &b).unwrap();
        let half = student(225.0 / 17.0) * (275.0f64 / 60.0).sqrt();
        close(found, 5.5, 1e-12);
        close(low, 5.5 - half, 1e-9);
        close(high, 5.5 + half, 1e-9);
        assert_eq!(difference(&a, &of((1..=9).map(f64::from))), None);
        assert_eq!(of([1.0; 12]).mean_interval(), Some([1.0, 1.0]));
    }
}
