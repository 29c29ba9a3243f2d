//! [`Trainee`]: what one training made.

use factord_eval::Affine;

/// The models of one training, and what its baselines need to know.
#[derive(Clone, Debug)]
pub(super) struct Trainee {
    pub(super) linear: Option<Affine>,
    pub(super) logistic: Option<Affine>,
    /// Mean of the target.
    pub(super) mean: f64,
    /// Where the label was cut, and the share of rows above.
    pub(super) cut: f64,
    pub(super) share: f64,
    /// What saying that share costs a row of label 0 and one of label 1.
    pub(super) share_loss: [f64; 2],
}
