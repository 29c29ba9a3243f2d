//! The divided name of the golden images: four versions of `regression`, and requests that go to
//! each of them.

use crate::fault::{During, Fault, ensure};
use crate::golden_rows::{GoldenRow, answered, narrow_inputs};
use crate::models::{self, Random, Variant};
use factord_core::abi;
use factord_core::counters;
use factord_models::file::Artifact;

/// What the arm's hash starts from; its highest bit is set, as any salt's may be.
pub(crate) const SALT: u64 = 0xD1CE_5EED_0000_0A11;
/// The upper ends of the first three arms' shares, in 1/256.
pub(crate) const ENDS: [u16; 3] = [96, 160, 224];

/// Requests: as many for each arm with a unit key as without one.
const REQUESTS: usize = 4 * abi::ARM_COUNT_MAX;

/// A request, and what answers it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Request {
    /// The unit key; 0 for none.
    pub(crate) key: u64,
    pub(crate) row: GoldenRow,
    pub(crate) arm: u16,
    pub(crate) fingerprint: u64,
}

/// The versions, the champion first.
pub(crate) fn arms() -> Result<[Artifact; abi::ARM_COUNT_MAX], Fault> {
    let [regression, _] = models::built_in();
    let other = |model| models::artifact("regression", model);
    Ok([
        regression,
        other(models::swing(Variant::A))?,
        other(models::swing(Variant::B))?,
        other(models::bound())?,
    ])
}

/// What rings carry of a version.
pub(crate) fn fingerprint(version: &Artifact) -> u64 {
    counters::fingerprint(&version.sha256())
}

/// The requests, by turns for arms 1, 2, 3 and 0: first those with a key, then those without.
pub(crate) fn requests() -> Result<Vec<Request>, Fault> {
    let arms = arms()?;
    let mut random = Random(5);
    let mut inputs = narrow_inputs().into_iter();
    let mut requests = Vec::new();
    while requests.len() < REQUESTS {
        let keyed = requests.len() < REQUESTS / 2;
        let key = if keyed { random.bits() } else { 0 };
        let x = inputs.next().ok_or("too few inputs").during("divided")?;
        let bits = x.iter().map(|value| value.to_bits());
        let arm = abi::arm(abi::split(ENDS), SALT, key, bits);
        let index = usize::from(arm);
        if index != (requests.len() + 1) % abi::ARM_COUNT_MAX {
            continue;
        }
        let row = answered(arms[index].model(), vec![x])?.remove(0);
        requests.push(Request { key, row, arm, fingerprint: fingerprint(&arms[index]) });
    }
    ensure(requests[0].arm != 0, || "the first request is for the champion".to_owned())?;
    Ok(requests)
}
