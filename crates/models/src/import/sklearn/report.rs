//! Flattens a nested training report into figures with paths.

use crate::file::{METRIC_COUNT_MAX, Metric, MetricValue, TEXT_LEN_MAX};
use crate::import::ImportError;
use crate::import::numpy::{self, Number};
use crate::import::pickle::{Class, Node, NodeId, Tree, kept, shortened};

/// The most values of a report that are visited, and how deep.
// NB: a shared dictionary is visited once for each way that leads to it; without a bound on
// visits a small pickle could ask for years.
const VISIT_COUNT_MAX: usize = 4096;
const DEPTH_MAX: usize = 8;

/// The most characters of a path that is named as left out.
// 160: two keys as long as messages show them.
const SHOWN_CHARS_MAX: usize = 160;

/// Adds every number of a nested dictionary; names values that are not finite numbers as left out.
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
    let path = path.join("/");
    left_out.push(path.escape_debug().take(SHOWN_CHARS_MAX).collect());
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
            let Some(name) = self.key(key)? else {
                leave_out(path, self.tree, key, self.left_out)?;
                continue;
            };
            path.push(name);
            if matches!(self.tree.node(value), Node::Dict(_)) && path.len() < DEPTH_MAX {
                self.group(value, path)?;
            } else if let Some(value) = self.figure(value) {
                if self.metrics.len() == METRIC_COUNT_MAX {
                    let reason = format!("a report of more than {METRIC_COUNT_MAX} figures");
                    return Err(ImportError::Unsupported { reason });
                }
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
    fn key(&self, id: NodeId) -> Result<Option<String>, ImportError> {
        Ok(match self.tree.node(id) {
            Node::Str(text) => {
                let name = kept(text);
                if name.is_none() {
                    let (shown, len) = (self.tree.describe(id), text.len());
                    let reason = format!(
                        "a key of the report has {len} bytes, {TEXT_LEN_MAX} are allowed: {shown}"
                    );
                    return Err(ImportError::Unsupported { reason });
                }
                name
            }
            Node::Int(value) => Some(value.to_string()),
            Node::Object { class: Class::Scalar, .. } => {
                match numpy::number(self.tree, id, "performance") {
                    Ok(Number::Integer(value)) => Some(value.to_string()),
                    _ => None,
                }
            }
            _ => None,
        })
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
