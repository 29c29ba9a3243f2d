//! [`Model`]: the parameters, validated once, so that their evaluation needs no error path.

use std::fmt;
use thiserror::Error;

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
}

impl Kind {
    /// Reads a kind from its code, the discriminant of the enum.
    pub fn from_code(code: u32) -> Option<Kind> {
        match code {
            1 => Some(Kind::Linear),
            2 => Some(Kind::Logistic),
            _ => None,
        }
    }

    /// The word used in files and messages: `linear` or `logistic`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Linear => "linear",
            Kind::Logistic => "logistic",
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
    /// A scale is zero, so that standardising would divide by zero.
    #[error("`scale` is zero at index {index}: a constant feature cannot be standardised")]
    ZeroScale {
        /// Position of the zero.
        index: usize,
    },
}

/// The parameters of a linear or logistic model, validated: every value is finite, every scale
/// is non-zero, and all vectors have the same length, 1 to [`FEATURE_COUNT_MAX`].
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    kind: Kind,
    intercept: f64,
    weights: Vec<f64>,
    mean: Vec<f64>,
    scale: Vec<f64>,
}

impl Model {
    /// Makes a linear model: `y = w . x + intercept`.
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
        Model { kind: Kind::Linear, intercept, weights, mean: Vec::new(), scale: Vec::new() }
            .validated()
    }

    /// Makes a standardised logistic model: `d = w . ((x - mean) / scale) + intercept`,
    /// probability `1 / (1 + exp(-d))`, class 1 when `d > 0`.
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
        Model { kind: Kind::Logistic, intercept, weights, mean, scale }.validated()
    }

    fn validated(self) -> Result<Model, ModelError> {
        let width = self.weights.len();
        if width == 0 || width > FEATURE_COUNT_MAX {
            return Err(ModelError::Width { found: width });
        }
        let vectors: &[(&'static str, &[f64])] = match self.kind {
            Kind::Linear => &[("weights", &self.weights)],
            Kind::Logistic => {
                &[("weights", &self.weights), ("mean", &self.mean), ("scale", &self.scale)]
            }
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

    /// What the model computes.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The number of features, 1 to [`FEATURE_COUNT_MAX`].
    pub fn width(&self) -> usize {
        self.weights.len()
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
