//! The models as a worker sees them: one row a name, indexed by the number that requests carry.
//!
//! Versions lie flat, the champions first and then the other arms by their order, so that one name
//! of thousands costs one cache miss, and a divided one a second that does not wait for the first.
//! A row is changed only as a whole, by [`Rows::exchange`].

use crate::abi::{self, ARM_COUNT_MAX, MODEL_COUNT_MAX, request, status};
use crate::sys::memory::{self, Huge};
use core::hint::black_box;
use core::iter;
use factord_eval::evaluator::{Evaluation, Evaluator};

/// One version of what is served under a name, as every request needs it.
///
/// In a champion, the evaluator's label is the split, packed by [`pack`]; check, generation and
/// salt mean something there alone.
// In this order and aligned, so that a linear model of three features stands in one line.
#[derive(Debug, Default)]
#[repr(C, align(64))]
struct Version {
    check: u32,
    generation: u32,
    fingerprint: u64,
    salt: u64,
    /// `None`: not served or, with a generation, served to the other class.
    evaluator: Option<Evaluator>,
}

const _: () = assert!(size_of::<Version>() == 2 * abi::LINE_LEN);

/// Bits of the end of an arm's share, which is at most 256.
const END_BITS: u32 = 9;

/// Packs an [`abi::split`] into a label.
const fn pack(split: u64) -> u32 {
    let mut label = 0;
    let mut arm = 0;
    while arm < ARM_COUNT_MAX as u32 - 1 {
        let end = abi::bits(split, 16 * arm, 16);
        label |= (if end < 256 { end } else { 256 } as u32) << (END_BITS * arm);
        arm += 1;
    }
    label
}

/// The [`abi::split`] of a label.
#[inline(always)]
fn unpack(label: u32) -> u64 {
    let end = |arm| abi::bits(label.into(), END_BITS * arm, END_BITS) << (16 * arm);
    end(0) | end(1) | end(2)
}

/// The label of a name whose requests all go to the champion.
const UNDIVIDED: u32 = pack(abi::UNDIVIDED);

/// One row of the table, whole: what a name's requests get.
#[derive(Debug, Default)]
pub struct Row {
    arms: [Version; ARM_COUNT_MAX],
}

impl Row {
    /// A name's row: its check, the generation of its deployment, and its champion.
    pub fn new(check: u32, generation: u32, (fingerprint, evaluator): (u64, Evaluator)) -> Row {
        let evaluator = Some(evaluator.labelled(UNDIVIDED));
        Row::of(Version { check, generation, fingerprint, evaluator, salt: 0 })
    }

    /// The row of a name that channels of the other class are served.
    pub fn of_other_class(check: u32, generation: u32) -> Row {
        Row::of(Version { check, generation, ..Version::default() })
    }

    fn of(champion: Version) -> Row {
        let mut row = Row::default();
        row.arms[0] = champion;
        row
    }

    /// The same with further arms, at most three: [`abi::split`] and [`abi::arm`] say which request
    /// goes where.
    #[must_use]
    pub fn divided(
        mut self,
        split: u64,
        salt: u64,
        others: impl IntoIterator<Item = (u64, Evaluator)>,
    ) -> Row {
        let [champion, arms @ ..] = &mut self.arms;
        champion.salt = salt;
        champion.evaluator = champion.evaluator.take().map(|e| e.labelled(pack(split)));
        for (arm, (fingerprint, evaluator)) in arms.iter_mut().zip(others) {
            *arm = Version { fingerprint, evaluator: Some(evaluator), ..Version::default() };
        }
        self
    }
}

/// The version that a request is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chosen<'r> {
    pub(super) evaluator: &'r Evaluator,
    pub(super) identity: Identity,
}

impl Chosen<'_> {
    /// Whether all requests for the name get this version.
    #[inline(always)]
    pub(super) fn is_alone(&self) -> bool {
        self.evaluator.label() == UNDIVIDED
    }
}

/// What an answer says of the version that gave it; all 0 where none did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) generation: u32,
    pub(super) arm: u16,
    pub(super) fingerprint: u64,
}

/// The table.
#[derive(Debug)]
pub struct Rows {
    /// The champions by number, then the second arms by number, and so on.
    // In one huge page, where the system has any: names of thousands then share one address
    // translation, and the table is there after one page fault instead of 512.
    versions: Box<Huge<Version, VERSION_COUNT>>,
}

/// Versions in the table.
const VERSION_COUNT: usize = ARM_COUNT_MAX * MODEL_COUNT_MAX;

impl Default for Rows {
    /// Starts with nothing served, all memory made and touched.
    fn default() -> Rows {
        Rows { versions: memory::huge(Version::default) }
    }
}

impl Rows {
    /// Puts `row` at `number` and leaves what was there in it; a number beyond the table changes
    /// nothing.
    #[inline]
    pub fn exchange(&mut self, number: u16, row: &mut Row) {
        if usize::from(number) >= MODEL_COUNT_MAX {
            return;
        }
        let arms = self.versions.iter_mut().skip(usize::from(number)).step_by(MODEL_COUNT_MAX);
        let mut others = false;
        for (served, new) in arms.zip(&mut row.arms) {
            core::mem::swap(served, new);
            others |= served.is_divided() || new.is_divided();
            // Of two rows that are not divided, the other arms are left alone.
            if !others {
                break;
            }
        }
    }

