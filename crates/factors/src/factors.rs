//! [`Factors`]: the windows of one symbol.

use super::aggressor::Classifier;
use super::decimal::{Grid, REACHED};
use super::large::LargeRule;
use super::panes::{Panes, Sums};
use super::prices::Prices;
use super::row::{Counts, Method, Row};
use super::settings::{Contract, Empty, Settings, SettingsError, Unit};
use super::{Side, Trade};
use factord_eval::fenv;

/// The latest time, either side of 1970, that leaves room for a window: 2^62 ns are 146 years.
const TIME_MAX_NS: i64 = 1 << 62;

/// The session of factors that know of none.
const ALWAYS: (i64, i64) = (0, i64::MAX);

/// The most empty windows in a row that become rows: a wrong timestamp must not fill a disk.
const EMPTY_RUN_MAX: u64 = 1 << 20;

/// Trades of one symbol in, a row out whenever a window closes.
///
/// A window consists of one step, if it tumbles, or of several, if it rolls. A step closes when
/// its time is over, which the next trade shows or [`Factors::advance`] says; or with the trade
/// that fills it, which stays in it whole. The first row comes when all steps of a window have
/// closed.
///
/// On x86-64 and AArch64 no bit depends on the floating-point environment of the calling thread,
/// which is the default one while a row is handed out.
///
/// # Examples
///
/// ```
/// use factord_factors::{Factors, Settings, Side, Trade};
///
/// let mut factors = Factors::new(&Settings::default())?;
/// let mut rows = Vec::new();
/// factors.push(&Trade::new(0, 10.0, 300.0, Side::Buy), &mut |row| rows.push(*row));
/// factors.push(&Trade::new(1, 10.0, 100.0, Side::Sell), &mut |row| rows.push(*row));
/// factors.finish(&mut |row| rows.push(*row));
/// assert_eq!(rows[0].buy_rate, 0.75);
/// # Ok::<(), factord_factors::SettingsError>(())
/// ```
pub struct Factors {
    unit: Unit,
    empty: Empty,
    drop_outliers: bool,
    steps: usize,
    /// Nanoseconds of a step by time; 0 for other units.
    step_ns: i64,
    /// What fills a step by trades, volume or turnover; infinite for time.
    full: f64,
    contract: Contract,
    grid: Grid,
    classifier: Classifier,
    rule: LargeRule,
    panes: Panes,
    prices: Prices,
    counts: Counts,
    open: Sums,
    is_open: bool,
    /// The number of the open step, or of the next one.
    pane: u64,
    /// Closed steps, at most those of a window.
    closed: usize,
    /// Where steps by time start, and the first moment that none goes beyond.
    session: (i64, i64),
    start_ns: i64,
    /// The first moment after the open step; the last moment of all for other units than time,
    /// the first one while no step is open.
    end_ns: i64,
    last_ns: i64,
}

impl Factors {
    /// Makes factors that have seen no trade.
    ///
    /// # Errors
    /// A [`SettingsError`] names the setting that cannot be used.
    pub fn new(settings: &Settings) -> Result<Factors, SettingsError> {
        fenv::with_default(|| Factors::made(settings))
    }

    fn made(settings: &Settings) -> Result<Factors, SettingsError> {
        settings.check()?;
        let steps = settings.steps()?;
        let by_time = settings.window.unit == Unit::Time;
        let step = settings.window.step;
        Ok(Factors {
            unit: settings.window.unit,
            empty: settings.empty,
            drop_outliers: settings.outliers.drop,
            steps,
            // Whole, and at most 2^60.
            step_ns: if by_time { step as i64 } else { 0 },
            full: if by_time { f64::INFINITY } else { step * REACHED },
            contract: settings.contract,
            grid: Grid::new(settings.contract.multiplier, settings.contract.inverse),
            classifier: Classifier::new(settings.aggressor, settings.outliers),
            rule: LargeRule::new(settings, steps),
            panes: Panes::new(steps),
            prices: Prices::default(),
            counts: Counts::default(),
            open: Sums::default(),
            is_open: false,
            pane: steps as u64,
            closed: 0,
            session: ALWAYS,
            start_ns: i64::MIN,
            end_ns: i64::MIN,
            last_ns: i64::MIN,
        })
    }

    /// Takes a trade; calls `out` for each window that it closes.
    #[inline]
    pub fn push(&mut self, trade: &Trade, out: &mut impl FnMut(&Row)) {
        fenv::with_default(
            #[inline(always)]
            || self.take(trade, out),
        );
    }

    #[inline]
    pub(super) fn touch(&self, trade: &Trade) -> u64 {
        self.rule.touch(trade)
    }

