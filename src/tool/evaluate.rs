//! `factord evaluate`: predictions against outcomes.

mod json;
mod page;
mod question;

use super::{Failure, print};
use factord_quant::evaluate::{
    self, BIN_COUNT, By, Classifier, Figures, Group, Grouped, Job, Join, Ranked, Regression,
    Report, SEED,
};
use factord_quant::skill::{self, DRAWS, Intervals, Undefined, figure};
use factord_quant::table::{Output, OutputError};
use question::Question;
use std::path::PathBuf;
use std::{fmt::Write, io::Write as _};

const EXAMPLES: &str = "\
Examples:
  factord evaluate scored.parquet
  factord evaluate scored.parquet outcomes.csv --target sell_rate --cut 0.5 --by day --by symbol
  factord evaluate scored.csv labels.csv --target sell_rate --class rose --rows --json
  factord evaluate scored.parquet --horizon 1 --cut 0.5 --by hour --by symbol --html evaluation.html

Predictions are the columns regression, probability and class, as factord score writes them; if
there is no class, it is 1 for a probability above 0.5. The outcome is a column of the same table
or of a second one, joined by symbol and start_ns if both have them, otherwise by row order.
The classifier is evaluated when --cut (class 1 is an outcome above it) or --class (a column of 0
and 1) says which class was right. Rows without a prediction or outcome are counted and left out.
Outcome, horizon, cut and pause are those of the models, as score, predict --csv and replay record
them with their predictions; without a record they are sell_rate, 0 and none. --horizon 1 compares
with the outcome of the next row of the same symbol, within a session, as training does. Windows of
a symbol must be in order in the table; the last of a session have no outcome.
R2, RMSE and MAE; accuracy, precision, recall, F1, AUC (ties count half), Brier score and expected
calibration error are those of scikit-learn; an undefined figure is shown as -, and as null with
the reason in `undefined` by --json.
IC and rank IC are Pearson's and Spearman's correlation of prediction and outcome (scipy's; ties
have mean ranks) over all rows of a day, UTC, with their mean, deviation and t over the days; the
deciles are tenths of the rows by prediction, where equal predictions stay together; --json and
--html have the ROC curve.
Intervals of 95 % are from drawing whole days with replacement, 1,000 times, seed 1: rows of a day
are not independent, as closed forms take them to be. With fewer than 8 days, 64 blocks or fewer of
consecutive windows are drawn; of consecutive rows where the table has no start_ns.
Groups have the mean of both correlations and an interval, too, of their own days or blocks.
Of more than 8,388,608 rows these are not computed: 32 bytes are kept of each.
An R2 near 1 on the window of the inputs is an identity, not skill: sell_rate = 1 - buy_rate.";

/// The flags of `factord evaluate`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct EvaluateArgs {
    /// The table with the predictions: CSV, gzipped CSV or Parquet
    #[arg(value_name = "PREDICTIONS")]
    predictions: PathBuf,
    /// The table with the outcomes (default: the predictions' own)
    #[arg(value_name = "OUTCOMES")]
    outcomes: Option<PathBuf>,
    /// The column of the outcome, or return:H for the log return over H windows [default: what the
    /// models predict, or sell_rate]
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// How many windows later the outcome is, in the same session; 0 is the prediction's own
    /// [default: what the models were trained for, or 0]
    #[arg(long, value_name = "K")]
    horizon: Option<u32>,
    /// The longest pause between windows of one session, in seconds [default: that of the models'
    /// training, or anything shorter than the window before it]
    #[arg(long, value_name = "SECONDS", value_parser = super::train::not_negative)]
    pause: Option<f64>,
    /// Above this outcome the class is 1 [default: the cut of the classifier's label, if recorded]
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true, conflicts_with = "class")]
    cut: Option<f64>,
    /// The column of the class, 0 or 1
    #[arg(long, value_name = "COLUMN")]
    class: Option<String>,
    /// Also group by this; may be repeated
    #[arg(long, value_enum, value_name = "WHAT")]
    by: Vec<What>,
    /// The time zone of days, hours and minutes, such as Asia/Shanghai [default: that of the
    /// table's sessions, or UTC]
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// Join the two tables by row order
    #[arg(long, requires = "outcomes", conflicts_with = "key")]
    rows: bool,
    /// Join the two tables only by symbol and start_ns
    #[arg(long, requires = "outcomes")]
    key: bool,
    /// Also write a page with calibration, periods and tables
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What to group by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// The column symbol
    Symbol,
    /// The day of `start_ns`
    Day,
    /// The hour of `start_ns`
    Hour,
    /// The minute of `start_ns`
    Minute,
}

