//! How long the worker took for a version's answers, of those that it timed.

/// Times that are kept, of which the median is.
const KEPT: usize = 63;

/// The last times; memory does not grow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Service {
    last: [u64; KEPT],
    count: u64,
    median: Option<f64>,
}

impl Default for Service {
    fn default() -> Service {
        Service { last: [0; KEPT], count: 0, median: None }
    }
}

impl Service {
    /// Adds a time.
    pub(super) fn add(&mut self, ns: u64) {
        self.last[self.count as usize % KEPT] = ns;
        self.count += 1;
        let kept = KEPT.min(self.count as usize);
        let mut sorted = self.last;
        sorted[..kept].sort_unstable();
        self.median = Some((sorted[(kept - 1) / 2] as f64 + sorted[kept / 2] as f64) / 2.0);
    }

    /// Times that were added.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The median of the last 63 in nanoseconds; `None` before the first.
    pub(super) fn median_ns(&self) -> Option<f64> {
        self.median
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_that_of_the_last_times() {
        let mut service = Service::default();
        assert_eq!((service.median_ns(), service.count()), (None, 0));
        for (ns, median) in [(10, 10.0), (20, 15.0), (1, 10.0), (2, 6.0)] {
            service.add(ns);
            assert_eq!(service.median_ns(), Some(median));
        }
        (0..KEPT).for_each(|_| service.add(70));
        assert_eq!((service.median_ns(), service.count()), (Some(70.0), 67));
    }
}