    #[inline(always)]
    fn take(&mut self, trade: &Trade, out: &mut impl FnMut(&Row)) {
        let Some(outlier) = self.admit(trade) else { return };
        if trade.ts_ns >= self.end_ns {
            self.open_at(trade.ts_ns, out);
        }
        self.last_ns = self.last_ns.max(trade.ts_ns);
        let (side, method) = self.classifier.side(trade, outlier);
        self.grid.take(trade.price, trade.qty);
        let turnover = self.contract.turnover(trade.price, trade.qty);
        self.prices.take(trade.price);
        if self.contract.inverse {
            self.open.coins.add(turnover / trade.price);
        }
        self.add(trade.qty, turnover, side, method);
        let (pane, panes) = (self.pane, &mut self.panes);
        self.rule.take(trade, turnover, side, (pane, &mut self.open), panes, &mut self.counts);
        let filled = match self.unit {
            Unit::Time => return,
            // Exact: far fewer than 2^53 trades.
            Unit::Trades => self.open.trades as f64,
            Unit::Volume => self.open.volume.value(),
            Unit::Turnover => self.open.turnover().value(),
        };
        if filled >= self.full {
            self.close(self.last_ns, out);
        }
    }

    /// Says that a session begins, which ends before `end_ns`: closes the open window as
    /// [`Factors::finish`] does. Until the next one, windows by time start at multiples of the step
    /// after `start_ns`, and the last of them ends with the session.
    pub fn begin(&mut self, (start_ns, end_ns): (i64, i64), out: &mut impl FnMut(&Row)) {
        self.finish(out);
        self.session = (start_ns.clamp(-TIME_MAX_NS, TIME_MAX_NS), end_ns);
    }

    /// Advances the clock to `now_ns` and closes every time window that has ended.
    pub fn advance(&mut self, now_ns: i64, out: &mut impl FnMut(&Row)) {
        if self.session != ALWAYS && now_ns >= self.session.1 {
            return self.finish(out);
        }
        if self.is_open && self.unit == Unit::Time && (self.end_ns..TIME_MAX_NS).contains(&now_ns) {
            fenv::with_default(|| self.open_at(now_ns, out));
        }
    }

    /// The current window: the last steps and the open one, with the last trade's time as its end.
    /// Before the first trade it has no trades and no rates.
    pub fn now(&self) -> Row {
        fenv::with_default(|| self.row_now())
    }

    fn row_now(&self) -> Row {
        let none = Sums::default();
        let open = if self.is_open { &self.open } else { &none };
        let sums = self.panes.total_with(self.pane, open);
        // The closed steps that are still in the window.
        let before = self.closed.min(self.steps - 1) as u64;
        let (start, end) = match (self.is_open, before) {
            (true, _) if self.unit == Unit::Time => (self.window_start_ns(), self.last_ns),
            (true, 0) => (self.start_ns, self.last_ns),
            (false, 0) => (0, 0),
            _ => (self.panes.start_of(self.pane - before), self.last_ns),
        };
        let prices = self.prices.since(self.pane - before);
        Row::of(&sums, &self.grid, self.contract, prices, (start, end), false)
    }

    /// Says that the input has ended: closes the open window by time; a window by trades, volume
    /// or turnover that is not full gives no row. The next trade opens a new window.
    pub fn finish(&mut self, out: &mut impl FnMut(&Row)) {
        if self.is_open && self.unit == Unit::Time {
            fenv::with_default(|| self.close(self.end_ns, out));
        }
        if self.is_open {
            self.counts.add_methods(self.open.methods);
        }
        self.is_open = false;
        self.end_ns = i64::MIN;
        self.closed = 0;
        // Orders then find none of their earlier steps in a window.
        self.pane += self.steps as u64;
        self.panes.clear();
        self.prices.clear();
    }

    /// What was seen, left out and given so far.
    pub fn counts(&self) -> Counts {
        let mut counts = self.counts;
        if self.is_open {
            counts.add_methods(self.open.methods);
        }
        counts
    }

    /// The latest time of a trade taken; `None` before the first one.
    pub fn latest_ns(&self) -> Option<i64> {
        (self.last_ns > i64::MIN).then_some(self.last_ns)
    }

    /// The start of the window by time whose last step is open.
    fn window_start_ns(&self) -> i64 {
        // At most 65,536 steps, together at most 2^60 ns.
        self.start_ns - self.step_ns * (self.steps as i64 - 1)
    }

