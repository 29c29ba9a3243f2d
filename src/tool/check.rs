//! `factord check`: would these files be served?

use super::model::view;
use super::{Failure, print};
use crate::exit::{Code, Coded};
use factord_models::catalogue;
use factord_models::file::Artifact;
use serde_json::{Value, json};
use std::fmt::Display;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  factord check models/*.fmodel                artifacts: hash, figures, golden vectors
  factord check regression_model.pkl           a pickle or ONNX model: would it import?
  factord check --models /etc/factord/models   a directory, as factord serve would read it

Every golden vector is scored again and compared bit for bit. The exit code is that of the first
file that is refused; the others are still checked.";

/// The flags of `factord check`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct CheckArgs {
    /// Artifacts, pickles and ONNX models
    #[arg(value_name = "FILE", required_unless_present = "models")]
    files: Vec<PathBuf>,
    /// A directory of models, checked as a whole
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// Print one JSON array with an object for each model or refused file
    #[arg(long)]
    json: bool,
}

/// What was found, in the order asked for.
#[derive(Default)]
struct Findings {
    text: String,
    rows: Vec<Value>,
    checked_count: usize,
    refused: Vec<Failure>,
}

/// Checks every file named.
///
/// # Errors
///
/// [`Failure`] when one is refused.
pub fn run(args: &CheckArgs) -> Result<(), Failure> {
    let mut findings = Findings::default();
    for file in &args.files {
        match view::load(file) {
            Ok(artifact) => findings.accept(&file.display().to_string(), &artifact),
            Err(failure) => findings.refuse(file, failure),
        }
    }
    if let Some(directory) = &args.models {
        match catalogue::load_dir(directory) {
            Ok(models) => {
                models.iter().for_each(|served| findings.accept(&served.origin, &served.artifact))
            }
            Err(error) => findings.refuse(directory, Failure::new(error.code(), error)),
        }
    }
    findings.report(args.json)
}

impl Findings {
    fn accept(&mut self, origin: &str, artifact: &Artifact) {
        self.checked_count += 1;
        self.text.push_str(&format!("{origin}: ok: {}\n", view::summary(artifact)));
        let mut row = view::summary_json(artifact);
        row["file"] = json!(origin);
        row["ok"] = json!(true);
        self.rows.push(row);
    }

    fn refuse(&mut self, file: &Path, failure: Failure) {
        self.checked_count += 1;
        let file = file.display().to_string();
        self.rows.push(json!({"file": file, "ok": false, "error": failure.message}));
        self.refused.push(failure);
    }

    fn report(self, as_json: bool) -> Result<(), Failure> {
        let out: &dyn Display = if as_json { &Value::Array(self.rows) } else { &self.text };
        print(format_args!("{out}{}", if as_json { "\n" } else { "" }))?;
        let Some(first) = self.refused.first() else { return Ok(()) };
        let lines: Vec<&str> =
            self.refused.iter().map(|failure| failure.message.as_str()).collect();
        let mut message = lines.join("\n");
        if self.checked_count > 1 {
            let refused_count = self.refused.len();
            message.push_str(&format!("\n{refused_count} of {} refused", self.checked_count));
        }
        let code = if first.code == Code::Ok { Code::Failed } else { first.code };
        Err(Failure::new(code, message))
    }
}
