//! `factord inspect`: what a file is, how it is understood, and which command takes it.

mod json;
pub(super) mod text;

use super::factor_flags::TradeFlags;
use super::{Failure, escaped, print};
use factord_models::import::{self, Given};
use factord_quant::content::{Content, ModelKind};
use factord_quant::inspect::{Inspection, inspect};
use serde_json::{Value, json};
use std::path::Path;

const EXAMPLES: &str = "\
Examples:
  factord inspect BTCUSDT-trades-2024-08-09.zip
  factord inspect day.csv --columns ts=T,price=px,qty=size
  factord inspect features.parquet regression.fmodel model.onnx --json

A file is told by its bytes, never by its name: text (UTF-8, UTF-16, GBK; LF, CRLF or CR), packed by
zip, gzip, zstd, xz or bzip2, Parquet, Feather and Arrow, artifacts, pickles, joblib dumps and ONNX
are read; ORC, HDF5, Excel and others are named, with the way out.

For trades it says what `factord factors` and `replay` would take: the layout, the meaning of each
column, the unit and zone of times, the first and the last, the order of the file, how the aggressor
is found, what quantities are, and the first five. docs/feeds.md describes the layouts.

The exit code is 65 if a file is nothing that is read.";

/// The flags of `factord inspect`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct InspectArgs {
    #[command(flatten)]
    files: TradeFlags,
    /// Print one JSON array with an object for each file
    #[arg(long)]
    json: bool,
}

/// What is known of a model.
struct Model {
    content: Content,
    kind: ModelKind,
    /// What it is once loaded, or why it is refused.
    loaded: Result<String, String>,
}

/// Inspects every file named.
///
/// # Errors
///
/// [`Failure`] when one is nothing that is read; the others are still inspected.
pub fn run(args: &InspectArgs) -> Result<(), Failure> {
    let options = args.files.plain_options();
    let (mut rows, mut refused) = (Vec::new(), None);
    for (at, path) in args.files.inputs.iter().enumerate() {
        let (row, text, failure) = match inspect(path, &options) {
            Ok(Inspection::Model(content)) => model(path, content),
            Ok(found) => {
                let failure = text::refusal(&found);
                (json::of(path, &found), text::of(path, &found), failure)
            }
            Err(error) => {
                let failure = Failure::from(error);
                let row = json!({"file": path.display().to_string(), "error": failure.message});
                (row, String::new(), Some(failure))
            }
        };
        refused = failure.or(refused);
        rows.push(row);
        if !args.json {
            let gap = if at > 0 && !text.is_empty() { "\n" } else { "" };
            print(format_args!("{gap}{}", escaped(&text)))?;
        }
    }
    if args.json {
        print(format_args!("{}\n", Value::Array(rows)))?;
    }
    refused.map_or(Ok(()), Err)
}

/// What is said of a model.
fn model(path: &Path, content: Content) -> (Value, String, Option<Failure>) {
    let kind = content.model().unwrap_or(ModelKind::Pickle);
    let loaded = match kind {
        ModelKind::Artifact => super::model::view::load(path).map_err(|failure| failure.message),
        _ => import::load(path, &Given::default())
            .map(|import| import.artifact)
            .map_err(|error| error.to_string()),
    };
    let loaded = loaded.map(|artifact| super::model::view::summary(&artifact));
    let model = Model { content, kind, loaded };
    (json::of_model(path, &model), text::of_model(path, &model), None)
}
