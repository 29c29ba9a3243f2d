//! [`Sizes`]: the sizes of the last trades or orders, and the size a share of them stay below.

/// Buckets of an octave, and octaves: from 2^-40 to 2^56, each bucket 0.8 % wide.
const IN_OCTAVE: usize = 128;
const OCTAVES: usize = 96;

/// What is subtracted from the upper bits of a number to give its bucket.
const BASE: u64 = (1023 - 40) << 7;

/// Units that must have been seen before there is a cut.
pub(super) const UNITS_MIN: u64 = 100;

/// A histogram of the last sizes. An order's size may still grow.
pub(super) struct Sizes {
    q: f64,
    last: Vec<u16>,
    /// Units ever seen.
    seen: u64,
    octaves: Vec<u32>,
    buckets: Vec<u32>,
}

fn bucket(size: f64) -> u16 {
    let top = (IN_OCTAVE * OCTAVES - 1) as u64;
    // In range: 12,287 at most.
    (size.to_bits() >> 45).saturating_sub(BASE).min(top) as u16
}

impl Sizes {
    pub(super) fn new(q: f64, last: u32) -> Sizes {
        let (octaves, buckets) = (vec![0; OCTAVES], vec![0; IN_OCTAVE * OCTAVES]);
        Sizes { q, last: vec![0; last as usize], seen: 0, octaves, buckets }
    }

    fn place(&self, unit: u64) -> usize {
        // Below the length, which is a usize.
        (unit % self.last.len() as u64) as usize
    }

    fn count(&mut self, bucket: u16) {
        self.buckets[usize::from(bucket)] += 1;
        self.octaves[usize::from(bucket) / IN_OCTAVE] += 1;
    }

    fn discount(&mut self, bucket: u16) {
        self.buckets[usize::from(bucket)] -= 1;
        self.octaves[usize::from(bucket) / IN_OCTAVE] -= 1;
    }

    /// Takes the size of a new unit; returns the low half of its number.
    pub(super) fn enter(&mut self, size: f64) -> u32 {
        let place = self.place(self.seen);
        if self.seen >= self.last.len() as u64 {
            self.discount(self.last[place]);
        }
        self.last[place] = bucket(size);
        self.count(bucket(size));
        self.seen += 1;
        // Truncated on purpose: numbers are compared by their wrapping difference.
        (self.seen - 1) as u32
    }

    /// Takes a unit's new size, if the unit is still one of the last.
    pub(super) fn grow(&mut self, unit: u32, size: f64) {
        let age = u64::from((self.seen as u32).wrapping_sub(unit));
        if age == 0 || age > self.seen.min(self.last.len() as u64) {
            return;
        }
        let place = self.place(self.seen - age);
        let (old, new) = (self.last[place], bucket(size));
        if old != new {
            self.discount(old);
            self.count(new);
            self.last[place] = new;
        }
    }

    /// The lower edge of the bucket in which the quantile lies; NaN while too few were seen.
    pub(super) fn cut(&self) -> f64 {
        if self.seen < UNITS_MIN {
            return f64::NAN;
        }
        let count = self.seen.min(self.last.len() as u64) as f64;
        // At least 1, at most the count.
        let mut rank = (self.q * count).ceil().max(1.0) as u64;
        let mut walk = |counts: &[u32]| {
            for (index, count) in counts.iter().enumerate() {
                let count = u64::from(*count);
                if rank <= count {
                    return index;
                }
                rank -= count;
            }
            counts.len() - 1
        };
        let octave = walk(&self.octaves) * IN_OCTAVE;
        let bucket = octave + walk(&self.buckets[octave..octave + IN_OCTAVE]);
        f64::from_bits((bucket as u64 + BASE) << 45)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cut_is_the_quantile_of_the_last_sizes_to_within_a_bucket() {
        let mut sizes = Sizes::new(0.9, 1_000);
        assert!(sizes.cut().is_nan());
        for size in (1..=2_000).rev() {
            sizes.enter(f64::from(size));
        }
        let cut = sizes.cut();
        assert!((893.0..=900.0).contains(&cut), "{cut}");
    }

    #[test]
    fn a_unit_that_grows_moves_and_one_long_gone_does_not() {
        let mut sizes = Sizes::new(0.5, 100);
        let units: Vec<u32> = (0..300).map(|_| sizes.enter(1.0)).collect();
        for unit in &units[..200] {
            sizes.grow(*unit, 64.0);
        }
        assert_eq!(sizes.cut(), 1.0);
        for unit in &units[200..251] {
            sizes.grow(*unit, 64.0);
        }
        assert_eq!(sizes.cut(), 64.0);
        assert_eq!(sizes.buckets.iter().sum::<u32>(), 100);
        assert_eq!(sizes.octaves.iter().sum::<u32>(), 100);
    }
}
