//! The only module that names atomics: core's, or loom's under `cfg(loom)`.

#[cfg(not(loom))]
pub use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering, fence};
#[cfg(loom)]
pub use loom::sync::atomic::{AtomicPtr, AtomicU64, Ordering, fence};

/// One cache line of shared memory: eight words, each reached only as an atomic.
pub type Line = [AtomicU64; 8];

/// A word that can be loaded and nothing else: one of memory that may be mapped read-only.
#[derive(Debug)]
#[repr(transparent)]
pub struct ReadOnlyWord(AtomicU64);

impl ReadOnlyWord {
    /// Loads the word. No other ordering is defined on memory mapped read-only; a fence orders what
    /// has to be in order.
    #[inline(always)]
    pub fn load_relaxed(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The same words for those who only read them.
#[inline]
pub fn read_only(words: &[AtomicU64]) -> &[ReadOnlyWord] {
    let words = core::ptr::from_ref(words) as *const [ReadOnlyWord];
    // SAFETY: transparent, a `ReadOnlyWord` is laid out as the `AtomicU64` it holds, and the
    // borrow stays the caller's.
    unsafe { &*words }
}
