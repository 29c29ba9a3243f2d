//! Knows whether this process was forked. The client's mappings do not outlive a fork, so that two
//! processes never write one ring; to touch them in the child would end it.

use factord_core::sync::{AtomicU64, Ordering};
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict};

/// Forks between the import of this module and now, on the way to this process.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// The number of forks so far: differs between a parent and its child.
pub(crate) fn count() -> u64 {
    // Relaxed: the only writer is a process's first thread, before it runs anything else.
    FORKS.load(Ordering::Relaxed)
}

/// Counts every fork that Python makes.
pub(crate) fn watch(py: Python<'_>) -> PyResult<()> {
    let forked = PyCFunction::new_closure(py, None, None, |_, _| {
        // Relaxed: see `count`.
        FORKS.fetch_add(1, Ordering::Relaxed);
    })?;
    let hooks = PyDict::new(py);
    hooks.set_item("after_in_child", forked)?;
    py.import("os")?.call_method("register_at_fork", (), Some(&hooks))?;
    Ok(())
}
