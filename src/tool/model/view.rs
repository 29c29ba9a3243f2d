//! How a model is shown: in a line, as a page, as JSON.

mod facts;
mod forest;

use crate::tool::Failure;
use factord_eval::Model;
use factord_models::file::{Artifact, MetricValue};
use factord_models::import::{self, Given};
use serde_json::{Value, json};
use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Features shown on a page; JSON has all of them.
const SHOWN_FEATURE_COUNT_MAX: usize = 32;

/// Terms of a formula that is written out.
const TERM_COUNT_MAX: usize = 8;

/// Reads an artifact, or imports a pickle, an ONNX model or LightGBM's text.
///
/// # Errors
///
/// [`Failure`] when the file cannot be read or is refused.
pub(in crate::tool) fn load(path: &Path) -> Result<Artifact, Failure> {
    if is_import(path) {
        Ok(import::load(path, &Given::default())?.artifact)
    } else {
        Ok(Artifact::load(path)?)
    }
}

/// What is imported is known by its first bytes; an artifact starts with its magic.
fn is_import(path: &Path) -> bool {
    let endings = ["pkl", "pickle", "joblib", "onnx"];
    let extension = path.extension().is_some_and(|end| endings.iter().any(|known| end == *known));
    let mut first = [0; 5];
    // A FIFO would wait for its other end; whatever cannot be read is reported when it is loaded.
    extension
        || path.is_file()
            && File::open(path).and_then(|mut file| file.read_exact(&mut first)).is_ok()
            && import::is_known(&first)
}

/// One line about a model.
pub(in crate::tool) fn summary(artifact: &Artifact) -> String {
    let width = artifact.model().width();
    let data = artifact.settings().data();
    format!(
        "{} model {:?} of {width} feature{}, {}{} golden vectors bit for bit, sha256 {}",
        artifact.kind().name(),
        artifact.name(),
        if width == 1 { "" } else { "s" },
        data.map_or(String::new(), |data| format!("trained on {data} data, ")),
        artifact.golden().len(),
        hex(&artifact.sha256()),
    )
}

/// The same line for machines.
pub(in crate::tool) fn summary_json(artifact: &Artifact) -> Value {
    json!({
        "name": artifact.name(),
        "kind": artifact.kind().name(),
        "feature_count": artifact.model().width(),
        "golden_count": artifact.golden().len(),
        "data": artifact.settings().data(),
        "sha256": hex(&artifact.sha256()),
    })
}

/// Everything an artifact says, but for the golden vectors themselves.
pub(super) fn full_json(artifact: &Artifact) -> Value {
    let (model, details) = (artifact.model(), artifact.details());
    let mut json = summary_json(artifact);
    json["features"] = details
        .feature_names
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let mut feature = json!({"name": name});
            if let Some(affine) = model.affine() {
                feature["weight"] = json!(affine.weights()[index]);
            }
            if let Some(affine) = model.affine().filter(|affine| affine.is_logistic()) {
                feature["scaler"] =
                    json!({"mean": affine.mean()[index], "scale": affine.scale()[index]});
            }
            feature["training"] = json!(details.feature_stats.get(index));
            feature["edges"] = json!(facts::edges(artifact, index));
            feature
        })
        .collect();
    match model {
        Model::Affine(affine) => json["intercept"] = json!(affine.intercept()),
        Model::Forest(forest) => {
            json["tree_count"] = json!(forest.tree_count());
            json["node_count"] = json!(forest.node_count());
            json["image_len"] = json!(forest::image_len(forest));
        }
    }
    json["target"] = json!(details.target);
    json["target_training"] = json!(details.target_stats);
    json["threshold"] = json!(details.threshold);
    json["metrics"] = artifact.metrics_json();
    json["trained_at"] = json!(details.trained_at);
    json["source"] = json!(details.source);
    json["formula"] = json!(formula(artifact));
    facts::put_json(artifact, &mut json);
    json
}

