//! `factord train`: feature tables become artifacts and a report.

use super::model::asked;
use super::model::versions::publish_here;
use super::{Failure, Globals, print};
use crate::exit::Code;
use factord_core::channel;
use factord_factors::FEATURES;
use factord_models::file::Artifact;
use factord_quant::table::Stored;
use factord_quant::target::Target;
use factord_quant::train::{self, FOLDS_MAX, HORIZON_MAX, Settings, Trained};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::fs;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::LazyLock;

const EXAMPLES: &str = "\
Examples:
  factord train features.parquet --out models
  factord train mon.csv tue.csv wed.csv --holdout thu.csv --out models --horizon 5
  factord train features.csv --out models --features buy_rate,volume --target sell_rate --folds 10
  factord train features.csv --out models --target return:5 --features buy_rate,log_return
  factord train features.csv --out models --only logistic --cut 0.55 --c none --json
  factord serve --models models                 serve what was trained
  factord train features.csv --out models --only linear --name next-1m --publish --store STORE

DIR gets regression.fmodel, classification.fmodel and report.html: all of them, or none when
something is wrong. A table has the columns symbol, start_ns and end_ns besides features and
target, as factord factors writes them; name the files in order of time. Each figure is shown next
to what a baseline reaches. A horizon of 0 learns the same window as its inputs: read the warning
it gives. The settings with which the tables' windows were made, and the tables' hashes, become
part of the models.
docs/training.md explains all of it.";

/// What is learned from unless other features are named.
static FEATURE_LIST: LazyLock<String> = LazyLock::new(|| FEATURES.join(","));

/// The flags of `factord train`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct TrainArgs {
    /// Feature tables: CSV, gzipped CSV or Parquet
    #[arg(value_name = "TABLE", required = true)]
    tables: Vec<PathBuf>,
    /// The folder for the models and the report; created if it does not exist
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Columns to learn from, in the order of evaluation; 1 to 1,024
    #[arg(
        long,
        value_name = "NAME,...",
        value_delimiter = ',',
        default_value = FEATURE_LIST.as_str()
    )]
    features: Vec<String>,
    /// What to learn: a column, or return:H for the log return of `last` over the H next windows of
    /// the same session
    #[arg(long, value_name = "NAME", default_value = "sell_rate")]
    target: String,
    /// How many windows later the target is, in the same session; 0 is the window of the inputs
    /// [default: 1, or the H of return:H]
    #[arg(long, value_name = "K", value_parser = up_to(HORIZON_MAX))]
    horizon: Option<usize>,
    /// The name that the model is served under, with --only [default: regression, classification]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Have what was trained serve its name: in the store, or by the running daemon in its own
    #[arg(long)]
    publish: bool,
    /// The store to publish to [default: that of the daemon at --socket]
    #[arg(long, value_name = "DIR", requires = "publish")]
    store: Option<PathBuf>,
    /// Fit one model instead of both
    #[arg(long, value_name = "KIND")]
    only: Option<Only>,
    /// Walk-forward tests, each on about as many rows, cut by time; 0 for none
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = up_to(FOLDS_MAX))]
    folds: usize,
    /// Tables used only for testing the final models
    #[arg(long, value_name = "TABLE", num_args = 1..)]
    holdout: Vec<PathBuf>,
    /// An artifact that the one of the same name succeeds, trained on windows of the same settings;
    /// may be given once for each
    #[arg(long, value_name = "FILE.fmodel")]
    parent: Vec<PathBuf>,
    /// Penalty on squared linear weights, as Ridge's alpha in scikit-learn
    #[arg(long, value_name = "ALPHA", default_value_t = 0.0, value_parser = not_negative)]
    ridge: f64,
    /// Inverse penalty on squared logistic weights, as C in scikit-learn; none for no penalty
    #[arg(long, value_name = "C", default_value = "1")]
    c: Penalty,
    /// The label is 1 above this target [default: the median of the training rows]
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true, value_parser = finite)]
    cut: Option<f64>,
    /// Number of values in the baseline's rolling mean
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rolling: u32,
    /// The longest pause between windows of one session, in seconds [default: anything shorter than
    /// the window before it]
    #[arg(long, value_name = "SECONDS", value_parser = not_negative)]
    pause: Option<f64>,
    /// End at a row with a number that is missing or not finite, instead of dropping it
    #[arg(long)]
    strict: bool,
    /// Seed of the draws for the intervals
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Threads; they change no figure [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,
    /// The folder for a temporary file as large as the columns used [default: DIR]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// One of the two models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Only {
    Linear,
    Logistic,
}

/// The value of `--c`.
#[derive(Clone, Copy, Debug)]
struct Penalty(Option<f64>);

impl std::str::FromStr for Penalty {
    type Err = String;

    fn from_str(text: &str) -> Result<Penalty, String> {
        match text.parse::<f64>() {
            _ if text == "none" => Ok(Penalty(None)),
            Ok(c) if c.is_finite() && c > 0.0 => Ok(Penalty(Some(c))),
            _ => Err("give a number above 0, or none".to_owned()),
        }
    }
}

