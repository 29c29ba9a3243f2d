//! A thread of another process that stands still while the others go on: stopped as a debugger
//! does it.

use crate::harness::eventually;
use std::fs;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

/// Lets the thread go on when dropped.
pub(crate) struct Tracee {
    // A tracee belongs to the thread that stopped it.
    release: Option<Sender<()>>,
    tracer: Option<JoinHandle<()>>,
}

impl Tracee {
    /// Stops the thread of that name; `None` where the system forbids it, which fails in CI.
    pub(crate) fn stop(pid: i32, name: &str) -> Option<Tracee> {
        let thread = eventually("a thread", Duration::from_secs(5), || thread_named(pid, name));
        let (release, inbox) = channel::<()>();
        let (stopped, outcome) = channel();
        let tracer = spawn(move || {
            let refused = seize(thread).err();
            let is_stopped = refused.is_none();
            stopped.send(refused).unwrap();
            // Ends when the sender is dropped. The end of a thread is the tracer's to hear of, and
            // its process is not gone before; that of a whole process is its parent's.
            while inbox.recv_timeout(Duration::from_millis(2)) == Err(RecvTimeoutError::Timeout) {
                if is_stopped && thread != pid {
                    wait(thread, libc::WNOHANG);
                }
            }
            if is_stopped {
                request(libc::PTRACE_DETACH, thread);
            }
        });
        if let Some(error) = outcome.recv().unwrap() {
            assert!(std::env::var_os("CI").is_none(), "ptrace in CI: {error}");
            println!("SKIPPED: a thread cannot be stopped: {error}");
            return None;
        }
        Some(Tracee { release: Some(release), tracer: Some(tracer) })
    }
}

impl Drop for Tracee {
    fn drop(&mut self) {
        drop(self.release.take());
        let _ = self.tracer.take().map(JoinHandle::join);
    }
}

pub(crate) fn thread_named(pid: i32, name: &str) -> Option<i32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    // The kernel keeps 15 bytes of a name.
    let name = &name[..name.len().min(15)];
    tasks
        .filter_map(|task| {
            let path = task.ok()?.path();
            let found = fs::read_to_string(path.join("comm")).ok()?;
            (found.trim() == name).then(|| path.file_name()?.to_str()?.parse().ok()).flatten()
        })
        .next()
}

fn seize(thread: i32) -> std::io::Result<()> {
    if request(libc::PTRACE_SEIZE, thread) < 0 || request(libc::PTRACE_INTERRUPT, thread) < 0 {
        return Err(std::io::Error::last_os_error());
    }
    if wait(thread, 0) == thread { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

fn wait(thread: i32, options: libc::c_int) -> i32 {
    let mut status = 0;
    // SAFETY: the kernel stores one number through the pointer, which is that of a live one.
    unsafe { libc::waitpid(thread, &raw mut status, libc::__WALL | options) }
}

fn request(what: libc::c_uint, thread: i32) -> i64 {
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: none of the requests made here reads or writes this process's memory.
    unsafe { libc::ptrace(what, thread, nothing, nothing) }
}
