//! [`FeatureBook`]: trades of many symbols in, rows of a feature table out.

use super::Past;
use factord_factors::{Book, Counts, Factors, Row, Settings, SettingsError, SymbolIndex, Trade};

/// A [`Book`] whose windows know those before them.
pub struct FeatureBook {
    book: Book,
    past: Past,
}

impl FeatureBook {
    /// Makes a book without symbols.
    ///
    /// # Errors
    ///
    /// A [`SettingsError`] names the setting that cannot be used.
    pub fn new(settings: &Settings) -> Result<FeatureBook, SettingsError> {
        Ok(FeatureBook { book: Book::new(settings)?, past: Past::default() })
    }

    /// The names of the columns behind those of windows and prices.
    pub fn past_names(&self) -> Vec<String> {
        self.past.names()
    }

    /// The number of a symbol: see [`Book::symbol`].
    pub fn symbol(&mut self, name: &str) -> SymbolIndex {
        self.book.symbol(name)
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
        self.book.push(symbol, trade, &mut |name, row| out(name, row, past.of(name, row)));
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
}
