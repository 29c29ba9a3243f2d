//! What kinds of models there are, and how wide.

use std::fmt;

/// The maximum number of inputs of a model: the width of the widest request.
pub const FEATURE_COUNT_MAX: usize = 1024;

/// What a model computes from its decision value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// `y` is the decision value itself.
    Linear = 1,
    /// `y` is the probability of class 1; the features are standardised first.
    Logistic = 2,
    /// `y` is a sum of the leaves of trees, or the probability of class 1 made of it.
    Forest = 3,
}

impl Kind {
    /// Reads a kind from its code, the discriminant of the enum.
    pub fn from_code(code: u32) -> Option<Kind> {
        match code {
            1 => Some(Kind::Linear),
            2 => Some(Kind::Logistic),
            3 => Some(Kind::Forest),
            _ => None,
        }
    }

    /// Whether NaN is a value for it, which means missing.
    pub fn takes_nan(self) -> bool {
        self == Kind::Forest
    }

    /// The word used in files and messages: `linear`, `logistic` or `forest`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Linear => "linear",
            Kind::Logistic => "logistic",
            Kind::Forest => "forest",
        }
    }
}

/// A kind as a number in shared memory, since an engine may serve kinds that this build does not
/// know. Displayed as the kind's name, or as `kind 7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindCode(pub u32);

impl KindCode {
    /// The kind, if this build knows it.
    pub fn known(self) -> Option<Kind> {
        Kind::from_code(self.0)
    }
}

impl From<Kind> for KindCode {
    fn from(kind: Kind) -> KindCode {
        KindCode(kind as u32)
    }
}

impl PartialEq<Kind> for KindCode {
    fn eq(&self, kind: &Kind) -> bool {
        *self == KindCode::from(*kind)
    }
}

impl fmt::Display for KindCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known() {
            Some(kind) => f.write_str(kind.name()),
            None => write!(f, "kind {}", self.0),
        }
    }
}