impl From<What> for By {
    fn from(what: What) -> By {
        match what {
            What::Symbol => By::Symbol,
            What::Day => By::Day,
            What::Hour => By::Hour,
            What::Minute => By::Minute,
        }
    }
}

/// Compares and prints.
///
/// # Errors
///
/// [`Failure`] when a table cannot be read or holds nothing to compare.
pub fn run(args: &EvaluateArgs) -> Result<(), Failure> {
    crate::sys::process::keep_freed_memory();
    let mut by: Vec<By> = Vec::new();
    for what in args.by.iter().map(|&what| By::from(what)) {
        if !by.contains(&what) {
            by.push(what);
        }
    }
    // What cannot be written is told before everything is read.
    let page = args.html.as_ref().map(|path| Output::create(path).map(|file| (file, path)));
    let page = page.transpose()?;
    super::understood::say_tables(std::iter::once(&args.predictions).chain(&args.outcomes));
    let question = Question::of(args)?;
    let report = evaluate::run(&Job {
        predictions: &args.predictions,
        outcomes: args.outcomes.as_deref(),
        join: match (args.rows, args.key) {
            (true, _) => Join::Rows,
            (_, true) => Join::Key,
            _ => Join::Auto,
        },
        target: &question.target,
        cut: question.cut,
        class: args.class.as_deref(),
        horizon: question.horizon as usize,
        sessions: question.sessions.clone(),
        zone: question.zone.clone(),
        by: &by,
    })?;
    if let Some((mut file, path)) = page {
        let failed = |error| OutputError::Write { path: path.clone(), error };
        file.write_all(page::page(args, &question, &report).as_bytes()).map_err(failed)?;
        file.finish()?;
    }
    if args.json {
        return print(format_args!("{}\n", json::as_json(&question, &report)));
    }
    print(as_text(&question, &report))
}

/// The intervals of a model's figures.
fn drawn(
    name: &str,
    intervals: &Intervals,
) -> Vec<(&'static str, Result<skill::Interval, Undefined>)> {
    match name {
        "regression" => vec![("r2_interval", intervals.r2)],
        _ => vec![("accuracy_interval", intervals.accuracy), ("auc_interval", intervals.auc)],
    }
}

/// The tables for people.
fn as_text(question: &Question, report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "{} rows against {}, {} without a prediction, {} without an outcome",
        report.row_count,
        question.outcome(),
        report.unpredicted_count,
        report.unknown_count
    );
    for line in question.lines() {
        let _ = writeln!(out, "{line}");
    }
    let overall = [overall(report)];
    let mut tables: Vec<(&str, &[Group])> = vec![("", &overall)];
    tables.extend(report.groups.iter().map(|(by, groups)| (by.name(), groups.as_slice())));
    if report.overall.regression.is_some() {
        table(&mut out, "regression", &REGRESSION, &tables, regression_cells);
        ranked(&mut out, "regression", report.regression.as_ref());
    }
    if let Some(classifier) = &report.overall.classifier {
        table(&mut out, "classifier", &CLASSIFIER, &tables, classifier_cells);
        let _ = writeln!(
            out,
            "\n{:<20}{:>10}{:>10}{:>10}",
            "calibration", "rows", "predicted", "observed"
        );
        for bin in &classifier.bins {
            let to = bin.low + 1.0 / BIN_COUNT as f64;
            let name = format!("{:.1} to {to:.1}", bin.low);
            let (rows, predicted, observed) = (bin.row_count, bin.predicted, bin.observed);
            let _ = writeln!(out, "{name:<20}{rows:>10}{predicted:>10.4}{observed:>10.4}");
        }
        ranked(&mut out, "classifier", report.classifier.as_ref());
    }
    out
}

/// Days that are listed; JSON has all of them.
const DAYS_SHOWN_MAX: usize = 31;

