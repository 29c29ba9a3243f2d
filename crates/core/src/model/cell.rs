//! The hot-swap cell: models in, without a lock and without waiting on either side.
//!
//! One publisher (the control thread) puts a new value in; one reader (a worker) adopts it when
//! it chooses to, at a point where it holds no reference to the old one, and acknowledges the
//! version. The publisher keeps every value until a later one has been acknowledged. With a single
//! reader that is all the reclamation there is to do; `arc-swap` solves the harder case of many.
//!
//! ```text
//! publisher   current = new (Release)        ... later: adopted >= version of new? drop old
//! reader      load current (Relaxed); changed? fence(Acquire), use it, adopted = version (Release)
//! ```

use crate::sync::{AtomicPtr, AtomicU64, Ordering, fence};
use std::collections::VecDeque;
use std::sync::Arc;

/// A value with the version under which it was published.
struct Versioned<T> {
    version: u64,
    value: T,
}

struct Shared<T> {
    current: AtomicPtr<Versioned<T>>,
    adopted: AtomicU64,
}

/// The publishing side.
pub struct Publisher<T> {
    shared: Arc<Shared<T>>,
    version: u64,
    /// The published value last, those that the reader may still use before it.
    kept: VecDeque<*mut Versioned<T>>,
}

/// The reading side: always has a value.
pub struct Reader<T> {
    shared: Arc<Shared<T>>,
    current: *mut Versioned<T>,
}

// SAFETY: the pointers are owned by the publisher; values move between threads, hence `T: Send`,
// and are read by the reader while the publisher keeps them, hence `T: Sync`.
unsafe impl<T: Send + Sync> Send for Publisher<T> {}
// SAFETY: as for the publisher.
unsafe impl<T: Send + Sync> Send for Reader<T> {}

/// Makes a cell that holds `value`.
pub fn cell<T: Send + Sync>(value: T) -> (Publisher<T>, Reader<T>) {
    let first = Box::into_raw(Box::new(Versioned { version: 1, value }));
    let shared = Arc::new(Shared { current: AtomicPtr::new(first), adopted: AtomicU64::new(1) });
    let reader = Reader { shared: shared.clone(), current: first };
    (Publisher { shared, version: 1, kept: VecDeque::from([first]) }, reader)
}

impl<T: Send + Sync> Publisher<T> {
    /// Publishes a value; the reader adopts it at its next look.
    pub fn publish(&mut self, value: T) {
        self.version += 1;
        let next = Box::into_raw(Box::new(Versioned { version: self.version, value }));
        self.kept.push_back(next);
        // SYNC(cell.current): pairs with the Acquire fence in `Reader::adopt`; publishes the value.
        self.shared.current.store(next, Ordering::Release);
        self.reclaim();
    }

    /// Drops the values that the reader has moved on from and returns how many are kept.
    pub fn reclaim(&mut self) -> usize {
        // SYNC(cell.adopted): pairs with the Release store in `Reader::adopt`; the reader's last
        // use of older values comes before.
        let adopted = self.shared.adopted.load(Ordering::Acquire);
        while let Some(&oldest) = self.kept.front() {
            // SAFETY: `kept` holds values that were not dropped yet.
            let version = unsafe { (*oldest).version };
            if version >= adopted || self.kept.len() == 1 {
                break;
            }
            self.kept.pop_front();
            // SAFETY: the reader acknowledged a later version, so it holds no reference to this
            // one, and it left `kept`, so it is dropped once.
            drop(unsafe { Box::from_raw(oldest) });
        }
        self.kept.len()
    }
}

impl<T> Drop for Publisher<T> {
    fn drop(&mut self) {
        // The reader may outlive the publisher and still use any value from the acknowledged one
        // on, so those are leaked, not freed, unless the reader is gone too.
        if Arc::strong_count(&self.shared) == 1 {
            for &kept in &self.kept {
                // SAFETY: the reader is gone, so no reference is left; each value is dropped once.
                drop(unsafe { Box::from_raw(kept) });
            }
        }
    }
}

impl<T> Reader<T> {
    /// The value adopted last.
    #[inline]
    pub fn get(&self) -> &T {
        // SAFETY: the publisher keeps this value until a later version has been acknowledged,
        // which only `adopt` does, with `&mut self`.
        unsafe { &(*self.current).value }
    }

    /// Adopts the published value if it is new; returns whether it was.
    #[inline]
    pub fn adopt(&mut self) -> bool {
        // Relaxed: only compared; the fence below orders the value's contents.
        let current = self.shared.current.load(Ordering::Relaxed);
        if current == self.current {
            return false;
        }
        // SYNC(cell.current): pairs with the Release store in `Publisher::publish`.
        fence(Ordering::Acquire);
        self.current = current;
        // SAFETY: the publisher keeps `current` until a later version has been acknowledged.
        let version = unsafe { (*current).version };
        // SYNC(cell.adopted): pairs with the Acquire load in `Publisher::reclaim`; says that older
        // values are no longer used here.
        self.shared.adopted.store(version, Ordering::Release);
        true
    }
}

#[cfg(all(test, loom))]
mod loom_tests;
