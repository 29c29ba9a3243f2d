//! Evaluation: from features to a prediction, the same bits on every path and every machine.
//!
//! Pure: no I/O, no shared memory, no allocation for a request. The engine's worker, clients in
//! their own process, scoring and training all evaluate through it.
//!
//! ```
//! use factord_eval::{Model, eval::eval};
//!
//! let model = Model::logistic(vec![2.0, -1.0], 0.5, vec![0.5, 0.5], vec![0.1, 0.1])?;
//! let output = eval(&model, &[0.5, 0.5]);
//! // Both features are at their means, so the decision value is the intercept.
//! assert!((output.y - 1.0 / (1.0 + (-0.5_f64).exp())).abs() < 1e-15);
//! assert_eq!(output.second, 1.0);
//! # Ok::<(), factord_eval::ModelError>(())
//! ```
//!
//! A module names only lower floors, from the ground: [`status`], [`vectors`], [`fenv`], [`exp`],
//! [`kind`]; [`forest`]; [`model`]; [`eval`]; [`simd`]; [`evaluator`].

pub mod eval;
pub mod evaluator;
pub mod exp;
pub mod fenv;
pub mod forest;
pub mod kind;
pub mod model;
pub mod simd;
pub mod status;
pub mod vectors;

pub use forest::Forest;
pub use kind::{FEATURE_COUNT_MAX, Kind, KindCode};
pub use model::{Affine, Model, ModelError};
