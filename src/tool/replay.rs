//! `factord replay`: trades through factors and the ring of a running daemon, window by window.

mod model_client;
mod pace;
mod report;
mod run;
mod sink;
mod tally;
mod window;

use super::factor_flags::{TradeFlags, WindowFlags};
use super::{Failure, Globals, factor_warnings};
use crate::exit::Code;
use factord_core::sync::{AtomicU64, Ordering};
use factord_factors::column_called;
use factord_quant::calendar::Sessions;
use factord_quant::features::FeatureBook;
use factord_quant::score::Made;
use factord_quant::target::{HORIZON_MAX, Target};
use factord_quant::trades::Reader;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use model_client::ModelClient;
use pace::{Pace, Speed};
use report::Summary;
use run::{Ended, Run};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use sink::Sink;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tally::Tally;
use window::Number;

const EXAMPLES: &str = "\
Examples:
  factord replay trades.csv.gz --out predictions.csv
  factord replay trades.csv.gz --speed 60 | tail -f an hour per minute, row by row
  factord replay mon.parquet tue.parquet --window 5m --step 1m --out p.parquet --json
  factord replay trades.csv.gz --horizon 5 --socket /run/factord/factord.sock --out /dev/null

Each window that closes becomes one request to each of the models `regression` and `classification`
of the running daemon, and one row: the columns of `factord factors`, then regression, probability
and class. The summary compares the predictions with the window's own sell rate (`now`) and with
that of the window --horizon later in the same session (`next`). Sell and buy rate sum to 1, so a
model of `now` that has the buy rate as an input knows the answer: only `next` can show skill.
A model that was trained on windows of other settings than these is refused, where it states them.

Ctrl-C ends it with the summary; the rows so far are then in OUT.partial. When the engine dies, the
replay reattaches as soon as it is back, and repeats what was not answered; it fails when that
takes longer than --deadline-ms.";

/// The flags of `factord replay`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ReplayArgs {
    #[command(flatten)]
    trades: TradeFlags,
    #[command(flatten)]
    window: WindowFlags,
    /// How fast: max, 1 for real time, 60 for an hour per minute
    #[arg(long, value_name = "TIMES", default_value = "max")]
    speed: Speed,
    /// Where the rows go: .csv, .csv.gz or .parquet; - writes stdout
    #[arg(long, value_name = "OUT", default_value = "-")]
    out: PathBuf,
    /// How many windows later `next` is [default: what the regression model was trained for, or 1]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    horizon: Option<u32>,
    /// The label is 1 above this target [default: the cut of the served classifier]
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    cut: Option<f64>,
    /// Milliseconds to wait for an answer, including a restart of the engine
    #[arg(long, value_name = "MS", default_value_t = 5_000,
          value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    deadline_ms: u64,
    /// Print the summary as one JSON object
    #[arg(long)]
    json: bool,
}

