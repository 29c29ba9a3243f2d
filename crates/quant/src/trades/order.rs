//! [`Steps`]: in which order the trades of a file stand, and putting them in order.

use super::options::Order;
use crate::features::TradeBuffer;

/// The most trades of a file that are held to be put in order.
// 2^25: 3 GB.
pub(super) const HELD_MAX: usize = 1 << 25;

/// The most ascending streams that are told apart.
const STREAMS_MAX: usize = 4;

/// Steps in time from each trade of a symbol to the next.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    symbols: Vec<SymbolSteps>,
    trades: u64,
    older: u64,
}

#[derive(Clone, Debug)]
struct SymbolSteps {
    last: i64,
    latest: i64,
    back: u64,
    on: u64,
    /// The last times of ascending streams that its trades could be a mixture of.
    streams: Vec<i64>,
    /// There are more than are told apart.
    many: bool,
}

/// In which order trades were seen to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// None is older than one before it.
    OldestFirst,
    /// None is younger than one before it.
    NewestFirst,
    /// So many streams, each oldest first, interleaved.
    Streams(usize),
    /// Another.
    Unsorted,
}

impl Steps {
    /// Takes the next trade.
    pub fn add(&mut self, symbol: u32, ts_ns: i64) {
        self.trades += 1;
        let at = symbol as usize;
        if self.symbols.len() <= at {
            let none = SymbolSteps {
                last: ts_ns,
                latest: ts_ns,
                back: 0,
                on: 0,
                streams: Vec::new(),
                many: false,
            };
            // Those between were not seen yet, and start with their first.
            self.symbols.resize(at + 1, none);
        }
        let steps = &mut self.symbols[at];
        if steps.streams.is_empty() {
            (steps.last, steps.latest) = (ts_ns, ts_ns);
        }
        steps.back += u64::from(ts_ns < steps.last);
        steps.on += u64::from(ts_ns > steps.last);
        self.older += u64::from(ts_ns < steps.latest);
        steps.last = ts_ns;
        steps.latest = steps.latest.max(ts_ns);
        // The stream that came furthest of those that it can follow.
        let follows = (0..steps.streams.len()).filter(|&at| steps.streams[at] <= ts_ns);
        match follows.max_by_key(|&at| steps.streams[at]) {
            Some(at) => steps.streams[at] = ts_ns,
            None if steps.streams.len() < STREAMS_MAX => steps.streams.push(ts_ns),
            None => steps.many = true,
        }
    }

    /// How many trades were taken, and how many of them are older than one before them.
    pub fn older(&self) -> (u64, u64) {
        (self.trades, self.older)
    }

    /// What they show.
    pub fn seen(&self) -> Seen {
        let sum = |of: &dyn Fn(&SymbolSteps) -> u64| self.symbols.iter().map(of).sum::<u64>();
        let (back, on) = (sum(&|steps| steps.back), sum(&|steps| steps.on));
        let streams = self.symbols.iter().map(|steps| steps.streams.len()).max().unwrap_or(0);
        match (back, on) {
            (0, _) => Seen::OldestFirst,
            (_, 0) => Seen::NewestFirst,
            _ if self.symbols.iter().any(|steps| steps.many) => Seen::Unsorted,
            _ => Seen::Streams(streams),
        }
    }

    /// What a reader of a file that is not oldest first should do, in words.
    pub fn advice(&self) -> String {
        let (trades, older) = self.older();
        let share = 100.0 * older as f64 / trades.max(1) as f64;
        let lost = format!(
            "--late take would leave out what is older than the open window, of {older} of \
             {trades} trades ({share:.0} %)"
        );
        match self.seen() {
            Seen::OldestFirst => "the file's own trades are in order".to_owned(),
            Seen::NewestFirst => {
                format!("the file is newest first: give --order newest-first; {lost}")
            }
            Seen::Streams(count) => format!(
                "the file is {count} streams, one within the other: give --order any, or sort it; \
                 {lost}"
            ),
            Seen::Unsorted => {
                format!("the file is in no order: give --order any, or sort it; {lost}")
            }
        }
    }
}

/// Puts the trades of a file in the order in which they happened.
pub(super) fn put(buffer: &mut TradeBuffer, order: Order) {
    match order {
        Order::OldestFirst => {}
        Order::NewestFirst => {
            buffer.trades.reverse();
            buffer.symbols.reverse();
        }
        Order::Any => {
            let mut places: Vec<usize> = (0..buffer.trades.len()).collect();
            // Stable: equal times stay as they stood.
            places.sort_by_key(|&at| buffer.trades[at].ts_ns);
            buffer.symbols = places.iter().map(|&at| buffer.symbols[at]).collect();
            buffer.trades = places.iter().map(|&at| buffer.trades[at]).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(trades: &[(u32, i64)]) -> (Seen, (u64, u64)) {
        let mut steps = Steps::default();
        trades.iter().for_each(|(symbol, ts_ns)| steps.add(*symbol, *ts_ns));
        (steps.seen(), steps.older())
    }

    #[test]
    fn the_order_of_a_file_is_told_by_its_steps() {
        assert_eq!(seen(&[(0, 1), (1, 9), (0, 1), (1, 9), (0, 3)]), (Seen::OldestFirst, (5, 0)));
        assert_eq!(seen(&[(0, 9), (0, 9), (0, 5), (0, 1)]), (Seen::NewestFirst, (4, 2)));
        assert_eq!(seen(&[(0, 1), (0, 90), (0, 2), (0, 91), (0, 3)]), (Seen::Streams(2), (5, 2)));
        let falling: Vec<_> = (0..9).flat_map(|n| [(0, 90 - 2 * n), (0, 91 - 2 * n)]).collect();
        assert_eq!(seen(&falling).0, Seen::Unsorted);
        assert_eq!(seen(&[(3, 5), (0, 1), (0, 2)]), (Seen::OldestFirst, (3, 0)));
    }
}
