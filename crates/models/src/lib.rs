//! Models in files: artifacts, models that other programs fitted, the catalogue of a directory.
//!
//! The floors, from the ground: [`regular`], [`whole`]; [`file`](mod@file);
//! [`store`], `import`; `catalogue`.

#[cfg(feature = "import")]
pub mod catalogue;
pub mod file;
#[cfg(feature = "import")]
pub mod import;
pub mod regular;
pub mod store;
pub mod whole;
