//! What only format 2 says of a model: settings, training, lineage, edges of drift.

use super::{hex, put};
use factord_models::file::{Artifact, EDGE_COUNT, Facts, Lineage, Training};
use serde_json::{Map, Value, json};

/// Tables of the lineage on a page; JSON has all of them.
const SHOWN_TABLE_COUNT_MAX: usize = 8;

/// The edges of a feature, where they are known.
pub(super) fn edges(artifact: &Artifact, feature: usize) -> Option<&[f64; EDGE_COUNT]> {
    training(artifact)?.feature_edges.get(feature)
}

fn training(artifact: &Artifact) -> Option<&Training> {
    artifact.facts()?.training.as_ref()
}

/// Adds all of it to what is said of the model; what is not known is null.
pub(super) fn put_json(artifact: &Artifact, json: &mut Value) {
    let facts = artifact.facts();
    json["format"] = json!(artifact.format_version());
    json["arithmetic"] = json!(artifact.family());
    json["operations"] = json!(artifact.operations());
    let settings: Map<String, Value> =
        artifact.settings().settings().map(|(name, text)| (name.to_owned(), text.into())).collect();
    json["settings"] = settings.into();
    json["learnt"] = json!(training(artifact).map(|training| {
        json!({
            "target": training.target,
            "horizon": training.horizon,
            "cut": artifact.details().threshold,
            "pause_ns": training.pause_ns,
            "rows": training.rows,
            "answer_edges": training.answer_edges,
        })
    }));
    json["lineage"] = json!(facts.and_then(|facts| facts.lineage.as_ref()).map(lineage_json));
    let others = facts.map_or(&[][..], |facts| &facts.others);
    let other = |other: &factord_models::file::Section| json!({"tag": other.tag.to_string(), "bytes": other.bytes.len()});
    json["unknown_sections"] = others.iter().map(other).collect();
}

fn lineage_json(lineage: &Lineage) -> Value {
    let tables = lineage.tables.iter().map(|table| {
        json!({
            "name": table.name,
            "sha256": table.sha256.as_ref().map(hex),
            "held_out": table.held_out,
        })
    });
    let tables: Vec<Value> = tables.collect();
    json!({"parent": lineage.parent.as_ref().map(hex), "tables": tables})
}

/// Lines of a page, each with its label.
pub(super) fn lines(artifact: &Artifact) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if let Some(training) = training(artifact) {
        let pause = match training.pause_ns {
            Some(ns) => format!("at most {} s", ns as f64 / 1e9),
            None => "shorter than the window before".to_owned(),
        };
        let text = format!(
            "{} {} windows later, {} rows; pauses within a session: {pause}",
            training.target, training.horizon, training.rows
        );
        lines.push(("learnt", text));
    }
    let settings: Vec<String> =
        artifact.settings().settings().map(|(name, text)| format!("{name} {text}")).collect();
    lines.push(("settings", settings.join(", ")));
    lines.push(("data", artifact.settings().data().unwrap_or_default().to_owned()));
    let facts = artifact.facts();
    if let Some(lineage) = facts.and_then(|facts| facts.lineage.as_ref()) {
        if let Some(parent) = &lineage.parent {
            lines.push(("parent", hex(parent)));
        }
        for table in lineage.tables.iter().take(SHOWN_TABLE_COUNT_MAX) {
            let hash = table.sha256.as_ref().map_or("a pipe".to_owned(), hex);
            let held_out = if table.held_out { " (held out)" } else { "" };
            lines.push(("table", format!("{hash}  {}{held_out}", table.name)));
        }
        if let Some(more) = lineage.tables.len().checked_sub(SHOWN_TABLE_COUNT_MAX + 1) {
            lines.push(("", format!("... and {} more: --json has them all", more + 1)));
        }
    }
    lines.push(("format", format(artifact, facts)));
    lines
}

fn format(artifact: &Artifact, facts: Option<&Facts>) -> String {
    let mut text = format!(
        "{}, arithmetic of {}, {} operations an evaluation",
        artifact.format_version(),
        artifact.family(),
        artifact.operations()
    );
    for other in facts.map_or(&[][..], |facts| &facts.others) {
        let (tag, len) = (other.tag, other.bytes.len());
        put(&mut text, format_args!("; section {tag} of {len} bytes is not known, and kept"));
    }
    text
}

/// A table of edges, a line a feature and one for the answers.
pub(super) fn put_edges(page: &mut String, artifact: &Artifact, feature_count_max: usize) {
    let Some(training) = training(artifact) else { return };
    put(page, format_args!("\nTenths of the training rows reach\n"));
    let names = artifact.details().feature_names.iter().map(String::as_str);
    let features = names.zip(&training.feature_edges).take(feature_count_max);
    let answers = ("its answer", &training.answer_edges);
    let rows: Vec<(&str, &[f64; EDGE_COUNT])> = features.chain([answers]).collect();
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    for (name, edges) in rows {
        let edges: Vec<String> = edges.iter().map(|edge| format!("{edge:>10.4e}")).collect();
        put(page, format_args!("  {name:<width$}  {}\n", edges.join(" ")));
    }
}
