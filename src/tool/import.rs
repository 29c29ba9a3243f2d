//! `factord import`: a scikit-learn pickle becomes an artifact, without being executed.

use super::model::view;
use super::{Failure, print};
use crate::model::import;
use serde_json::json;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  factord import regression_model.pkl
  factord import regression_model.pkl --stats data_stats.json --out models/regression.fmodel
  factord import ridge.pkl --name spread && factord model show spread.fmodel

Read are LinearRegression, Ridge, Lasso, ElasticNet and LogisticRegression (also behind a
StandardScaler in a Pipeline), by themselves or as `model` of a dictionary with feature_names,
model_type, threshold, performance and metadata. The pickle is read as data: whatever else it
names is refused by name, and nothing in it is ever run.";

/// The flags of `factord import`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ImportArgs {
    /// The pickle, of protocol 2 to 5
    #[arg(value_name = "FILE.pkl")]
    file: PathBuf,
    /// Training statistics: JSON with feature_means, feature_stds and, if known, target_stats
    #[arg(long, value_name = "FILE.json")]
    stats: Option<PathBuf>,
    /// The name to serve the model under [default: the pickle's model_type, else the file's name]
    #[arg(long)]
    name: Option<String>,
    /// The artifact to write; a file of that name is replaced [default: NAME.fmodel]
    #[arg(long, value_name = "FILE.fmodel")]
    out: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Imports one pickle.
///
/// # Errors
///
/// [`Failure`] when a file cannot be read or written, or the pickle is refused.
pub fn run(args: &ImportArgs) -> Result<(), Failure> {
    let import = import::load(&args.file, args.stats.as_deref(), args.name.as_deref())?;
    let artifact = &import.artifact;
    let default = || PathBuf::from(format!("{}.fmodel", artifact.name()));
    let out = args.out.clone().unwrap_or_else(default);
    artifact.save(&out)?;
    let out = out.display().to_string();
    if args.json {
        let mut summary = view::summary_json(artifact);
        summary["out"] = json!(out);
        summary["left_out"] = json!(import.left_out);
        return print(format_args!("{summary}\n"));
    }
    let mut text = format!("{out}: {}\n", view::summary(artifact));
    for path in &import.left_out {
        text.push_str(&format!("left out, as no figure of the report: {path}\n"));
    }
    print(text)
}
