//! Makes an artifact of what the outputs of a graph come to.

use super::error::{OnnxError, quoted};
use super::graph::Graph;
use super::proto::ModelProto;
use super::value::{Score, Value};
use crate::file::{Artifact, ArtifactError, Details, FeatureStats};
use crate::import::pickle::shortened;
use crate::import::{Import, ImportError, Options};
use factord_eval::Model;
use std::rc::Rc;

/// The most operators named in the source note.
const NAMED_OPERATOR_COUNT_MAX: usize = 12;

/// What the report of an import says of float32.
const FLOAT32: &str = "its numbers are float32, widened to float64 exactly: answers equal \
                       onnxruntime's within its float32 rounding (1e-6), and so does the class \
                       unless the decision value is that close to 0";

/// A weighted sum with a row for each feature, in the order of the graph's inputs.
struct Standardised {
    weights: Vec<f64>,
    mean: Vec<f64>,
    scale: Vec<f64>,
}

/// Makes the artifact.
pub(super) fn artifact(
    proto: &ModelProto,
    graph: Graph,
    options: &Options<'_>,
) -> Result<Import, ImportError> {
    let (is_classifier, score) = answer(&graph.outputs)?;
    let parts = standardised(&score, &graph.feature_names)?;
    let scaled = parts.mean.iter().any(|&mean| mean != 0.0)
        && parts.scale.iter().any(|&scale| scale != 1.0)
        && parts.scale.iter().all(|&scale| scale > 0.0);
    let feature_names = match options.features {
        Some(names) => names.to_vec(),
        None => graph.feature_names,
    };
    let feature_stats = match options.stats {
        Some(stats) => stats.features(&feature_names)?,
        None if scaled => {
            let pairs = parts.mean.iter().zip(&parts.scale);
            pairs.map(|(&mean, &std)| FeatureStats { mean, std, min: None, max: None }).collect()
        }
        None => Vec::new(),
    };
    let model = if is_classifier {
        Model::logistic(parts.weights, score.intercept, parts.mean, parts.scale)
            .map_err(ArtifactError::from)?
    } else {
        folded(parts, score.intercept)?
    };
    let fallback = if is_classifier { "classification" } else { "regression" };
    let details = Details {
        name: options.name.or(options.fallback_name).unwrap_or(fallback).to_owned(),
        feature_names,
        feature_stats,
        target_stats: options.stats.and_then(|stats| stats.target()),
        source: source(proto, &graph.operators, graph.has_float32, options.origin),
        ..Details::default()
    };
    let notes = if graph.has_float32 { vec![FLOAT32.to_owned()] } else { Vec::new() };
    Ok(Import { artifact: Artifact::new(model, details)?, left_out: Vec::new(), notes })
}

/// The one thing that the outputs come to, and whether it is of a classifier. A class may be given
/// next to the probability that it follows from.
fn answer(outputs: &[(String, Value)]) -> Result<(bool, Rc<Score>), OnnxError> {
    let mut answers = Vec::new();
    let mut labels = Vec::new();
    for (name, value) in outputs {
        match value {
            Value::Scores(scores) if scores.len() == 1 => {
                answers.push((name, false, Rc::new(scores[0].clone())));
            }
            Value::Probability(score) | Value::Probabilities(score) => {
                answers.push((name, true, Rc::clone(score)));
            }
            Value::Label(score) => labels.push(Rc::clone(score)),
            Value::Scores(_) => {
                let (name, value) = (quoted(name), value.describe());
                return Err(OnnxError::graph(format!(
                    "output {name} is {value}: export without raw_scores"
                )));
            }
            other => {
                let (name, other) = (quoted(name), other.describe());
                return Err(OnnxError::graph(format!(
                    "output {name} is {other}, not a prediction"
                )));
            }
        }
    }
    match answers.as_slice() {
        [(_, is_classifier, score)] => match labels.iter().find(|label| !label.decides_like(score))
        {
            None => Ok((*is_classifier, Rc::clone(score))),
            Some(_) => Err(OnnxError::graph(
                "the class does not follow from the probability: factord serves the class that is \
                 1 where the decision value is positive",
            )),
        },
        [] if labels.is_empty() => Err(OnnxError::graph("it has no outputs")),
        [] => Err(OnnxError::graph(
            "it gives only the class: export the probabilities too, with \
             options={\"zipmap\": False}",
        )),
        several => {
            let names: Vec<String> = several.iter().map(|(name, _, _)| quoted(name)).collect();
            let names = names.join(", ");
            Err(OnnxError::graph(format!(
                "several outputs: {names}: factord serves models of one output, export each alone"
            )))
        }
    }
}

