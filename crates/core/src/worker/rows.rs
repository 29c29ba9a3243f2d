//! The models as a worker sees them: one row a name, indexed by the number that requests carry.
//!
//! Rows lie flat, so that one of thousands costs one cache miss; what only divided names need lies
//! in a table of its own. A row is changed only as a whole, by [`Rows::exchange`].

use crate::abi::{self, MODEL_COUNT_MAX, UNDIVIDED, request, status};
use factord_eval::evaluator::{Evaluation, Evaluator};
use factord_eval::simd::{VECTOR_LEN, Vector};
use factord_eval::vectors::Level;

/// What is served under one name, as every request needs it.
// In this order and aligned, so that a linear model of three features stands in one line.
#[derive(Debug, Default)]
#[repr(C, align(64))]
struct Champion {
    check: u32,
    generation: u32,
    fingerprint: u64,
    split: u64,
    /// `None`: not served or, with a generation, served to the other class.
    evaluator: Option<Evaluator>,
}

const _: () = assert!(size_of::<Champion>() == 2 * abi::LINE_LEN);

/// A further version of one name.
#[derive(Debug, Default)]
struct Arm {
    fingerprint: u64,
    evaluator: Option<Evaluator>,
}

/// What a divided name needs besides its champion.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Arms {
    salt: u64,
    others: [Arm; abi::ARM_COUNT_MAX - 1],
}

/// One row of the table, whole: what a name's requests get.
#[derive(Debug, Default)]
pub struct Row {
    champion: Champion,
    arms: Arms,
}

impl Row {
    /// A name's row: its check, the generation of its deployment, and its champion.
    pub fn new(check: u32, generation: u32, (fingerprint, evaluator): (u64, Evaluator)) -> Row {
        let evaluator = Some(evaluator);
        let champion = Champion { check, generation, fingerprint, split: UNDIVIDED, evaluator };
        Row { champion, arms: Arms::default() }
    }

    /// The row of a name that channels of the other class are served.
    pub fn of_other_class(check: u32, generation: u32) -> Row {
        let champion = Champion { check, generation, split: UNDIVIDED, ..Champion::default() };
        Row { champion, arms: Arms::default() }
    }

    /// The same with further arms, at most three: [`abi::split`] and [`abi::arm`] say which request
    /// goes where.
    pub fn divided(
        mut self,
        split: u64,
        salt: u64,
        others: impl IntoIterator<Item = (u64, Evaluator)>,
    ) -> Row {
        self.champion.split = split;
        self.arms.salt = salt;
        for (arm, (fingerprint, evaluator)) in self.arms.others.iter_mut().zip(others) {
            *arm = Arm { fingerprint, evaluator: Some(evaluator) };
        }
        self
    }
}

/// The version that a request is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Version<'r> {
    pub(super) evaluator: &'r Evaluator,
    pub(super) identity: Identity,
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
    champions: Box<[Champion]>,
    arms: Box<[Arms]>,
}

impl Default for Rows {
    /// Starts with nothing served, all memory made and touched.
    fn default() -> Rows {
        Rows {
            champions: (0..MODEL_COUNT_MAX).map(|_| Champion::default()).collect(),
            arms: (0..MODEL_COUNT_MAX).map(|_| Arms::default()).collect(),
        }
    }
}

impl Rows {
    /// Puts `row` at `number` and leaves what was there in it; a number beyond the table changes
    /// nothing.
    #[inline]
    pub fn exchange(&mut self, number: u16, row: &mut Row) {
        let number = usize::from(number);
        let places = (self.champions.get_mut(number), self.arms.get_mut(number));
        if let (Some(champion), Some(arms)) = places {
            core::mem::swap(champion, &mut row.champion);
            // Two names in a row that are not divided leave these lines alone.
            if champion.split != UNDIVIDED || row.champion.split != UNDIVIDED {
                core::mem::swap(arms, &mut row.arms);
            }
        }
    }

