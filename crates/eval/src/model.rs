//! [`Model`]: the parameters, validated once, so that their evaluation needs no error path.

use crate::forest::{Forest, ForestError, Link};
use crate::kind::{FEATURE_COUNT_MAX, Kind};
use thiserror::Error;

/// Why the parameters of a model are not valid.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ModelError {
    /// The number of weights is outside 1 to [`FEATURE_COUNT_MAX`].
    #[error("a model takes 1 to {FEATURE_COUNT_MAX} features, this one has {found}")]
    Width {
        /// The number of weights found.
        found: usize,
    },
    /// A parameter vector differs in length from the weights.
    #[error("`{vector}` has {found} values for {expected} weights")]
    Length {
        /// Which vector.
        vector: &'static str,
        /// Its length.
        found: usize,
        /// The number of weights.
        expected: usize,
    },
    /// A parameter is NaN or infinite.
    #[error("`{vector}` holds {value} at index {index}: parameters must be finite")]
    NotFinite {
        /// Which vector.
        vector: &'static str,
        /// Position in it.
        index: usize,
        /// The value found.
        value: f64,
    },
    /// The trees are no forest.
    #[error(transparent)]
    Forest(#[from] ForestError),
    /// A scale is zero, so that standardising would divide by zero.
    #[error("`scale` is zero at index {index}: a constant feature cannot be standardised")]
    ZeroScale {
        /// Position of the zero.
        index: usize,
    },
}

/// A model of any kind, validated.
#[derive(Clone, Debug, PartialEq)]
pub enum Model {
    /// A weighted sum of the features.
    Affine(Affine),
    /// A sum of the leaves of trees; copies share them.
    Forest(Forest),
}

/// The parameters of a linear or logistic model, validated: every value is finite, every scale
/// is non-zero, and all vectors have the same length, 1 to [`FEATURE_COUNT_MAX`].
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    is_logistic: bool,
    intercept: f64,
    weights: Vec<f64>,
    mean: Vec<f64>,
    scale: Vec<f64>,
}

impl Model {
    /// Makes a linear model, as [`Affine::linear`].
    ///
    /// # Errors
    ///
    /// [`ModelError`] when the width is out of range or a value is not finite.
    ///
    /// # Examples
    ///
    /// ```
    /// use factord_eval::{Kind, Model, ModelError};
    ///
    /// let model = Model::linear(vec![-1.0, 0.25, 0.0], 1.0)?;
    /// assert_eq!((model.kind(), model.width()), (Kind::Linear, 3));
    /// assert_eq!(Model::linear(vec![], 1.0), Err(ModelError::Width { found: 0 }));
    /// # Ok::<(), ModelError>(())
    /// ```
    pub fn linear(weights: Vec<f64>, intercept: f64) -> Result<Model, ModelError> {
        Affine::linear(weights, intercept).map(Model::Affine)
    }

    /// Makes a logistic model, as [`Affine::logistic`].
    ///
    /// # Errors
    ///
    /// [`ModelError`] when lengths differ, the width is out of range, a value is not finite or a
    /// scale is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use factord_eval::{Model, ModelError};
    ///
    /// let constant = Model::logistic(vec![1.0], 0.0, vec![0.5], vec![0.0]);
    /// assert_eq!(constant, Err(ModelError::ZeroScale { index: 0 }));
    /// ```
    pub fn logistic(
        weights: Vec<f64>,
        intercept: f64,
        mean: Vec<f64>,
        scale: Vec<f64>,
    ) -> Result<Model, ModelError> {
        Affine::logistic(weights, intercept, mean, scale).map(Model::Affine)
    }

    /// What the model computes.
    pub fn kind(&self) -> Kind {
        match self {
            Model::Affine(affine) if affine.is_logistic => Kind::Logistic,
            Model::Affine(_) => Kind::Linear,
            Model::Forest(_) => Kind::Forest,
        }
    }

    /// The number of features, 1 to [`FEATURE_COUNT_MAX`].
    pub fn width(&self) -> usize {
        match self {
            Model::Affine(affine) => affine.weights.len(),
            Model::Forest(forest) => forest.width(),
        }
    }

    /// Whether it has a probability and a class, and not a prediction alone.
    pub fn is_classifier(&self) -> bool {
        match self {
            Model::Affine(affine) => affine.is_logistic,
            Model::Forest(forest) => forest.link() != Link::Identity,
        }
    }

    /// Whether a row is one that it answers: finite, or NaN where that is a value.
    #[inline]
    pub fn accepts(&self, x: &[f64]) -> bool {
        match self {
            Model::Affine(_) => x.iter().all(|value| value.is_finite()),
            Model::Forest(_) => x.iter().all(|value| !value.is_infinite()),
        }
    }

    /// The parameters of a linear or logistic model.
    pub fn affine(&self) -> Option<&Affine> {
        match self {
            Model::Affine(affine) => Some(affine),
            Model::Forest(_) => None,
        }
    }
}

impl Affine {
    /// Makes a linear model: `y = w . x + intercept`.
    ///
    /// # Errors
    ///
    /// [`ModelError`] when the width is out of range or a value is not finite.
    pub fn linear(weights: Vec<f64>, intercept: f64) -> Result<Affine, ModelError> {
        let (mean, scale) = (Vec::new(), Vec::new());
        Affine { is_logistic: false, intercept, weights, mean, scale }.validated()
    }

    /// Makes a standardised logistic model: `d = w . ((x - mean) / scale) + intercept`,
    /// probability `1 / (1 + exp(-d))`, class 1 when `d > 0`.
    ///
    /// # Errors
    ///
    /// [`ModelError`] when lengths differ, the width is out of range, a value is not finite or a
    /// scale is zero.
    pub fn logistic(
        weights: Vec<f64>,
        intercept: f64,
        mean: Vec<f64>,
        scale: Vec<f64>,
    ) -> Result<Affine, ModelError> {
        Affine { is_logistic: true, intercept, weights, mean, scale }.validated()
    }

    fn validated(self) -> Result<Affine, ModelError> {
        let width = self.weights.len();
        if width == 0 || width > FEATURE_COUNT_MAX {
            return Err(ModelError::Width { found: width });
        }
        let vectors: &[(&'static str, &[f64])] = if self.is_logistic {
            &[("weights", &self.weights), ("mean", &self.mean), ("scale", &self.scale)]
        } else {
            &[("weights", &self.weights)]
        };
        for &(vector, values) in vectors {
            if values.len() != width {
                return Err(ModelError::Length { vector, found: values.len(), expected: width });
            }
            if let Some(index) = values.iter().position(|value| !value.is_finite()) {
                return Err(ModelError::NotFinite { vector, index, value: values[index] });
            }
        }
        if !self.intercept.is_finite() {
            return Err(ModelError::NotFinite {
                vector: "intercept",
                index: 0,
                value: self.intercept,
            });
        }
        if let Some(index) = self.scale.iter().position(|&value| value == 0.0) {
            return Err(ModelError::ZeroScale { index });
        }
        Ok(self)
    }

    /// Whether the features are standardised, and the sum becomes a probability.
    pub fn is_logistic(&self) -> bool {
        self.is_logistic
    }

    /// The constant added last.
    pub fn intercept(&self) -> f64 {
        self.intercept
    }

    /// One weight per feature.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The mean that is subtracted from each feature; empty for a linear model.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The scale that each feature is divided by after that; empty for a linear model.
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }
}
