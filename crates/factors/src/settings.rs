//! [`Settings`]: what a window is, what counts as large, who is the aggressor.

use factord_eval::fenv;
use thiserror::Error;

/// The most steps of a rolling window.
// 65,536: a step then still costs 17 additions, and a symbol's panes take 16 MiB at most.
pub(super) const STEPS_MAX: u64 = 65_536;

/// The longest window by time, and the latest timestamp: 2^60 ns are 36 years, 2^62 the year 2116.
const TIME_MAX_NS: u64 = 1 << 60;

/// The most units that a rolling quantile looks back at.
const QUANTILE_LAST_MAX: u32 = 1 << 24;

/// The unit in which a window is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds; windows start at multiples of the step since 1970-01-01 UTC.
    Time,
    /// Trades.
    Trades,
    /// Quantity traded.
    Volume,
    /// Turnover.
    Turnover,
}

/// How long a window is, and how often one closes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// The unit in which it is measured.
    pub unit: Unit,
    /// Its length, above 0; a whole number for time and trades.
    pub length: f64,
    /// From one close to the next; equal to the length for tumbling windows, a divisor of it for
    /// rolling ones.
    pub step: f64,
}

impl Window {
    /// Windows of this many nanoseconds, one after the other.
    pub fn time(ns: u64) -> Window {
        // Exact up to 2^53 ns, 104 days; a longer window is a multiple of 256 ns at worst.
        Window::tumbling(Unit::Time, ns as f64)
    }

    /// Windows of a unit, one after the other.
    pub fn tumbling(unit: Unit, length: f64) -> Window {
        Window { unit, length, step: length }
    }

    /// The same windows, one closing every `step`.
    pub fn rolling(self, step: f64) -> Window {
        Window { step, ..self }
    }
}

/// Which turnovers are added up before they are compared with the cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// Nothing is added up: each trade with an aggressor counts by itself.
    Trade,
    /// Trades in which the same order was the aggressor.
    AggressingOrder,
    /// All trades of the same order on its own side, including passive fills and auctions.
    OwnSideOrder,
}

/// The cut from which a trade or an order is large.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cut {
    /// A turnover.
    Turnover(f64),
    /// A quantity.
    Quantity(f64),
    /// The turnover that a share `q` of the last `last` trades or orders stay below.
    Quantile {
        /// Between 0 and 1.
        q: f64,
        /// 100 or more.
        last: u32,
    },
}

/// What counts as large.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Large {
    /// The unit that is compared.
    pub per: Per,
    /// What it is compared with.
    pub by: Cut,
}

/// How the aggressor of a trade is found. Under every rule, the flag marks auctions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggressor {
    /// The best that a trade allows: flag, order numbers, Lee-Ready, tick rule.
    Auto,
    /// The feed's flag only.
    Flag,
    /// The later, higher order number.
    OrderNumbers,
    /// The quote's middle, and the tick rule for a trade exactly there or without a quote.
    LeeReady,
    /// The quote only: at the ask or above, at the bid or below.
    QuoteRule,
    /// The last different price.
    TickRule,
}

/// What to do with windows whose rates are undefined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empty {
    /// They are counted.
    Skip,
    /// They become rows, with rates that are NaN.
    Keep,
}

/// What to do with a price far from the one before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outliers {
    /// The change from one trade to the next that makes an outlier, as a share of the price.
    pub limit: f64,
    /// Whether the trade is left out; it is counted either way.
    pub drop: bool,
}

/// The worth of one unit of a trade's quantity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contract {
    /// What the turnover of a trade is multiplied by: 1 for shares and coins.
    pub multiplier: f64,
    /// Whether the worth of a contract is fixed in the quote currency, as of coin-margined ones:
    /// turnover is then quantity times multiplier, whatever the price.
    pub inverse: bool,
}

impl Contract {
    /// What a trade is worth in the quote currency.
    #[inline]
    pub fn turnover(&self, price: f64, qty: f64) -> f64 {
        (if self.inverse { qty } else { price * qty }) * self.multiplier
    }
}

/// How trades become rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// The windows.
    pub window: Window,
    /// What counts as large.
    pub large: Large,
    /// What the quantities are.
    pub contract: Contract,
    /// How the aggressor is found.
    pub aggressor: Aggressor,
    /// What to do with windows without rates.
    pub empty: Empty,
    /// What to do with outlying prices.
    pub outliers: Outliers,
    /// The most orders to remember per side and symbol, 64 or more.
    pub orders_max: usize,
    /// An order without a fill for longer is forgotten, in nanoseconds.
    pub order_idle_ns: u64,
}

