//! What is read of ONNX's sets of operators: their names, their versions, the operators.

/// The two sets of operators.
pub(super) const STANDARD: &str = "ai.onnx";
pub(super) const MACHINE_LEARNING: &str = "ai.onnx.ml";

/// Versions of the two sets of operators that are read: broadcasting as it is since 7.
pub(super) const OPSETS: [(&str, &str, i64, i64); 2] =
    [(STANDARD, "", 7, 28), (MACHINE_LEARNING, MACHINE_LEARNING, 1, 5)];

/// The operators that are read.
pub(super) const OPERATORS: [&str; 27] = [
    "Abs",
    "Add",
    "ArgMax",
    "ArrayFeatureExtractor",
    "Cast",
    "Concat",
    "Constant",
    "Div",
    "FeatureVectorizer",
    "Flatten",
    "Gemm",
    "Identity",
    "LinearClassifier",
    "LinearRegressor",
    "MatMul",
    "Mul",
    "Neg",
    "Normalizer",
    "ReduceSum",
    "Reshape",
    "Scaler",
    "Sigmoid",
    "Softmax",
    "Squeeze",
    "Sub",
    "Transpose",
    "ZipMap",
];

/// The domain of a node or an opset, under the one name that people use.
pub(super) fn domain(written: &str) -> &str {
    if written.is_empty() { STANDARD } else { written }
}
