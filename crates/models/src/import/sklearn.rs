//! Turns the nodes of a pickle into an artifact: the dictionary around a model here, the model
//! itself in `estimator`.

mod estimator;
mod report;

use super::pickle::{Node, NodeId, Tree, kept};
use super::{Import, ImportError, Options, numpy};
use crate::file::{Artifact, Details, Metric};
use estimator::Fitted;
use factord_eval::{FEATURE_COUNT_MAX, Model};

/// What a dictionary says around its model. An entry of another name might change what the model
/// means (a scaler kept beside it, say), so it is refused, not left out.
const KEYS: [&str; 6] =
    ["model", "feature_names", "model_type", "threshold", "performance", "metadata"];

/// Everything a dictionary says besides the model.
#[derive(Default)]
struct Envelope {
    feature_names: Option<Vec<String>>,
    model_type: Option<String>,
    threshold: Option<f64>,
    metrics: Vec<Metric>,
    target: String,
    trained_at: String,
    left_out: Vec<String>,
}

/// Imports what a pickle holds.
pub(super) fn import(tree: &Tree<'_>, options: &Options<'_>) -> Result<Import, ImportError> {
    let Node::Dict(_) = tree.node(tree.root()) else {
        return assemble(estimator::read(tree, tree.root())?, Envelope::default(), options);
    };
    let missing = || ImportError::Missing { object: DICTIONARY.to_owned(), field: "model" };
    let model = tree.get(tree.root(), "model").ok_or_else(missing)?;
    // The model first: what is said around something that is none need not be read.
    let fitted = estimator::read(tree, model)?;
    assemble(fitted, envelope(tree)?, options)
}

const FOLDED: &str = "the StandardScaler was folded into the weights: the predictions are those of \
                      scikit-learn but for rounding";

const DICTIONARY: &str = "the pickle's dictionary";

fn assemble(
    fitted: Fitted,
    envelope: Envelope,
    options: &Options<'_>,
) -> Result<Import, ImportError> {
    check_type(&fitted.model, envelope.model_type.as_deref())?;
    if envelope.threshold.is_some() && !fitted.model.is_classifier() {
        let reason = "`threshold` belongs to a classifier, this model is linear".to_owned();
        return Err(ImportError::Contradiction { reason });
    }
    let given = match (options.features, envelope.feature_names) {
        (Some(given), Some(own)) if given != own => {
            let reason = "the feature names given differ from the pickle's `feature_names`";
            return Err(ImportError::Contradiction { reason: reason.to_owned() });
        }
        (Some(given), _) => Some(given.to_vec()),
        (None, own) => own,
    };
    let feature_names = feature_names(&fitted, given)?;
    let feature_stats = match options.stats {
        Some(stats) => stats.features(&feature_names)?,
        None => fitted.scaler_stats,
    };
    let version = match &fitted.version {
        Some(version) => format!("scikit-learn {version} "),
        None => String::new(),
    };
    let origin = if options.origin.is_empty() { "a pickle" } else { options.origin };
    let details = Details {
        name: options
            .name
            .or(envelope.model_type.as_deref())
            .or(options.fallback_name)
            .unwrap_or(type_of(fitted.model.is_classifier()))
            .to_owned(),
        feature_names,
        target: envelope.target,
        feature_stats,
        target_stats: options.stats.and_then(|stats| stats.target()),
        metrics: envelope.metrics,
        trained_at: envelope.trained_at,
        threshold: envelope.threshold,
        source: format!("{version}{}, imported from {origin}", fitted.steps),
    };
    let artifact = Artifact::new(fitted.model, details)?;
    let notes = if fitted.folded { vec![FOLDED.to_owned()] } else { Vec::new() };
    Ok(Import { artifact, left_out: envelope.left_out, notes })
}

/// The word for a model in `model_type`.
fn type_of(is_classifier: bool) -> &'static str {
    if is_classifier { "classification" } else { "regression" }
}

fn check_type(model: &Model, model_type: Option<&str>) -> Result<(), ImportError> {
    let (kind, other) = (model.kind(), type_of(!model.is_classifier()));
    if model_type != Some(other) {
        return Ok(());
    }
    let reason = format!("`model_type` is {other:?}, but the model is {}", kind.name());
    Err(ImportError::Contradiction { reason })
}

