//! [`Target`]: what a model predicts, by the text that names it; [`Trail`]: the returns of windows
//! that follow each other.

use std::collections::VecDeque;
use thiserror::Error;

/// The most windows between inputs and target.
pub const HORIZON_MAX: usize = 10_000;

/// The column that returns are made of: the price of a window's last trade.
pub const PRICE: &str = "last";

/// What the texts of returns start with.
const RETURN: &str = "return:";

/// What a model predicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A column of a later window, or of the window itself.
    Column(String),
    /// The log return over so many windows after the input's: of the last price of the last of
    /// them over that of the input's window.
    Return(usize),
}

/// Text that starts as a return and names none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no return: write return:H, where H is over how many windows, 1 to {HORIZON_MAX}")]
pub struct ParseTargetError(String);

impl Target {
    /// Reads a target: `return:H`, else the name of a column.
    ///
    /// # Errors
    ///
    /// [`ParseTargetError`] for a return over no number of windows.
    pub fn of(text: &str) -> Result<Target, ParseTargetError> {
        let Some(windows) = text.strip_prefix(RETURN) else {
            return Ok(Target::Column(text.to_owned()));
        };
        let known = windows.parse().ok().filter(|windows| (1..=HORIZON_MAX).contains(windows));
        known.map(Target::Return).ok_or_else(|| ParseTargetError(text.to_owned()))
    }

    /// The column of a table that it is made of.
    pub fn column(&self) -> &str {
        match self {
            Target::Column(name) => name,
            Target::Return(_) => PRICE,
        }
    }

    /// How many windows after its inputs it is, where it says so itself.
    pub fn horizon(&self) -> Option<usize> {
        match self {
            Target::Column(_) => None,
            Target::Return(windows) => Some(*windows),
        }
    }

    /// Its name in artifacts and reports at a horizon: `sell_rate`, `sell_rate[+1]` a window
    /// later, `return:5`.
    pub fn named(&self, horizon: usize) -> String {
        match self {
            Target::Column(name) if horizon == 0 => name.clone(),
            Target::Column(name) => format!("{name}[+{horizon}]"),
            Target::Return(windows) => format!("{RETURN}{windows}"),
        }
    }
}

/// The logarithm of one price over another; NaN unless both are finite and above 0.
pub fn log_return(from: f64, to: f64) -> f64 {
    if !(from > 0.0 && to > 0.0 && from < f64::INFINITY && to < f64::INFINITY) {
        return f64::NAN;
    }
    // Within a factor of 2 the difference is exact: a quotient near 1 would lose a return's digits.
    if to < 2.0 * from && from < 2.0 * to {
        return libm::log1p((to - from) / from);
    }
    libm::log(to / from)
}

/// The last prices of one symbol's windows of a session.
#[derive(Clone, Debug, Default)]
pub struct Trail(VecDeque<f64>);

impl Trail {
    /// Takes the last price of the next window, `goes_on` being whether it is of the same session
    /// as the one before; returns the log return since the window `windows` before it, NaN where
    /// the session has none.
    pub fn next(&mut self, goes_on: bool, price: f64, windows: usize) -> f64 {
        if !goes_on {
            self.0.clear();
        }
        let from = if self.0.len() == windows { self.0.pop_front() } else { None };
        self.0.push_back(price);
        from.map_or(f64::NAN, |from| log_return(from, price))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_says_over_how_many_windows_it_is() {
        assert_eq!(Target::of("return:5"), Ok(Target::Return(5)));
        assert_eq!(Target::of("return"), Ok(Target::Column("return".to_owned())));
        assert_eq!(Target::of("return:5").unwrap().named(5), "return:5");
        assert_eq!(Target::of("sell_rate").unwrap().named(2), "sell_rate[+2]");
        for text in ["return:", "return:0", "return:-1", "return:10001", "return:5s"] {
            let refused = Target::of(text).unwrap_err().to_string();
            assert!(refused.starts_with(&format!("`{text}` is no return: write return:H")));
        }
    }

    /// Computed with Python's decimal module at 50 digits, and rounded once.
    #[test]
    fn a_log_return_has_all_its_digits() {
        for (from, to, expected) in RETURNS {
            let found = log_return(from, to);
            let off = (found - expected).abs() / expected.abs();
            assert!(off <= 2.0 * f64::EPSILON, "{from} to {to}: {found:e}, not {expected:e}");
        }
        assert_eq!(log_return(10.0, 10.0), 0.0);
        for (from, to) in [(0.0, 1.0), (1.0, 0.0), (f64::NAN, 1.0), (1.0, f64::INFINITY)] {
            assert!(log_return(from, to).is_nan());
        }
    }

    const RETURNS: [(f64, f64, f64); 5] = [
        (1815.0, 1815.01, 5.50962669525219e-06),
        (10.73, 10.72, -0.0009324009999511543),
        (0.1, 0.3, 1.0986122886681096),
        (64000.1, 32000.0, -0.6931487430587245),
        (12.5, 12.5000001, 7.999999919380233e-09),
    ];

    #[test]
    fn a_trail_starts_anew_with_each_session() {
        let mut trail = Trail::default();
        let steps =
            [(false, 1.0), (true, 2.0), (true, 4.0), (true, 4.0), (false, 8.0), (true, 8.0)];
        let found: Vec<f64> =
            steps.into_iter().map(|(goes_on, price)| trail.next(goes_on, price, 2)).collect();
        let known: Vec<usize> = (0..found.len()).filter(|&at| !found[at].is_nan()).collect();
        assert_eq!(known, [2, 3]);
        assert_eq!((found[2], found[3]), (log_return(1.0, 4.0), log_return(2.0, 4.0)));
    }
}
