//! `factord predict`: one row from the command line, or a whole file, through shared memory.

use super::model_row::{is_classifier, served};
use super::predict_csv::{self, CsvJob};
use super::{Failure, Globals, print};
use crate::exit::Code;
use factord_core::abi::class;
use factord_core::client::{AttachOptions, Client, Prediction};
use factord_core::counters::ModelRow;
use factord_core::idle::IdleStrategy;
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  factord predict regression 0.5 0.2 0.3
  factord predict classification --json 0.5 0.2 0.3
  factord predict regression -0.5 1e-3 0
  factord predict --csv rows.csv --out scored.csv
  factord predict spread --csv rows.csv --out scored.csv
  zcat rows.csv.gz | factord predict --csv - --out - | head

A file is text, packed or not; factord score reads Parquet and Arrow, and needs no daemon. It is
scored by the model that is named, of whatever width, or by regression and classification.
Columns are found by the header and the models' names of their features (buy_rate, large_buy and
large_sell also by their short names), wherever they are, never by position. The output has all
columns of the file; a linear model adds regression, a logistic one probability and class, which
replace columns of those names.
A row that cannot be scored ends the run with code 65 and writes no file; with --keep-going it is
reported, its outputs stay empty, the other rows are scored, and the code is 1.";

/// The flags of `factord predict`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct PredictArgs {
    /// The model, by the name under which the daemon serves it
    #[arg(required_unless_present = "csv")]
    model: Option<String>,
    /// One number per feature, in the model's order
    #[arg(
        value_name = "X",
        requires = "model",
        conflicts_with = "csv",
        allow_negative_numbers = true
    )]
    features: Vec<f64>,
    /// Score a CSV file with MODEL, or with regression and classification; - reads stdin
    #[arg(long, value_name = "IN", requires = "out")]
    csv: Option<PathBuf>,
    /// Where the scored file goes; - writes stdout
    #[arg(long, value_name = "OUT", requires = "csv")]
    out: Option<PathBuf>,
    /// Score the other rows when some cannot be
    #[arg(long, requires = "csv")]
    keep_going: bool,
    /// Milliseconds to wait for an answer; for a file, for each 1,024 rows
    #[arg(long, value_name = "MS", default_value_t = 5_000,
          value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    deadline_ms: u64,
    /// Print one JSON object: the answer, or the counts of a file
    #[arg(long)]
    json: bool,
}

/// Predicts one row or a file.
///
/// # Errors
///
/// [`Failure`] when there is no daemon, no such model, or a row that cannot be scored.
pub fn run(args: &PredictArgs, globals: &Globals) -> Result<(), Failure> {
    let socket = globals.socket()?;
    let deadline = Duration::from_millis(args.deadline_ms);
    if let (Some(input), Some(output)) = (&args.csv, &args.out) {
        let keep_going = args.keep_going;
        let (model, json) = (args.model.as_deref(), args.json);
        let job = CsvJob { socket, model, input, output, keep_going, deadline, json };
        return predict_csv::run(&job);
    }
    // The grammar asks for a model wherever there is no file.
    let name = args.model.as_deref().unwrap_or_default();
    if args.features.is_empty() {
        let message = format!("{name}: no features given, such as 0.5 0.2 0.3");
        return Err(Failure::new(Code::Usage, message));
    }
    let mut options = AttachOptions {
        socket,
        name: "predict".to_owned(),
        feature_count: args.features.len(),
        slot_count: 1,
        idle: IdleStrategy::Backoff,
        ..AttachOptions::default()
    };
    let mut client = Client::attach(&options)?;
    let mut row = served(&client, name)?;
    if u64::from(row.class) == class::HEAVY {
        options.heavy = true;
        client = Client::attach(&options)?;
        row = served(&client, name)?;
    }
    if row.width != args.features.len() {
        let given = args.features.len();
        let message = format!("{name} takes {} features, {given} were given", row.width);
        return Err(Failure::new(Code::Data, message));
    }
    let answer = client
        .predict(row.id, &args.features, deadline)
        .map_err(|error| Failure::from(error).about(name))?;
    print(if args.json { as_json(&row, &args.features, &answer) } else { as_text(&row, &answer) })
}

fn as_text(row: &ModelRow, answer: &Prediction) -> String {
    match is_classifier(row) {
        Some(false) => format!("{:?}\n", answer.y),
        Some(true) => format!("class {}, probability {:?}\n", answer.second, answer.y),
        None => format!("{}: first output {:?}, second {:?}\n", row.kind, answer.y, answer.second),
    }
}

fn as_json(row: &ModelRow, features: &[f64], answer: &Prediction) -> String {
    let mut object = json!({
        "model": row.name,
        "features": features,
        "generation": answer.generation,
        "epoch": answer.epoch,
    });
    match is_classifier(row) {
        Some(false) => object["prediction"] = json!(answer.y),
        Some(true) => {
            object["prediction"] = json!(u8::from(answer.second > 0.0));
            object["probability"] = json!(answer.y);
        }
        None => object["outputs"] = json!([answer.y, answer.second]),
    }
    format!("{object}\n")
}
