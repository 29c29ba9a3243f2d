//! `factord import`: a scikit-learn pickle, an ONNX model or LightGBM's text becomes an artifact,
//! without being executed.

mod verify;

use super::model::view;
use super::{Failure, print};
use factord_models::import::{self, Given};
use serde_json::json;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  factord import regression_model.pkl
  factord import regression_model.pkl --stats data_stats.json --out models/regression.fmodel
  factord import ridge.pkl --name spread && factord model show spread.fmodel
  factord import model.joblib
  factord import sell.onnx --features buy_rate,large_buy,large_sell
  factord import spread.txt --verify rows.csv

The file's content decides its format. A pickle, or a dump of joblib, may hold a LinearRegression,
Ridge, Lasso, ElasticNet or LogisticRegression (also after a StandardScaler in a Pipeline), alone or
as `model` of a dictionary with feature_names, model_type, threshold, performance and metadata. An
ONNX file may hold a linear or binary logistic model, as skl2onnx exports it (with or without a
StandardScaler) or as MatMul or Gemm, Add and Sigmoid. Both are read as data: anything else in them
is refused by name, nothing in them is ever run, and no file that they name is opened.

A LightGBM model is the text that booster.save_model(file) writes: regression or binary
classification, splits on numbers. Its answers have LightGBM's bits (raw scores; a probability may
differ in the last place). --verify proves it: a CSV of features, in their order or by name, and in
the last column LightGBM's raw_score or prediction; empty cells are missing values.

Most ONNX files hold float32. The values are widened exactly, and the answers equal onnxruntime's
within its own rounding (1e-6). For the same bits as scikit-learn, import a pickle.";

/// The flags of `factord import`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ImportArgs {
    /// A pickle of protocol 2 to 5, a dump of joblib, an ONNX model, or LightGBM's text
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A name for each feature, in order [default: those in the file, else x0, x1, ...]
    #[arg(long, value_name = "NAME,NAME,...", value_delimiter = ',')]
    features: Option<Vec<String>>,
    /// Training statistics: JSON with feature_means, feature_stds and, if known, target_stats
    #[arg(long, value_name = "FILE.json")]
    stats: Option<PathBuf>,
    /// Rows with the library's own answers, which the model must give: CSV, the answer last
    #[arg(long, value_name = "ROWS.csv")]
    verify: Option<PathBuf>,
    /// The name to serve the model under [default: a pickle's model_type, else the file's name]
    #[arg(long)]
    name: Option<String>,
    /// The artifact to write; an existing file is replaced [default: NAME.fmodel]
    #[arg(long, value_name = "FILE.fmodel")]
    out: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Imports one model.
///
/// # Errors
///
/// [`Failure`] when a file cannot be read or written, the model is refused, or it does not give the
/// answers that it should.
pub fn run(args: &ImportArgs) -> Result<(), Failure> {
    let given = Given {
        stats: args.stats.as_deref(),
        name: args.name.as_deref(),
        features: args.features.as_deref(),
    };
    let import = import::load(&args.file, &given)?;
    let artifact = &import.artifact;
    let verified = match &args.verify {
        Some(path) => Some((path, verify::verify(path, artifact)?)),
        None => None,
    };
    let default = || PathBuf::from(format!("{}.fmodel", artifact.name()));
    let out = args.out.clone().unwrap_or_else(default);
    artifact.save(&out)?;
    let out = out.display().to_string();
    if args.json {
        let mut summary = view::summary_json(artifact);
        summary["out"] = json!(out);
        summary["left_out"] = json!(import.left_out);
        summary["notes"] = json!(import.notes);
        if let Some((_, verified)) = &verified {
            summary["verified"] = verified.json();
        }
        return print(format_args!("{summary}\n"));
    }
    let mut text = format!("{out}: {}\n", view::summary(artifact));
    if let Some((path, verified)) = &verified {
        text.push_str(&format!("{}\n", verified.text(path)));
    }
    for note in &import.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    for path in &import.left_out {
        text.push_str(&format!("left out, as no figure of the report: {path}\n"));
    }
    print(text)
}
