//! [`DividedBook`]: a [`FeatureBook`] whose symbols are divided among threads.

use super::book::{FeatureBook, FeatureSettings};
use factord_factors::{Counts, Row, SettingsError, SymbolIndex, Trade};
use std::collections::{HashMap, VecDeque};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// The most threads: each looks at the symbols of all trades.
const THREADS_MAX: usize = 4;

/// Chunks under way at most.
const CHUNKS_MAX: usize = 3;

/// Trades that are announced together.
// 16: what is fetched for them is under way at once, and still there when they are pushed.
const ANNOUNCED: usize = 16;

/// Trades in their order, with the numbers of their symbols.
#[derive(Debug, Default)]
pub struct TradeBuffer {
    /// The trades.
    pub trades: Vec<Trade>,
    /// The number of each trade's symbol in the order in which they first came.
    pub symbols: Vec<u32>,
}

/// Trades, and the names of the symbols that first come in them.
struct Chunk {
    trades: TradeBuffer,
    names: Vec<String>,
}

/// Windows that closed, each with the place in its chunk of the trade that closed it, or at the end
/// of the input with its symbol's number, and then with that number; they ascend by the first.
#[derive(Default)]
struct Closed {
    rows: Vec<(u32, u32, Row)>,
    /// What the windows before add, for each of them in turn.
    past: Vec<f64>,
    /// Of all trades, and those outside of sessions; known at the end.
    counts: Counts,
    outside: u64,
}

/// One thread, and its end of the channels.
struct Worker {
    give: Option<SyncSender<Arc<Chunk>>>,
    take: Receiver<Closed>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// What the thread says next.
    fn next(&mut self) -> Closed {
        self.take.recv().unwrap_or_else(|_| {
            // It says something of each chunk, and once at the end, unless it panics.
            let ended = self.thread.take().map(JoinHandle::join);
            resume_unwind(ended.and_then(Result::err).unwrap_or_else(|| Box::new("a lost thread")))
        })
    }
}

/// The same rows in the same order as a [`FeatureBook`] gives: a symbol's windows are closed by its
/// own trades, so that symbols can be computed apart from each other.
pub struct DividedBook {
    workers: Vec<Worker>,
    /// The names of all symbols, by their number.
    names: Vec<String>,
    past_names: Vec<String>,
    under_way: VecDeque<Arc<Chunk>>,
}

impl DividedBook {
    /// Makes a book without symbols, for so many cores.
    ///
    /// # Errors
    ///
    /// A [`SettingsError`] names the setting that cannot be used.
    pub fn new(settings: &FeatureSettings, cores: usize) -> Result<DividedBook, SettingsError> {
        let count = cores.clamp(1, THREADS_MAX);
        let books = (0..count).map(|_| FeatureBook::new(settings));
        let books: Vec<FeatureBook> = books.collect::<Result<_, _>>()?;
        let past_names = books[0].past_names();
        let worker = |(part, book): (usize, FeatureBook)| {
            let (give, chunks) = sync_channel::<Arc<Chunk>>(CHUNKS_MAX);
            let (done, take) = sync_channel(CHUNKS_MAX + 1);
            let mut part = Part { book, part, count, symbols: Vec::new() };
            let thread = thread::spawn(move || {
                for chunk in chunks {
                    let closed = part.closed_by(&chunk);
                    // First, so that whoever hears of it is the only one to have the chunk.
                    drop(chunk);
                    if done.send(closed).is_err() {
                        return;
                    }
                }
                // Nobody is left to tell if the run has failed.
                let _ = done.send(part.finished());
            });
            Worker { give: Some(give), take, thread: Some(thread) }
        };
        let workers = books.into_iter().enumerate().map(worker).collect();
        Ok(DividedBook { workers, names: Vec::new(), past_names, under_way: VecDeque::new() })
    }

    /// The names of the columns behind those of windows and prices.
    pub fn past_names(&self) -> &[String] {
        &self.past_names
    }