/// Brings columns into the order of the features, each of which must be there once.
fn standardised(score: &Score, names: &[String]) -> Result<Standardised, OnnxError> {
    let mut order = vec![None; names.len()];
    for (column, weight) in score.columns.iter().zip(&score.weights) {
        if order[column.feature].replace((*column, *weight)).is_some() {
            let name = quoted(&names[column.feature]);
            return Err(OnnxError::graph(format!("feature {name} is used twice")));
        }
    }
    let mut parts = Standardised { weights: Vec::new(), mean: Vec::new(), scale: Vec::new() };
    for (entry, name) in order.into_iter().zip(names) {
        let Some((column, weight)) = entry else {
            let name = quoted(name);
            return Err(OnnxError::graph(format!("feature {name} is not used: leave it out")));
        };
        parts.weights.push(weight);
        parts.mean.push(column.mean);
        parts.scale.push(column.scale);
    }
    Ok(parts)
}

/// A linear model without a scaler: `w . ((x - mean) / scale) + b` is
/// `(w / scale) . x + (b - sum(w / scale * mean))`.
fn folded(parts: Standardised, intercept: f64) -> Result<Model, ImportError> {
    let Standardised { mut weights, mean, scale } = parts;
    let size = intercept.abs() + weights.iter().map(|weight| weight.abs()).sum::<f64>();
    let (mut shift, mut shift_size) = (0.0, 0.0);
    for ((weight, mean), scale) in weights.iter_mut().zip(mean).zip(scale) {
        *weight /= scale;
        shift += *weight * mean;
        shift_size += (*weight * mean).abs();
    }
    // Each product and sum loses half an epsilon at most, here and again in each prediction: refuse
    // when a tenth of the 1e-6 that is promised could be gone.
    let lost = shift_size * f64::EPSILON * (weights.len() + 2) as f64;
    if lost > 1e-7 * size.max(1.0) {
        let problem = "the scaler's means are so far from 0, in deviations, that the weights on \
                       the raw features lose digits: fit the model on raw features";
        return Err(OnnxError::graph(problem).into());
    }
    Ok(Model::linear(weights, intercept - shift).map_err(ArtifactError::from)?)
}

/// Where the model came from, for people.
fn source(proto: &ModelProto, operators: &[String], has_float32: bool, origin: &str) -> String {
    let mut producer = String::new();
    for part in [&proto.producer_name, &proto.producer_version] {
        let clean: String = shortened(part).chars().filter(|c| !c.is_control()).collect();
        if !clean.is_empty() {
            producer.push_str(&clean);
            producer.push(' ');
        }
    }
    let count = operators.len();
    let named = operators.iter().take(NAMED_OPERATOR_COUNT_MAX).map(String::as_str);
    let mut steps = named.collect::<Vec<_>>().join(" + ");
    if count > NAMED_OPERATOR_COUNT_MAX {
        steps.push_str(" + ...");
    }
    let precision = if has_float32 { "float32" } else { "float64" };
    let origin = if origin.is_empty() { "an ONNX model" } else { origin };
    format!("{producer}{steps} ({precision}), imported from {origin}")
}
