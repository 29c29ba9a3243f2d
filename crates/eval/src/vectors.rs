//! [`Level`]: the vector instructions of this machine, for work that is the same in all of them.

/// Which vector instructions to use; every level gives the same bits. Only levels that the machine
/// has can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Instructions);

/// The instructions of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instructions {
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The levels of this machine, the best one last.
    pub fn available() -> Vec<Level> {
        #[allow(unused_mut)]
        let mut levels = vec![Level(Instructions::Baseline)];
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx2") {
                levels.push(Level(Instructions::Avx2));
            }
            if has!("avx512f") && has!("avx512dq") {
                levels.push(Level(Instructions::Avx512));
            }
        }
        levels
    }

    /// The best level of this machine.
    pub fn best() -> Level {
        Level::available().last().copied().unwrap_or(Level(Instructions::Baseline))
    }

    /// Its instructions.
    #[inline]
    pub(crate) fn instructions(self) -> Instructions {
        self.0
    }

    /// Does some work in instructions of this level: all of it that is inlined into a closure that
    /// is `#[inline(always)]` itself.
    #[inline]
    pub fn run<R>(self, work: impl FnOnce() -> R) -> R {
        match self.0 {
            Instructions::Baseline => work(),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a `Level` of AVX2 exists only where the processor has it.
            Instructions::Avx2 => unsafe { work_avx2(work) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a `Level` of AVX-512 exists only where the processor has it.
            Instructions::Avx512 => unsafe { work_avx512(work) },
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn work_avx2<R>(work: impl FnOnce() -> R) -> R {
    work()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq")]
fn work_avx512<R>(work: impl FnOnce() -> R) -> R {
    work()
}