fn up_to(most: usize) -> impl clap::builder::TypedValueParser<Value = usize> {
    use clap::builder::TypedValueParser;
    clap::value_parser!(u64).range(0..=most as u64).map(|value| value as usize)
}

fn finite(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite());
    value.ok_or_else(|| "give a finite number".to_owned())
}

pub(super) fn not_negative(text: &str) -> Result<f64, String> {
    let value = finite(text).ok().filter(|&value| value >= 0.0);
    value.ok_or_else(|| "give a number of 0 or more".to_owned())
}

/// Trains, and writes the results.
///
/// # Errors
///
/// [`Failure`] when a table cannot be read or learnt from, or an output cannot be written.
pub fn run(args: &TrainArgs, globals: &Globals) -> Result<(), Failure> {
    let settings = settings(args)?;
    super::understood::say_tables(args.tables.iter().chain(&args.holdout));
    let made = !args.out.exists();
    let written = train_into(args, &settings);
    if made && written.is_err() {
        // The folder was made by this run; one that is not empty stays.
        let _ = fs::remove_dir(&args.out);
    }
    let trained = written?;
    report(args, &trained)?;
    if args.publish { publish(args, trained, globals) } else { Ok(()) }
}

fn publish(args: &TrainArgs, trained: Trained, globals: &Globals) -> Result<(), Failure> {
    let artifacts: Vec<Artifact> =
        [trained.regression, trained.classification].into_iter().flatten().collect();
    let published = match &args.store {
        Some(root) => publish_here(root, &artifacts, true, globals),
        None => {
            let socket = channel::socket_path(globals.socket()?.as_deref());
            asked::publish(&socket, &artifacts, true)
        }
    };
    published.map_err(|failure| failure.about("trained and written, but not published"))
}

fn settings(args: &TrainArgs) -> Result<Settings, Failure> {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    // Longer pauses than the whole of time make no difference.
    let nanoseconds = |seconds: f64| (seconds * 1e9) as i64;
    let parents: Vec<Artifact> =
        args.parent.iter().map(|path| Artifact::load(path)).collect::<Result<_, _>>()?;
    let same = |(at, parent): (usize, &Artifact)| {
        parents[..at].iter().any(|other| other.name() == parent.name())
    };
    if parents.iter().enumerate().any(same) {
        let message = "two of --parent have one name: give the one that is succeeded";
        return Err(Failure::new(Code::Usage, message));
    }
    let target = Target::of(&args.target)
        .map_err(|error| Failure::new(Code::Usage, format!("--target: {error}")))?;
    Ok(Settings {
        features: args.features.clone(),
        horizon: args.horizon.or(target.horizon()).unwrap_or(1),
        target,
        linear: args.only != Some(Only::Logistic),
        logistic: args.only != Some(Only::Linear),
        folds: args.folds,
        ridge: args.ridge,
        c: args.c.0,
        cut: args.cut,
        rolling: args.rolling as usize,
        pause_ns: args.pause.map(nanoseconds),
        strict: args.strict,
        seed: args.seed,
        threads: args.threads.map_or_else(cores, |threads| threads as usize),
        trained_at: train::trained_at(),
        parents,
        name: args.name.clone(),
    })
}

fn train_into(args: &TrainArgs, settings: &Settings) -> Result<Trained, Failure> {
    let creating = |error: std::io::Error| Failure::creating(&args.out, &error);
    fs::create_dir_all(&args.out).map_err(creating)?;
    let folder = args.scratch.as_deref().unwrap_or(&args.out);
    let bar = ProgressBar::new_spinner();
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{spinner} {human_pos} rows read, {elapsed}");
    bar.set_style(style.expect("the template is a constant that parses"));
    let stored = |paths: &[PathBuf]| paths.iter().cloned().map(Stored::File).collect::<Vec<_>>();
    let (tables, holdout) = (stored(&args.tables), stored(&args.holdout));
    let progress = &mut |rows| bar.set_position(rows);
    let trained = train::train(&tables, &holdout, settings, folder, progress);
    bar.finish_and_clear();
    let trained = trained?;
    let mut files: Vec<(&str, Vec<u8>)> = vec![("report.html", train::page(&trained).into_bytes())];
    let artifacts = [
        ("regression.fmodel", &trained.regression),
        ("classification.fmodel", &trained.classification),
    ];
    for (name, artifact) in artifacts {
        files.extend(artifact.as_ref().map(|artifact: &Artifact| (name, artifact.encode())));
    }
    train::write_all(&args.out, &files)?;
    Ok(trained)
}

fn report(args: &TrainArgs, trained: &Trained) -> Result<(), Failure> {
    let out = |name: &str| args.out.join(name).display().to_string();
    let mut files = Vec::new();
    files.extend(trained.regression.as_ref().map(|_| out("regression.fmodel")));
    files.extend(trained.classification.as_ref().map(|_| out("classification.fmodel")));
    files.push(out("report.html"));
    if args.json {
        let mut summary = train::json(trained);
        summary["out"] = json!(files);
        return print(format_args!("{summary}\n"));
    }
    print(format_args!("{}\nwrote {}\n", train::text(trained), files.join(", ")))
}
