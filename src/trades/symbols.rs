//! [`Symbols`]: the names of symbols by number, and how far each has come in time.

use std::collections::HashMap;

/// Symbols in the order in which they first came.
#[derive(Default)]
pub(super) struct Symbols {
    names: Vec<String>,
    numbers: HashMap<Vec<u8>, u32>,
    /// The symbol of the last row, which most rows share.
    last: Option<(Vec<u8>, u32)>,
    /// The latest time of each symbol.
    times: Vec<i64>,
}

impl Symbols {
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of a symbol; bytes that are no UTF-8 are replaced in its name.
    #[inline]
    pub(super) fn number(&mut self, name: &[u8]) -> u32 {
        match &self.last {
            Some((last, number)) if last == name => *number,
            _ => self.look_up(name),
        }
    }

    fn look_up(&mut self, name: &[u8]) -> u32 {
        let number = match self.numbers.get(name) {
            Some(number) => *number,
            None => {
                let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
                self.names.push(String::from_utf8_lossy(name).into_owned());
                self.times.push(i64::MIN);
                self.numbers.insert(name.to_vec(), number);
                number
            }
        };
        self.last = Some((name.to_vec(), number));
        number
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
