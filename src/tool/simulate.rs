//! `factord simulate`: trades of stocks that do not exist, in a file.

use super::{Failure, print};
use arrow_array::RecordBatch;
use factord_quant::simulate::{Columns, Market, Settings, Trade, schema, stock_name};
use factord_quant::skill::date;
use factord_quant::table::{CHUNK_ROWS, TableError, Writer, WriterOptions};
use factord_quant::trades::Date;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

const EXAMPLES: &str = "\
Examples:
  factord simulate --out trades.csv.gz
  factord simulate --out trades.parquet --symbols 10 --days 20 --trades 50000
  factord simulate --out other.csv --seed 2
  factord simulate --out today.csv --days 1 --start 2026-03-02
  factord simulate --out shanghai.csv --start 2026-03-02T01:25
  factord simulate --out - --trades 1000 | head

This is a simulation, not market data: the symbols are SIM001, SIM002 and so on, and the column
side_src says `simulated`. It has what real order flow has: order signs with long memory (parent
orders split into child orders), heavy-tailed sizes, prices that respond, order numbers on both
sides, bursts, and auctions at 09:25 and 15:00. What a model learns from it holds only for it:
feature tables, models and reports made from it say that their data are simulated.

The columns are ts_ns (UTC), symbol, price, qty, side (B, S, or N in an auction), side_src, buy_id,
sell_id and trade_id. The end of the file's name decides the format: .parquet, .gz, otherwise CSV.
The same flags give the same trades on every machine and on every day, so the first day does not
follow the calendar: it is Monday, 1 January 2024, unless --start says another. With a time the day
begins then, and all of it moves: its opening auction is at that time, the closing one 5 h 35 min
later.";

/// The flags of `factord simulate`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct SimulateArgs {
    /// Where the trades go: .csv, .csv.gz or .parquet; - writes stdout
    #[arg(long, value_name = "TRADES")]
    out: PathBuf,
    /// Stocks, SIM001 and so on
    #[arg(long, default_value_t = 4, value_name = "COUNT", value_parser = ranged(Settings::STOCKS))]
    symbols: u64,
    /// The first day, and when its opening auction is, UTC; a weekend gives way to Monday
    #[arg(long, default_value = "2024-01-01T09:25", value_name = "DATE[THH:MM]",
          value_parser = start)]
    start: i64,
    /// Days from the first one on, without weekends
    #[arg(long, default_value_t = 5, value_name = "COUNT", value_parser = ranged(Settings::DAYS))]
    days: u64,
    /// Trades of each stock on each day
    #[arg(long, default_value_t = 20_000, value_name = "COUNT",
          value_parser = ranged(Settings::TRADES))]
    trades: u64,
    /// Another seed gives other trades
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    seed: u64,
    /// Print the summary as one JSON object
    #[arg(long)]
    json: bool,
}

fn ranged(range: std::ops::RangeInclusive<u64>) -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(range)
}

/// A day, or a day and a time, in nanoseconds since 1970 UTC; a day begins at 09:25.
fn start(text: &str) -> Result<i64, String> {
    let (day, clock) = text.split_once('T').unwrap_or((text, "09:25"));
    let digits = |text: &str, most: i64| {
        let plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i64>().ok().filter(|value| plain && *value <= most)
    };
    let clock = clock.split_once(':').and_then(|(h, m)| Some((digits(h, 23)?, digits(m, 59)?)));
    let expected =
        || "use a day from 1970 to 2199, 2026-03-02, or with a time, 2026-03-02T01:25".to_owned();
    let (hour, minute) = clock.ok_or_else(expected)?;
    let midnight_ns = day.parse::<Date>().map_err(|_| expected())?.midnight_ns();
    Ok(midnight_ns + (hour * 60 + minute) * 60_000_000_000)
}

/// Simulates and writes.
///
/// # Errors
///
/// [`Failure`] when the file cannot be written; nothing bears its name then.
pub fn run(args: &SimulateArgs) -> Result<(), Failure> {
    let settings = Settings {
        seed: args.seed,
        start_ns: args.start,
        stock_count: args.symbols,
        day_count: args.days,
        trades_per_day: args.trades,
    };
    let started = Instant::now();
    let writer = Writer::create(&args.out, &schema(), &WriterOptions::default())?;
    write(&settings, Market::new(&settings)?, writer)?;
    report(args, &settings, started.elapsed().as_secs_f64())
}

/// Simulates on this thread while another writes.
fn write(settings: &Settings, market: Market, mut writer: Writer) -> Result<(), Failure> {
    let progress = bar(settings.trade_count());
    let columns = Columns::new(settings.stock_count);
    // 2: one batch on its way while another is written.
    let (batches, written) = sync_channel::<RecordBatch>(2);
    thread::scope(|scope| {
        let writing = scope.spawn(|| -> Result<Writer, TableError> {
            for batch in written {
                writer.write(&batch)?;
                progress.inc(batch.num_rows() as u64);
            }
            Ok(writer)
        });
        simulate(market, &columns, batches);
        let done = writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        progress.finish_and_clear();
        Ok(done?.finish()?)
    })
}

/// Sends all trades, batch by batch, unless the other side has given up.
fn simulate(market: Market, columns: &Columns, batches: SyncSender<RecordBatch>) {
    let mut trades: Vec<Trade> = Vec::with_capacity(CHUNK_ROWS);
    for trade in market {
        trades.push(trade);
        if trades.len() == CHUNK_ROWS {
            if batches.send(columns.record(&trades)).is_err() {
                return;
            }
            trades.clear();
        }
    }
    if !trades.is_empty() {
        // Nobody there any more: the writer says why.
        let _ = batches.send(columns.record(&trades));
    }
}

/// A bar over the rows, which shows only on a terminal.
fn bar(rows: u64) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{wide_bar} {percent:>3} %  {eta} left");
    ProgressBar::new(rows).with_style(style.expect("the template is a constant that parses"))
}

/// Says what was done, on stdout unless the trades went there.
fn report(args: &SimulateArgs, settings: &Settings, seconds: f64) -> Result<(), Failure> {
    let rows = settings.trade_count();
    let stdout = args.out == Path::new("-");
    let text = if args.json {
        let object = json!({
            "simulated": true, "rows": rows, "symbols": args.symbols, "days": args.days,
            "trades_per_day": args.trades, "seed": args.seed, "seconds": seconds,
            "start_ns": args.start,
            "out": args.out.display().to_string(),
        });
        format!("{object}\n")
    } else {
        let last = stock_name(args.symbols as usize - 1);
        let (out, per_day) = (args.out.display(), args.trades);
        format!(
            "simulated, no market data: {rows} trades of {} to {last}, {per_day} each on {} days \
             from {}, seed {}\n  written to {out} in {seconds:.2} s\n",
            stock_name(0),
            args.days,
            date(args.start.div_euclid(86_400_000_000_000)),
            args.seed,
        )
    };
    if !stdout {
        return print(text);
    }
    // With stderr closed there is no one left to tell.
    let _ = io::stderr().write_all(text.as_bytes());
    Ok(())
}
