//! [`Keys`]: numbers and times as words of the same order, and [`Query`], which of them is looked
//! for.

/// What is looked for: the key of rank `rank`, from 0, among the rows of a class and those below.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query {
    pub(super) class: usize,
    pub(super) rank: u64,
    /// How many rows these are.
    pub(super) of: u64,
}

/// The classes and keys of rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    pub(super) classes: Vec<u64>,
    pub(super) keys: Vec<u64>,
}

impl Keys {
    /// Adds a row.
    pub(super) fn push(&mut self, class: u64, key: u64) {
        self.classes.push(class);
        self.keys.push(key);
    }

    /// Adds rows of class 0.
    pub(super) fn add(&mut self, keys: impl Iterator<Item = u64>) {
        self.keys.extend(keys);
        self.classes.resize(self.keys.len(), 0);
    }

    /// Forgets all rows.
    pub(super) fn clear(&mut self) {
        self.classes.clear();
        self.keys.clear();
    }

    /// Class and key of each row.
    pub(super) fn rows(&self) -> impl Iterator<Item = (u64, u64)> {
        self.classes.iter().copied().zip(self.keys.iter().copied())
    }
}

/// A word that orders as the number does.
pub(super) fn key_of(value: f64) -> u64 {
    let bits = value.to_bits();
    // All bits of a negative number are turned, of another one the first.
    bits ^ ((bits.cast_signed() >> 63).cast_unsigned() | 1 << 63)
}

/// The number of a word.
pub(super) fn value_of(key: u64) -> f64 {
    f64::from_bits(key ^ ((key >> 63).wrapping_sub(1) | 1 << 63))
}

/// A word that orders as the time does, and back.
pub(super) fn key_of_time(time: i64) -> u64 {
    time.cast_unsigned() ^ 1 << 63
}

/// The time of a word.
pub(super) fn time_of(key: u64) -> i64 {
    (key ^ 1 << 63).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_their_order_as_words() {
        for time in [i64::MIN, -5, 0, 7, i64::MAX] {
            assert_eq!(time_of(key_of_time(time)), time);
        }
        assert!(key_of_time(-1) < key_of_time(0) && key_of(-0.5) < key_of(0.25));
        assert_eq!(value_of(key_of(-0.125)), -0.125);
    }
}
