//! Models: evaluation, artifacts, imports, the catalogue, and the tools that show them.

mod artifacts;
mod catalogue;
mod common;
mod evaluation;
mod forests;
mod formats;
mod fuzz;
mod hostile;
mod imports;
mod memory;
mod onnx;
mod real;
mod tools;
