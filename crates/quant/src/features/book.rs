//! [`FeatureBook`]: trades of many symbols in, rows of a feature table out.

use super::lookback::Lookback;
use super::past::Past;
use crate::calendar::{Calendar, Sessions};
use factord_factors::{
    Book, Counts, Factors, Row, Settings, SettingsError, Stated, SymbolIndex, Trade,
};

/// How trades become the rows of a feature table.
#[derive(Clone, Debug, Default)]
pub struct FeatureSettings {
    /// The windows, and what is counted in them.
    pub factors: Settings,
    /// When the market trades; `None` is always.
    pub calendar: Option<Calendar>,
    /// How far columns look back.
    pub lookback: Lookback,
}

impl FeatureSettings {
    /// All that a table made with them states.
    pub fn stated(&self) -> Stated {
        let mut stated = Stated::by(&self.factors);
        if let Some(calendar) = &self.calendar {
            calendar.state(&mut stated);
        }
        self.lookback.state(&mut stated);
        stated
    }
}

/// A [`Book`] that knows when its market trades, and whose windows know those before them.
///
/// No window reaches from one session into the next, and by time they start at multiples of the
/// step since the session's start. Trades outside of sessions are counted and left out.
pub struct FeatureBook {
    book: Book,
    past: Past,
    calendar: Option<Calendar>,
    /// The session that each symbol is in.
    current: Vec<Option<(i64, i64)>>,
    outside: u64,
}

impl FeatureBook {
    /// Makes a book without symbols.
    ///
    /// # Errors
    ///
    /// A [`SettingsError`] names the setting that cannot be used.
    pub fn new(settings: &FeatureSettings) -> Result<FeatureBook, SettingsError> {
        let calendar = settings.calendar.clone();
        let sessions = Sessions { calendar: calendar.clone(), pause_ns: None };
        Ok(FeatureBook {
            book: Book::new(&settings.factors)?,
            past: Past::new(sessions, settings.lookback.clone()),
            calendar,
            current: Vec::new(),
            outside: 0,
        })
    }

    /// The names of the columns behind those of windows and prices.
    pub fn past_names(&self) -> Vec<String> {
        self.past.names()
    }

    /// The number of a symbol: see [`Book::symbol`].
    pub fn symbol(&mut self, name: &str) -> SymbolIndex {
        let symbol = self.book.symbol(name);
        self.current.resize(self.book.names().len(), None);
        symbol
    }

    /// The names of all symbols, in the order in which they came.
    pub fn names(&self) -> &[String] {
        self.book.names()
    }

    /// The names of all symbols with their numbers.
    pub fn numbers(&self) -> impl Iterator<Item = (&str, SymbolIndex)> {
        self.book.numbers()
    }

    /// The factors of a symbol of this book.
    ///
    /// # Panics
    ///
    /// If the number is another book's.
    pub fn factors(&self, symbol: SymbolIndex) -> &Factors {
        self.book.factors(symbol)
    }

    /// Takes a trade; calls `out` for each window of the symbol that it closes, with what the
    /// windows before it add.
    ///
    /// # Panics
    ///
    /// If the number is another book's.
    #[inline]
    pub fn push(
        &mut self,
        symbol: SymbolIndex,
        trade: &Trade,
        out: &mut impl FnMut(&str, &Row, &[f64]),
    ) {
        let past = &mut self.past;
        let mut out = |name: &str, row: &Row| out(name, row, past.of(name, row));
        if let Some(calendar) = &self.calendar {
            let current = &mut self.current[symbol.number()];
            if !current.is_some_and(|(from, to)| (from..to).contains(&trade.ts_ns)) {
                let Some(session) = calendar.at(trade.ts_ns) else {
                    self.outside += 1;
                    return;
                };
                // One of an earlier session is late, which the factors count.
                if current.is_none_or(|before| session.0 > before.0) {
                    *current = Some(session);
                    self.book.begin(symbol, session, &mut out);
                }
            }
        }
        self.book.push(symbol, trade, &mut out);
    }

    /// Says which trades come next: see [`Book::announce`].
    ///
    /// # Panics
    ///
    /// If a number is another book's.
    #[inline]
    pub fn announce<'t>(&self, trades: impl Iterator<Item = (SymbolIndex, &'t Trade)>) {
        self.book.announce(trades);
    }

    /// Says that it is `now_ns`: see [`Book::advance`].
    pub fn advance(&mut self, now_ns: i64, out: &mut impl FnMut(&str, &Row, &[f64])) {
        let past = &mut self.past;
        self.book.advance(now_ns, &mut |name, row| out(name, row, past.of(name, row)));
    }

    /// The window of a symbol as it stands, with what the windows before it add.
    ///
    /// # Panics
    ///
    /// If the number is another book's.
    pub fn now(&mut self, symbol: SymbolIndex) -> (Row, &[f64]) {
        let row = self.book.factors(symbol).now();
        let past = self.past.look(self.book.name(symbol), &row);
        (row, past)
    }

    /// Says that the input has ended: see [`Book::finish`].
    pub fn finish(&mut self, out: &mut impl FnMut(&str, &Row, &[f64])) {
        let past = &mut self.past;
        self.book.finish(&mut |name, row| out(name, row, past.of(name, row)));
    }

    /// The counts of all symbols together.
    pub fn counts(&self) -> Counts {
        self.book.counts()
    }

    /// Trades left out for being outside of the sessions.
    pub fn outside(&self) -> u64 {
        self.outside
    }
}
