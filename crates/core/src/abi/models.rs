//! MODELS, for those who evaluate in their own process, and the image of a version that does not
//! fit there.

layout! {
    MODELS_LAYOUT, MODELS_HASH;

    /// MODELS, by word index. An entry is the deployment of the name with its number.
    pub mod models_region {
        use super::super::{ARM_COUNT_MAX, INLINE_FEATURE_COUNT_MAX, LINE_WORDS, MODEL_COUNT_MAX};
        /// [`crate::abi::MAGIC`].
        pub const MAGIC: usize = 0;
        /// `major << 16 | minor`.
        pub const ABI: usize = 1;
        /// [`crate::abi::MODELS_HASH`].
        pub const LAYOUT_HASH: usize = 2;
        /// Entries in the region.
        pub const MODEL_COUNT: usize = 3;
        /// First word of the entries.
        pub const ENTRIES: usize = 512;
        /// Words of an entry.
        pub const ENTRY_WORDS: usize = 128;
        /// Within an entry: `generation << 32 | slot`; 0 means that nothing is served.
        pub const PUBLISHED: usize = 0;
        /// Within an entry: the first slot.
        pub const SLOTS: usize = LINE_WORDS;
        /// Slots of an entry, each written only while another one is published.
        // Three: a reader must be overtaken twice before its copy can be disturbed.
        pub const SLOT_COUNT: usize = 3;
        /// Words of a slot.
        pub const SLOT_WORDS: usize = 40;
        /// Within a slot: its generation; 0 while it is being written.
        pub const SLOT_GENERATION: usize = 0;
        /// Within a slot: [`crate::abi::shape`] of the champion.
        pub const SLOT_SHAPE: usize = 1;
        /// Within a slot: `check | arm_count << 32 | inline << 48`; `inline` is 1 when the
        /// champion's parameters follow, and 0 when they are in its image.
        pub const SLOT_NAME: usize = 2;
        /// Within a slot: [`crate::abi::split`] of the deployment.
        pub const SLOT_SPLIT: usize = 3;
        /// Within a slot: what the arm's hash starts from.
        pub const SLOT_SALT: usize = 4;
        /// Within a slot: the arms' fingerprints, four words.
        pub const SLOT_FINGERPRINTS: usize = LINE_WORDS;
        /// Within a slot: the intercept's bits.
        pub const SLOT_INTERCEPT: usize = SLOT_FINGERPRINTS + ARM_COUNT_MAX;
        /// Within a slot: weights.
        pub const SLOT_WEIGHTS: usize = 2 * LINE_WORDS;
        /// Within a slot: means.
        pub const SLOT_MEAN: usize = SLOT_WEIGHTS + INLINE_FEATURE_COUNT_MAX;
        /// Within a slot: scales.
        pub const SLOT_SCALE: usize = SLOT_MEAN + INLINE_FEATURE_COUNT_MAX;
        /// Lines of MODELS.
        pub const LINES: usize = (ENTRIES + MODEL_COUNT_MAX * ENTRY_WORDS) / LINE_WORDS;
    }
}

layout! {
    IMAGE_LAYOUT, IMAGE_HASH;

    /// An image: one version's parameters as a sealed memory file, by word index.
    pub mod image_region {
        use super::super::{LINE_WORDS};
        /// [`crate::abi::MAGIC`].
        pub const MAGIC: usize = 0;
        /// `major << 16 | minor`.
        pub const ABI: usize = 1;
        /// [`crate::abi::IMAGE_HASH`].
        pub const LAYOUT_HASH: usize = 2;
        /// The artifact's fingerprint.
        pub const FINGERPRINT: usize = 3;
        /// [`crate::abi::shape`] of the version.
        pub const SHAPE: usize = 4;
        /// Words of the image, this header included.
        pub const WORD_COUNT: usize = 5;
        /// The number of the form in which the parameters follow. 1: the intercept alone on a line,
        /// then weights, means and scales, each of as many words as the model has features. 2: the
        /// words of a forest, as `factord_eval::forest` draws them.
        pub const FORM: usize = 6;
        /// First word of the parameters.
        pub const PARAMETERS: usize = LINE_WORDS;
    }
}

/// Packs how requests are divided among arms: the upper ends, in 1/256, of the first three arms'
/// shares, 16 bits each.
#[inline]
pub const fn split(ends: [u16; 3]) -> u64 {
    ends[0] as u64 | (ends[1] as u64) << 16 | (ends[2] as u64) << 32
}

/// The [`split`] of a name whose requests all go to the champion.
pub const UNDIVIDED: u64 = split([256; 3]);

/// The word that an [`arm`] is chosen by. As a key it stands for itself, without features.
#[inline(always)]
pub fn unit(key: u64, features: impl Iterator<Item = u64>) -> u64 {
    if key == 0 { super::echo(0, 0, 0, features) } else { key }
}

/// The arm that a request goes to: the same in the ring, in a batch and in a client's own process.
///
/// The word that is hashed is the unit key or, where that is 0, `rotl(x_0, 18) ^ rotl(x_1, 29) ^
/// ...`, as in an [`echo`](super::echo). It is combined with the salt by exclusive or, and mixed as
/// SplitMix64 mixes its state (Steele, Lea and Flood 2014): `z ^= z >> 30; z *= 0xBF58476D1CE4E5B9;
/// z ^= z >> 27; z *= 0x94D049BB133111EB; z ^= z >> 31`, modulo 2^64. Of the highest byte, the arm
/// is the number of the ends in `split` that are not above it.
#[inline]
pub fn arm(split: u64, salt: u64, key: u64, features: impl Iterator<Item = u64>) -> u16 {
    let mut z = salt ^ unit(key, features);
    z = (z ^ z >> 30).wrapping_mul(super::ARM_FIRST_MULTIPLIER);
    z = (z ^ z >> 27).wrapping_mul(super::ARM_SECOND_MULTIPLIER);
    let byte = (z ^ z >> 31) >> 56;
    let is_beyond = |arm: u32| u16::from(byte >= super::bits(split, 16 * arm, 16));
    is_beyond(0) + is_beyond(1) + is_beyond(2)
}

const _: () = {
    use models_region::*;
    assert!(SLOT_SCALE + super::INLINE_FEATURE_COUNT_MAX == SLOT_WORDS);
    assert!(SLOTS + SLOT_COUNT * SLOT_WORDS == ENTRY_WORDS);
    assert!(SLOT_INTERCEPT < SLOT_WEIGHTS);
    assert!(SLOT_WORDS.is_multiple_of(super::LINE_WORDS));
};