    /// The version that a request with three features is for, given as the bits that were read.
    #[inline(always)]
    pub(super) fn version(&self, meta: u64, key: u64, bits: &[u64; 3]) -> Option<Version<'_>> {
        let (champion, evaluator) = self.champion(meta)?;
        if champion.split != UNDIVIDED {
            return self.arm(meta, champion, key, bits.iter().copied());
        }
        Some(champion.version(evaluator))
    }

    #[inline(always)]
    fn champion(&self, meta: u64) -> Option<(&Champion, &Evaluator)> {
        let champion = self.champions.get((meta & request::MODEL_MASK) as usize)?;
        if u64::from(champion.check) != meta >> request::CHECK_SHIFT {
            return None;
        }
        Some((champion, champion.evaluator.as_ref()?))
    }

    /// The version of a divided name.
    #[inline(never)]
    fn arm<'r>(
        &'r self,
        meta: u64,
        champion: &'r Champion,
        key: u64,
        bits: impl Iterator<Item = u64>,
    ) -> Option<Version<'r>> {
        let arms = self.arms.get((meta & request::MODEL_MASK) as usize)?;
        let arm = abi::arm(champion.split, arms.salt, key, bits);
        if arm == 0 {
            return Some(champion.version(champion.evaluator.as_ref()?));
        }
        let other = arms.others.get(usize::from(arm) - 1)?;
        let generation = champion.generation;
        let identity = Identity { generation, arm, fingerprint: other.fingerprint };
        Some(Version { evaluator: other.evaluator.as_ref()?, identity })
    }

    /// What a request gets for which there is no version.
    #[cold]
    fn refusal(&self, meta: u64) -> (Evaluation, Identity) {
        let row = self.champions.get((meta & request::MODEL_MASK) as usize);
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

    /// Evaluates a request of three features.
    #[inline]
    pub(super) fn evaluate_triple(
        &self,
        meta: u64,
        key: u64,
        bits: &[u64; 3],
    ) -> (Evaluation, Identity) {
        match self.version(meta, key, bits) {
            Some(Version { evaluator, identity }) => {
                (evaluator.evaluate_triple(bits.map(f64::from_bits)), identity)
            }
            None => self.refusal(meta),
        }
    }

    /// Evaluates the first `count` of eight requests of three features; what the others get means
    /// nothing. Requests for one undivided name are evaluated at once.
    #[inline]
    pub(super) fn evaluate_vector(
        &self,
        level: Level,
        (metas, keys): (&[u64; VECTOR_LEN], &[u64; VECTOR_LEN]),
        bits: &[[u64; 3]; VECTOR_LEN],
        count: usize,
    ) -> ([Evaluation; VECTOR_LEN], [Identity; VECTOR_LEN]) {
        let name = |meta: u64| meta & !abi::request::FLAG_STAMP;
        let alike = metas.iter().take(count).all(|&meta| name(meta) == name(metas[0]));
        match self.champion(metas[0]) {
            Some((champion, evaluator)) if alike && champion.split == UNDIVIDED => {
                let x: [Vector; 3] = core::array::from_fn(|feature| {
                    core::array::from_fn(|at| f64::from_bits(bits[at][feature]))
                });
                let evaluations = evaluator.evaluate_vector(level, &x);
                (evaluations, [champion.identity(); VECTOR_LEN])
            }
            _ => {
                let mut evaluations = [Evaluation::refusal(status::UNKNOWN_MODEL); VECTOR_LEN];
                let mut identities = [Identity::default(); VECTOR_LEN];
                for at in 0..count.min(VECTOR_LEN) {
                    (evaluations[at], identities[at]) =
                        self.evaluate_triple(metas[at], keys[at], &bits[at]);
                }
                (evaluations, identities)
            }
        }
    }

    /// Evaluates a request of any width.
    #[inline]
    pub(super) fn evaluate(&self, meta: u64, key: u64, x: &[f64]) -> (Evaluation, Identity) {
        let Some((champion, evaluator)) = self.champion(meta) else { return self.refusal(meta) };
        if champion.split == UNDIVIDED {
            return (evaluator.evaluate(x), champion.identity());
        }
        match self.arm(meta, champion, key, x.iter().map(|x| x.to_bits())) {
            Some(Version { evaluator, identity }) => (evaluator.evaluate(x), identity),
            None => self.refusal(meta),
        }
    }
}

impl Champion {
    #[inline(always)]
    fn identity(&self) -> Identity {
        Identity { generation: self.generation, arm: 0, fingerprint: self.fingerprint }
    }

    #[inline(always)]
    fn version<'r>(&self, evaluator: &'r Evaluator) -> Version<'r> {
        Version { evaluator, identity: self.identity() }
    }
}
