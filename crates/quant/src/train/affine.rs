//! Targets that their inputs give away: what was fitted is then an identity, and no skill.

use super::linear::{LinearFit, Moments, Relation};

/// From this R2 in training on, the target is affine in its inputs: 1 to nine digits.
const EXACT: f64 = 1.0 - 1e-9;

/// From this one on it nearly is.
// 0.99: rates rounded to four digits still reach 0.998, and no forecast of a market comes near.
const NEARLY: f64 = 0.99;

/// What a report says first.
#[derive(Clone, Debug, PartialEq)]
pub enum Warning {
    /// The target is a sum of its inputs, exactly.
    Affine {
        /// Such as `sell_rate = 1 - 1 * buy_rate`.
        relation: String,
        /// In training.
        r2: f64,
    },
    /// The target is a sum of its inputs, but for a small rest.
    NearlyAffine {
        /// The sum.
        relation: String,
        /// In training.
        r2: f64,
    },
    /// A feature stands still.
    Constant {
        /// Its name.
        feature: String,
    },
    /// A feature is a sum of those before it.
    Repeated {
        /// The sum.
        relation: String,
    },
    /// Windows of targets begin before the windows of their inputs end.
    Overlap {
        /// Rows of which that is so.
        rows: u64,
        /// All rows.
        of: u64,
    },
    /// Too few rows are tested for an interval to mean much.
    FewBlocks {
        /// Blocks of windows with tests.
        blocks: usize,
    },
    /// What a table says of its settings cannot be used.
    Unstated {
        /// Why.
        reason: String,
    },
}

impl Warning {
    /// One word for machines.
    pub fn kind(&self) -> &'static str {
        match self {
            Warning::Affine { .. } => "affine",
            Warning::NearlyAffine { .. } => "nearly_affine",
            Warning::Constant { .. } => "constant",
            Warning::Repeated { .. } => "repeated",
            Warning::Overlap { .. } => "overlap",
            Warning::FewBlocks { .. } => "few_blocks",
            Warning::Unstated { .. } => "unstated",
        }
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Warning::Affine { relation, .. } => write!(
                f,
                "the target is affine in its inputs: {relation} (R2 is 1 to nine digits). This is \
                 an identity, not skill: the answer is known when the inputs are"
            ),
            Warning::NearlyAffine { relation, r2 } => write!(
                f,
                "the target is nearly affine in its inputs: {relation} (R2 is {r2:.5}). This is \
                 close to an identity, not skill: the answer is known when the inputs are"
            ),
            Warning::Constant { feature } => {
                write!(f, "{feature} is the same in every row: its weight is 0")
            }
            Warning::Repeated { relation } => {
                write!(f, "{relation} in every row: that feature adds nothing, its weight is 0")
            }
            Warning::Overlap { rows, of } => write!(
                f,
                "in {rows} of {of} rows the target's window begins before the inputs' window ends \
                 (rolling windows overlap): the figures are too optimistic; use a longer --horizon"
            ),
            Warning::FewBlocks { blocks } => write!(
                f,
                "the tests hold {blocks} blocks of windows: the intervals are rough guesses"
            ),
            Warning::Unstated { reason } => {
                write!(f, "{reason}: the settings of that table are not known")
            }
        }
    }
}

/// A sum in words, without what moves nothing: `y = 1 - 1 * x`.
fn words(
    name: &str,
    relation: &Relation,
    features: &[String],
    moments: &Moments,
    y: usize,
) -> String {
    let mut text = format!("{name} = {}", short(relation.intercept));
    let tiny = 1e-6 * moments.std[y];
    for &(j, weight) in &relation.weights {
        if (weight * moments.std[j]).abs() > tiny {
            let sign = if weight < 0.0 { '-' } else { '+' };
            text.push_str(&format!(" {sign} {} * {}", short(weight.abs()), features[j]));
        }
    }
    text
}

/// Six digits.
fn short(value: f64) -> String {
    let value: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    // What rounding leaves of nothing.
    if value.abs() < 1e-12 { "0".to_owned() } else { value.to_string() }
}

/// What the fit to all rows gives away.
pub(super) fn warnings(
    fit: &LinearFit,
    moments: &Moments,
    features: &[String],
    target: &str,
) -> Vec<Warning> {
    let mut found = Vec::new();
    let width = features.len();
    let weights = fit.weights.iter().copied().enumerate().collect();
    let relation = Relation { intercept: fit.intercept, weights };
    let relation = || words(target, &relation, features, moments, width);
    if fit.r2 >= EXACT {
        found.push(Warning::Affine { relation: relation(), r2: fit.r2 });
    } else if fit.r2 >= NEARLY {
        found.push(Warning::NearlyAffine { relation: relation(), r2: fit.r2 });
    }
    for (j, relation) in &fit.left_out {
        found.push(match relation {
            None => Warning::Constant { feature: features[*j].clone() },
            Some(relation) => {
                let relation = words(&features[*j], relation, features, moments, *j);
                Warning::Repeated { relation }
            }
        });
    }
    found
}
