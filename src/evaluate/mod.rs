//! Predictions against outcomes: how good were they, overall, by period and by symbol?
//!
//! Predictions are the columns `regression`, `probability` and `class` of a table, outcomes are a
//! column of it or of another one, joined by row order or by symbol and start. Rows without a
//! prediction or an outcome are counted and left out. Rows stream; what is held is one score and
//! label a row, for the area under the curve, and the outcomes of a second table joined by key.
//! This module never prints; `factord evaluate` does.

mod join;
mod metrics;

pub use metrics::{BIN_COUNT, Bin, Classifier, Regression};

use crate::table::{Batch, Reader, Table, TableError, Want};
use join::Outcomes;
use metrics::{Classes, Values};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// What to compare.
#[derive(Clone, Debug)]
pub struct Job<'a> {
    /// The table with the predictions.
    pub predictions: &'a Path,
    /// The table with the outcomes; `None` when the predictions' own has them.
    pub outcomes: Option<&'a Path>,
    /// How two tables are joined.
    pub join: Join,
    /// The column of the outcome.
    pub target: &'a str,
    /// Above this outcome the class is 1.
    pub cut: Option<f64>,
    /// The column of the class, 0 or 1, instead of a cut.
    pub class: Option<&'a str>,
    /// By what to group, beside everything together.
    pub by: &'a [By],
}

/// How two tables are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// By symbol and start where both tables have them, else by row order.
    Auto,
    /// By row order: both have the same number of rows.
    Rows,
    /// By symbol and start.
    Key,
}

/// A way to group rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By the column `symbol`.
    Symbol,
    /// By the day of `start_ns`, UTC.
    Day,
    /// By the hour of `start_ns`, UTC.
    Hour,
    /// By the minute of `start_ns`, UTC.
    Minute,
}

impl By {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            By::Symbol => "symbol",
            By::Day => "day",
            By::Hour => "hour",
            By::Minute => "minute",
        }
    }

    fn period_ns(self) -> i64 {
        match self {
            By::Symbol | By::Day => 86_400_000_000_000,
            By::Hour => 3_600_000_000_000,
            By::Minute => 60_000_000_000,
        }
    }
}

/// The figures of some rows.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Of `regression`; `None` without such a column or rows.
    pub regression: Option<Regression>,
    /// Of `probability` and `class`; `None` without such columns, rows, or a way to tell classes.
    pub classifier: Option<Classifier>,
}

/// All that was found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Rows of the predictions.
    pub row_count: u64,
    /// Rows among them without a prediction.
    pub unpredicted_count: u64,
    /// Rows among them without an outcome.
    pub unknown_count: u64,
    /// All rows together.
    pub overall: Figures,
    /// Each way to group, its groups in order.
    pub groups: Vec<(By, Vec<(String, Figures)>)>,
}

/// Why predictions cannot be evaluated.
#[derive(Debug, Error)]
pub enum EvaluateError {
    /// A table cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// There is nothing to evaluate.
    #[error("{}: neither regression nor probability is a column: score it first", path.display())]
    NoPredictions {
        /// The table.
        path: PathBuf,
    },
    /// Two tables by row order differ in length.
    #[error("{} and {} differ in their rows: join them by key", predictions.display(), outcomes.display())]
    Length {
        /// One table.
        predictions: PathBuf,
        /// The other.
        outcomes: PathBuf,
    },
    /// A key has two outcomes.
    #[error("{place}: {symbol} at {start_ns} has two outcomes")]
    Twice {
        /// The second of the two.
        place: String,
        /// The symbol.
        symbol: String,
        /// The start.
        start_ns: i64,
    },
    /// No row has both a prediction and an outcome.
    #[error("none of {row_count} rows has both a prediction and an outcome")]
    Nothing {
        /// Rows of the predictions.
        row_count: u64,
    },
}

/// Where the columns of the predictions are among those wanted.
struct Columns {
    regression: Option<usize>,
    probability: Option<usize>,
    class: Option<usize>,
    symbol: Option<usize>,
    start: Option<usize>,
}

/// The figures of a group under construction.
#[derive(Default)]
struct Group {
    values: Values,
    classes: Classes,
}

impl Group {
    fn figures(self) -> Figures {
        Figures { regression: self.values.figures(), classifier: self.classes.figures() }
    }
}

/// Reads both tables and compares.
///
/// # Errors
///
/// [`EvaluateError`] names file, line or row, and column.
pub fn run(job: &Job<'_>) -> Result<Report, EvaluateError> {
    let table = Table::open(job.predictions)?;
    let mut wanted = Vec::new();
    let mut want = |name: &str, want: fn(&str) -> Want| -> Result<Option<usize>, TableError> {
        let found = table.find(name)?;
        Ok(found.map(|_| {
            wanted.push(want(name));
            wanted.len() - 1
        }))
    };
    let columns = Columns {
        regression: want("regression", Want::float)?,
        probability: want("probability", Want::float)?,
        class: want("class", Want::float)?,
        symbol: want("symbol", Want::text)?,
        start: want("start_ns", Want::integer)?,
    };
    if columns.regression.is_none() && columns.probability.is_none() {
        return Err(EvaluateError::NoPredictions { path: job.predictions.to_owned() });
    }
    require(job, &columns, &mut wanted);
    let mut outcomes = Outcomes::open(job, &columns, &mut wanted)?;
    let mut reader = table.select(&wanted)?;
    let mut tally = Tally::new(job, columns);
    compare(&mut reader, &mut outcomes, &mut tally)?;
    tally.report()
}

