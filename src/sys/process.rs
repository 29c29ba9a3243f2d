//! Child processes: halting them, and tying their life to this process. What this one's own memory
//! does when it is freed.

use rustix::process::{
    Pid, Signal, getpid, getppid, kill_process, set_parent_process_death_signal,
};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

/// Halts every thread of a child, until [`go_on`].
///
/// # Errors
///
/// The system's error.
pub fn halt(child: &Child) -> io::Result<()> {
    signal(child, Signal::STOP)
}

/// Lets a halted child run again.
///
/// # Errors
///
/// The system's error.
pub fn go_on(child: &Child) -> io::Result<()> {
    signal(child, Signal::CONT)
}

fn signal(child: &Child, signal: Signal) -> io::Result<()> {
    // The child has not been waited for, so that its id is still its own.
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    Ok(kill_process(pid.ok_or(io::ErrorKind::NotFound)?, signal)?)
}

/// Makes the kernel kill this process when the thread that started it ends, even if it is stopped.
///
/// # Errors
///
/// The system's error.
pub fn die_with_parent() -> io::Result<()> {
    Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
}

/// Makes the child that `command` starts die with the calling thread, however that ends, and keeps
/// it out of the terminal's reach: Ctrl-C is the parent's to answer.
pub fn bind_to_parent(command: &mut Command) -> &mut Command {
    let parent = getpid();
    let bind = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have ended before the line above.
        if getppid() == Some(parent) { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    };
    command.process_group(0);
    // SAFETY: between fork and exec the closure makes two system calls, and allocates nothing.
    unsafe { command.pre_exec(bind) }
}

/// Has every block of a megabyte or more go back to the system when it is freed. Call it before
/// other threads start.
// By itself, the allocator of glibc keeps blocks of up to 32 MiB once some have been freed, and
// each reload of a large model leaves another hole: after eight of them an engine and four clients
// had 95 MB together instead of 48 (`tests/engine/forests.rs`).
pub fn give_large_blocks_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it sets a number of the allocator, and no other thread is there to read it.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20)
    };
}

/// Has what is freed stay with this process, but for blocks of more than 32 MiB. Call it before
/// other threads start.
// By itself, the allocator of glibc gives back what each thread frees, piece by piece, and takes it
// anew for the next piece: of 2 M rows from text to Parquet, 52,000 page faults instead of 18,000.
pub fn keep_freed_memory() {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: it sets a number of the allocator, and no other thread is there to read it.
        unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, 32 << 20) };
        // SAFETY: as above.
        unsafe { libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX) };
    }
}

/// Ends this process at once: no destructor runs, no thread is waited for.
pub fn end_now(code: i32) -> ! {
    // SAFETY: it takes a number and does not return.
    unsafe { libc::_exit(code) }
}
