//! Drift of what is asked and answered, by name, version and arm: window after window beside the
//! deciles of the training rows, which the artifact holds.

use super::drift_arm::{KeptWatch, Watch, judgement_json};
use super::drift_rules::Rules;
use super::scorer::Scorers;
use factord_core::client::Published;
use factord_eval::status;
use factord_models::store::{Deployment, Digest, Served, StoreError};
use factord_quant::drift::Judgement;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A series that drifts now and did not, or the other way round.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) name: String,
    pub(super) arm: usize,
    pub(super) version: Digest,
    pub(super) label: String,
    pub(super) judgement: Judgement,
}

impl Change {
    /// In words.
    pub(super) fn text(&self) -> String {
        let Change { name, arm, version, label, judgement } = self;
        let Judgement { psi, rows, .. } = judgement;
        let (what, critical) = (
            if judgement.is_drift { "drifts" } else { "is as in training again" },
            judgement.critical.unwrap_or(judgement.critical_independent),
        );
        format!(
            "{label} of {name} (arm {arm}, {}) {what}: population stability index {psi:.4} \
             ({}), critical {critical:.4}, of {rows} rows",
            version.short(),
            judgement.band().name(),
        )
    }

    /// As JSON.
    pub(super) fn json(&self) -> Value {
        let mut json = judgement_json(&self.judgement);
        json["name"] = self.name.clone().into();
        json["arm"] = self.arm.into();
        json["version"] = json!(self.version);
        json["series"] = self.label.clone().into();
        json
    }
}

/// All arms of all names.
#[derive(Debug)]
pub(super) struct Drifts {
    rules: Rules,
    /// By name, in the order of arms; `None` for a version that does not say how its training rows
    /// were spread.
    names: BTreeMap<String, Vec<Option<Watch>>>,
    changes: Vec<Change>,
}

/// What is kept: by name, version and arm.
pub(super) type Kept = BTreeMap<String, Vec<(Digest, usize, KeptWatch)>>;

/// The versions of a name's arms.
fn versions(served: &Served) -> impl Iterator<Item = Digest> {
    let further = served.split.iter().flat_map(|split| &split.arms);
    [served.champion].into_iter().chain(further.map(|arm| arm.version))
}

impl Drifts {
    /// Watches nothing yet.
    pub(super) fn new(rules: Rules) -> Drifts {
        Drifts { rules, names: BTreeMap::new(), changes: Vec::new() }
    }

    /// Watches what a deployment serves. What was seen of an arm stays while its version does.
    pub(super) fn refresh(
        &mut self,
        deployment: &Deployment,
        scorers: &mut Scorers,
    ) -> Result<(), StoreError> {
        let mut before = std::mem::take(&mut self.names);
        let mut first_error = None;
        for (name, served) in &deployment.names {
            let mut known = before.remove(name).unwrap_or_default();
            let mut arms = Vec::new();
            for (arm, version) in versions(served).enumerate() {
                let same = known
                    .get_mut(arm)
                    .and_then(|watch| watch.take_if(|watch| watch.scorer.version == version));
                if same.is_some() {
                    arms.push(same);
                    continue;
                }
                arms.push(match scorers.of(version) {
                    Ok(scorer) => Watch::new(&scorer, self.rules.level),
                    Err(error) => {
                        first_error.get_or_insert(error);
                        None
                    }
                });
            }
            self.names.insert(name.clone(), arms);
        }
        first_error.map_or(Ok(()), Err)
    }

    /// Takes an answer, and judges the window that it ends.
    pub(super) fn take(&mut self, answer: &Published<'_>) {
        let (record, Some(name)) = (answer.record, answer.name) else { return };
        let arm = usize::from(record.arm);
        let watch = self.names.get_mut(name).and_then(|arms| arms.get_mut(arm)?.as_mut());
        let Some(watch) = watch else { return };
        // An answer that refuses its row names no version.
        if answer.fingerprint != watch.scorer.fingerprint && record.status != status::BAD_INPUT {
            return;
        }
        watch.add(answer);
        if !watch.is_over(answer.unix_ns, &self.rules) {
            return;
        }
        let version = watch.scorer.version;
        for (label, judgement) in watch.close() {
            let name = name.to_owned();
            self.changes.push(Change { name, arm, version, label, judgement });
        }
    }

    /// The series that drift since they were last asked for, or do no more.
    pub(super) fn changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Every arm that is watched: its name, its number and what was seen.
    pub(super) fn arms(&self) -> impl Iterator<Item = (&str, usize, &Watch)> {
        self.names.iter().flat_map(|(name, arms)| {
            let arms = arms.iter().enumerate();
            arms.filter_map(|(arm, watch)| Some((name.as_str(), arm, watch.as_ref()?)))
        })
    }

    /// As JSON, by name.
    pub(super) fn json(&self) -> Value {
        let mut all = Map::new();
        for (name, arm, watch) in self.arms() {
            let arms = all.entry(name).or_insert_with(|| json!([]));
            if let Value::Array(arms) = arms {
                arms.push(watch.json(arm));
            }
        }
        Value::Object(all)
    }

    /// What a pilot after this one goes on from.
    pub(super) fn keep(&self) -> Kept {
        let mut kept = Kept::new();
        for (name, arm, watch) in self.arms() {
            let arms = kept.entry(name.to_owned()).or_default();
            arms.push((watch.scorer.version, arm, watch.keep()));
        }
        kept
    }

    /// Goes on from what was kept of the arms that serve still.
    pub(super) fn restore(&mut self, kept: Kept) {
        for (name, arms) in kept {
            let Some(watched) = self.names.get_mut(&name) else { continue };
            for (version, arm, kept) in arms {
                let watch = watched.get_mut(arm).and_then(Option::as_mut);
                if let Some(watch) = watch.filter(|watch| watch.scorer.version == version) {
                    watch.restore(kept);
                }
            }
        }
    }
}