    /// Takes trades, and the names of all symbols so far; calls `out` for windows that closed, in
    /// the order in which they did. Those of the last trades come later. Returns a buffer to fill.
    ///
    /// # Panics
    ///
    /// When a trade's symbol has no name.
    pub fn push(
        &mut self,
        trades: TradeBuffer,
        names: &[String],
        out: &mut impl FnMut(&str, &Row, &[f64]),
    ) -> TradeBuffer {
        let new = names[self.names.len()..].to_vec();
        self.names.extend_from_slice(&new);
        let chunk = Arc::new(Chunk { trades, names: new });
        for worker in &self.workers {
            // A thread that has ended is found when it is asked.
            let _ = worker.give.as_ref().map(|give| give.send(Arc::clone(&chunk)));
        }
        self.under_way.push_back(chunk);
        match self.under_way.len() {
            CHUNKS_MAX => self.take(out),
            _ => TradeBuffer::default(),
        }
    }

    /// Gives the windows of the oldest chunk, and returns its memory.
    fn take(&mut self, out: &mut impl FnMut(&str, &Row, &[f64])) -> TradeBuffer {
        let closed: Vec<Closed> = self.workers.iter_mut().map(Worker::next).collect();
        self.give_rows(&closed, out);
        let chunk = self.under_way.pop_front().and_then(|chunk| Arc::try_unwrap(chunk).ok());
        chunk.map(|chunk| chunk.trades).unwrap_or_default()
    }

    /// Gives the rows of all parts in their common order.
    fn give_rows(&self, closed: &[Closed], out: &mut impl FnMut(&str, &Row, &[f64])) {
        let width = self.past_names.len();
        let mut next = vec![0; closed.len()];
        // Bounded by the rows: every turn gives one.
        loop {
            let first = |part: &usize| closed[*part].rows.get(next[*part]).map(|row| row.0);
            let parts = (0..closed.len()).filter(|part| first(part).is_some());
            let Some(part) = parts.min_by_key(first) else { return };
            let at = next[part];
            let (_, symbol, row) = &closed[part].rows[at];
            let past = &closed[part].past[at * width..(at + 1) * width];
            out(&self.names[*symbol as usize], row, past);
            next[part] += 1;
        }
    }

    /// Says that the input has ended: gives the windows left, as [`FeatureBook::finish`] does, and
    /// returns the counts of all symbols together and the trades outside of sessions.
    pub fn finish(mut self, out: &mut impl FnMut(&str, &Row, &[f64])) -> (Counts, u64) {
        self.workers.iter_mut().for_each(|worker| worker.give = None);
        while !self.under_way.is_empty() {
            self.take(out);
        }
        let last: Vec<Closed> = self.workers.iter_mut().map(Worker::next).collect();
        self.give_rows(&last, out);
        let (mut counts, mut outside) = (Counts::default(), 0);
        for closed in &last {
            counts.add(&closed.counts);
            outside += closed.outside;
        }
        (counts, outside)
    }
}

/// The symbols of one thread: those whose number is `part`, counted in turns of `count`.
struct Part {
    book: FeatureBook,
    part: usize,
    count: usize,
    /// By the number of a symbol, what it is in the book if it is this thread's.
    symbols: Vec<Option<SymbolIndex>>,
}

impl Part {
    /// Pushes the trades of its symbols.
    fn closed_by(&mut self, chunk: &Chunk) -> Closed {
        for name in &chunk.names {
            let is_own = self.symbols.len() % self.count == self.part;
            self.symbols.push(is_own.then(|| self.book.symbol(name)));
        }
        let TradeBuffer { trades, symbols } = &chunk.trades;
        // Whose the next trade is, no branch predicts: each place is written, and kept or not.
        let (mut own, mut own_count) = (vec![0; symbols.len()], 0);
        for (at, symbol) in (0..).zip(symbols) {
            own[own_count] = at;
            own_count += usize::from(self.symbols[*symbol as usize].is_some());
        }
        let mut closed = Closed::default();
        for some in own[..own_count].chunks(ANNOUNCED) {
            let some = some.iter().filter_map(|&at| {
                let symbol = symbols[at as usize];
                Some((at, symbol, self.symbols[symbol as usize]?))
            });
            self.book.announce(some.clone().map(|(at, _, index)| (index, &trades[at as usize])));
            for (at, symbol, index) in some {
                let Closed { rows, past, .. } = &mut closed;
                let mut out = |_: &str, row: &Row, added: &[f64]| {
                    rows.push((at, symbol, *row));
                    past.extend_from_slice(added);
                };
                self.book.push(index, &trades[at as usize], &mut out);
            }
        }
        closed
    }

