//! A model made ready to serve, by the loader: its form for evaluation, and what it costs.

use factord_core::counters::fingerprint;
use factord_core::model::image;
use factord_core::sys::memory;
use factord_eval::Kind;
use factord_eval::evaluator::Evaluator;
use factord_models::catalogue::LoadedModel;
use sha2::{Digest, Sha256};
use std::hint::black_box;
use std::io;
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
    /// The image of a forest, which takes too long to make while others wait.
    image: Option<OwnedFd>,
}

impl ReadyModel {
    /// Makes a model ready; takes some hundred microseconds for a wide one, and milliseconds for a
    /// large forest.
    pub fn new(loaded: Arc<LoadedModel>) -> ReadyModel {
        let evaluator = Evaluator::new(loaded.artifact.model());
        let cost_ns = cost_ns(&loaded, &evaluator);
        let evaluator = evaluator.costing(u32::try_from(cost_ns).unwrap_or(u32::MAX));
        let (fingerprint, check) = (fingerprint(&loaded.sha256), check(loaded.artifact.name()));
        let mut model = ReadyModel { loaded, evaluator, fingerprint, check, cost_ns, image: None };
        if model.loaded.artifact.kind() == Kind::Forest {
            // Where there is no memory for it now, there may be when somebody asks.
            model.image = model.make_image().ok();
        }
        model
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
