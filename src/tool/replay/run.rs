//! [`Run`]: the loop of a replay.

use super::model_client::ModelClient;
use super::pace::Pace;
use super::sink::Sink;
use super::tally::{Answers, Tally};
use super::window::{Number, Predicted};
use crate::tool::Failure;
use factord_core::sync::{AtomicU64, Ordering};
use factord_factors::{Counts, Row, SymbolIndex};
use factord_quant::features::FeatureBook;
use factord_quant::trades::Reader;
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use quanta::Clock;
use std::thread;
use std::time::Duration;

/// The longest time asleep between two looks at the clock and for signals.
const NAP: Duration = Duration::from_millis(20);

/// A window that closed, with what those before it add.
struct Closed {
    symbol: String,
    row: Row,
    past: Vec<f64>,
}

/// Puts windows by as they close.
fn keep(closed: &mut Vec<Closed>) -> impl FnMut(&str, &Row, &[f64]) {
    |symbol, row, past| {
        closed.push(Closed { symbol: symbol.to_owned(), row: *row, past: past.to_owned() });
    }
}

/// Whether a signal asked for the end.
fn is_asked(asked_to_end: &AtomicU64) -> bool {
    // Relaxed: nothing else is told by it.
    asked_to_end.load(Ordering::Relaxed) > 0
}

/// How a replay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// With the last trade.
    Done,
    /// By a signal.
    Interrupted,
}

/// What a replay did.
pub(super) struct Done {
    pub(super) counts: Counts,
    /// Trades outside of the sessions.
    pub(super) outside: u64,
    /// Symbols that traded.
    pub(super) symbols: usize,
    /// Windows that were predicted, and those without what models take.
    pub(super) windows: u64,
    pub(super) undefined: u64,
    /// How often the engine was another one than before.
    pub(super) restarts: u64,
    /// Round trips of single predictions, nanoseconds.
    pub(super) round_trips: Histogram<u64>,
    /// The furthest that a trade came behind its time.
    pub(super) behind_max: Duration,
}

/// A replay under way.
pub(super) struct Run {
    book: FeatureBook,
    pub(super) models: [ModelClient; 2],
    /// What the predictions are compared with, or made of for a return.
    outcome: Number,
    clock: Clock,
    epoch: Option<u64>,
    pub(super) deadline: Duration,
    pub(super) tally: Tally,
    pub(super) sink: Sink,
    pub(super) done: Done,
}

impl Run {
    pub(super) fn new(
        book: FeatureBook,
        models: [ModelClient; 2],
        outcome: Number,
        tally: Tally,
        sink: Sink,
    ) -> Result<Run, Failure> {
        // Three significant digits, growing by itself.
        let round_trips = Histogram::new(3).expect("three digits are within the library's limits");
        let counts = Counts::default();
        let behind_max = Duration::ZERO;
        let (symbols, windows, undefined, restarts, outside) = (0, 0, 0, 0, 0);
        Ok(Run {
            book,
            models,
            outcome,
            clock: Clock::new(),
            epoch: None,
            deadline: Duration::ZERO,
            tally,
            sink,
            done: Done {
                counts,
                outside,
                symbols,
                windows,
                undefined,
                restarts,
                round_trips,
                behind_max,
            },
        })
    }

    /// Replays all trades, or as many as there is time for.
    pub(super) fn replay(
        &mut self,
        reader: &mut Reader,
        mut pace: Pace,
        asked_to_end: &AtomicU64,
        bar: &ProgressBar,
    ) -> Result<Ended, Failure> {
        let mut symbols: Vec<SymbolIndex> = Vec::new();
        let mut closed: Vec<Closed> = Vec::new();
        let mut ended = Ended::Done;
        'trades: while let Some(chunk) = reader.next_chunk()? {
            for name in &chunk.names[symbols.len()..] {
                symbols.push(self.book.symbol(name));
            }
            for (trade, number) in chunk.trades.iter().zip(chunk.symbols) {
                if self.wait(trade.ts_ns, &mut pace, asked_to_end, &mut closed)?
                    == Ended::Interrupted
                {
                    ended = Ended::Interrupted;
                    break 'trades;
                }
                self.book.push(symbols[*number as usize], trade, &mut keep(&mut closed));
                if !closed.is_empty() {
                    self.predict(&mut closed)?;
                }
            }
            // Thousandths, as the bar counts them.
            bar.set_position((reader.progress().unwrap_or(0.0) * 1_000.0) as u64);
        }
        if ended == Ended::Done {
            self.book.finish(&mut keep(&mut closed));
            self.predict(&mut closed)?;
        }
        let traded = |symbol: &&SymbolIndex| self.book.factors(**symbol).counts().trades > 0;
        self.done.symbols = symbols.iter().filter(traded).count();
        self.done.counts = self.book.counts();
        self.done.outside = self.book.outside();
        self.done.behind_max = pace.behind_max;
        Ok(ended)
    }

    /// Sleeps until a trade is due; windows by time close meanwhile as the clock passes their end.
    fn wait(
        &mut self,
        ts_ns: i64,
        pace: &mut Pace,
        asked_to_end: &AtomicU64,
        closed: &mut Vec<Closed>,
    ) -> Result<Ended, Failure> {
        // Bounded by the trade's time.
        loop {
            let wait = pace.wait_for(ts_ns);
            if is_asked(asked_to_end) {
                return Ok(Ended::Interrupted);
            }
            if wait.is_zero() {
                return Ok(Ended::Done);
            }
            thread::sleep(wait.min(NAP));
            if let Some(now_ns) = pace.now_ns() {
                self.book.advance(now_ns.min(ts_ns), &mut keep(closed));
                self.predict(closed)?;
            }
        }
    }

    /// Asks both models about each window that closed, and writes it.
    fn predict(&mut self, closed: &mut Vec<Closed>) -> Result<(), Failure> {
        for Closed { symbol, row, past } in closed.drain(..) {
            let takes = |model: &ModelClient| model.takes(&row, &past);
            let answers = if row.is_defined() && self.models.iter().all(takes) {
                self.done.windows += 1;
                Some(self.answers(&symbol, (&row, &past))?)
            } else {
                self.done.undefined += 1;
                None
            };
            self.sink.push(Predicted { symbol, row, past, answers })?;
        }
        Ok(())
    }

    fn answers(
        &mut self,
        symbol: &str,
        (row, past): (&Row, &[f64]),
    ) -> Result<(Answers, f64), Failure> {
        let mut both = [(0.0, 0.0); 2];
        for (model, outputs) in self.models.iter_mut().zip(&mut both) {
            let (answer, ns) = model
                .predict((row, past), &self.clock, self.deadline)
                .map_err(|error| error.about(format_args!("{symbol} at {}", row.start_ns)))?;
            // An auto-resizing histogram takes every value.
            let _ = self.done.round_trips.record(ns);
            if self.epoch.replace(answer.epoch).is_some_and(|before| before != answer.epoch) {
                self.done.restarts += 1;
            }
            *outputs = (answer.y, answer.second);
        }
        let [(regression, _), (probability, class)] = both;
        let answers = Answers { regression, class: class > 0.0 };
        self.tally.add(symbol, row, answers, self.outcome.of(row, past));
        Ok((answers, probability))
    }
}
