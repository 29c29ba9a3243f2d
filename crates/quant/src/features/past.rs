//! [`Past`]: what the windows before it add to a window of a symbol.

use super::lookback::{LAGGED, Lookback};
use crate::calendar::{Session, Sessions};
use crate::target::log_return;
use factord_factors::Row;
use std::collections::{HashMap, VecDeque};

/// The values of the columns that are looked back at, of one window.
type Values = [f64; LAGGED.len()];

/// One symbol's last windows.
#[derive(Debug)]
struct Track {
    session: Session,
    /// The last price of the last window.
    last: f64,
    /// The last windows of the session, as many as are looked back at; the latest at the end.
    values: VecDeque<Values>,
}

impl Default for Track {
    fn default() -> Track {
        Track { session: Session::default(), last: f64::NAN, values: VecDeque::new() }
    }
}

/// The windows of all symbols as far as later ones need them.
#[derive(Debug, Default)]
pub(super) struct Past {
    sessions: Sessions,
    lookback: Lookback,
    tracks: HashMap<String, Track>,
    added: Vec<f64>,
}

impl Past {
    pub(super) fn new(sessions: Sessions, lookback: Lookback) -> Past {
        Past { sessions, lookback, ..Past::default() }
    }

    /// The names of what it adds, in order.
    pub(super) fn names(&self) -> Vec<String> {
        let Lookback { lags, means } = &self.lookback;
        let mut names = vec!["log_return".to_owned()];
        for column in LAGGED {
            names.extend(lags.all().iter().map(|windows| format!("{column}_lag{windows}")));
            names.extend(means.all().iter().map(|windows| format!("{column}_mean{windows}")));
        }
        names
    }

    /// Takes the next window of a symbol; returns what the windows before it add, in the order of
    /// [`Past::names`], NaN where its session has too few.
    pub(super) fn of(&mut self, symbol: &str, row: &Row) -> &[f64] {
        let track = match self.tracks.get_mut(symbol) {
            Some(track) => track,
            None => self.tracks.entry(symbol.to_owned()).or_default(),
        };
        let goes_on = self.sessions.take(&mut track.session, (row.start_ns, row.end_ns));
        if !goes_on {
            track.last = f64::NAN;
            track.values.clear();
        }
        let values = add(&self.lookback, track, row, &mut self.added);
        track.last = row.last;
        if self.lookback.depth() > 0 {
            if track.values.len() == self.lookback.depth() {
                track.values.pop_front();
            }
            track.values.push_back(values);
        }
        &self.added
    }

    /// What the windows before it add to a window that is open, which is not taken.
    pub(super) fn look(&mut self, symbol: &str, row: &Row) -> &[f64] {
        let none = Track::default();
        let times = (row.start_ns, row.end_ns);
        let goes_on = |track: &&Track| self.sessions.goes_on(&track.session, times);
        let track = self.tracks.get(symbol).filter(goes_on).unwrap_or(&none);
        add(&self.lookback, track, row, &mut self.added);
        &self.added
    }
}

/// Puts together what the windows of a session add to the one after them; returns the values that
/// it leaves to later ones.
fn add(lookback: &Lookback, track: &Track, row: &Row, added: &mut Vec<f64>) -> Values {
    let (past, count) = (&track.values, track.values.len());
    let values = [row.buy_rate, row.large_buy, row.large_sell, log_return(track.last, row.last)];
    added.clear();
    added.push(values[3]);
    for (column, &value) in values.iter().enumerate() {
        for &windows in lookback.lags.all() {
            let lagged = count.checked_sub(windows).map(|at| past[at][column]);
            added.push(lagged.unwrap_or(f64::NAN));
        }
        for &windows in lookback.means.all() {
            let first = (count + 1).checked_sub(windows);
            let mean = first.map(|first| {
                let earlier = past.range(first..).map(|values| values[column]);
                sum(earlier.chain([value])) / windows as f64
            });
            added.push(mean.unwrap_or(f64::NAN));
        }
    }
    values
}

/// A sum that keeps what each addition loses to rounding (Knuth's two-sum).
fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let (high, low) = values.fold((0.0, 0.0), |(high, low), value: f64| {
        let sum = high + value;
        let taken = sum - high;
        (sum, low + ((high - (sum - taken)) + (value - taken)))
    });
    high + low
}
