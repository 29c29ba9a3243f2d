//! [`Undefined`]: why a figure is none.

use thiserror::Error;

/// A figure, or why it is not defined.
pub type Figure = Result<f64, Undefined>;

/// Why a figure is not defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Undefined {
    /// Nothing to correlate.
    #[error("no outcome is known")]
    NoOutcome,
    /// A correlation takes two.
    #[error("it has one row")]
    OneRow,
    /// Nothing varies.
    #[error("its predictions are all equal")]
    EqualPredictions,
    /// Nothing varies.
    #[error("its outcomes are all equal")]
    EqualOutcomes,
    /// A curve takes both.
    #[error("its rows are of one class")]
    OneClass,
    /// A mean takes one.
    #[error("it is defined on no day")]
    NoDay,
    /// A deviation takes two.
    #[error("it is defined on one day")]
    OneDay,
    /// A t statistic takes a deviation.
    #[error("it is the same on every day")]
    EqualDays,
    /// Too few to draw from.
    #[error("there are {found} to draw from, and an interval takes {needed}")]
    FewBlocks {
        /// Days or blocks.
        found: usize,
        /// The fewest.
        needed: usize,
    },
    /// No draw has the figure.
    #[error("no draw defines it")]
    NoDraw,
    /// More rows than are kept.
    #[error("it is of more than {limit} rows: take fewer days at a time")]
    TooMany {
        /// The most.
        limit: usize,
    },
}
