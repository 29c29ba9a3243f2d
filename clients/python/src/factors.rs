//! Trades into windows, for Python: the code of `factord factors`, a trade or a table at a time.

use crate::model::Model;
use crate::trades::{Columns, SideWord};
use crate::{checks, error, settings, windows};
use factord_factors::{
    Contract, Cut, Empty, Large, Outliers, Quote, Row, Settings, Side, Stated, Trade, Unit, Window,
};
use factord_quant::calendar::Calendar;
use factord_quant::features::Windows as Lags;
use factord_quant::features::{FeatureBook, FeatureSettings, Lookback, ParseWindowsError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use std::sync::{Mutex, MutexGuard, TryLockError};
use windows::Windows;

/// Trades in, feature rows out: the very code of `factord factors` and `factord replay`, so that a
/// backtest and production agree to the last bit.
///
/// window: a time ("60s", "5m", "1h"), or so many trades, volume or turnover ("1000trades",
/// "1e5volume", "5e6turnover"). step: lets windows roll, one closing every step.
/// large: from where on a trade or an order is large; large_by: whether that is a "turnover", a
/// "quantity", or a "quantile" of the last quantile_last turnovers.
/// per: what is compared with it, "trade", "aggressing-order" or "own-side-order".
/// aggressor: how it is found, "auto", "flag", "orders", "lee-ready", "quote" or "tick".
/// empty: whether windows without rates are left out ("skip") or rows of NaN ("keep").
/// outlier: the price change, as a share, that makes one; outliers: "keep" or "drop".
/// orders_max: the most orders remembered on a side of a symbol.
/// multiplier: what one contract is worth; turnover is multiplied by it. inverse: whether that is
/// a fixed sum in the quote currency, as of coin-margined contracts, so that turnover is quantity
/// times multiplier whatever the price.
/// session: when the market trades, by the clock of tz, "09:30-11:30,13:00-15:00", "day" or "none";
/// other trades are left out and counted, and no window reaches over a break. tz: its time zone,
/// such as "Asia/Shanghai".
/// lags, means: numbers of windows, [1, 2, 5] or "1,2,5": the values of so many windows before, and
/// the means of the last so many, become columns such as buy_rate_lag2 and buy_rate_mean10.
///
/// Raises SettingsError. One thread at a time, or InUseError.
///
/// >>> factors = factord.Factors(window="60s", large=1000, per="trade")
/// >>> factors.push(0, 10.0, 300.0, "B")
/// >>> factors.push(1_000_000_000, 10.0, 100.0, "S")
/// >>> [row.features for row in factors.push(60_000_000_000, 10.0, 100.0, "S")]
/// [(0.75, 0.75, 0.25)]
#[pyclass(frozen, module = "factord")]
pub(crate) struct Factors {
    fed: Mutex<Fed>,
    window: String,
    stated: Stated,
}

/// What took trades, and how many tables or single trades said that they are simulated, of all.
struct Fed {
    book: FeatureBook,
    simulated: usize,
    inputs: usize,
}

impl Fed {
    /// What is stated of windows of these trades.
    fn stated(&self, settings: &Stated) -> Stated {
        let mut stated = settings.clone();
        stated.put_simulated(self.simulated, self.inputs);
        stated
    }
}

#[pymethods]
impl Factors {
    #[new]
    #[pyo3(signature = (
        window="60s", *, step=None, large=200_000.0, large_by="turnover", quantile_last=10_000,
        per="aggressing-order", aggressor="auto", empty="skip", outlier=0.01, outliers="keep",
        orders_max=1_048_576, multiplier=1.0, inverse=false, session=None, tz=None, lags=None,
        means=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "Python names them")]
    fn new(
        py: Python<'_>,
        window: &str,
        step: Option<&str>,
        large: f64,
        large_by: &str,
        quantile_last: u32,
        per: &str,
        aggressor: &str,
        empty: &str,
        outlier: f64,
        outliers: &str,
        orders_max: usize,
        multiplier: f64,
        inverse: bool,
        session: Option<&str>,
        tz: Option<&str>,
        lags: Option<Back>,
        means: Option<Back>,
    ) -> PyResult<Factors> {
        let refuse = |message: String| error::raise(py, "SettingsError", message);
        let choice = |name: &str, given: &str, choices: [&str; 2]| {
            let at = choices.iter().position(|choice| *choice == given);
            at.ok_or_else(|| {
                let [first, second] = choices;
                refuse(format!("{name} is {given:?}: use {first:?} or {second:?}"))
            })
        };
        let by = match large_by {
            "turnover" => Cut::Turnover(large),
            "quantity" => Cut::Quantity(large),
            "quantile" => Cut::Quantile { q: large, last: quantile_last },
            other => {
                let choices = "use \"turnover\", \"quantity\" or \"quantile\"";
                return Err(refuse(format!("large_by is {other:?}: {choices}")));
            }
        };
        let parsed = |word: &str| word.parse::<Window>().map_err(|error| refuse(error.to_string()));
        let window = rolling(parsed(window)?, step.map(parsed).transpose()?).map_err(refuse)?;
        let settings = Settings {
            window,
            large: Large { per: per.parse().map_err(|e| refuse(format!("{e}")))?, by },
            contract: Contract { multiplier, inverse },
            aggressor: aggressor.parse().map_err(|e| refuse(format!("{e}")))?,
            empty: [Empty::Skip, Empty::Keep][choice("empty", empty, ["skip", "keep"])?],
            outliers: Outliers {
                limit: outlier,
                drop: choice("outliers", outliers, ["keep", "drop"])? == 1,
            },
            orders_max,
            ..Settings::default()
        };
        let calendar = Calendar::new(session, tz).map_err(|error| refuse(error.to_string()))?;
        let back = |name: &str, given: Option<Back>| {
            let windows = given.map_or(Ok(Lags::default()), Back::windows);
            windows.map_err(|error| refuse(format!("{name}: {error}")))
        };
        let lookback = Lookback { lags: back("lags", lags)?, means: back("means", means)? };
        let settings = FeatureSettings { factors: settings, calendar, lookback };
        let book = FeatureBook::new(&settings).map_err(|error| refuse(error.to_string()))?;
        let stated = settings.stated();
        let fed = Mutex::new(Fed { book, simulated: 0, inputs: 0 });
        Ok(Factors { fed, window: window.to_string(), stated })
    }

    /// Takes one trade; returns the rows of the windows that it closes, and None for most trades.
    ///
    /// A trade that is too late for its window, or whose price is no price, is left out and counted
    /// (`counts`): a live feed goes on. ts_ns: nanoseconds since 1970 UTC. side: who started it,
    /// "B", "buy" or 1, "S", "sell" or -1, "N" or "none" for nobody (an auction), or None where the
    /// feed does not say. buy_id, sell_id: order numbers, 0 is none.
    /// quote: the best bid and ask just before.
    #[pyo3(signature = (
        ts_ns, price, qty, side=None, buy_id=0, sell_id=0, *, quote=None, symbol=""
    ))]
    #[expect(clippy::too_many_arguments, reason = "Python names them")]
    fn push<'py>(
        &self,
        py: Python<'py>,
        ts_ns: i64,
        price: f64,
        qty: f64,
        side: Option<SideWord>,
        buy_id: u64,
        sell_id: u64,
        quote: Option<(f64, f64)>,
        symbol: &str,
    ) -> PyResult<Option<Bound<'py, PyList>>> {
        let side = side.map_or(Ok(Side::Unknown), |side| side.side())?;
        let quote = quote.map(|(bid, ask)| Quote { bid, ask });
        let trade = Trade { ts_ns, price, qty, side, buy_id, sell_id, quote };
        let mut fed = self.lock(py)?;
        fed.inputs += 1;
        let book = &mut fed.book;
        let number = book.symbol(symbol);
        let mut closed: Vec<(Row, Vec<f64>)> = Vec::new();
        book.push(number, &trade, &mut |_, row, past| closed.push((*row, past.to_owned())));
        if closed.is_empty() {
            return Ok(None);
        }
        let names = book.past_names();
        let rows = closed.iter().map(|(row, past)| windows::one(py, symbol, row, (past, &names)));
        PyList::new(py, rows.collect::<PyResult<Vec<_>>>()?).map(Some)
    }

    /// Takes the trades of a table in order: a dictionary of arrays, a data frame or an Arrow table
    /// with the columns ts_ns, price and qty, and where known side, buy_id, sell_id, bid, ask and
    /// symbol. Returns the rows of the windows that they close, as arrays.
    ///
    /// Raises ValueError, and takes no trade, when a symbol's time goes backwards (late="take" takes
    /// such trades into the open window, and leaves older ones out and counts them), when a price
    /// or quantity is no number, and when the times are of another unit than nanoseconds.
    ///
    /// The interpreter is let go meanwhile, and no Python object is made for a trade or a row.
    ///
    /// >>> factors = factord.Factors("2trades", large=15, per="trade")
    /// >>> rows = factors.push_many({"ts_ns": [1, 2, 3, 4], "price": [1.0, 2.0, 2.0, 2.0],
    /// ...     "qty": [10.0, 10.0, 5.0, 10.0], "side": ["B", "S", "B", "B"]})
    /// >>> rows.end_ns, rows.buy_rate, rows.large_sell
    /// (array([2, 4]), array([0.33333333, 1.        ]), array([0.66666667, 0.        ]))
    #[pyo3(signature = (trades, *, late="error"))]
    fn push_many<'py>(
        &self,
        trades: &Bound<'py, PyAny>,
        late: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = trades.py();
        let takes_late = match late {
            "error" => false,
            "take" => true,
            other => {
                let message = format!("late is {other:?}: use \"error\" or \"take\"");
                return Err(PyValueError::new_err(message));
            }
        };
        let columns = Columns::read(trades)?;
        let mut fed = self.lock(py)?;
        let fields = columns.fields()?;
        let book: &mut FeatureBook = &mut fed.book;
        let rows =
            py.detach(|| checks::check(&fields, book, takes_late).map(|()| fields.push(book)));
        let rows = rows.map_err(PyValueError::new_err)?;
        fed.inputs += 1;
        fed.simulated += usize::from(columns.simulated);
        rows.into_python(py, &fed.stated(&self.stated))
    }

    /// Says that it is `now_ns`: closes the windows by time that ended before, without a trade.
    fn advance<'py>(&self, py: Python<'py>, now_ns: i64) -> PyResult<Bound<'py, PyAny>> {
        let mut fed = self.lock(py)?;
        let mut rows = Windows::new(fed.book.past_names());
        fed.book.advance(now_ns, &mut |symbol, row, past| rows.push(symbol, row, past));
        rows.into_python(py, &fed.stated(&self.stated))
    }

    /// The window of a symbol as it stands, on demand; None before its first trade.
    #[pyo3(signature = (symbol=""))]
    fn now<'py>(&self, py: Python<'py>, symbol: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let book = &mut self.lock(py)?.book;
        if !book.names().iter().any(|name| name == symbol) {
            return Ok(None);
        }
        let number = book.symbol(symbol);
        let names = book.past_names();
        let (row, past) = book.now(number);
        windows::one(py, symbol, &row, (past, &names)).map(Some)
    }

    /// Says that the trades have ended: closes the open windows by time. The next trade opens new
    /// ones.
    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let mut fed = self.lock(py)?;
        let mut rows = Windows::new(fed.book.past_names());
        fed.book.finish(&mut |symbol, row, past| rows.push(symbol, row, past));
        rows.into_python(py, &fed.stated(&self.stated))
    }

    /// What was seen, left out and given so far, by name.
    ///
    /// >>> factors = factord.Factors()
    /// >>> factors.push(0, 10.0, 0.0, "B")
    /// >>> factors.counts()["zero_sizes"]
    /// 1
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counts = PyDict::new(py);
        let book = &self.lock(py)?.book;
        for (name, count) in book.counts().named() {
            counts.set_item(name, count)?;
        }
        if self.stated.get("session").is_some() {
            counts.set_item("outside_session", book.outside())?;
        }
        Ok(counts)
    }

    /// The symbols that have traded, in the order in which they came.
    #[getter]
    fn symbols(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(self.lock(py)?.book.names().to_vec())
    }

    /// The windows, as they were understood.
    #[getter]
    fn window(&self) -> &str {
        &self.window
    }

    /// The settings that decide what a row means, by the names under which they were given.
    ///
    /// >>> factord.Factors("5m", per="trade").settings["window"]
    /// '300s'
    #[getter]
    fn settings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        settings::typed(py, &self.stated)
    }

    /// Sees to it that a model was trained on windows of these settings.
    ///
    /// Raises SettingsError, which names the first setting that differs and both values. What the
    /// model's artifact does not state is no mismatch.
    ///
    /// >>> factord.Factors("60s").check(factord.Model.load("models/regression.fmodel"))
    fn check(&self, py: Python<'_>, model: &Model) -> PyResult<()> {
        settings::require(py, model.stated(), &self.stated)
    }

    fn __repr__(&self) -> String {
        let of = |name: &str| self.stated.get(name).unwrap_or_default();
        let (per, large, by) = (of("per"), of("large"), of("large_by"));
        let mut text = format!("<factord.Factors: windows of {}", self.window);
        text += &format!(", large from {large} by {by} per {per}");
        // Another thread may be inside: a look waits for nobody.
        if let Ok(fed) = self.fed.try_lock() {
            text += &format!(", {} symbols", fed.book.names().len());
        }
        text + ">"
    }
}

