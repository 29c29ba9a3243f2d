//! Client processes of their own: this test binary again, told by its environment what to be.
//!
//! A role ends when its stdin does and then reports on stdout in one line.

use crate::harness::Process;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub(crate) const ROLE: &str = "FACTORD_TEST_ROLE";
pub(crate) const SOCKET: &str = "FACTORD_TEST_SOCKET";
pub(crate) const SEED: &str = "FACTORD_TEST_SEED";

/// What a client process saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tale {
    /// Requests submitted.
    pub(crate) sent: u64,
    /// Answers that are the model's own, bit for bit.
    pub(crate) exact: u64,
    /// Answers that are not, or for another request than the next one.
    pub(crate) wrong: u64,
    /// Requests without an answer by their deadline.
    pub(crate) late: u64,
    /// Errors that came before the deadline, or of a kind that should not occur.
    pub(crate) odd: u64,
    /// Requests answered as for a model that is not served.
    pub(crate) unknown: u64,
    /// Epochs that answered.
    pub(crate) epochs: u64,
    /// The longest that nothing was answered, in microseconds; of a pipeline, or of attaches.
    pub(crate) longest_us: u64,
}

impl Tale {
    pub(crate) fn line(self) -> String {
        let Tale { sent, exact, wrong, late, odd, unknown, epochs, longest_us } = self;
        format!("tale {sent} {exact} {wrong} {late} {odd} {unknown} {epochs} {longest_us}")
    }

    fn parse(line: &str) -> Option<Tale> {
        let mut numbers = line.strip_prefix("tale ")?.split(' ').map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Tale {
            sent: next()?,
            exact: next()?,
            wrong: next()?,
            late: next()?,
            odd: next()?,
            unknown: next()?,
            epochs: next()?,
            longest_us: next()?,
        })
    }

    /// Asserts that every request was answered, rightly and once.
    #[track_caller]
    pub(crate) fn is_flawless(&self, at_least: u64) {
        let Tale { sent, exact, wrong, late, odd, .. } = *self;
        assert_eq!((exact, wrong, late, odd), (sent, 0, 0, 0), "{self:?}");
        assert!(sent >= at_least, "only {self:?}");
    }
}

/// A client process.
pub(crate) struct Actor {
    pub(crate) process: Process,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Actor {
    /// Starts one and waits until it says that it has begun.
    pub(crate) fn start(role: &str, socket: &Path, seed: u64) -> Actor {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["roles::an_actor_plays_its_role", "--exact", "--nocapture"]);
        command.env(ROLE, role).env(SOCKET, socket).env(SEED, seed.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::spawn(&mut command);
        let stdin = process.child().stdin.take();
        let stdout = BufReader::new(process.child().stdout.take().unwrap());
        let mut actor = Actor { process, stdin, stdout };
        actor.line("begun");
        actor
    }

    /// Reads on to the first line that starts with `word`.
    pub(crate) fn line(&mut self, word: &str) -> String {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            assert!(self.stdout.read_line(&mut line).unwrap() > 0, "no `{word}` after:\n{seen}");
            // The test harness may write its own words before, on the same line.
            if let Some(at) = line.find(&format!("{word} ")).or(line.find(&format!("{word}\n"))) {
                return line[at..].trim_end().to_owned();
            }
            seen += &line;
        }
    }

    /// Ends it and returns what it saw.
    pub(crate) fn finish(mut self) -> Tale {
        drop(self.stdin.take());
        let line = self.line("tale");
        assert!(self.process.ends_within(Duration::from_secs(10)).success());
        Tale::parse(&line).unwrap_or_else(|| panic!("{line}"))
    }
}

/// Says that the actor has begun, and tells when its stdin has ended.
pub(crate) fn begin() -> Arc<AtomicBool> {
    println!("begun");
    std::io::stdout().flush().unwrap();
    let ended = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&ended);
    std::thread::spawn(move || {
        // Any end of the pipe will do.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        flag.store(true, Ordering::Relaxed);
    });
    ended
}