/// Replays.
///
/// # Errors
///
/// [`Failure`] when there is no daemon, a file or the output cannot be used, or a request is not
/// answered in time.
pub fn run(args: &ReplayArgs, globals: &Globals) -> Result<(), Failure> {
    let settings = args.window.settings()?;
    let mut reader = Reader::open(&args.trades.inputs, &args.trades.options(&args.window))?;
    // The summary is alone on stderr where programs read it there.
    let alone = args.json && args.out == Path::new("-");
    if !alone {
        super::understood::say(&reader, 0);
    }
    let socket = globals.socket()?;
    let mut stated = settings.stated();
    let book = FeatureBook::new(&settings)?;
    let past = book.past_names();
    let regression = ModelClient::attach(socket.as_deref(), "regression", &stated, &past)?;
    let classification = ModelClient::attach(socket.as_deref(), "classification", &stated, &past)?;
    let (target, trained) = target_of(&regression.target)?;
    let outcome = Number::called(target.column(), &past).ok_or_else(|| {
        let (known, all) = (window::names(&past), &regression.target);
        let message = format!("regression predicts `{all}`, a window has only {known}");
        Failure::new(Code::Data, message)
    })?;
    let horizon = args.horizon.map_or(trained, |windows| windows as usize);
    if let Some(own) = target.horizon().filter(|own| *own != horizon) {
        let message =
            format!("regression predicts a return over {own} windows: leave --horizon out");
        return Err(Failure::new(Code::Usage, message));
    }
    let cut = args.cut.or(classification.threshold);
    let named = shown(&target);
    let calendar = settings.calendar.clone();
    let sessions = Sessions { calendar, pause_ns: regression.pause_ns };
    let tally = Tally::new(cut, target, horizon, sessions);
    let asked_to_end = watch()
        .map_err(|error| Failure::new(Code::Os, format!("cannot watch signals: {error}")))?;
    let sink = Sink::create(&args.out, args.speed != Speed::Max, &past)?;
    let started = Instant::now();
    let mut run = Run::new(book, [regression, classification], outcome, tally, sink)?;
    run.deadline = Duration::from_millis(args.deadline_ms);
    let bar = bar(&args.out);
    let ended = run.replay(&mut reader, Pace::new(args.speed), &asked_to_end, &bar);
    bar.finish_and_clear();
    let ended = ended?;
    let seconds = started.elapsed().as_secs_f64();
    let models: Vec<Made> = run.models.iter().flat_map(|model| model.made.clone()).collect();
    reader.state_data(&mut stated);
    let partial = run.sink.finish(ended == Ended::Interrupted, &models, &stated)?;
    let summary = Summary {
        done: &run.done,
        tally: &run.tally,
        target: &named,
        speed: args.speed,
        interrupted: ended == Ended::Interrupted,
        partial,
        seconds,
        models: &models,
    };
    if !alone {
        super::understood::say(&reader, 1);
    }
    factor_warnings::warn(
        &reader,
        &settings.factors,
        &run.done.counts,
        run.done.windows,
        args.window.tells_contracts(),
    );
    factor_warnings::warn_outside(&settings, &run.done.counts, run.done.outside);
    summary.print(&args.out, args.json)
}

/// Counts the signals that ask for an end. The second one ends the process as if it were not
/// caught: the first is not seen while a pipe gives no trades.
fn watch() -> io::Result<Arc<AtomicU64>> {
    let asked = Arc::new(AtomicU64::new(0));
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let count = Arc::clone(&asked);
    thread::spawn(move || {
        // It waits for signals as long as the process lives.
        for signal in signals.forever() {
            // Relaxed: nothing else is told by it.
            if count.fetch_add(1, Ordering::Relaxed) > 0 {
                // Should it fail there is one more Ctrl-C to give.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        }
    });
    Ok(asked)
}

/// A target by the name that an artifact gives it, and how many windows after its inputs it is: 1
/// unless the name says more.
fn target_of(name: &str) -> Result<(Target, usize), Failure> {
    let later = name.strip_suffix(']').and_then(|name| name.rsplit_once("[+"));
    let (column, later) = match later.and_then(|(name, later)| Some((name, later.parse().ok()?))) {
        Some((name, later)) if (1..=HORIZON_MAX).contains(&later) => (name, later),
        // What a model learnt of its own window can still be compared with the next one.
        _ if name.is_empty() => ("sell_rate", 1),
        _ => (name, 1),
    };
    let target = Target::of(column)
        .map_err(|error| Failure::new(Code::Data, format!("regression predicts {error}")))?;
    let horizon = target.horizon().unwrap_or(later);
    Ok((target, horizon))
}

/// The target for people, without its horizon: windows have other names for what vendors predict.
fn shown(target: &Target) -> String {
    match target {
        Target::Column(name) => {
            column_called(name).map_or(name.as_str(), |column| column.name).to_owned()
        }
        Target::Return(_) => target.named(0),
    }
}

/// A bar that shows only on a terminal, and not among rows.
fn bar(out: &Path) -> ProgressBar {
    if !io::stderr().is_terminal() || out == Path::new("-") {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{wide_bar} {percent:>3} %  {eta} left");
    ProgressBar::new(1_000).with_style(style.expect("the template is a constant that parses"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_says_how_many_windows_later_it_is() {
        let of = |name: &str| {
            let (target, horizon) = target_of(name).unwrap();
            (target.column().to_owned(), horizon)
        };
        assert_eq!(of("sell_rate[+5]"), ("sell_rate".to_owned(), 5));
        assert_eq!(of("sell_rate"), ("sell_rate".to_owned(), 1));
        assert_eq!(of(""), ("sell_rate".to_owned(), 1));
        assert_eq!(of("x[+0]"), ("x[+0]".to_owned(), 1));
        assert_eq!(of("x[+many]"), ("x[+many]".to_owned(), 1));
        assert_eq!(of("return:5"), ("last".to_owned(), 5));
        assert!(target_of("return:x").is_err());
    }
}
