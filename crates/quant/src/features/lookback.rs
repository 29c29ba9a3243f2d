//! [`Lookback`]: how far the columns of a table look back.

use factord_factors::Stated;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The furthest window back, and the most of them in one list.
const WINDOWS_MAX: usize = 10_000;
const COUNT_MAX: usize = 32;

/// Numbers of windows, ascending: `1,2,5`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Windows(Vec<usize>);

/// Text that is no such list.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{0}` is no list of windows: write numbers of 1 to {WINDOWS_MAX}, {COUNT_MAX} at most, such as \
     1,2,5"
)]
pub struct ParseWindowsError(String);

impl Windows {
    /// All of them, ascending.
    pub fn all(&self) -> &[usize] {
        &self.0
    }

    /// Makes them of numbers in any order.
    ///
    /// # Errors
    ///
    /// [`ParseWindowsError`] when one is out of range, or there are too many.
    pub fn of(mut all: Vec<usize>) -> Result<Windows, ParseWindowsError> {
        all.sort_unstable();
        all.dedup();
        let sound = all.iter().all(|windows| (1..=WINDOWS_MAX).contains(windows));
        let made = Windows(all);
        if sound && made.0.len() <= COUNT_MAX {
            return Ok(made);
        }
        Err(ParseWindowsError(made.to_string().chars().take(80).collect()))
    }
}

impl FromStr for Windows {
    type Err = ParseWindowsError;

    fn from_str(text: &str) -> Result<Windows, ParseWindowsError> {
        let all: Result<Vec<usize>, _> = text.split(',').map(|one| one.trim().parse()).collect();
        all.map_err(|_| ParseWindowsError(text.chars().take(80).collect())).and_then(Windows::of)
    }
}

impl fmt::Display for Windows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.0.iter().map(usize::to_string).collect();
        f.write_str(&texts.join(","))
    }
}

/// How far the columns of a table look back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lookback {
    /// The windows before a window that columns repeat: `buy_rate_lag2`.
    pub lags: Windows,
    /// Over how many windows, the window itself among them, columns have means:
    /// `buy_rate_mean10`.
    pub means: Windows,
}

impl Lookback {
    /// Adds what it is to settings that are stated.
    pub(super) fn state(&self, stated: &mut Stated) {
        for (name, windows) in [("lags", &self.lags), ("means", &self.means)] {
            if !windows.0.is_empty() {
                let text = windows.to_string();
                stated.put(name, &text).expect("32 numbers are a short text of plain characters");
            }
        }
    }

    /// States it in the place of what was stated.
    pub fn replace(&self, stated: &mut Stated) {
        ["lags", "means"].into_iter().for_each(|name| stated.remove(name));
        self.state(stated);
    }

    /// How many windows are looked back at, the window itself not among them.
    pub(super) fn depth(&self) -> usize {
        let lag = self.lags.0.last().copied().unwrap_or(0);
        lag.max(self.means.0.last().map_or(0, |windows| windows - 1))
    }

    /// What the features of a model look back at, by their names.
    pub fn of_features<'a>(features: impl IntoIterator<Item = &'a str>) -> Lookback {
        let (mut lags, mut means) = (Vec::new(), Vec::new());
        for feature in features {
            for column in LAGGED {
                let Some(rest) = feature.strip_prefix(column) else { continue };
                let windows = |marker: &str| rest.strip_prefix(marker)?.parse::<usize>().ok();
                lags.extend(windows("_lag"));
                means.extend(windows("_mean"));
            }
        }
        let windows = |all| Windows::of(all).unwrap_or_default();
        Lookback { lags: windows(lags), means: windows(means) }
    }
}

/// The columns that are repeated and averaged.
pub(super) const LAGGED: [&str; 4] = ["buy_rate", "large_buy", "large_sell", "log_return"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_numbers_in_order_each_once() {
        let windows: Windows = "5, 1,2,1".parse().unwrap();
        assert_eq!((windows.all(), windows.to_string().as_str()), (&[1, 2, 5][..], "1,2,5"));
        for text in ["", "0", "1,,2", "-1", "10001", "1-3", "1.5"] {
            let refused = text.parse::<Windows>().unwrap_err().to_string();
            assert!(refused.contains("is no list of windows: write numbers"), "{refused}");
        }
        assert!(Windows::of((1..=33).collect()).is_err());
    }

    #[test]
    fn what_features_look_back_at_is_told_by_their_names() {
        let names = ["buy_rate", "buy_rate_lag2", "log_return_mean10", "large_buy_lag1", "x_lag7"];
        let lookback = Lookback::of_features(names);
        assert_eq!((lookback.lags.all(), lookback.means.all()), (&[1, 2][..], &[10][..]));
        assert_eq!(lookback.depth(), 9);
    }
}
