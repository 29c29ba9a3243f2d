//! The names that are watched: those with shadows or a canary.

use super::divergence::Divergence;
use super::drift::Drifts;
use super::drift_rules::Rules;
use super::scorer::{Scorer, Scorers};
use super::trial::{Trial, Verdict};
use factord_core::client::Published;
use factord_core::counters::fingerprint;
use factord_models::store::{self, Deployment, Digest, Served, StoreError, WEIGHT_SUM};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two readings of a deployment that answers are ahead of.
const READ_PAUSE: Duration = Duration::from_millis(10);

/// Between two attempts to change a canary: the first may have failed.
const ACT_PAUSE: Duration = Duration::from_secs(1);

/// A shadow and what it was seen to differ in.
#[derive(Debug)]
struct Shadow {
    scorer: Arc<Scorer>,
    divergence: Divergence,
}

/// A name.
#[derive(Debug)]
struct Name {
    served: Served,
    /// What answers, by arm.
    arms: Vec<u64>,
    champion: Arc<Scorer>,
    shadows: Vec<Shadow>,
    trial: Option<Trial>,
    /// When it was last tried to change it.
    acted: Option<Instant>,
}

/// What came of an answer.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// Nothing is to be done.
    Taken,
    /// Its generation is later than the deployment's that was read last.
    Ahead,
    /// A canary goes on or ends.
    Canary(Verdict),
}

/// All of them.
#[derive(Debug)]
pub(super) struct Watched {
    root: PathBuf,
    scorers: Scorers,
    names: HashMap<String, Name>,
    /// Generations of the names that are not watched.
    others: HashMap<String, u32>,
    deployment: Deployment,
    /// Which file was read last: its number, when it was written, its length.
    file: Option<[i64; 3]>,
    read: Instant,
    /// Answers for watched names under another generation than the deployment's.
    pub(super) unscored: u64,
    /// Of all names.
    pub(super) drifts: Drifts,
}

impl Watched {
    /// Reads what a store says.
    pub(super) fn open(root: &Path, rules: Rules) -> Result<Watched, StoreError> {
        let mut watched = Watched {
            root: root.to_owned(),
            scorers: Scorers::new(store::objects(root)?),
            names: HashMap::new(),
            others: HashMap::new(),
            deployment: Deployment::default(),
            file: None,
            read: Instant::now(),
            unscored: 0,
            drifts: Drifts::new(rules),
        };
        watched.refresh()?;
        Ok(watched)
    }

    pub(super) fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// Whether the deployment may be read again by now.
    pub(super) fn may_read(&self) -> bool {
        self.read.elapsed() >= READ_PAUSE
    }

    /// Reads the deployment again, if it has changed. What was seen of shadows stays while the
    /// champion does, and of a canary while its step does.
    pub(super) fn refresh(&mut self) -> Result<(), StoreError> {
        self.read = Instant::now();
        let file = fs::metadata(self.root.join("deployment")).ok();
        let file = file.map(|file| [file.ino() as i64, file.mtime_nsec(), file.size() as i64]);
        if file.is_some() && file == self.file {
            return Ok(());
        }
        let next = store::deployment(&self.root)?;
        let mut first_error = None;
        let (mut names, mut others) = (HashMap::new(), HashMap::new());
        for (name, served) in &next.names {
            if served.shadows.is_empty() && served.canary.is_none() {
                others.insert(name.clone(), served.generation);
                continue;
            }
            match self.watch(name, served) {
                Ok(watched) => _ = names.insert(name.clone(), watched),
                Err(error) => _ = first_error.get_or_insert(error),
            }
        }
        if let Err(error) = self.drifts.refresh(&next, &mut self.scorers) {
            first_error.get_or_insert(error);
        }
        (self.names, self.others, self.deployment, self.file) = (names, others, next, file);
        self.scorers.prune();
        first_error.map_or(Ok(()), Err)
    }

    fn watch(&mut self, name: &str, served: &Served) -> Result<Name, StoreError> {
        let mut before = self.names.remove(name);
        if let Some(same) = before.take_if(|before| before.served == *served) {
            return Ok(same);
        }
        let champion = self.scorers.of(served.champion)?;
        let mut kept: Vec<Shadow> = before
            .filter(|before| before.served.champion == served.champion)
            .map_or_else(Vec::new, |before| before.shadows);
        let mut shadows = Vec::new();
        for version in &served.shadows {
            let same = kept.iter().position(|shadow| shadow.scorer.version == *version);
            shadows.push(match same {
                Some(place) => kept.swap_remove(place),
                None => {
                    let scorer = self.scorers.of(*version)?;
                    Shadow { scorer, divergence: Divergence::default() }
                }
            });
        }
        let trial = match &served.canary {
            None => None,
            Some(canary) => {
                let first = self.scorers.of(canary.champion)?;
                Some(Trial::new(canary.clone(), first, self.scorers.of(canary.candidate)?))
            }
        };
        let further = served.split.iter().flat_map(|split| &split.arms);
        let further = further.map(|arm| fingerprint(&arm.version.0));
        let arms = [champion.fingerprint].into_iter().chain(further).collect();
        Ok(Name { served: served.clone(), arms, champion, shadows, trial, acted: None })
    }

