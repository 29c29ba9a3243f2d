//! `factord factors`: trade files in, a feature table out.

use super::factor_flags::{TradeFlags, WindowFlags};
use super::{Failure, escaped, factor_warnings, print, understood};
use factord_factors::{Counts, Row};
use factord_quant::features::{DividedBook, FeatureSettings, FeatureWriter, TradeBuffer};
use factord_quant::table::TableError;
use factord_quant::trades::Reader;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::io::{self, IsTerminal, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

const EXAMPLES: &str = "\
Examples:
  factord factors 600519.SH_20230201.csv.gz --out features.csv
  factord factors day1.csv.gz day2.csv.gz --window 5m --step 1m --out features.parquet
  factord factors trades.parquet --window 1000trades --per trade --large 50000 --out features.csv
  factord factors 600519.SH_20230201.csv.gz --session 09:30-11:30,13:00-15:00 --tz Asia/Shanghai \\
    --lags 1,2,5 --means 10 --out features.csv
  factord factors BTCUSDT-trades-2023-04-05.csv --preset binance-trades --out features.csv
  factord factors AAPL_2012-06-21_34200000_57600000_message_50.csv --preset lobster --out f.csv
  factord factors px.csv --columns ts_ms=T,price=px,qty=size,side=aggr --symbol X --out f.csv
  zcat trades.csv.gz | factord factors - --large 0.99 --large-by quantile --out - | head

Windows by time start at multiples of --step since 1970 UTC, or since the start of the session,
and include their start, not their end.
A window whose rates are undefined (no trade, no aggressor) gives no row without --empty keep.
docs/factors.md says what each number means.
The settings travel with the table: in the metadata of Parquet, for CSV in OUT.factors.json; so does
that trades are simulated, as their column side_src says.
Training and scoring refuse tables of other settings than the models'.
A file that cannot be read to its end ends the run with code 65, naming file, line and column, and
no table is written.";

/// The flags of `factord factors`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct FactorsArgs {
    #[command(flatten)]
    trades: TradeFlags,
    #[command(flatten)]
    window: WindowFlags,
    /// The feature table: Parquet for *.parquet, else CSV; - writes stdout
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print the summary as one JSON object
    #[arg(long)]
    json: bool,
}

/// What a run did.
struct Summary {
    counts: Counts,
    /// Trades outside of the sessions.
    outside: u64,
    symbols: usize,
    rows: u64,
    seconds: f64,
}

/// Reads the files, writes the table and says what was counted.
///
/// # Errors
///
/// [`Failure`] when a setting, a file or the output cannot be used.
pub fn run(args: &FactorsArgs) -> Result<(), Failure> {
    let settings = args.window.settings()?;
    let started = Instant::now();
    let mut reader = Reader::open(&args.trades.inputs, &args.trades.options(&args.window))?;
    understood::say(&reader, 0);
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let book = DividedBook::new(&settings, cores)?;
    let mut writer = FeatureWriter::create(&args.out, book.past_names())?;
    let bar = bar();
    let read = stream(book, &mut reader, &mut writer, &bar);
    bar.finish_and_clear();
    let (counts, outside, rows) = read?;
    let (symbols, seconds) = (reader.names().len(), started.elapsed().as_secs_f64());
    let mut stated = settings.stated();
    reader.state_data(&mut stated);
    writer.finish(&stated)?;
    understood::say(&reader, 1);
    let told = args.window.tells_contracts();
    factor_warnings::warn(&reader, &settings.factors, &counts, rows, told);
    factor_warnings::warn_outside(&settings, &counts, outside);
    report(args, &settings, &Summary { counts, outside, symbols, rows, seconds })
}

/// A bar that shows only on a terminal.
fn bar() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{wide_bar} {percent:>3} %  {eta} left  {msg}");
    ProgressBar::new(1_000).with_style(style.expect("the template is a constant that parses"))
}

/// Pushes all trades; returns the counts, the trades outside of sessions, and the rows written.
fn stream(
    mut book: DividedBook,
    reader: &mut Reader,
    writer: &mut FeatureWriter,
    bar: &ProgressBar,
) -> Result<(Counts, u64, u64), Failure> {
    let mut buffer = TradeBuffer::default();
    let mut rows = 0;
    let mut failed: Option<TableError> = None;
    let mut out = |symbol: &str, row: &Row, past: &[f64]| {
        rows += 1;
        if failed.is_none() {
            failed = writer.push(symbol, row, past).err();
        }
    };
    while reader.next_into(&mut buffer)? {
        buffer = book.push(buffer, reader.names(), &mut out);
        // Thousandths, as the bar counts them.
        bar.set_position((reader.progress().unwrap_or(0.0) * 1_000.0) as u64);
    }
    let (counts, outside) = book.finish(&mut out);
    match failed {
        Some(error) => Err(error.into()),
        None => Ok((counts, outside, rows)),
    }
}

/// Says what was done: on stderr, or as JSON on stdout unless the table went there.
fn report(
    args: &FactorsArgs,
    settings: &FeatureSettings,
    summary: &Summary,
) -> Result<(), Failure> {
    let Summary { counts, outside, symbols, rows, seconds } = summary;
    let mut counted = counts.named();
    counted.push(("outside_session", *outside));
    if args.json && args.out != Path::new("-") {
        let named: serde_json::Map<String, serde_json::Value> =
            counted.into_iter().map(|(name, count)| (name.to_owned(), count.into())).collect();
        let window = settings.factors.window.to_string();
        return print(format_args!(
            "{}\n",
            json!({
                "rows": rows, "symbols": symbols, "window": window,
                "per": settings.factors.large.per.name(),
                "aggressor": settings.factors.aggressor.name(),
                "seconds": seconds, "counts": named,
            })
        ));
    }
    if args.out == Path::new("-") {
        return Ok(());
    }
    let mut text = format!(
        "factord: {} trades of {symbols} {}, {rows} rows to {}\n",
        counts.trades,
        if *symbols == 1 { "symbol" } else { "symbols" },
        args.out.display()
    );
    for (name, count) in counted.into_iter().filter(|(_, count)| *count > 0) {
        text.push_str(&format!("  {count:>12}  {}\n", name.replace('_', " ")));
    }
    // With stderr closed there is no one left to tell.
    let _ = io::stderr().write_all(escaped(&text).as_bytes());
    Ok(())
}
