//! Flattens a nested training report into figures with paths.

use crate::model::file::{Metric, MetricValue};
use crate::model::import::ImportError;
use crate::model::import::numpy::{self, Number};
use crate::model::import::pickle::{Class, Node, NodeId, Tree, shortened};

/// The most values of a report that are visited, and how deep.
// NB: a shared dictionary is visited once for each way that leads to it; without a bound on
// visits a small pickle could ask for years.
const VISIT_COUNT_MAX: usize = 4096;
const DEPTH_MAX: usize = 8;

/// Adds every number of a nested dictionary; names what is no finite number as left out.
pub(super) fn flatten(
    tree: &Tree<'_>,
    id: NodeId,
    metrics: &mut Vec<Metric>,
    left_out: &mut Vec<String>,
) -> Result<(), ImportError> {
    let mut report = Report { tree, metrics, left_out, visit_count: 0 };
    report.group(id, &mut Vec::new())
}

/// Names one entry as left out.
pub(super) fn leave_out(
    path: &[String],
    tree: &Tree<'_>,
    key: NodeId,
    left_out: &mut Vec<String>,
) -> Result<(), ImportError> {
    if left_out.len() == VISIT_COUNT_MAX {
        return Err(too_large());
    }
    let key = tree.text(key).map_or_else(|| tree.describe(key), shortened);
    let path: Vec<&str> = path.iter().map(String::as_str).chain([key.as_str()]).collect();
    left_out.push(path.join("/").escape_debug().to_string());
    Ok(())
}

struct Report<'t, 'a> {
    tree: &'t Tree<'a>,
    metrics: &'t mut Vec<Metric>,
    left_out: &'t mut Vec<String>,
    visit_count: usize,
}

impl Report<'_, '_> {
    /// Visits a dictionary. Recursion ends at DEPTH_MAX.
    fn group(&mut self, id: NodeId, path: &mut Vec<String>) -> Result<(), ImportError> {
        let Node::Dict(pairs) = self.tree.node(id) else {
            return Err(ImportError::Unexpected {
                object: "the pickle's dictionary".to_owned(),
                field: "performance".to_owned(),
                expected: "a dictionary",
                found: self.tree.describe(id),
            });
        };
        for &(key, value) in pairs {
            self.visit_count += 1;
            if self.visit_count > VISIT_COUNT_MAX {
                return Err(too_large());
            }
            let Some(name) = self.key(key) else {
                leave_out(path, self.tree, key, self.left_out)?;
                continue;
            };
            path.push(name);
            if matches!(self.tree.node(value), Node::Dict(_)) && path.len() < DEPTH_MAX {
                self.group(value, path)?;
            } else if let Some(value) = self.figure(value) {
                self.metrics.push(Metric { path: path.clone(), value });
            } else {
                path.pop();
                leave_out(path, self.tree, key, self.left_out)?;
                continue;
            }
            path.pop();
        }
        Ok(())
    }

    /// Class labels are often integers.
    fn key(&self, id: NodeId) -> Option<String> {
        match self.tree.node(id) {
            Node::Str(text) => Some((*text).to_owned()),
            Node::Int(value) => Some(value.to_string()),
            Node::Object { class: Class::Scalar, .. } => {
                match numpy::number(self.tree, id, "performance") {
                    Ok(Number::Integer(value)) => Some(value.to_string()),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn figure(&self, id: NodeId) -> Option<MetricValue> {
        match numpy::number(self.tree, id, "performance") {
            Ok(Number::Integer(value)) => Some(MetricValue::Integer(value)),
            Ok(Number::Real(value)) if value.is_finite() => Some(MetricValue::Real(value)),
            _ => None,
        }
    }
}

fn too_large() -> ImportError {
    let reason = format!("a report of more than {VISIT_COUNT_MAX} values");
    ImportError::Unsupported { reason }
}