impl Factors {
    fn lock(&self, py: Python<'_>) -> PyResult<MutexGuard<'_, Fed>> {
        match self.fed.try_lock() {
            Ok(fed) => Ok(fed),
            Err(TryLockError::WouldBlock) => {
                let message = "another thread is inside these factors: make one for each thread";
                Err(error::raise(py, "InUseError", message.to_owned()))
            }
            // Nothing in there panics; if it did, its sums may be half of a trade.
            Err(TryLockError::Poisoned(_)) => {
                let message = "an earlier call failed in the middle: make new factors";
                Err(error::raise(py, "InUseError", message.to_owned()))
            }
        }
    }
}

/// Numbers of windows: a list, or text as models state it.
#[derive(FromPyObject)]
enum Back {
    Text(String),
    Numbers(Vec<usize>),
}

impl Back {
    fn windows(self) -> Result<Lags, ParseWindowsError> {
        match self {
            Back::Text(text) => text.parse(),
            Back::Numbers(all) => Lags::of(all),
        }
    }
}

/// A window with its step, both whole where they count nanoseconds.
fn rolling(window: Window, step: Option<Window>) -> Result<Window, String> {
    let window = match step {
        Some(step) if step.unit != window.unit => {
            return Err(format!("step {step}: give it in the unit of the window, {window}"));
        }
        Some(step) => window.rolling(step.length),
        None => window,
    };
    Ok(match window.unit {
        // 0.1 s in floating point is no whole number of nanoseconds.
        Unit::Time => Window { length: window.length.round(), step: window.step.round(), ..window },
        _ => window,
    })
}
