//! The factors as a C library: `factord_factors.h` says what each function does.
//!
//! [`ffi`] holds what C calls and is the only file with unsafe code; the engine behind it and the
//! reading of settings are safe. No panic crosses the boundary: it becomes an error, and the engine
//! that it happened in answers nothing but that from then on.

mod engine;
pub mod ffi;
mod settings;
