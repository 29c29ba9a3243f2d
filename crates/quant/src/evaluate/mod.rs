//! Predictions against outcomes: how good were they, overall, by period and by symbol?
//!
//! Predictions are the columns `regression`, `probability` and `class` of a table, outcomes are a
//! column of it or of another one, joined by row order or by symbol and start; with a horizon, that
//! of a later window of the same session, as in training, and so are returns. Rows without a
//! prediction or an outcome are counted and left out. Rows stream; what is held is one score and
//! label per row and group, for the area under the curve, the outcomes of a second table joined by
//! key, and, of up to 2^23 rows, 32 bytes each for what needs all of them at once: correlations,
//! deciles, curves, intervals; and a copy of them while groups are looked at. This module never
//! prints; `factord evaluate` does.

mod join;
mod later;
mod metrics;
mod tally;

pub use metrics::{BIN_COUNT, Bin, Classifier, Regression};

use crate::calendar::{Calendar, Sessions};
use crate::skill::{Intervals, Order, Skill};
use crate::table::{Chunk, Reader, Table, TableError, Want};
use crate::target::Target;
use arrow_array::StringArray;
use join::Outcomes;
use later::Later;
use std::path::{Path, PathBuf};
use tally::{Said, Tally};
use thiserror::Error;

/// Seed of the draws for intervals.
pub const SEED: u64 = 1;

/// What to compare.
#[derive(Clone, Debug)]
pub struct Job<'a> {
    /// The table with the predictions.
    pub predictions: &'a Path,
    /// The table with the outcomes; `None` when the predictions' own has them.
    pub outcomes: Option<&'a Path>,
    /// How two tables are joined.
    pub join: Join,
    /// The outcome.
    pub target: &'a Target,
    /// Above this outcome the class is 1.
    pub cut: Option<f64>,
    /// The column of the class, 0 or 1, instead of a cut.
    pub class: Option<&'a str>,
    /// How many windows later the outcome is, in the same session; 0 is the prediction's own.
    pub horizon: usize,
    /// What makes windows belong together.
    pub sessions: Sessions,
    /// By whose clock days, hours and minutes are; `None` is UTC.
    pub zone: Option<Calendar>,
    /// What to group by, besides everything together.
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
    /// By the day of `start_ns`.
    Day,
    /// By the hour of `start_ns`.
    Hour,
    /// By the minute of `start_ns`.
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

/// What needs all rows of a model at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    /// Of the figures of all rows.
    pub intervals: Intervals,
    /// Correlations by day, deciles and the ROC curve.
    pub skill: Skill,
}

/// A model in some rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grouped {
    /// Of its figures.
    pub intervals: Intervals,
    /// How well it orders outcomes.
    pub order: Order,
}

impl From<&Ranked> for Grouped {
    fn from(ranked: &Ranked) -> Grouped {
        Grouped { intervals: ranked.intervals, order: ranked.skill.order() }
    }
}

/// Some rows.
#[derive(Clone, Debug)]
pub struct Group {
    /// What they have in common: a symbol, or a period by its start.
    pub name: String,
    /// Their figures.
    pub figures: Figures,
    /// `regression` in them; `None` without such a column or rows.
    pub regression: Option<Grouped>,
    /// The same of `probability`.
    pub classifier: Option<Grouped>,
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
    /// How well `regression` orders and meets all outcomes; `None` without such a column or rows.
    pub regression: Option<Ranked>,
    /// The same of `probability`; `None` as for the classifier's figures.
    pub classifier: Option<Ranked>,
    /// Each way to group, its groups in order.
    pub groups: Vec<(By, Vec<Group>)>,
}

/// Why predictions cannot be evaluated.
#[derive(Debug, Error)]
pub enum EvaluateError {
    /// A table cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// There is nothing to evaluate.
    #[error("{}: there is no column regression or probability: score it first", path.display())]
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
    /// Nothing says which class was right.
    #[error(
        "{}: there is no regression to evaluate, and nothing says which class was right for \
         probability: give --cut or --class",
        path.display()
    )]
    NoLabels {
        /// The table.
        path: PathBuf,
    },
    /// Windows of a symbol do not follow each other.
    #[error(
        "{place}: column start_ns: time goes backwards for {symbol}, from {before} to {found}: a \
         horizon needs windows in order of time"
    )]
    Backwards {
        /// File and line or row.
        place: String,
        /// The symbol.
        symbol: String,
        /// Where the window before it started.
        before: i64,
        /// Where this one starts.
        found: i64,
    },
    /// No row has both a prediction and an outcome.
    #[error("{}: none of {row_count} rows has both a prediction and an outcome", path.display())]
    Nothing {
        /// The table.
        path: PathBuf,
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
    end: Option<usize>,
}

