//! How the shares of a name's requests are shown.

use factord_core::abi;
use factord_core::counters::ModelRow;
use factord_models::catalogue::LoadedModel;
use factord_models::store::{ARM_COUNT_MAX, Arm, Canary, Digest, Split, WEIGHT_SUM};
use serde_json::{Value, json};
use std::fmt::Write;

/// What serves, for people: a version, or several with their weights.
pub(super) fn text(champion: Digest, split: Option<&Split>) -> String {
    let Some(split) = split else { return champion.short() };
    let share = |arm: &Arm| format!("{}={}", arm.version.short(), arm.weight);
    split.shares(champion).iter().map(share).collect::<Vec<_>>().join(" ")
}

/// Shadows, for the end of a line; empty where there are none.
pub(super) fn shadows_text(shadows: &[Digest]) -> String {
    let list = shadows.iter().map(Digest::short).collect::<Vec<_>>().join(" ");
    if list.is_empty() { list } else { format!("  shadows {list}") }
}

/// A canary, for the end of a line; empty where there is none.
pub(super) fn canary_text(canary: Option<&Canary>) -> String {
    canary.map_or(String::new(), |canary| {
        let (step, count) = (canary.step + 1, canary.steps.len());
        let (candidate, weight) = (canary.candidate.short(), canary.weight());
        format!("  canary {candidate}, step {step} of {count}: {weight} of {WEIGHT_SUM}")
    })
}

/// How requests are divided, as JSON; `null` when they are not.
pub(super) fn json(champion: Digest, split: Option<&Split>) -> Value {
    split.map_or(Value::Null, |split| json!({"salt": split.salt, "arms": split.shares(champion)}))
}

/// The versions that share the requests with a model that was loaded, itself first, and weights.
pub(super) fn of_model(model: &LoadedModel) -> Vec<(String, u16)> {
    let Some(split) = &model.split else { return Vec::new() };
    let arms = split.arms.iter().map(|arm| arm.sha256);
    let versions = [model.sha256].into_iter().chain(arms).map(|hash| Digest(hash).to_string());
    weighted(versions, split.ends)
}

/// The same of a row of the model table.
pub(super) fn of_row(row: &ModelRow) -> Vec<(String, u16)> {
    if row.arm_count <= 1 {
        return Vec::new();
    }
    let ends = [0, 16, 32].map(|from| abi::bits(row.split, from, 16) as u16);
    let version = |fingerprint: u64| format!("{:016x}", fingerprint.swap_bytes());
    let arms = row.arm_fingerprints.into_iter().filter(|&fingerprint| fingerprint != 0);
    weighted([row.fingerprint()].into_iter().chain(arms).map(version), ends)
}

fn weighted(
    versions: impl Iterator<Item = String>,
    ends: [u16; ARM_COUNT_MAX - 1],
) -> Vec<(String, u16)> {
    let starts = [0].into_iter().chain(ends);
    let ends = ends.into_iter().chain([WEIGHT_SUM]);
    let weights = starts.zip(ends).map(|(start, end)| end.saturating_sub(start));
    versions.zip(weights).collect()
}

/// Shares as lines of a page.
pub(super) fn page(shares: &[(String, u16)]) -> String {
    let mut page = String::from("\nShares its name's requests:\n");
    for (arm, (version, weight)) in shares.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "  arm {arm}  {version:.12}  {weight} of {WEIGHT_SUM}");
    }
    page
}

/// Shares as JSON; `null` where there are none.
pub(super) fn list_json(shares: &[(String, u16)]) -> Value {
    if shares.is_empty() {
        return Value::Null;
    }
    let arms = shares.iter().map(|(version, weight)| json!({"version": version, "weight": weight}));
    json!({"arms": arms.collect::<Vec<_>>()})
}
