//! `factord score`: a feature table through models, without a daemon.

use super::{Failure, made, model, print, say};
use crate::exit::Code;
use factord_models::catalogue;
use factord_models::file::Artifact;
use factord_quant::score::{self, Event, Job, Models, Summary};
use factord_quant::table::Compression;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::io::{self, IsTerminal};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;

const EXAMPLES: &str = "\
Examples:
  factord score features.parquet --out scored.parquet
  factord score features.csv.gz --out scored.csv
  factord score features.feather --out scored.parquet
  factord score features.parquet --out scored.parquet --model new/regression.fmodel
  factord score features.csv --out - --models /etc/factord/models | head

CSV (plain, gzip, zstd, xz, bzip2, zip), Parquet and Arrow (Feather) are told by content; the output
is Parquet when its name ends in .parquet or .pq, gzipped when it ends in .gz, otherwise CSV. All
columns and the order of rows stay.
A linear model adds regression, a logistic one probability and class; columns of those names are
replaced. With several models of a kind, each puts its name in front: NAME_regression.
Features are found by the names in the model, never by position; stderr says which columns were
taken. If there is no column of that exact name, one that differs only in case is taken.
A table whose windows were made with other settings than a model's is refused, where both are known.
Answers are those of the daemon, bit for bit.
A row that cannot be scored ends the run with code 65 and writes no file; with --keep-going it is
reported, its outputs stay empty, the other rows are scored, and the code is 1.
Parquet to Parquet copies the other columns in compressed form. Predictions are written without a
dictionary, and uncompressed unless --compression says otherwise: they hold noise in every bit.
The models' names, hashes, targets, horizons and cuts are recorded for factord evaluate: in the
metadata of Parquet, for CSV in OUT.models.json, and on stderr when the output is not a file.";

/// The flags of `factord score`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ScoreArgs {
    /// The table; - reads CSV from stdin
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Where the scored table goes; - writes CSV to stdout
    #[arg(long, value_name = "OUT")]
    out: PathBuf,
    /// A model, by name or file; may be repeated (default: all models of --models, or the two
    /// built-in ones)
    #[arg(long, value_name = "NAME|FILE")]
    model: Vec<PathBuf>,
    /// A directory of models in which names are looked up
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// Score the other rows when some cannot be
    #[arg(long)]
    keep_going: bool,
    /// The compression of the Parquet columns that are written
    #[arg(long, value_enum, value_name = "CODEC", default_value_t = Codec::None)]
    compression: Codec,
    /// Number of threads (default: one per core)
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Print the counts as one JSON object
    #[arg(long)]
    json: bool,
}

/// The codecs by their names.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Codec {
    /// Fastest
    None,
    /// Fast, widely supported
    Snappy,
    /// Smallest
    Zstd,
}

impl From<Codec> for Compression {
    fn from(codec: Codec) -> Compression {
        match codec {
            Codec::None => Compression::None,
            Codec::Snappy => Compression::Snappy,
            Codec::Zstd => Compression::Zstd,
        }
    }
}

/// Scores the table.
///
/// # Errors
///
/// [`Failure`] when it cannot be read, or a row cannot be scored.
pub fn run(args: &ScoreArgs) -> Result<(), Failure> {
    crate::sys::process::keep_freed_memory();
    let models = Models::new(&artifacts(args)?);
    let outputs = models.outputs();
    let twice = outputs.iter().enumerate().find(|(at, name)| outputs[..*at].contains(name));
    if let Some((_, name)) = twice {
        let message = format!("two models would both write the column {name}: name one of them");
        return Err(Failure::new(Code::Usage, message));
    }
    let cores = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let job = Job {
        input: &args.input,
        output: &args.out,
        models: &models,
        keep_going: args.keep_going,
        thread_count: args.threads.map_or_else(cores, usize::from),
        compression: args.compression.into(),
    };
    let bar = bar();
    let summary = score::run(&job, &mut |event| match event {
        Event::BadRow(said)
        | Event::Understood(said)
        | Event::Columns(said)
        | Event::Unread(said) => bar.suspend(|| say(said)),
        // In thousandths.
        Event::Done(share) => bar.set_position((share * 1e3) as u64),
    });
    bar.finish_and_clear();
    let summary = summary?;
    made::say(&args.out, models.made());
    report(summary, &args.out, args.json)
}

fn artifacts(args: &ScoreArgs) -> Result<Vec<Artifact>, Failure> {
    let directory = args.models.as_deref();
    if !args.model.is_empty() {
        let named = args.model.iter().map(|name| Ok(model::named(name, directory)?.artifact));
        return named.collect();
    }
    let served = match directory {
        Some(directory) => catalogue::load_dir(directory)?,
        None => catalogue::embedded(),
    };
    Ok(served.into_iter().map(|served| served.artifact).collect())
}

/// A bar of a thousand steps on a terminal, else nothing.
fn bar() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{wide_bar} {percent:>3} %  {eta} left");
    ProgressBar::new(1000).with_style(style.expect("the template is a constant that parses"))
}

/// Says what was done, on stderr or, as JSON, on stdout unless the rows went there.
pub(super) fn report(summary: Summary, output: &Path, json: bool) -> Result<(), Failure> {
    let (rows, bad, target) = (summary.row_count, summary.bad_count, output.display());
    if json && output != Path::new("-") {
        let good = rows - bad;
        print(format_args!("{}\n", json!({"rows": rows, "scored": good, "bad": bad})))?;
    } else if bad == 0 && output != Path::new("-") {
        let unit = if rows == 1 { "row" } else { "rows" };
        say(format_args!("{rows} {unit} scored to {target}"));
    }
    if rows == 0 {
        say("warning: the table has a header and no rows");
    }
    if bad == 0 {
        return Ok(());
    }
    let message = format!("{bad} of {rows} rows are bad: their outputs are empty in {target}");
    Err(Failure::new(Code::Failed, message))
}