/// Wants what grouping and joining need although it is not there, so that reading names it.
fn require(job: &Job<'_>, columns: &Columns, wanted: &mut Vec<Want>) {
    let key = job.outcomes.is_some() && job.join == Join::Key;
    if columns.symbol.is_none() && (key || job.by.contains(&By::Symbol)) {
        wanted.push(Want::text("symbol"));
    }
    if columns.start.is_none() && (key || job.by.iter().any(|by| *by != By::Symbol)) {
        wanted.push(Want::integer("start_ns"));
    }
}

fn compare(
    reader: &mut Reader,
    outcomes: &mut Outcomes,
    tally: &mut Tally<'_>,
) -> Result<(), EvaluateError> {
    let (mut values, mut classes) = (Vec::new(), Vec::new());
    while let Some(batch) = reader.next_batch()? {
        values.clear();
        classes.clear();
        outcomes.of(&batch, &mut values, &mut classes)?;
        for row in 0..batch.len() {
            tally.add(&batch, row, values[row], classes[row]);
        }
    }
    outcomes.end()
}

/// Everything that is being counted.
struct Tally<'a> {
    job: &'a Job<'a>,
    columns: Columns,
    row_count: u64,
    unpredicted_count: u64,
    unknown_count: u64,
    overall: Group,
    by_symbol: BTreeMap<String, Group>,
    by_period: Vec<(By, BTreeMap<i64, Group>)>,
}

impl<'a> Tally<'a> {
    fn new(job: &'a Job<'a>, columns: Columns) -> Tally<'a> {
        let periods = job.by.iter().filter(|by| **by != By::Symbol);
        Tally {
            job,
            columns,
            row_count: 0,
            unpredicted_count: 0,
            unknown_count: 0,
            overall: Group::default(),
            by_symbol: BTreeMap::new(),
            by_period: periods.map(|by| (*by, BTreeMap::new())).collect(),
        }
    }

    /// Adds a row; `outcome` and `label` are NaN when they are not known.
    fn add(&mut self, batch: &Batch, row: usize, outcome: f64, label: f64) {
        self.row_count += 1;
        let value = |column: Option<usize>| column.map(|column| batch.floats(column)[row]);
        let (regression, probability) =
            (value(self.columns.regression), value(self.columns.probability));
        let class = value(self.columns.class).or(probability.map(|p| f64::from(u8::from(p > 0.5))));
        let missing = |value: Option<f64>| value.is_some_and(|value| !value.is_finite());
        if missing(regression) || missing(probability) || missing(class) {
            self.unpredicted_count += 1;
            return;
        }
        let labelled = self.job.cut.is_some() || self.job.class.is_some();
        if !outcome.is_finite() && (regression.is_some() || !labelled) {
            self.unknown_count += 1;
            return;
        }
        let add = |group: &mut Group| {
            if let Some(predicted) = regression {
                group.values.add(predicted, outcome);
            }
            if let (Some(probability), Some(class), true) = (probability, class, label.is_finite())
            {
                group.classes.add(probability, class > 0.5, label > 0.5);
            }
        };
        add(&mut self.overall);
        if let (Some(column), true) = (self.columns.symbol, self.job.by.contains(&By::Symbol)) {
            let symbol = batch.texts(column).value(row);
            match self.by_symbol.get_mut(symbol) {
                Some(group) => add(group),
                None => add(self.by_symbol.entry(symbol.to_owned()).or_default()),
            }
        }
        if let Some(column) = self.columns.start {
            let start = batch.integers(column)[row];
            for (by, groups) in &mut self.by_period {
                add(groups.entry(start.div_euclid(by.period_ns())).or_default());
            }
        }
    }

    fn report(self) -> Result<Report, EvaluateError> {
        let overall = self.overall.figures();
        if overall.regression.is_none() && overall.classifier.is_none() {
            return Err(EvaluateError::Nothing { row_count: self.row_count });
        }
        let mut groups = Vec::new();
        if self.job.by.contains(&By::Symbol) {
            let symbols = self.by_symbol.into_iter();
            let symbols = symbols.map(|(symbol, group)| (symbol, group.figures())).collect();
            groups.push((By::Symbol, symbols));
        }
        for (by, periods) in self.by_period {
            let name = |period: i64| moment(period.saturating_mul(by.period_ns()), by);
            let periods = periods.into_iter();
            let periods = periods.map(|(period, group)| (name(period), group.figures())).collect();
            groups.push((by, periods));
        }
        Ok(Report {
            row_count: self.row_count,
            unpredicted_count: self.unpredicted_count,
            unknown_count: self.unknown_count,
            overall,
            groups,
        })
    }
}

/// A moment of UTC as a date, with hours and minutes where the period has them.
fn moment(ns: i64, by: By) -> String {
    let (days, seconds) = (ns.div_euclid(86_400_000_000_000), ns.rem_euclid(86_400_000_000_000));
    let seconds = seconds / 1_000_000_000;
    // Howard Hinnant's civil_from_days: years start in March, eras have 400 years.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let leaps = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leaps) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let date = format!("{year:04}-{month:02}-{day:02}");
    match by {
        By::Symbol | By::Day => date,
        By::Hour | By::Minute => {
            format!("{date}T{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_named_by_their_start() {
        let ns = |seconds: i64| seconds * 1_000_000_000;
        assert_eq!(moment(0, By::Day), "1970-01-01");
        assert_eq!(moment(ns(951_782_400), By::Day), "2000-02-29");
        assert_eq!(moment(ns(1_675_215_000), By::Minute), "2023-02-01T01:30Z");
        assert_eq!(moment(ns(-86_400), By::Hour), "1969-12-31T00:00Z");
    }
}