/// The names that are given, which must be those the model was fitted with; else those,
/// else x0, x1, ...
fn feature_names(fitted: &Fitted, given: Option<Vec<String>>) -> Result<Vec<String>, ImportError> {
    let numbered = || (0..fitted.model.width()).map(|index| format!("x{index}")).collect();
    match (given, &fitted.feature_names) {
        (Some(given), Some(fitted)) if given != *fitted => {
            let reason = "`feature_names` differ from the model's own `feature_names_in_`, in \
                          name or in order"
                .to_owned();
            Err(ImportError::Contradiction { reason })
        }
        (Some(given), _) => Ok(given),
        (None, Some(fitted)) => Ok(fitted.clone()),
        (None, None) => Ok(numbered()),
    }
}

fn envelope(tree: &Tree<'_>) -> Result<Envelope, ImportError> {
    let root = tree.root();
    if let Node::Dict(pairs) = tree.node(root) {
        for &(key, _) in pairs {
            if !tree.text(key).is_some_and(|key| KEYS.contains(&key)) {
                let reason = format!(
                    "{DICTIONARY} has the key {}, which is not one of {KEYS:?}",
                    tree.describe(key)
                );
                return Err(ImportError::Unsupported { reason });
            }
        }
    }
    let get = |key: &str| tree.get(root, key).filter(|&id| *tree.node(id) != Node::None);
    let mut envelope = Envelope {
        feature_names: get("feature_names").map(|id| names(tree, id)).transpose()?,
        model_type: get("model_type").map(|id| string(tree, id, "model_type")).transpose()?,
        threshold: get("threshold").map(|id| real(tree, id, "threshold")).transpose()?,
        ..Envelope::default()
    };
    if let Some(performance) = get("performance") {
        report::flatten(tree, performance, &mut envelope.metrics, &mut envelope.left_out)?;
    }
    if let Some(metadata) = get("metadata") {
        read_metadata(tree, metadata, &mut envelope)?;
    }
    Ok(envelope)
}

fn read_metadata(tree: &Tree<'_>, id: NodeId, envelope: &mut Envelope) -> Result<(), ImportError> {
    let Node::Dict(pairs) = tree.node(id) else {
        return Err(unexpected(tree, id, "metadata", "a dictionary"));
    };
    if let Some(id) = tree.get(id, "trained_at") {
        envelope.trained_at = string(tree, id, "trained_at")?;
    }
    if let Some(id) = tree.get(id, "target_variable") {
        envelope.target = string(tree, id, "target_variable")?;
    }
    if let Some(id) = tree.get(id, "decision_threshold") {
        let value = real(tree, id, "decision_threshold")?;
        if *envelope.threshold.get_or_insert(value) != value {
            let reason = "`threshold` and `metadata/decision_threshold` differ".to_owned();
            return Err(ImportError::Contradiction { reason });
        }
    }
    for &(key, _) in pairs {
        match tree.text(key) {
            Some("trained_at" | "target_variable" | "decision_threshold") => {}
            _ => report::leave_out(&["metadata".to_owned()], tree, key, &mut envelope.left_out)?,
        }
    }
    Ok(())
}

fn names(tree: &Tree<'_>, id: NodeId) -> Result<Vec<String>, ImportError> {
    const EXPECTED: &str = "a list of at most 1,024 strings";
    let items = match tree.items(id) {
        Some(items) if items.len() <= FEATURE_COUNT_MAX => items,
        // Or an array, as `X.columns.values` is.
        None => return numpy::texts(tree, id, "feature_names"),
        Some(_) => return Err(unexpected(tree, id, "feature_names", EXPECTED)),
    };
    let name = |&item| string(tree, item, "feature_names");
    items.iter().map(name).collect()
}

fn string(tree: &Tree<'_>, id: NodeId, field: &'static str) -> Result<String, ImportError> {
    let text = tree.text(id).and_then(kept);
    text.ok_or_else(|| unexpected(tree, id, field, "a string of at most 256 bytes"))
}

fn real(tree: &Tree<'_>, id: NodeId, field: &'static str) -> Result<f64, ImportError> {
    Ok(numpy::number(tree, id, field)?.real())
}

fn unexpected(
    tree: &Tree<'_>,
    id: NodeId,
    field: &'static str,
    expected: &'static str,
) -> ImportError {
    let object = DICTIONARY.to_owned();
    ImportError::Unexpected { object, field: field.to_owned(), expected, found: tree.describe(id) }
}