impl Default for Settings {
    /// One-minute windows, aggressing orders of 200,000 or more.
    fn default() -> Settings {
        Settings {
            window: Window::time(60_000_000_000),
            large: Large { per: Per::AggressingOrder, by: Cut::Turnover(200_000.0) },
            contract: Contract { multiplier: 1.0, inverse: false },
            aggressor: Aggressor::Auto,
            empty: Empty::Skip,
            outliers: Outliers { limit: 0.01, drop: false },
            orders_max: 1 << 20,
            // 8 hours: longer than a session's lunch break, shorter than the night, after which
            // exchanges number their orders anew.
            order_idle_ns: 8 * 3_600 * 1_000_000_000,
        }
    }
}

/// Why settings cannot be used.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum SettingsError {
    /// The length or step is not a number above 0, or not whole, or too long.
    #[error(
        "a window of {}: length and step must be above 0, and whole numbers of nanoseconds and trades",
        .window.in_words()
    )]
    Window {
        /// The window.
        window: Window,
    },
    /// The step does not divide the length.
    #[error(
        "a window of {} is not a whole number of steps: choose a step that divides its length",
        .window.in_words()
    )]
    Step {
        /// The window.
        window: Window,
    },
    /// The window has too many steps.
    #[error("a window of {steps} steps: at most {STEPS_MAX}, choose a longer step")]
    Steps {
        /// How many.
        steps: f64,
    },
    /// The cut is not a number above 0.
    #[error("a cut of {cut}: it must be above 0")]
    Cut {
        /// The cut.
        cut: f64,
    },
    /// The quantile does not define a cut.
    #[error("the quantile {q} of the last {last}: use 0 < q < 1 and 100 to {QUANTILE_LAST_MAX}")]
    Quantile {
        /// The share.
        q: f64,
        /// How many units.
        last: u32,
    },
    /// The limit of outliers is not above 0.
    #[error("an outlier limit of {limit}: it must be above 0")]
    Outliers {
        /// The limit.
        limit: f64,
    },
    /// The worth of a contract is not a number above 0.
    #[error("a multiplier of {multiplier}: it must be above 0")]
    Multiplier {
        /// The multiplier.
        multiplier: f64,
    },
    /// The table of orders is too small or too large.
    #[error("{orders_max} orders per side: use 64 to 2^30")]
    Orders {
        /// How many.
        orders_max: usize,
    },
}

impl Settings {
    /// Checks them.
    ///
    /// # Errors
    /// A [`SettingsError`] names what cannot be used.
    pub fn check(&self) -> Result<(), SettingsError> {
        fenv::with_default(|| self.check_in_default())
    }

    fn check_in_default(&self) -> Result<(), SettingsError> {
        self.steps()?;
        match self.large.by {
            Cut::Turnover(cut) | Cut::Quantity(cut) if !(cut > 0.0 && cut.is_finite()) => {
                return Err(SettingsError::Cut { cut });
            }
            Cut::Quantile { q, last }
                if !(q > 0.0 && q < 1.0 && (100..=QUANTILE_LAST_MAX).contains(&last)) =>
            {
                return Err(SettingsError::Quantile { q, last });
            }
            _ => {}
        }
        let multiplier = self.contract.multiplier;
        if !(multiplier > 0.0 && multiplier.is_finite()) {
            return Err(SettingsError::Multiplier { multiplier });
        }
        let limit = self.outliers.limit;
        if limit.is_nan() || limit <= 0.0 {
            return Err(SettingsError::Outliers { limit });
        }
        if !(64..=1 << 30).contains(&self.orders_max) {
            return Err(SettingsError::Orders { orders_max: self.orders_max });
        }
        Ok(())
    }

    /// How many steps a window has.
    pub(super) fn steps(&self) -> Result<usize, SettingsError> {
        let Window { unit, length, step } = self.window;
        let whole = |x: f64| x.fract() == 0.0 || matches!(unit, Unit::Volume | Unit::Turnover);
        let usable = |x: f64| x > 0.0 && x.is_finite() && whole(x);
        let long = unit == Unit::Time && length > TIME_MAX_NS as f64;
        if !usable(length) || !usable(step) || long {
            return Err(SettingsError::Window { window: self.window });
        }
        let steps = (length / step).round();
        if steps < 1.0 || (steps * step - length).abs() > 1e-9 * length {
            return Err(SettingsError::Step { window: self.window });
        }
        if steps > STEPS_MAX as f64 {
            return Err(SettingsError::Steps { steps });
        }
        // In range, by the line above.
        Ok(steps as usize)
    }
}