    /// Check and generation of what is served at a number, and its arms' fingerprints.
    pub(super) fn served(&self, number: u16) -> ((u32, u32), [u64; ARM_COUNT_MAX]) {
        let mut arms = self.versions.iter().skip(usize::from(number)).step_by(MODEL_COUNT_MAX);
        let Some(champion) = arms.next() else { return Default::default() };
        let others: [u64; ARM_COUNT_MAX - 1] =
            core::array::from_fn(|_| arms.next().map_or(0, |arm| arm.fingerprint));
        let mut fingerprints = [0; ARM_COUNT_MAX];
        fingerprints[0] = champion.fingerprint;
        // An undivided name leaves what stands in the other arms' places.
        if champion.is_divided() {
            fingerprints[1..].copy_from_slice(&others);
        }
        ((champion.check, champion.generation), fingerprints)
    }

    /// The version that a request with three features is for, given as the bits that were read.
    #[inline(always)]
    pub(super) fn version(&self, meta: u64, key: u64, bits: &[u64; 3]) -> Option<Chosen<'_>> {
        let (champion, evaluator) = self.champion(meta)?;
        if evaluator.label() != UNDIVIDED {
            return self.arm(meta, champion, evaluator, abi::unit(key, bits.iter().copied()));
        }
        Some(Chosen { evaluator, identity: champion.identity() })
    }

    #[inline(always)]
    fn champion(&self, meta: u64) -> Option<(&Version, &Evaluator)> {
        let number = (meta & request::MODEL_MASK) as usize;
        if number >= MODEL_COUNT_MAX {
            return None;
        }
        let champion = &self.versions[number];
        if u64::from(champion.check) != meta >> request::CHECK_SHIFT {
            return None;
        }
        Some((champion, champion.evaluator.as_ref()?))
    }

    /// The version of a divided name.
    // NB: the unit comes as a word. Features handed on by address lie in memory for every request,
    // and are then loaded by twos: such a load waits until all stores before it are done, those
    // into lines that the client holds too (twice the time of a full ring, measured).
    #[inline(never)]
    fn arm<'r>(
        &'r self,
        meta: u64,
        champion: &'r Version,
        evaluator: &Evaluator,
        unit: u64,
    ) -> Option<Chosen<'r>> {
        let number = (meta & request::MODEL_MASK) as usize;
        // The second arm's line is on its way while the champion's is waited for.
        black_box(self.versions.get(MODEL_COUNT_MAX + number)?.fingerprint);
        let arm = abi::arm(unpack(evaluator.label()), champion.salt, unit, iter::empty());
        let version = self.versions.get(usize::from(arm) * MODEL_COUNT_MAX + number)?;
        let (generation, fingerprint) = (champion.generation, version.fingerprint);
        let identity = Identity { generation, arm, fingerprint };
        Some(Chosen { evaluator: version.evaluator.as_ref()?, identity })
    }

    /// What a request gets for which there is no version.
    #[cold]
    fn refusal(&self, meta: u64) -> (Evaluation, Identity) {
        let number = (meta & request::MODEL_MASK) as usize;
        let row = self.versions.get(number).filter(|_| number < MODEL_COUNT_MAX);
        let served = row.filter(|row| {
            u64::from(row.check) == meta >> request::CHECK_SHIFT && row.generation != 0
        });
        match served {
            Some(row) => {
                let identity = Identity { generation: row.generation, ..Identity::default() };
                (Evaluation::refusal(status::WRONG_CLASS), identity)
            }
            None => (Evaluation::refusal(status::UNKNOWN_MODEL), Identity::default()),
        }
    }

    /// Evaluates a request of three features, and tells what that was measured to take, in
    /// nanoseconds.
    #[inline(always)]
    pub(super) fn evaluate_triple(
        &self,
        meta: u64,
        key: u64,
        bits: &[u64; 3],
    ) -> ((Evaluation, Identity), u32) {
        match self.version(meta, key, bits) {
            Some(Chosen { evaluator, identity }) => {
                let evaluation = evaluator.evaluate_triple(bits.map(f64::from_bits));
                ((evaluation, identity), evaluator.cost_ns())
            }
            None => (self.refusal(meta), 0),
        }
    }

    /// Evaluates a request of any width, and tells what that was measured to take, in nanoseconds.
    #[inline]
    pub(super) fn evaluate(&self, meta: u64, key: u64, x: &[f64]) -> ((Evaluation, Identity), u32) {
        let Some((champion, evaluator)) = self.champion(meta) else {
            return (self.refusal(meta), 0);
        };
        if evaluator.label() == UNDIVIDED {
            return ((evaluator.evaluate(x), champion.identity()), evaluator.cost_ns());
        }
        let unit = abi::unit(key, x.iter().map(|x| x.to_bits()));
        match self.arm(meta, champion, evaluator, unit) {
            Some(Chosen { evaluator, identity }) => {
                ((evaluator.evaluate(x), identity), evaluator.cost_ns())
            }
            None => (self.refusal(meta), 0),
        }
    }
}

impl Version {
    fn is_divided(&self) -> bool {
        self.evaluator.as_ref().is_some_and(|evaluator| evaluator.label() != UNDIVIDED)
    }

    /// Of a champion.
    #[inline(always)]
    fn identity(&self) -> Identity {
        Identity { generation: self.generation, arm: 0, fingerprint: self.fingerprint }
    }
}