/// A page about a model.
pub(super) fn explain(artifact: &Artifact, origin: &str) -> String {
    let details = artifact.details();
    let mut page = format!("{}\n", summary(artifact));
    let mut line = |label: &str, text: &str| {
        if !text.is_empty() {
            put(&mut page, format_args!("  {label:<11}{text}\n"));
        }
    };
    line("origin", origin);
    line("source", &details.source);
    line("trained", &details.trained_at);
    line("target", &details.target);
    if let Some(stats) = &details.target_stats {
        let mut text = format!("in training: mean {:?}, std {:?}", stats.mean, stats.std);
        for (name, value) in [("median", stats.median), ("min", stats.min), ("max", stats.max)] {
            if let Some(value) = value {
                put(&mut text, format_args!(", {name} {value:?}"));
            }
        }
        line("", &text);
    }
    if let Some(threshold) = details.threshold {
        let text =
            format!("{threshold:?}: where the label was cut in training, in the target's units");
        line("threshold", &text);
    }
    facts::lines(artifact).iter().for_each(|(label, text)| line(label, text));
    put(&mut page, format_args!("\nFeatures, in order\n"));
    features(&mut page, artifact);
    facts::put_edges(&mut page, artifact, SHOWN_FEATURE_COUNT_MAX);
    put(&mut page, format_args!("\nFormula\n"));
    for text in formula(artifact) {
        put(&mut page, format_args!("  {text}\n"));
    }
    if !details.metrics.is_empty() {
        put(&mut page, format_args!("\nReport of its training\n"));
    }
    for metric in &details.metrics {
        let path = metric.path.join(" / ");
        match metric.value {
            MetricValue::Integer(value) => put(&mut page, format_args!("  {path} = {value}\n")),
            MetricValue::Real(value) => put(&mut page, format_args!("  {path} = {value:?}\n")),
        }
    }
    page
}

/// A table of features: weights, scaler and what was seen in training.
fn features(page: &mut String, artifact: &Artifact) {
    let (model, details) = (artifact.model(), artifact.details());
    let affine = model.affine();
    let logistic = affine.filter(|affine| affine.is_logistic());
    let mut rows = vec![vec!["name".to_owned()]];
    rows[0].extend(affine.map(|_| "weight".to_owned()));
    if logistic.is_some() {
        rows[0].extend(["minus".to_owned(), "divided by".to_owned()]);
    }
    if !details.feature_stats.is_empty() {
        rows[0].extend(["training mean".to_owned(), "training std".to_owned()]);
    }
    let shown = details.feature_names.iter().enumerate().take(SHOWN_FEATURE_COUNT_MAX);
    for (index, name) in shown {
        let mut row = vec![name.clone()];
        row.extend(affine.map(|affine| format!("{:?}", affine.weights()[index])));
        if let Some(affine) = logistic {
            row.push(format!("{:?}", affine.mean()[index]));
            row.push(format!("{:?}", affine.scale()[index]));
        }
        if let Some(stats) = details.feature_stats.get(index) {
            row.push(format!("{:?}", stats.mean));
            row.push(format!("{:?}", stats.std));
        }
        rows.push(row);
    }
    let width_of = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..rows[0].len()).map(width_of).collect();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        put(page, format_args!("  {}\n", cells.join("  ").trim_end()));
    }
    if model.width() > SHOWN_FEATURE_COUNT_MAX {
        let more = model.width() - SHOWN_FEATURE_COUNT_MAX;
        put(page, format_args!("  ... and {more} more: --json has them all\n"));
    }
}

/// The model in words and figures, a line each.
fn formula(artifact: &Artifact) -> Vec<String> {
    let (model, details) = (artifact.model(), artifact.details());
    let target = if details.target.is_empty() { "y" } else { &details.target };
    let affine = match model {
        Model::Affine(affine) => affine,
        Model::Forest(forest) => return forest::formula(forest, target),
    };
    let logistic = affine.is_logistic();
    let sum = if model.width() <= TERM_COUNT_MAX {
        let term = |(weight, name): (&f64, &String)| {
            if logistic {
                format!("{weight:?} * z({name})")
            } else {
                format!("{weight:?} * {name}")
            }
        };
        let terms: Vec<String> =
            affine.weights().iter().zip(&details.feature_names).map(term).collect();
        terms.join(" + ")
    } else {
        let letter = if logistic { "z(feature)" } else { "feature" };
        format!("the sum of weight * {letter} over all {} features", model.width())
    };
    let sum = format!("{sum} + {:?}", affine.intercept());
    let order = "added from left to right, each step rounded by itself (no fused multiply-add)";
    if logistic {
        vec![
            "z(x) = (x - minus) / divided by".to_owned(),
            format!("d = {sum}"),
            format!("probability that {target} is 1 = 1 / (1 + exp(-d)); class 1 when d > 0"),
            format!("terms are {order}"),
        ]
    } else {
        vec![format!("{target} = {sum}"), format!("terms are {order}")]
    }
}

/// The hash as `sha256sum` prints it.
fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing to a string has no error");
}
