//! The floating-point environment of a thread: how it rounds, whether it keeps subnormal numbers,
//! which exceptions trap.
//!
//! Bits are promised for the environment that every thread starts with. A library of the host
//! program may have changed it: one linked with `-ffast-math` sets FTZ and DAZ in the thread that
//! loads it. [`with_default`] is for x86-64 and AArch64; elsewhere it does the work as the thread
//! is set.

use core::hint::black_box;

/// Does some work in the default environment. Afterwards the thread has its own again, with the
/// flags that exceptions had left in it. Where it is the default anyway, that costs a load and a
/// comparison; there the closure must be `#[inline(always)]` if no call is wanted.
#[inline(always)]
pub fn with_default<R>(work: impl FnOnce() -> R) -> R {
    if state::is_default() { work() } else { put_in(work) }
}

/// Puts the default in the place of what the host has set, for as long as the work takes.
#[cold]
#[inline(never)]
fn put_in<R, W: FnOnce() -> R>(work: W) -> R {
    let _host = Host(state::get());
    state::set(state::DEFAULT);
    // By a pointer that the compiler does not follow: it takes arithmetic for free of side effects,
    // and might do some of it before the default is set, or after it was.
    let call: fn(W) -> R = black_box(|work| work());
    call(work)
}

/// What the host has set. It comes back when the work ends, be it by a panic.
struct Host(state::State);

impl Drop for Host {
    fn drop(&mut self) {
        state::set(self.0);
    }
}

/// MXCSR.
#[cfg(target_arch = "x86_64")]
mod state {
    use core::arch::asm;

    pub(super) type State = u32;

    /// Rounds to nearest, keeps subnormal numbers, traps nothing.
    pub(super) const DEFAULT: State = 0x1F80;
    /// What is set, FTZ, rounding, masks and DAZ, and not what exceptions leave.
    const CONTROL: State = 0xFFC0;

    #[inline(always)]
    pub(super) fn is_default() -> bool {
        get() & CONTROL == DEFAULT
    }

    #[inline(always)]
    pub(super) fn get() -> State {
        let mut state: State = 0;
        // SAFETY: four bytes are stored where there is room for them, and nothing else changes.
        unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut state, options(nostack, preserves_flags)) };
        state
    }

    pub(super) fn set(state: State) {
        // SAFETY: the state is the default, which compiled code counts on, or this thread's own, so
        // that no reserved bit is set and the thread ends as its owner has set it.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const state, options(nostack)) };
    }
}

/// FPCR, and FPSR, where exceptions leave their flags.
#[cfg(target_arch = "aarch64")]
mod state {
    use core::arch::asm;

    pub(super) type State = [u64; 2];

    /// Rounds to nearest, keeps subnormal numbers, traps nothing.
    pub(super) const DEFAULT: State = [0, 0];

    #[inline(always)]
    pub(super) fn is_default() -> bool {
        let control: u64;
        // SAFETY: every program may read this register, and nothing changes.
        unsafe { asm!("mrs {}, fpcr", out(reg) control, options(nostack, preserves_flags)) };
        control == DEFAULT[0]
    }

    pub(super) fn get() -> State {
        let (control, flags);
        // SAFETY: every program may read these registers, and nothing changes.
        unsafe {
            asm!(
                "mrs {}, fpcr", "mrs {}, fpsr",
                out(reg) control, out(reg) flags, options(nostack, preserves_flags)
            );
        }
        [control, flags]
    }

    pub(super) fn set([control, flags]: State) {
        // SAFETY: the state is the default, which compiled code counts on, or this thread's own, so
        // that no reserved bit is set and the thread ends as its owner has set it.
        unsafe {
            asm!("msr fpcr, {}", "msr fpsr, {}", in(reg) control, in(reg) flags, options(nostack));
        }
    }
}

/// None that is known here.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod state {
    pub(super) type State = ();

    pub(super) const DEFAULT: State = ();

    #[inline(always)]
    pub(super) fn is_default() -> bool {
        true
    }

    pub(super) fn get() -> State {}

    pub(super) fn set((): State) {}
}

#[cfg(all(test, any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use super::*;
    use std::panic::{catch_unwind, resume_unwind};

    /// FTZ, DAZ, both; down, up, to zero; and flags beside FTZ.
    #[cfg(target_arch = "x86_64")]
    const OTHERS: [state::State; 7] = [0x9F80, 0x1FC0, 0x9FC0, 0x3F80, 0x5F80, 0x7F80, 0x9FA1];
    /// Traps for every exception.
    #[cfg(target_arch = "x86_64")]
    const TRAPS: Option<state::State> = Some(0x0000);

    /// FZ; up, down, to zero; and flags beside FZ.
    #[cfg(target_arch = "aarch64")]
    const OTHERS: [state::State; 5] =
        [[1 << 24, 0], [1 << 22, 0], [2 << 22, 0], [3 << 22, 0], [1 << 24, 0x11]];
    /// Few processors have any.
    #[cfg(target_arch = "aarch64")]
    const TRAPS: Option<state::State> = None;

    /// Does some work in another state; returns the state that it leaves, too.
    #[inline(never)]
    fn within<R>(other: state::State, work: fn() -> R) -> (R, state::State) {
        let _before = Host(state::get());
        state::set(other);
        let done = black_box(work)();
        (done, state::get())
    }

    /// Bits that each of the others changes.
    fn sums() -> [u64; 4] {
        let of = |a: f64, b: f64| (black_box(a) + black_box(b)).to_bits();
        let (least, tiny): (f64, f64) = (black_box(f64::MIN_POSITIVE), black_box(5e-324));
        [of(0.1, 0.2), of(-0.1, -0.2), (least * 0.5).to_bits(), (tiny * 1e300).to_bits()]
    }

    #[test]
    fn work_is_done_in_the_default_and_the_host_s_own_stands_again() {
        let (expected, own) = (sums(), state::get());
        for other in OTHERS {
            assert_ne!(within(other, sums).0, expected, "{other:x?}");
        }
        for other in OTHERS.into_iter().chain(TRAPS) {
            assert_eq!(within(other, || with_default(state::get)), (state::DEFAULT, other));
            assert_eq!(within(other, || with_default(sums)), (expected, other), "{other:x?}");
        }
        assert!(with_default(state::is_default) && own == state::get());
    }

    #[test]
    fn a_panic_leaves_the_host_s_own_too() {
        fn falls() -> bool {
            catch_unwind(|| with_default(|| resume_unwind(Box::new(())))).is_err()
        }
        for other in OTHERS.into_iter().chain(TRAPS) {
            let (fallen, after) = within(other, falls);
            assert!(fallen && after == other, "{other:x?}");
        }
    }
}
