//! Single values: text to a number in range, the same rule for flag, environment and file.

use factord_core::abi::WORKER_COUNT_MAX;
use factord_core::abi::tap_record::{CELL_COUNT_MAX, CELL_COUNT_MIN};
use std::ops::RangeInclusive;
use thiserror::Error;

/// CPU numbers that `--core` takes.
// 1,023: the affinity calls of core_affinity hold 1,024 CPUs and panic beyond.
pub const CORE: RangeInclusive<u64> = 0..=1023;
/// How many channels one user may be given.
// 1 to 16,384: more than one daemon has, which is 1,024 for all users.
pub const CHANNELS_PER_UID: RangeInclusive<u64> = 1..=16_384;
/// How many bytes of rings one user may be given.
// From 64 KiB (two small channels) to 1 TiB.
pub const BYTES_PER_UID: RangeInclusive<u64> = 65_536..=1 << 40;
/// Nanoseconds that one evaluation may take.
// From 1 to a second.
pub const MAX_COST: RangeInclusive<u64> = 1..=1_000_000_000;
/// Cells of a tap that is on.
pub const TAP: RangeInclusive<u64> = CELL_COUNT_MIN as u64..=CELL_COUNT_MAX as u64;
/// User ids; the last one means "nobody in particular" to the kernel.
pub const UID: RangeInclusive<u64> = 0..=0xffff_fffe;
/// Ports; 0 asks the system for a free one.
pub const PORT: RangeInclusive<u64> = 0..=65_535;

/// Why a text is not the value asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ValueError {
    /// Not digits.
    #[error("`{text}` is not a whole number")]
    NotANumber {
        /// The text.
        text: String,
    },
    /// A number, but too small or too large.
    #[error("{text} is out of range: {min} to {max} is allowed")]
    OutOfRange {
        /// The number as given.
        text: String,
        /// The least allowed.
        min: u64,
        /// The most allowed.
        max: u64,
    },
    /// Neither true nor false.
    #[error("`{text}` is neither true nor false")]
    NotABoolean {
        /// The text.
        text: String,
    },
    /// Not an address with a port.
    #[error("`{text}` is not an address with a port, such as 127.0.0.1:5000")]
    NotAnAddress {
        /// The text.
        text: String,
    },
    /// A path of no length.
    #[error("the path is empty")]
    EmptyPath,
    /// A word that stands for nothing; the message lists the words that do.
    #[error("{message}")]
    UnknownWord {
        /// The message of the type that reads the word.
        message: String,
    },
}

/// Reads a whole number in a range.
///
/// # Errors
///
/// [`ValueError::NotANumber`], [`ValueError::OutOfRange`].
pub fn number<T: TryFrom<u64>>(text: &str, range: &RangeInclusive<u64>) -> Result<T, ValueError> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ValueError::NotANumber { text: text.to_owned() });
    }
    let out_of_range =
        || ValueError::OutOfRange { text: text.to_owned(), min: *range.start(), max: *range.end() };
    let value = text.parse::<u64>().map_err(|_| out_of_range())?;
    if !range.contains(&value) {
        return Err(out_of_range());
    }
    T::try_from(value).map_err(|_| out_of_range())
}

/// Reads `true`, `false`, `1` or `0`.
///
/// # Errors
///
/// [`ValueError::NotABoolean`].
pub fn boolean(text: &str) -> Result<bool, ValueError> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(ValueError::NotABoolean { text: text.to_owned() }),
    }
}

/// Somebody who may be given a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// A user, by id.
    User(u32),
    /// Everybody in a group, by id.
    Group(u32),
}

/// The CPUs of the workers: one worker each, none named twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreList(Vec<usize>);

impl CoreList {
    /// Checks a list.
    ///
    /// # Errors
    ///
    /// [`ValueError`] when a CPU is named twice, or there are more than a daemon runs workers.
    pub fn new(cores: Vec<usize>) -> Result<CoreList, ValueError> {
        let refuse = |message| Err(ValueError::UnknownWord { message });
        if cores.is_empty() || cores.len() > WORKER_COUNT_MAX {
            let message = format!("{} CPUs: name 1 to {WORKER_COUNT_MAX}", cores.len());
            return refuse(message);
        }
        match cores.iter().enumerate().find(|(index, core)| cores[..*index].contains(core)) {
            Some((_, core)) => refuse(format!("CPU {core} is named twice")),
            None => Ok(CoreList(cores)),
        }
    }

    /// The CPUs, in the order of the workers.
    pub fn as_slice(&self) -> &[usize] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_digits_within_its_range() {
        assert_eq!(number::<usize>("1023", &CORE), Ok(1023));
        for text in ["", "-", "x", "1.5", "0x10", " 1", "1_000"] {
            assert_eq!(
                number::<usize>(text, &CORE),
                Err(ValueError::NotANumber { text: text.to_owned() })
            );
        }
        for text in ["1024", "-1", "18446744073709551616"] {
            assert!(matches!(
                number::<usize>(text, &CORE),
                Err(ValueError::OutOfRange { min: 0, max: 1023, .. })
            ));
        }
    }
}