    /// Closes the windows that are open, and says what was counted.
    fn finished(mut self) -> Closed {
        let mut closed = Closed::default();
        let number =
            |(own, name): (usize, &String)| (name.clone(), (own * self.count + self.part) as u32);
        let numbers: HashMap<String, u32> =
            self.book.names().iter().enumerate().map(number).collect();
        let Closed { rows, past, .. } = &mut closed;
        self.book.finish(&mut |name, row, added| {
            let symbol = numbers[name];
            rows.push((symbol, symbol, *row));
            past.extend_from_slice(added);
        });
        (closed.counts, closed.outside) = (self.book.counts(), self.book.outside());
        closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use factord_factors::Side;

    /// Trades of some symbols in chunks of uneven length, new symbols among the later ones.
    fn chunks() -> (Vec<TradeBuffer>, Vec<String>) {
        let mut word = 1_u64;
        let mut next = |below: u64| {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
            (word >> 33) % below
        };
        let (mut chunks, mut ts_ns, mut known) = (Vec::new(), 1_700_000_000_000_000_000, 0);
        for chunk in 0..9 {
            let mut buffer = TradeBuffer::default();
            for _ in 0..next(900) + 1 {
                ts_ns += next(400_000_000) as i64;
                let symbol = next(2 + 2 * chunk).min(known) as u32;
                known = known.max(u64::from(symbol) + 1);
                let side = if next(2) == 0 { Side::Buy } else { Side::Sell };
                let ids = (next(500) + 1, next(500) + 1);
                let trade = Trade::new(ts_ns, 10.0 + next(50) as f64 / 100.0, 100.0, side);
                buffer.trades.push(Trade { buy_id: ids.0, sell_id: ids.1, ..trade });
                buffer.symbols.push(symbol);
            }
            chunks.push(buffer);
        }
        (chunks, (0..known).map(|number| format!("S{number}")).collect())
    }

    #[test]
    fn rows_and_counts_are_those_of_one_book_however_many_threads_there_are() {
        let settings = FeatureSettings::default();
        let (chunks, names) = chunks();
        let mut expected = Vec::new();
        let mut out = |name: &str, row: &Row, past: &[f64]| {
            expected.push(format!("{name} {row:?} {past:?}"));
        };
        let mut book = FeatureBook::new(&settings).unwrap();
        let symbols: Vec<_> = names.iter().map(|name| book.symbol(name)).collect();
        for chunk in &chunks {
            for (trade, symbol) in chunk.trades.iter().zip(&chunk.symbols) {
                book.push(symbols[*symbol as usize], trade, &mut out);
            }
        }
        book.finish(&mut out);
        assert!(names.len() > 8 && expected.len() > 100, "{} {}", names.len(), expected.len());
        for cores in [0, 1, 2, 3, 9] {
            let mut found = Vec::new();
            let mut out = |name: &str, row: &Row, past: &[f64]| {
                found.push(format!("{name} {row:?} {past:?}"));
            };
            let mut divided = DividedBook::new(&settings, cores).unwrap();
            let mut known = 0;
            for TradeBuffer { trades, symbols } in &chunks {
                known = known.max(symbols.iter().max().map_or(0, |most| *most as usize + 1));
                let (trades, symbols) = (trades.clone(), symbols.clone());
                divided.push(TradeBuffer { trades, symbols }, &names[..known], &mut out);
            }
            let counted = divided.finish(&mut out);
            assert_eq!(counted, (book.counts(), book.outside()));
            assert!(found == expected, "{cores} cores");
        }
    }
}
