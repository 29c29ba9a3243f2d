//! How a request ended, as a plain number that crosses shared memory.

/// Answered.
pub const OK: u16 = 0;
/// A feature, or the prediction, is not finite.
pub const BAD_INPUT: u16 = 1;
/// No such model is served.
pub const UNKNOWN_MODEL: u16 = 2;
/// The model takes another number of features.
pub const WIDTH_MISMATCH: u16 = 3;
/// The model is served to channels of another class.
pub const WRONG_CLASS: u16 = 4;
