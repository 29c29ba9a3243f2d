//! Models in files: artifacts, models that other programs fitted, the catalogue of a directory.
//!
//! The floors, from the ground: [`nameless`], [`regular`], [`together`]; [`file`](mod@file);
//! `import`; `catalogue`.

#[cfg(feature = "import")]
pub mod catalogue;
pub mod file;
#[cfg(feature = "import")]
pub mod import;
pub mod nameless;
pub mod regular;
pub mod together;