    /// Whether a trade is taken, and if so whether its price is an outlier.
    #[inline]
    fn admit(&mut self, trade: &Trade) -> Option<bool> {
        let turnover = self.contract.turnover(trade.price, trade.qty);
        // Not a number is neither above nor below.
        let positive = trade.price > 0.0 && trade.qty >= 0.0 && turnover < f64::INFINITY;
        if !positive || !(-TIME_MAX_NS..TIME_MAX_NS).contains(&trade.ts_ns) {
            self.counts.bad_numbers += 1;
            return None;
        }
        if trade.qty == 0.0 {
            self.counts.zero_sizes += 1;
            return None;
        }
        if trade.ts_ns <= self.last_ns {
            if trade.ts_ns == self.last_ns {
                self.counts.equal_times += 1;
            } else if trade.ts_ns < self.start_ns {
                self.counts.late_dropped += 1;
                return None;
            } else {
                self.counts.late_taken += 1;
            }
        }
        let outlier = self.classifier.is_outlier(trade.price);
        self.counts.outliers += u64::from(outlier);
        (!outlier || !self.drop_outliers).then_some(outlier)
    }

    #[inline]
    fn add(&mut self, qty: f64, turnover: f64, side: Side, method: Option<Method>) {
        self.open.trades += 1;
        self.open.volume.add(qty);
        self.counts.trades += 1;
        // By index: sides follow each other as coin tosses do, which no branch predicts.
        self.open.started[side as usize].add(turnover);
        self.open.methods[method.map_or(Method::ALL.len(), |method| method as usize)] += 1;
        self.counts.auction_trades += u64::from(side == Side::None);
        self.counts.unclassified_trades += u64::from(side == Side::Unknown);
    }

    /// Closes what ended before this time, and opens the step in which it lies.
    fn open_at(&mut self, ts_ns: i64, out: &mut impl FnMut(&Row)) {
        if self.last_ns > i64::MIN {
            self.rule.pause(ts_ns.abs_diff(self.last_ns), &mut self.counts);
        }
        if self.unit == Unit::Time {
            let (origin_ns, session_end_ns) = self.session;
            let start_ns = origin_ns + (ts_ns - origin_ns).div_euclid(self.step_ns) * self.step_ns;
            if self.is_open {
                self.close(self.end_ns, out);
                self.close_empty_until(start_ns, out);
            }
            self.start_ns = start_ns;
            self.end_ns = (start_ns + self.step_ns).min(session_end_ns);
        } else {
            (self.start_ns, self.end_ns) = (ts_ns, i64::MAX);
        }
        self.open = self.rule.open_step(self.pane);
        self.is_open = true;
    }

    /// Closes the steps in which nothing happened.
    fn close_empty_until(&mut self, start_ns: i64, out: &mut impl FnMut(&Row)) {
        // Both are multiples of the step, the later one first.
        let count = start_ns.abs_diff(self.start_ns) / self.step_ns.unsigned_abs();
        for done in 0..count {
            let all_empty = done >= self.steps as u64;
            let rest = count - done;
            if all_empty && self.empty == Empty::Skip {
                (self.counts.windows, self.counts.windows_empty) =
                    (self.counts.windows + rest, self.counts.windows_empty + rest);
                return;
            }
            if done == EMPTY_RUN_MAX {
                self.counts.windows_unwritten += rest;
                return;
            }
            self.open = self.rule.open_step(self.pane);
            self.close(self.start_ns + self.step_ns, out);
        }
    }

    /// Closes the open step; if a whole window has closed with it, gives its row.
    fn close(&mut self, end_ns: i64, out: &mut impl FnMut(&Row)) {
        let first_ns = self.window_start_ns();
        self.panes.close(self.pane, self.start_ns, self.open);
        let oldest = self.pane + 1 - self.steps as u64;
        self.prices.close(self.pane, oldest);
        self.counts.add_methods(self.open.methods);
        self.pane += 1;
        self.closed = (self.closed + 1).min(self.steps);
        self.is_open = false;
        // From here on older trades are late; trades of the same time are not.
        self.start_ns = end_ns;
        if self.unit != Unit::Time {
            self.end_ns = i64::MIN;
        }
        if self.closed < self.steps {
            return;
        }
        let start_ns = match self.unit {
            Unit::Time => first_ns,
            _ => self.panes.start_of(self.pane - self.steps as u64),
        };
        let (sums, prices) = (self.panes.total(), self.prices.since(oldest));
        let row = Row::of(&sums, &self.grid, self.contract, prices, (start_ns, end_ns), true);
        self.counts.windows += 1;
        if row.trades == 0 {
            self.counts.windows_empty += 1;
        } else if !row.is_defined() {
            self.counts.windows_undefined += 1;
        }
        if row.is_defined() || self.empty == Empty::Keep {
            out(&row);
        }
    }
}
