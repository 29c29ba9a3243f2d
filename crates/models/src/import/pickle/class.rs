//! The allow-list of classes and functions, by the names under which they were ever pickled.

/// A class or function whose pickled form is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::import) enum Class {
    Dtype,
    Ndarray,
    /// `_reconstruct(ndarray, shape, code)`: an array whose state follows.
    Reconstruct,
    /// `scalar(dtype, bytes)`: one number.
    Scalar,
    /// `_frombuffer(bytes, dtype, shape, order)`: an array of protocol 5.
    FromBuffer,
    /// joblib's stand-in for an array, whose bytes follow its state.
    ArrayWrapper,
    /// `_codecs.encode(text, "latin1")`: bytes of protocol 2.
    Encode,
    LinearRegression,
    Ridge,
    Lasso,
    ElasticNet,
    LogisticRegression,
    RidgeCv,
    LassoCv,
    ElasticNetCv,
    LogisticRegressionCv,
    StandardScaler,
    Pipeline,
}

/// Module, name, class. Older scikit-learn had modules without the underscore, older NumPy
/// `numpy.core` for `numpy._core`.
const ALLOWED: [(&str, &str, Class); 31] = [
    ("numpy", "dtype", Class::Dtype),
    ("numpy", "ndarray", Class::Ndarray),
    ("numpy.core.multiarray", "_reconstruct", Class::Reconstruct),
    ("numpy._core.multiarray", "_reconstruct", Class::Reconstruct),
    ("numpy.core.multiarray", "scalar", Class::Scalar),
    ("numpy._core.multiarray", "scalar", Class::Scalar),
    ("numpy.core.numeric", "_frombuffer", Class::FromBuffer),
    ("numpy._core.numeric", "_frombuffer", Class::FromBuffer),
    ("joblib.numpy_pickle", "NumpyArrayWrapper", Class::ArrayWrapper),
    ("_codecs", "encode", Class::Encode),
    ("sklearn.linear_model._base", "LinearRegression", Class::LinearRegression),
    ("sklearn.linear_model.base", "LinearRegression", Class::LinearRegression),
    ("sklearn.linear_model._ridge", "Ridge", Class::Ridge),
    ("sklearn.linear_model.ridge", "Ridge", Class::Ridge),
    ("sklearn.linear_model._coordinate_descent", "Lasso", Class::Lasso),
    ("sklearn.linear_model.coordinate_descent", "Lasso", Class::Lasso),
    ("sklearn.linear_model._coordinate_descent", "ElasticNet", Class::ElasticNet),
    ("sklearn.linear_model.coordinate_descent", "ElasticNet", Class::ElasticNet),
    ("sklearn.linear_model._logistic", "LogisticRegression", Class::LogisticRegression),
    ("sklearn.linear_model.logistic", "LogisticRegression", Class::LogisticRegression),
    ("sklearn.linear_model._ridge", "RidgeCV", Class::RidgeCv),
    ("sklearn.linear_model.ridge", "RidgeCV", Class::RidgeCv),
    ("sklearn.linear_model._coordinate_descent", "LassoCV", Class::LassoCv),
    ("sklearn.linear_model.coordinate_descent", "LassoCV", Class::LassoCv),
    ("sklearn.linear_model._coordinate_descent", "ElasticNetCV", Class::ElasticNetCv),
    ("sklearn.linear_model.coordinate_descent", "ElasticNetCV", Class::ElasticNetCv),
    ("sklearn.linear_model._logistic", "LogisticRegressionCV", Class::LogisticRegressionCv),
    ("sklearn.linear_model.logistic", "LogisticRegressionCV", Class::LogisticRegressionCv),
    ("sklearn.preprocessing._data", "StandardScaler", Class::StandardScaler),
    ("sklearn.preprocessing.data", "StandardScaler", Class::StandardScaler),
    ("sklearn.pipeline", "Pipeline", Class::Pipeline),
];

impl Class {
    /// Looks a name up in the allow-list.
    pub(super) fn find(module: &str, name: &str) -> Option<Class> {
        let found = ALLOWED.iter().find(|allowed| (allowed.0, allowed.1) == (module, name));
        found.map(|allowed| allowed.2)
    }

    /// The name for messages.
    pub(in crate::import) fn name(self) -> &'static str {
        match self {
            Class::Dtype => "numpy.dtype",
            Class::Ndarray => "numpy.ndarray",
            Class::Reconstruct | Class::FromBuffer => "numpy array",
            Class::ArrayWrapper => "joblib array",
            Class::Scalar => "numpy scalar",
            Class::Encode => "bytes object",
            Class::LinearRegression => "LinearRegression",
            Class::Ridge => "Ridge",
            Class::Lasso => "Lasso",
            Class::ElasticNet => "ElasticNet",
            Class::LogisticRegression => "LogisticRegression",
            Class::RidgeCv => "RidgeCV",
            Class::LassoCv => "LassoCV",
            Class::ElasticNetCv => "ElasticNetCV",
            Class::LogisticRegressionCv => "LogisticRegressionCV",
            Class::StandardScaler => "StandardScaler",
            Class::Pipeline => "Pipeline",
        }
    }

    /// Whether it is called with arguments (REDUCE); the others are made empty (NEWOBJ).
    pub(super) fn is_called(self) -> bool {
        matches!(
            self,
            Class::Dtype | Class::Reconstruct | Class::Scalar | Class::FromBuffer | Class::Encode
        )
    }

    /// Whether a state may follow (BUILD).
    pub(super) fn has_state(self) -> bool {
        !matches!(self, Class::Scalar | Class::FromBuffer | Class::Encode | Class::Ndarray)
    }
}
