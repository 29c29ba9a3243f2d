//! [`Symbols`]: the names of symbols by number, and how far each has come in time.

use std::collections::HashMap;

/// Places for the symbols that came last, as a power of two.
const RECENT_BITS: u32 = 10;

/// Symbols in the order in which they first came.
pub(super) struct Symbols {
    names: Vec<String>,
    /// The names as files say them.
    said: Vec<Vec<u8>>,
    numbers: HashMap<Vec<u8>, u32>,
    /// The symbol that came last of those whose names share a place.
    recent: [u32; 1 << RECENT_BITS],
    /// The latest time of each symbol.
    times: Vec<i64>,
}

impl Default for Symbols {
    fn default() -> Symbols {
        let (names, said, times) = (Vec::new(), Vec::new(), Vec::new());
        Symbols {
            names,
            said,
            numbers: HashMap::new(),
            recent: [u32::MAX; 1 << RECENT_BITS],
            times,
        }
    }
}

/// The place of a name among the recent ones, by its last bytes: names differ there.
#[inline]
fn place(name: &[u8]) -> usize {
    let last = match name.last_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => name.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    // 2^64 over the golden ratio: the upper bits of the product depend on all bytes.
    (last.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - RECENT_BITS)) as usize
}

impl Symbols {
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of a symbol; bytes that are not UTF-8 are replaced in its name.
    #[inline]
    pub(super) fn number(&mut self, name: &[u8]) -> u32 {
        let place = place(name);
        let recent = self.recent[place];
        match self.said.get(recent as usize) {
            Some(said) if said == name => recent,
            _ => {
                let number = self.look_up(name);
                self.recent[place] = number;
                number
            }
        }
    }

    fn look_up(&mut self, name: &[u8]) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        // Blanks around a name are no part of it.
        let bare = name.trim_ascii();
        if bare.len() < name.len() {
            let number = self.look_up(bare);
            self.numbers.insert(name.to_vec(), number);
            return number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(String::from_utf8_lossy(name).into_owned());
        self.said.push(name.to_vec());
        self.times.push(i64::MIN);
        self.numbers.insert(name.to_vec(), number);
        number
    }

    /// Forgets how far symbols have come, back to these times.
    pub(super) fn set_times(&mut self, times: Vec<i64>) {
        let count = self.times.len();
        self.times = times;
        self.times.resize(count, i64::MIN);
    }

    /// How far each symbol has come.
    pub(super) fn times(&self) -> &[i64] {
        &self.times
    }

    /// Takes the time of a symbol's next trade; the latest time so far if that is later.
    #[inline]
    pub(super) fn later_than(&mut self, number: u32, ts_ns: i64) -> Option<i64> {
        let time = &mut self.times[number as usize];
        let latest = *time;
        *time = latest.max(ts_ns);
        (ts_ns < latest).then_some(latest)
    }
}