impl Columns {
    /// What they hold in a chunk.
    fn of<'a>(&self, chunk: &'a Chunk) -> Held<'a> {
        let floats = |column: Option<usize>| column.map(|column| chunk.floats(column));
        let times = |column: Option<usize>| column.map(|column| chunk.integers(column));
        Held {
            regression: floats(self.regression),
            probability: floats(self.probability),
            class: floats(self.class),
            symbol: self.symbol.map(|column| chunk.texts(column)),
            start: times(self.start),
            end: times(self.end),
        }
    }
}

/// The columns of the predictions in a chunk.
struct Held<'a> {
    regression: Option<&'a [f64]>,
    probability: Option<&'a [f64]>,
    class: Option<&'a [f64]>,
    symbol: Option<&'a StringArray>,
    start: Option<&'a [i64]>,
    end: Option<&'a [i64]>,
}

impl<'a> Held<'a> {
    /// What a row says.
    #[inline]
    fn said(&self, row: usize) -> Said {
        Said {
            start_ns: self.start.map(|times| times[row]),
            end_ns: self.end.map(|times| times[row]),
            regression: self.regression.map(|values| values[row]),
            probability: self.probability.map(|values| values[row]),
            class: self.class.map(|values| values[row]),
        }
    }

    /// The symbol of a row; nothing where it is not wanted.
    #[inline]
    fn symbol(&self, row: usize) -> &'a str {
        self.symbol.map_or("", |texts| texts.value(row))
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
    // A text for each row is the dearest of all columns.
    let names = job.horizon > 0 || job.outcomes.is_some() || job.by.contains(&By::Symbol);
    let columns = Columns {
        regression: want("regression", Want::float)?,
        probability: want("probability", Want::float)?,
        class: want("class", Want::float)?,
        symbol: if names { want("symbol", Want::text)? } else { None },
        start: want("start_ns", Want::integer)?,
        end: if job.horizon > 0 { want("end_ns", Want::integer)? } else { None },
    };
    if columns.regression.is_none() && columns.probability.is_none() {
        return Err(EvaluateError::NoPredictions { path: job.predictions.to_owned() });
    }
    if columns.regression.is_none() && job.cut.is_none() && job.class.is_none() {
        return Err(EvaluateError::NoLabels { path: job.predictions.to_owned() });
    }
    require(job, &columns, &mut wanted);
    let mut outcomes = Outcomes::open(job, &columns, &mut wanted)?;
    let mut reader = table.select(&wanted)?;
    let mut tally = Tally::new(job, columns.symbol.is_some(), columns.start.is_some());
    compare(job, &columns, &mut reader, &mut outcomes, &mut tally)?;
    tally.report()
}

/// Wants what grouping, joining and a horizon need although it is not there, so that reading names
/// it.
fn require(job: &Job<'_>, columns: &Columns, wanted: &mut Vec<Want>) {
    let later = job.horizon > 0;
    let key = later || (job.outcomes.is_some() && job.join == Join::Key);
    if columns.symbol.is_none() && (key || job.by.contains(&By::Symbol)) {
        wanted.push(Want::text("symbol"));
    }
    if columns.start.is_none() && (key || job.by.iter().any(|by| *by != By::Symbol)) {
        wanted.push(Want::integer("start_ns"));
    }
    if columns.end.is_none() && later {
        wanted.push(Want::integer("end_ns"));
    }
}

fn compare(
    job: &Job<'_>,
    columns: &Columns,
    reader: &mut Reader,
    outcomes: &mut Outcomes,
    tally: &mut Tally<'_>,
) -> Result<(), EvaluateError> {
    let mut later = Later::new(job);
    let (mut values, mut classes) = (Vec::new(), Vec::new());
    while let Some(chunk) = reader.next_chunk()? {
        values.clear();
        classes.clear();
        outcomes.of(&chunk, &mut values, &mut classes)?;
        let held = columns.of(&chunk);
        for row in 0..chunk.len() {
            let (said, symbol) = (held.said(row), held.symbol(row));
            let outcome = (values[row], classes[row]);
            if job.horizon == 0 {
                tally.add(&said, symbol, outcome);
            } else {
                later.add(symbol, said, outcome, tally, || chunk.place(row))?;
            }
        }
    }
    later.end(tally);
    outcomes.end()
}
