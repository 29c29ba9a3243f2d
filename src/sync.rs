//! The only module that names atomics: core's, or loom's under `cfg(loom)`.

#[cfg(not(loom))]
pub use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering, fence};
#[cfg(loom)]
pub use loom::sync::atomic::{AtomicPtr, AtomicU64, Ordering, fence};

/// One cache line of shared memory: eight words, each reached only as an atomic.
pub type Line = [AtomicU64; 8];
