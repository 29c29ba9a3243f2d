//! `factord._native`: the client library and the evaluation of `factord`, for Python.
//!
//! This module turns Python's arguments into the library's and its answers into Python's; it
//! evaluates nothing and speaks to no daemon by itself. What Python says better than Rust (reading
//! data frames, the exceptions, the sequence of predictions) stands in the package beside it.

mod arrow;
mod checks;
mod client;
mod error;
mod factors;
mod fork;
mod model;
mod open;
mod prediction;
mod rows;
mod settings;
mod slices;
mod stream;
mod subscriber;
mod table;
mod trades;
mod train;
mod windows;

use pyo3::prelude::*;

/// The compiled half of the package: import `factord` instead.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    fork::watch(module.py())?;
    module.add_class::<client::Client>()?;
    module.add_class::<factors::Factors>()?;
    module.add_class::<open::ModelRow>()?;
    module.add_class::<model::Model>()?;
    module.add_class::<prediction::Prediction>()?;
    module.add_class::<subscriber::Answered>()?;
    module.add_class::<subscriber::Subscriber>()?;
    module.add_class::<table::Table>()?;
    module.add_function(wrap_pyfunction!(table::arrow_stream, module)?)?;
    module.add_function(wrap_pyfunction!(train::train, module)?)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    Ok(())
}
