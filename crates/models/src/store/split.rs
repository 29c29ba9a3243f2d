//! How the requests for a name are divided among versions.

use super::{Digest, StoreError};
use crate::file::Artifact;
use core::fmt;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The most versions that share a name's requests, the champion included.
pub const ARM_COUNT_MAX: usize = 4;

/// All requests, in the unit of weights.
pub const WEIGHT_SUM: u16 = 256;

/// What the hash of unit keys starts from; 16 hex digits in files and messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salt(pub u64);

/// A version that gets a share of a name's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// The version.
    pub version: Digest,
    /// Its share, in 1/256.
    pub weight: u16,
}

/// How the requests for a name are divided: the champion's share, and the further arms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// Chosen when an experiment begins, and kept while only its weights change.
    pub salt: Salt,
    /// The champion's share, in 1/256.
    pub champion_weight: u16,
    /// The further arms, in the order of their numbers, from 1.
    pub arms: Vec<Arm>,
}

impl Split {
    /// Divides among `arms`, the first of which is the champion.
    pub(super) fn new(arms: &[Arm], salt: Salt) -> Split {
        let (champion_weight, arms) = match arms {
            [champion, arms @ ..] => (champion.weight, arms.to_vec()),
            [] => (0, Vec::new()),
        };
        Split { salt, champion_weight, arms }
    }

    /// All versions with their weights, the champion first.
    pub fn shares(&self, champion: Digest) -> Vec<Arm> {
        let champion = Arm { version: champion, weight: self.champion_weight };
        [champion].into_iter().chain(self.arms.iter().copied()).collect()
    }

    /// The upper ends of the first three arms' shares, in 1/256.
    pub fn ends(&self) -> [u16; ARM_COUNT_MAX - 1] {
        let mut ends = [WEIGHT_SUM; ARM_COUNT_MAX - 1];
        let mut end = 0;
        let weights = self.arms.iter().map(|arm| arm.weight);
        for (at, weight) in ends.iter_mut().zip([self.champion_weight].into_iter().chain(weights)) {
            end += weight;
            *at = end;
        }
        ends
    }

    /// Why requests cannot be divided so, if they cannot.
    pub(super) fn fault(&self, champion: Digest) -> Option<String> {
        let shares = self.shares(champion);
        if !(2..=ARM_COUNT_MAX).contains(&shares.len()) {
            return Some(format!(
                "{} arms are given, and a name's requests are divided among 2 to {ARM_COUNT_MAX}",
                shares.len()
            ));
        }
        if let Some(idle) = shares.iter().find(|arm| arm.weight == 0) {
            return Some(format!(
                "{} has the weight 0: leave it out, or give it a share",
                idle.version.short()
            ));
        }
        let sum: u32 = shares.iter().map(|arm| u32::from(arm.weight)).sum();
        if sum != u32::from(WEIGHT_SUM) {
            let weights: Vec<String> = shares.iter().map(|arm| arm.weight.to_string()).collect();
            let terms = weights.join(" + ");
            return Some(format!("the weights {terms} give {sum}, and must give {WEIGHT_SUM}"));
        }
        let twice = |(at, arm): (usize, &Arm)| {
            shares[..at].iter().any(|other| other.version == arm.version).then_some(arm.version)
        };
        let twice = shares.iter().enumerate().find_map(twice)?;
        Some(format!("{} is given twice: an arm is a version of its own", twice.short()))
    }
}

/// Refuses versions that cannot share the requests for a name: those of another name, of other
/// features, or of answers that mean something else than the champion's.
///
/// # Errors
///
/// [`StoreError::Split`].
pub fn check_arms(champion: &Artifact, arms: &[(Digest, &Artifact)]) -> Result<(), StoreError> {
    let name = champion.name();
    for (version, arm) in arms {
        if let Some(reason) = difference(champion, arm) {
            let reason = format!("{} {reason}", version.short());
            return Err(StoreError::Split { name: name.to_owned(), reason });
        }
    }
    Ok(())
}

fn difference(champion: &Artifact, arm: &Artifact) -> Option<String> {
    if arm.name() != champion.name() {
        return Some(format!("is a version of {:?}", arm.name()));
    }
    let (width, found) = (champion.model().width(), arm.model().width());
    if found != width {
        return Some(format!("takes {found} features, and the champion {width}"));
    }
    let names = (&champion.details().feature_names, &arm.details().feature_names);
    if let Some(at) = (0..width).find(|&at| names.0.get(at) != names.1.get(at)) {
        let [own, other] = [names.1, names.0].map(|names| names.get(at).map_or("", String::as_str));
        return Some(format!("has {own:?} as feature {at}, and the champion {other:?}"));
    }
    match (champion.model().is_classifier(), arm.model().is_classifier()) {
        (true, false) => Some("gives a value, and the champion a probability".to_owned()),
        (false, true) => Some("gives a probability, and the champion a value".to_owned()),
        _ => None,
    }
}

impl fmt::Display for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A text is not 16 lower-case hex digits.
#[derive(Debug, thiserror::Error)]
#[error("a salt is 16 hex digits in lower case, not {0:?}")]
pub struct NotASalt(String);

impl core::str::FromStr for Salt {
    type Err = NotASalt;

    fn from_str(text: &str) -> Result<Salt, NotASalt> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let refused = || NotASalt(text.chars().take(17).collect());
        if text.len() != 16 || !text.bytes().all(is_digit) {
            return Err(refused());
        }
        u64::from_str_radix(text, 16).map(Salt).map_err(|_| refused())
    }
}

impl Serialize for Salt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Salt, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
