//! Checks of an artifact's details. Its texts end up on terminals, in JSON and in metrics, so
//! they are bounded and free of control characters.

use super::limits::{
    METRIC_COUNT_MAX, METRIC_DEPTH_MAX, NAME_LEN_MAX, TABLE_COUNT_MAX, TEXT_LEN_MAX,
};
use super::{
    ArtifactError, Details, Facts, FeatureStats, Lineage, Metric, MetricValue, TargetStats,
    Training,
};
use std::collections::HashSet;

/// Tells whether a model can be served under a name: in a URL, a file name and a metric's label.
pub fn name_is_sound(name: &str) -> bool {
    name.len() <= NAME_LEN_MAX
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// Checks everything said about a model of `width` features.
pub(super) fn details(details: &Details, width: usize) -> Result<(), ArtifactError> {
    if !name_is_sound(&details.name) {
        return Err(ArtifactError::Name { name: details.name.clone() });
    }
    text("target", &details.target)?;
    text("trained_at", &details.trained_at)?;
    text("source", &details.source)?;
    feature_names(&details.feature_names, width)?;
    if !details.feature_stats.is_empty() && details.feature_stats.len() != width {
        let found = details.feature_stats.len();
        return Err(ArtifactError::Count { field: "feature statistics", found, expected: width });
    }
    for (name, stats) in details.feature_names.iter().zip(&details.feature_stats) {
        feature_stats(name, stats)?;
    }
    if let Some(stats) = &details.target_stats {
        target_stats(stats)?;
    }
    if let Some(threshold) = details.threshold {
        finite("threshold", "", threshold)?;
    }
    metrics(&details.metrics)
}

/// Checks what format 2 says besides; the settings are checked where they are read.
pub(super) fn facts(facts: &Facts, details: &Details) -> Result<(), ArtifactError> {
    if let Some(training) = &facts.training {
        self::training(training, details)?;
    }
    facts.lineage.as_ref().map_or(Ok(()), lineage)
}

fn training(training: &Training, details: &Details) -> Result<(), ArtifactError> {
    text("training target", &training.target)?;
    let (found, expected) = (training.feature_edges.len(), details.feature_names.len());
    if found != expected {
        return Err(ArtifactError::Count { field: "lists of edges", found, expected });
    }
    for (name, feature) in details.feature_names.iter().zip(&training.feature_edges) {
        edges(name, feature)?;
    }
    edges("the answers", &training.answer_edges)
}

fn edges(field: &str, edges: &[f64]) -> Result<(), ArtifactError> {
    if edges.iter().all(|edge| edge.is_finite()) && edges.is_sorted() {
        return Ok(());
    }
    Err(ArtifactError::Edges { field: field.to_owned() })
}

fn lineage(lineage: &Lineage) -> Result<(), ArtifactError> {
    if lineage.tables.len() > TABLE_COUNT_MAX {
        return Err(ArtifactError::Tables { found: lineage.tables.len() });
    }
    lineage.tables.iter().try_for_each(|table| text("the name of a table", &table.name))
}

fn text(field: &'static str, value: &str) -> Result<(), ArtifactError> {
    if value.len() > TEXT_LEN_MAX {
        return Err(ArtifactError::Text { field, problem: "has more than 256 bytes" });
    }
    if value.chars().any(char::is_control) {
        return Err(ArtifactError::Text { field, problem: "holds control characters" });
    }
    Ok(())
}

fn feature_names(names: &[String], width: usize) -> Result<(), ArtifactError> {
    if names.len() != width {
        let found = names.len();
        return Err(ArtifactError::Count { field: "feature names", found, expected: width });
    }
    let mut seen = HashSet::new();
    for name in names {
        text("feature name", name)?;
        if name.is_empty() {
            return Err(ArtifactError::Text { field: "feature name", problem: "is empty" });
        }
        if !seen.insert(name) {
            return Err(ArtifactError::DuplicateFeature { name: name.clone() });
        }
    }
    Ok(())
}

fn finite(subject: &str, what: &str, value: f64) -> Result<(), ArtifactError> {
    if value.is_finite() {
        return Ok(());
    }
    Err(ArtifactError::Statistic { field: format!("{subject}{what}"), value })
}

fn feature_stats(name: &str, stats: &FeatureStats) -> Result<(), ArtifactError> {
    finite(name, "'s mean", stats.mean)?;
    deviation(name, stats.std)?;
    finite(name, "'s minimum", stats.min.unwrap_or(0.0))?;
    finite(name, "'s maximum", stats.max.unwrap_or(0.0))
}

fn target_stats(stats: &TargetStats) -> Result<(), ArtifactError> {
    finite("the target", "'s mean", stats.mean)?;
    deviation("the target", stats.std)?;
    finite("the target", "'s median", stats.median.unwrap_or(0.0))?;
    finite("the target", "'s minimum", stats.min.unwrap_or(0.0))?;
    finite("the target", "'s maximum", stats.max.unwrap_or(0.0))
}

fn deviation(name: &str, value: f64) -> Result<(), ArtifactError> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(ArtifactError::Statistic { field: format!("{name}'s standard deviation"), value })
}

/// Checks that the report nests again: no path ends where another goes on.
fn metrics(metrics: &[Metric]) -> Result<(), ArtifactError> {
    let refuse = |metric: &Metric, problem| {
        Err(ArtifactError::Metric { path: metric.path.join("/"), problem })
    };
    let mut leaves = HashSet::new();
    let mut branches = HashSet::new();
    for (index, metric) in metrics.iter().enumerate() {
        if index == METRIC_COUNT_MAX {
            return refuse(metric, "is one too many: a report holds at most 512 figures");
        }
        if metric.path.is_empty() || metric.path.len() > METRIC_DEPTH_MAX {
            return refuse(metric, "must have 1 to 8 keys");
        }
        for key in &metric.path {
            text("metric key", key)?;
        }
        if let MetricValue::Real(value) = metric.value {
            finite("metric ", &metric.path.join("/"), value)?;
        }
        for depth in 1..metric.path.len() {
            branches.insert(&metric.path[..depth]);
        }
        if !leaves.insert(&metric.path[..]) {
            return refuse(metric, "occurs twice");
        }
    }
    match metrics.iter().find(|metric| branches.contains(&metric.path[..])) {
        Some(metric) => refuse(metric, "is a figure in one place and a group in another"),
        None => Ok(()),
    }
}
