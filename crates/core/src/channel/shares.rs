//! How the requests for a name are to be divided, as words of a message.

use super::message::MORE_WORDS;
use super::{version_start, version_word};

/// The most versions that share a name's requests.
const COUNT_MAX: usize = crate::abi::ARM_COUNT_MAX;

/// How the requests for a name are to be divided.
///
/// ```
/// use factord_core::channel::Shares;
///
/// let arms = vec![("8c1e".to_owned(), 179), ("3f5a".to_owned(), 77)];
/// let shares = Shares { arms, salt: Some(7) };
/// let (argument, more) = shares.words().unwrap();
/// assert_eq!(argument, 77 << 16 | 179);
/// assert_eq!(Shares::from_words(argument, more), Some(shares));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shares {
    /// How the hash of each version begins, and its weight in 1/256, the champion first.
    pub arms: Vec<(String, u16)>,
    /// What the hash of unit keys starts from, where it is given.
    pub salt: Option<u64>,
}

impl Shares {
    /// The argument, 16 bits a weight from the lowest on, and the further words: four beginnings
    /// of hashes (0 for none), the salt, and whether one is given. `None` when there are more than
    /// four versions, or one begins as no hash does.
    pub fn words(&self) -> Option<(u64, [u64; MORE_WORDS])> {
        if self.arms.len() > COUNT_MAX {
            return None;
        }
        let (mut argument, mut more) = (0, [0; MORE_WORDS]);
        for (index, (start, weight)) in self.arms.iter().enumerate() {
            argument |= u64::from(*weight) << (16 * index);
            more[index] = version_word(start)?;
        }
        if let Some(salt) = self.salt {
            [more[COUNT_MAX], more[COUNT_MAX + 1]] = [salt, 1];
        }
        Some((argument, more))
    }

    /// Reads what [`Shares::words`] wrote; `None` for what it never writes.
    pub fn from_words(argument: u64, more: [u64; MORE_WORDS]) -> Option<Shares> {
        let salt = match [more[COUNT_MAX], more[COUNT_MAX + 1]] {
            [0, 0] => None,
            [salt, 1] => Some(salt),
            _ => return None,
        };
        let starts = more[..COUNT_MAX].iter().take_while(|&&word| word != 0);
        let weight = |index: usize| (argument >> (16 * index)) as u16;
        let arms = starts
            .enumerate()
            .map(|(index, &word)| Some((version_start(word)?, weight(index))))
            .collect::<Option<Vec<_>>>()?;
        let shares = Shares { arms, salt };
        // Nothing stands behind the last version.
        (shares.words() == Some((argument, more))).then_some(shares)
    }
}
