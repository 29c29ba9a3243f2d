//! A model made ready to serve, by the loader: its form for evaluation, and what it costs.

use factord_core::abi;
use factord_core::counters::{ModelRow, fingerprint};
use factord_core::model::image;
use factord_core::sys::memory;
use factord_eval::Kind;
use factord_eval::evaluator::Evaluator;
use factord_models::catalogue::{LoadedModel, LoadedSplit};
use sha2::{Digest, Sha256};
use std::hint::black_box;
use std::io;
use std::iter;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

/// Rounds over an artifact's golden vectors, of which each vector's quickest counts.
// 9: what else the machine does makes a round slower, never quicker.
const ROUND_COUNT: usize = 9;

/// A model ready to serve.
#[derive(Debug)]
pub struct ReadyModel {
    /// The artifact.
    pub loaded: Arc<LoadedModel>,
    /// Its form for evaluation.
    pub evaluator: Evaluator,
    /// The first eight bytes of its SHA-256.
    pub fingerprint: u64,
    /// The check of its name.
    pub check: u32,
    /// Nanoseconds of one evaluation.
    pub cost_ns: u64,
    /// What shares its name's requests with it.
    pub split: Option<ReadySplit>,
    /// The image of a forest, which takes too long to make while others wait.
    image: Option<OwnedFd>,
}

/// How the requests for a name are divided.
#[derive(Debug)]
pub struct ReadySplit {
    /// [`abi::split`] of the shares.
    pub split: u64,
    /// What [`abi::arm`] starts from.
    pub salt: u64,
    /// The further arms, in the order of their numbers, from 1.
    pub arms: Vec<Arc<ReadyModel>>,
}

impl ReadySplit {
    fn new(loaded: &LoadedSplit) -> ReadySplit {
        let ready = |arm: &Arc<LoadedModel>| Arc::new(ReadyModel::new(Arc::clone(arm)));
        let arms = loaded.arms.iter().map(ready).collect();
        ReadySplit { split: abi::split(loaded.ends), salt: loaded.salt, arms }
    }
}

impl ReadyModel {
    /// Makes a model ready; takes some hundred microseconds for a wide one, and milliseconds for a
    /// large forest.
    pub fn new(loaded: Arc<LoadedModel>) -> ReadyModel {
        let evaluator = Evaluator::new(loaded.artifact.model());
        let cost_ns = cost_ns(&loaded, &evaluator);
        let evaluator = evaluator.costing(u32::try_from(cost_ns).unwrap_or(u32::MAX));
        let (fingerprint, check) = (fingerprint(&loaded.sha256), check(loaded.artifact.name()));
        let split = loaded.split.as_ref().map(ReadySplit::new);
        let image = None;
        let mut model = ReadyModel { loaded, evaluator, fingerprint, check, cost_ns, split, image };
        if model.loaded.artifact.kind() == Kind::Forest {
            // Where there is no memory for it now, there may be when somebody asks.
            model.image = model.make_image().ok();
        }
        model
    }

    /// The versions that share its name's requests with it.
    pub fn arms(&self) -> &[Arc<ReadyModel>] {
        self.split.as_ref().map_or(&[], |split| &split.arms)
    }

    /// All versions of its name, itself first.
    pub fn versions(&self) -> impl Iterator<Item = &ReadyModel> {
        iter::once(self).chain(self.arms().iter().map(|arm| &**arm))
    }

    /// What its name's requests are divided by: [`abi::split`] and salt.
    pub fn division(&self) -> (u64, u64) {
        self.split.as_ref().map_or((abi::UNDIVIDED, 0), |split| (split.split, split.salt))
    }

    /// Whether the same versions have the same shares of the same requests.
    pub fn is_same_as(&self, other: &ReadyModel) -> bool {
        self.loaded.sha256 == other.loaded.sha256
            && self.fingerprints() == other.fingerprints()
            && self.division() == other.division()
    }

    /// Whether a row is of the same versions with the same shares.
    pub fn is_as_in(&self, row: &ModelRow) -> bool {
        self.loaded.sha256 == row.sha256
            && self.fingerprints()[1..] == row.arm_fingerprints
            && self.division().0 == row.split
    }

    /// The fingerprints of all versions of its name, its own first; 0 where there is none.
    pub fn fingerprints(&self) -> [u64; abi::ARM_COUNT_MAX] {
        let mut fingerprints = [self.fingerprint, 0, 0, 0];
        for (fingerprint, arm) in fingerprints[1..].iter_mut().zip(self.arms()) {
            *fingerprint = arm.fingerprint;
        }
        fingerprints
    }

    /// Nanoseconds of one evaluation by the dearest version of its name.
    pub fn dearest_ns(&self) -> u64 {
        self.arms().iter().map(|arm| arm.cost_ns).fold(self.cost_ns, u64::max)
    }

    /// Its image, if that was made when the model was loaded.
    pub fn image(&self) -> Option<&OwnedFd> {
        self.image.as_ref()
    }

    /// Makes its image, as a sealed memory file.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn make_image(&self) -> io::Result<OwnedFd> {
        let (words, rest) = image::parts(self.fingerprint, self.loaded.artifact.model());
        memory::sealed_words("factord-image", &[&words, rest])
    }

    /// The name it is served under.
    pub fn name(&self) -> &str {
        self.loaded.artifact.name()
    }
}

/// The check of a name: the first four bytes of its SHA-256, little-endian.
fn check(name: &str) -> u32 {
    let hash: [u8; 32] = Sha256::digest(name.as_bytes()).into();
    hash.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// Nanoseconds of one evaluation of the artifact's golden vectors, on average; at least 1.
// Each vector by itself, since what interrupts a loaded machine's thread seldom hits all of its
// rounds; in turn, since a row that was just evaluated finds the caches as no other row does.
fn cost_ns(loaded: &LoadedModel, evaluator: &Evaluator) -> u64 {
    let golden = loaded.artifact.golden();
    let timed = |x: Option<&[f64]>| {
        let start = Instant::now();
        if let Some(x) = x {
            black_box(evaluator.evaluate(black_box(x)));
        }
        start.elapsed().as_nanos() as u64
    };
    let mut clock = u64::MAX;
    let mut quickest = vec![u64::MAX; golden.len()];
    for _ in 0..ROUND_COUNT {
        clock = clock.min(timed(None));
        for (quickest, vector) in quickest.iter_mut().zip(golden) {
            *quickest = timed(Some(&vector.x)).min(*quickest);
        }
    }
    let sum: u64 = quickest.iter().map(|ns| ns.saturating_sub(clock)).sum();
    (sum / golden.len().max(1) as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_the_start_of_the_name_s_sha_256() {
        // printf regression | sha256sum
        assert_eq!(check("regression").to_le_bytes(), [0xf2, 0x74, 0x53, 0x7a]);
    }
}
