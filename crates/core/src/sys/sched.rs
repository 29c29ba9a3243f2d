//! Which CPUs a thread may use and for how long, and limits of the process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::io;

/// The CPUs the calling thread may run on, ascending.
///
/// # Errors
///
/// The system's error.
pub fn allowed_cpus() -> io::Result<Vec<usize>> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect())
}

/// Restricts the calling thread to these CPUs.
///
/// # Errors
///
/// `EINVAL` when none of them may be used.
pub fn allow_cpus(cpus: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for &cpu in cpus.iter().filter(|&&cpu| cpu < CpuSet::MAX_CPU) {
        set.set(cpu);
    }
    Ok(sched_setaffinity(None, &set)?)
}

/// Asks for short slices for the calling thread: one that wakes rarely and works briefly then does
/// not wait until a thread that spins on the same CPU has had its share. Linux heeds it from 6.12
/// on.
///
/// # Errors
///
/// The system's error, where a filter of system calls or a real-time policy is in the way.
pub fn ask_for_short_slices() -> io::Result<()> {
    // 0.1 ms: the shortest that Linux grants (sched(7), EEVDF).
    const SLICE_NS: u64 = 100_000;
    let mut asked = libc::sched_attr {
        size: 0,
        sched_policy: 0,
        sched_flags: 0,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: 0,
        sched_deadline: 0,
        sched_period: 0,
    };
    let size = size_of::<libc::sched_attr>();
    // SAFETY: the kernel writes at most `size` bytes, which `asked` has.
    let read = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut asked, size, 0) };
    if read != 0 {
        return Err(io::Error::last_os_error());
    }
    let usual = [libc::SCHED_OTHER, libc::SCHED_BATCH].map(|policy| policy as u32);
    if !usual.contains(&asked.sched_policy) {
        // What a real-time policy calls a runtime is something else.
        return Err(io::ErrorKind::Unsupported.into());
    }
    asked.sched_runtime = SLICE_NS;
    // SAFETY: the kernel only reads `asked`, whose first field is its size.
    let written = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const asked, 0) };
    if written == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Raises the soft limit of open descriptors to the hard one and returns it.
///
/// # Errors
///
/// The system's error.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// Descriptors that this process may have open.
pub fn descriptor_limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// The user this process acts as.
pub fn user_id() -> u32 {
    rustix::process::geteuid().as_raw()
}