/// Intervals of the figures of all rows, then correlations and deciles.
fn ranked(out: &mut String, name: &str, ranked: Option<&Ranked>) {
    let Some(Ranked { intervals, skill }) = ranked else { return };
    let _ = writeln!(out, "\n{}", said(name, intervals));
    out.push_str(&skill::text(name, skill, DAYS_SHOWN_MAX));
}

/// The intervals of a model's figures in a sentence.
fn said(name: &str, intervals: &Intervals) -> String {
    let words = |(figure, interval): (&str, Result<skill::Interval, Undefined>)| {
        let figure = match figure {
            "r2_interval" => "R2",
            "accuracy_interval" => "accuracy",
            _ => "AUC",
        };
        interval.map_or_else(
            |why| format!("{figure} has none: {why}"),
            |ends| format!("{figure} {}", skill::between(ends)),
        )
    };
    let all: Vec<String> = drawn(name, intervals).into_iter().map(words).collect();
    let (count, unit) = (intervals.count, intervals.unit.plural());
    format!("95 %, {name}: {}; {count} {unit}, drawn {DRAWS} times, seed {SEED}", all.join(", "))
}

const REGRESSION: [&str; 7] = ["rows", "R2", "RMSE", "MAE", "IC", "rank IC", "R2, 95 %"];
const CLASSIFIER: [&str; 12] = [
    "rows",
    "accuracy",
    "precision",
    "recall",
    "F1",
    "AUC",
    "Brier",
    "ECE",
    "class 1",
    "IC",
    "rank IC",
    "AUC, 95 %",
];

/// All rows as a group.
fn overall(report: &Report) -> Group {
    Group {
        name: "all".to_owned(),
        figures: report.overall.clone(),
        regression: report.regression.as_ref().map(Grouped::from),
        classifier: report.classifier.as_ref().map(Grouped::from),
    }
}

fn table<const N: usize>(
    out: &mut String,
    title: &str,
    heads: &[&str; N],
    tables: &[(&str, &[Group])],
    cells: impl Fn(&Group) -> Option<[String; N]>,
) {
    let row = |out: &mut String, name: &str, cells: &mut dyn Iterator<Item = &str>| {
        let _ = write!(out, "{name:<20}");
        for (at, cell) in cells.enumerate() {
            // The last one is an interval.
            let width = if at + 1 < N { 10 } else { 20 };
            let _ = write!(out, "{cell:>width$}");
        }
        out.push('\n');
    };
    out.push('\n');
    row(out, title, &mut heads.iter().copied());
    for (by, groups) in tables {
        if !by.is_empty() {
            let _ = writeln!(out, "by {by}");
        }
        for group in *groups {
            if let Some(cells) = cells(group) {
                row(out, &group.name, &mut cells.iter().map(String::as_str));
            }
        }
    }
}

fn four(value: f64) -> String {
    format!("{value:.4}")
}

fn defined(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), four)
}

fn regression_cells(group: &Group) -> Option<[String; 7]> {
    let Regression { row_count, r2, rmse, mae, .. } = group.figures.regression.as_ref()?;
    let [ic, rank_ic, r2_ends] = grouped_cells(group.regression.as_ref(), |it| it.r2);
    let count = row_count.to_string();
    Some([count, defined(*r2), figure(*rmse), figure(*mae), ic, rank_ic, r2_ends])
}

fn classifier_cells(group: &Group) -> Option<[String; 12]> {
    let figures = group.figures.classifier.as_ref()?;
    let [ic, rank_ic, auc_ends] = grouped_cells(group.classifier.as_ref(), |it| it.auc);
    Some([
        figures.row_count.to_string(),
        four(figures.accuracy),
        defined(figures.precision),
        defined(figures.recall),
        defined(figures.f1),
        defined(figures.auc),
        four(figures.brier),
        four(figures.ece),
        four(figures.positive_share),
        ic,
        rank_ic,
        auc_ends,
    ])
}

/// Both correlations, and the interval of a figure.
fn grouped_cells(
    grouped: Option<&Grouped>,
    figure: impl Fn(&Intervals) -> Result<skill::Interval, Undefined>,
) -> [String; 3] {
    let none = || "-".to_owned();
    let Some(Grouped { intervals, order }) = grouped else { return [none(), none(), none()] };
    let ends = figure(intervals).map_or_else(|_| none(), skill::between);
    [skill::four(order.ic.mean), skill::four(order.rank_ic.mean), ends]
}
