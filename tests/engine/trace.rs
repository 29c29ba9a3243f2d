//! The system calls of one thread, as strace sees them.

use crate::harness::{Process, eventually};
use rustix::process::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// `strace` on one thread, from its start until `finish`.
pub(crate) struct Trace {
    process: Process,
    lines: PathBuf,
}

impl Trace {
    /// Attaches; `None` where strace is missing or not allowed to, which fails in CI.
    pub(crate) fn attach(task: &Path, directory: &Path) -> Option<Trace> {
        let (lines, words) = (directory.join("strace.out"), directory.join("strace.err"));
        let mut command = Command::new("strace");
        command.arg("-o").arg(&lines).arg("-p").arg(task.file_name().unwrap());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(fs::File::create(&words).unwrap());
        let missing = |why: &str| {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{why}");
            println!("SKIPPED: system calls were not traced: {why}");
        };
        if let Err(error) = Command::new("strace").arg("-V").output() {
            missing(&format!("strace: {error}"));
            return None;
        }
        let mut process = Process::spawn(&mut command);
        let attached = eventually("strace to attach", 10 * SECOND, || {
            let said = fs::read_to_string(&words).unwrap();
            let ended = process.child().try_wait().unwrap().is_some();
            if said.contains("attached") {
                return Some(true);
            }
            ended.then_some(false)
        });
        if !attached {
            missing(&fs::read_to_string(&words).unwrap());
            return None;
        }
        Some(Trace { process, lines })
    }

    /// Detaches and returns what was traced, a line a call.
    pub(crate) fn finish(mut self) -> Vec<String> {
        self.process.signal(Signal::INT);
        self.process.ends_within(10 * SECOND);
        fs::read_to_string(&self.lines).unwrap().lines().map(str::to_owned).collect()
    }
}
