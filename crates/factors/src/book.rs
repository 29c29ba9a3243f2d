//! [`Book`]: the factors of many symbols.

use super::Trade;
use super::factors::Factors;
use super::row::{Counts, Row};
use super::settings::{Settings, SettingsError};
use std::collections::HashMap;
use std::hint::black_box;

/// The number of a symbol in its [`Book`], in the order in which symbols first came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SymbolIndex(usize);

impl SymbolIndex {
    /// The number, counted from 0.
    pub fn number(self) -> usize {
        self.0
    }
}

/// Trades of many symbols in, their rows out. A symbol's windows close by its own trades: symbols
/// do not wait for each other, and one may be ahead of another in time.
///
/// # Examples
///
/// ```
/// use factord_factors::{Book, Settings, Side, Trade};
///
/// let mut book = Book::new(&Settings::default())?;
/// let symbol = book.symbol("600519.SH");
/// let mut names = Vec::new();
/// let trade = Trade::new(0, 10.0, 300.0, Side::Buy);
/// book.push(symbol, &trade, &mut |symbol, _row| names.push(symbol.to_owned()));
/// book.finish(&mut |symbol, _row| names.push(symbol.to_owned()));
/// assert_eq!(names, ["600519.SH"]);
/// # Ok::<(), factord_factors::SettingsError>(())
/// ```
pub struct Book {
    settings: Settings,
    numbers: HashMap<String, SymbolIndex>,
    names: Vec<String>,
    factors: Vec<Factors>,
}

impl Book {
    /// Makes a book without symbols.
    ///
    /// # Errors
    /// A [`SettingsError`] names the setting that cannot be used.
    pub fn new(settings: &Settings) -> Result<Book, SettingsError> {
        settings.check()?;
        let (names, factors) = (Vec::new(), Vec::new());
        Ok(Book { settings: *settings, numbers: HashMap::new(), names, factors })
    }

    /// The number of a symbol, which gets factors of its own the first time it is named.
    pub fn symbol(&mut self, name: &str) -> SymbolIndex {
        if let Some(symbol) = self.numbers.get(name) {
            return *symbol;
        }
        let symbol = SymbolIndex(self.names.len());
        self.numbers.insert(name.to_owned(), symbol);
        self.names.push(name.to_owned());
        let factors = Factors::new(&self.settings);
        self.factors.push(factors.expect("the settings were checked when the book was made"));
        symbol
    }

    /// The name of a symbol of this book.
    ///
    /// # Panics
    /// If the number is another book's.
    pub fn name(&self, symbol: SymbolIndex) -> &str {
        &self.names[symbol.0]
    }

    /// The names of all symbols, in the order in which they came.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The names of all symbols with their numbers.
    pub fn numbers(&self) -> impl Iterator<Item = (&str, SymbolIndex)> {
        self.names.iter().enumerate().map(|(at, name)| (name.as_str(), SymbolIndex(at)))
    }

    /// The factors of a symbol of this book.
    ///
    /// # Panics
    /// If the number is another book's.
    pub fn factors(&self, symbol: SymbolIndex) -> &Factors {
        &self.factors[symbol.0]
    }

    /// Takes a trade; calls `out` for each window of the symbol that it closes.
    ///
    /// # Panics
    /// If the number is another book's.
    #[inline]
    pub fn push(&mut self, symbol: SymbolIndex, trade: &Trade, out: &mut impl FnMut(&str, &Row)) {
        let name = &self.names[symbol.0];
        self.factors[symbol.0].push(trade, &mut |row| out(name, row));
    }

    /// Says which trades come next, some tens of them, and changes nothing. What they are looked up
    /// in is fetched from memory for all of them at once, where pushing them would wait for each.
    ///
    /// # Panics
    /// If a number is another book's.
    #[inline]
    pub fn announce<'t>(&self, trades: impl Iterator<Item = (SymbolIndex, &'t Trade)>) {
        let touch = |(symbol, trade): (SymbolIndex, &Trade)| self.factors[symbol.0].touch(trade);
        black_box(trades.map(touch).fold(0, |all, one| all ^ one));
    }

    /// Says that a session of a symbol begins: see [`Factors::begin`].
    ///
    /// # Panics
    /// If the number is another book's.
    pub fn begin(
        &mut self,
        symbol: SymbolIndex,
        session: (i64, i64),
        out: &mut impl FnMut(&str, &Row),
    ) {
        let name = &self.names[symbol.0];
        self.factors[symbol.0].begin(session, &mut |row| out(name, row));
    }

    /// Says that it is `now_ns`: closes the windows by time of all symbols that ended before.
    pub fn advance(&mut self, now_ns: i64, out: &mut impl FnMut(&str, &Row)) {
        for (name, factors) in self.names.iter().zip(&mut self.factors) {
            factors.advance(now_ns, &mut |row| out(name, row));
        }
    }

    /// Says that the input has ended: see [`Factors::finish`].
    pub fn finish(&mut self, out: &mut impl FnMut(&str, &Row)) {
        for (name, factors) in self.names.iter().zip(&mut self.factors) {
            factors.finish(&mut |row| out(name, row));
        }
    }

    /// The counts of all symbols together.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        self.factors.iter().for_each(|factors| counts.add(&factors.counts()));
        counts
    }
}
