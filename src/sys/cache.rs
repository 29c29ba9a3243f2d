//! Hints to the cache.

use crate::sync::Line;

/// Asks for a line with the right to write it, ahead of the stores. Changes nothing but time.
#[inline(always)]
pub fn prefetch_write(line: &Line) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch neither faults nor changes memory, registers or flags; processors without
    // PREFETCHW execute it as no operation.
    unsafe {
        core::arch::asm!("prefetchw [{line}]", line = in(reg) line, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}