    /// Takes an answer.
    pub(super) fn take(&mut self, answer: &Published<'_>) -> Outcome {
        let record = answer.record;
        let Some(text) = answer.name else { return Outcome::Taken };
        self.drifts.take(answer);
        let Some(name) = self.names.get_mut(text) else {
            let known = self.others.get(text).copied().unwrap_or(0);
            return if record.generation > known { Outcome::Ahead } else { Outcome::Taken };
        };
        if record.generation > name.served.generation {
            self.unscored += 1;
            return Outcome::Ahead;
        }
        let arm = name.arms.get(usize::from(record.arm)).copied();
        if record.generation != name.served.generation || arm != Some(answer.fingerprint) {
            self.unscored += 1;
            return Outcome::Taken;
        }
        let x = &record.features;
        if !name.shadows.is_empty() {
            let champion = name.champion.evaluator.evaluate(x);
            for shadow in &mut name.shadows {
                shadow.divergence.add(&champion, &shadow.scorer.evaluator.evaluate(x));
            }
        }
        let Some(trial) = &mut name.trial else { return Outcome::Taken };
        let is_candidate = trial.canary.weight() == WEIGHT_SUM || record.arm == 1;
        trial.add(is_candidate, answer);
        if !is_candidate {
            return Outcome::Taken;
        }
        trial.verdict().map_or(Outcome::Taken, Outcome::Canary)
    }

    /// What is to be done about canaries that wait for time to pass.
    pub(super) fn verdicts(&self) -> Vec<(String, Verdict)> {
        let verdict = |(name, watched): (&String, &Name)| {
            Some((name.clone(), watched.trial.as_ref()?.verdict()?))
        };
        self.names.iter().filter_map(verdict).collect()
    }

    /// The generation that a canary is watched under, unless it was tried to change it just now.
    pub(super) fn may_act(&mut self, name: &str) -> Option<u32> {
        let name = self.names.get_mut(name)?;
        let now = Instant::now();
        let may = name.acted.is_none_or(|acted| now.duration_since(acted) >= ACT_PAUSE);
        if may {
            name.acted = Some(now);
        }
        may.then_some(name.served.generation)
    }

    /// What was seen of a canary, as JSON.
    pub(super) fn trial_json(&self, name: &str) -> Value {
        let trial = self.names.get(name).and_then(|name| name.trial.as_ref());
        trial.map_or(Value::Null, Trial::json)
    }

    /// All names with what was seen of them, as JSON.
    pub(super) fn json(&self) -> Value {
        let mut all = Map::new();
        for (text, name) in &self.names {
            let shadow = |shadow: &Shadow| {
                let mut json = shadow.divergence.json(shadow.scorer.is_classifier);
                json["version"] = json!(shadow.scorer.version);
                json
            };
            let shadows: Vec<Value> = name.shadows.iter().map(shadow).collect();
            let (champion, generation) = (name.served.champion, name.served.generation);
            let canary = name.trial.as_ref().map(Trial::json);
            let json = json!({
                "champion": champion, "generation": generation,
                "shadows": shadows, "canary": canary,
            });
            all.insert(text.clone(), json);
        }
        Value::Object(all)
    }

    /// What was seen of shadows, a line each.
    pub(super) fn lines(&self) -> Vec<String> {
        let of = |(text, name): (&String, &Name)| {
            let line = |shadow: &Shadow| shadow_line(text, name.served.champion, shadow);
            name.shadows.iter().map(line).collect::<Vec<_>>()
        };
        let mut lines: Vec<String> = self.names.iter().flat_map(of).collect();
        lines.sort();
        lines
    }
}

fn shadow_line(name: &str, champion: Digest, shadow: &Shadow) -> String {
    let Divergence { count, mean, max, refused, answered, .. } = shadow.divergence;
    let (version, champion) = (shadow.scorer.version.short(), champion.short());
    let classes = match shadow.divergence.class_share() {
        Some(share) if shadow.scorer.is_classifier => format!(", other classes {share:.6}"),
        _ => String::new(),
    };
    let figures = if count == 0 {
        String::new()
    } else {
        format!(", mean absolute difference {mean}, at most {max}{classes}")
    };
    format!(
        "{name} shadow {version} against {champion}: {count} compared{figures}; refused alone \
         {refused}, answered alone {answered}"
    )
}
