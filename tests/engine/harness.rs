//! Starts the real binary in a directory of its own, waits until it is ready, and cleans up
//! whatever happens: a test that hangs ends the run with a message and leaves no process.

use factord_core::client::{AttachOptions, Client};
use factord_core::counters::{Observer, Snapshot};
use factord_core::idle::IdleStrategy;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a daemon may take from its start to its ready line.
const START_DEADLINE: Duration = Duration::from_secs(20);

/// Processes that a watchdog must not leave behind.
static STARTED: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

fn started<T>(change: impl FnOnce(&mut BTreeSet<i32>) -> T) -> T {
    change(&mut STARTED.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Ends the whole run when the test that holds it takes longer than it may.
pub(crate) struct Watchdog {
    _alive: Sender<()>,
}

impl Watchdog {
    pub(crate) fn start(what: &'static str, seconds: u64) -> Watchdog {
        let (alive, inbox) = channel::<()>();
        thread::spawn(move || {
            let limit = Duration::from_secs(seconds);
            if inbox.recv_timeout(limit) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                eprintln!("{what} hangs: not done after {limit:?}");
                started(|pids| pids.iter().for_each(|&pid| signal(pid, Signal::KILL)));
                std::process::abort();
            }
        });
        Watchdog { _alive: alive }
    }
}

pub(crate) fn signal(pid: i32, signal: Signal) {
    // The process may have ended by itself.
    let _ = kill_process(Pid::from_raw(pid).unwrap(), signal);
}

/// A child that is killed and waited for when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Process {
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        started(|pids| pids.insert(child.id() as i32));
        Process { child }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    pub(crate) fn signal(&self, wanted: Signal) {
        signal(self.pid(), wanted);
    }

    /// SIGSTOP, and the wait until every thread stands still.
    pub(crate) fn stop(&self) {
        self.signal(Signal::STOP);
        let still = || {
            let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).ok()?;
            let stopped = |task: std::io::Result<std::fs::DirEntry>| {
                let stat = std::fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
                stat.rsplit_once(") ")?.1.starts_with('T').then_some(())
            };
            tasks.map(stopped).collect::<Option<Vec<()>>>()
        };
        eventually("a process to stop", Duration::from_secs(5), still);
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits for the end, which must come within `limit`.
    pub(crate) fn ends_within(&mut self, limit: Duration) -> ExitStatus {
        let status = eventually("a process to end", limit, || self.child.try_wait().unwrap());
        started(|pids| pids.remove(&self.pid()));
        status
    }

    /// SIGKILL, and the wait that frees what it held.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        let status = self.child.wait().unwrap();
        started(|pids| pids.remove(&self.pid()));
        assert_eq!(status.signal(), Some(9));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A stopped process dies of SIGKILL as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
        started(|pids| pids.remove(&self.pid()));
    }
}

/// Asks every few milliseconds until there is an answer.
pub(crate) fn eventually<T>(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> Option<T>,
) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < end, "waited {limit:?} for {what}");
        sleep(Duration::from_millis(3));
    }
}

/// How an engine is started.
pub(crate) struct Setup {
    pub(crate) directory: TempDir,
    pub(crate) program: PathBuf,
    /// Put before the program, such as `taskset -c 0`.
    pub(crate) prefix: Vec<String>,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(&'static str, String)>,
    /// Whether `--socket` is given.
    pub(crate) socket: Option<PathBuf>,
}

impl Setup {
    /// A worker that sleeps at times, without a sidecar: tests share few cores, and on a busy one
    /// a thread that only yields may wait for a second.
    pub(crate) fn new() -> Setup {
        let directory = tempfile::Builder::new().prefix("factord-test-").tempdir().unwrap();
        let socket = Some(directory.path().join("control.sock"));
        let arguments = ["--no-http", "--idle", "backoff"].map(str::to_owned).to_vec();
        let (prefix, environment) = (Vec::new(), Vec::new());
        let program = PathBuf::from(env!("CARGO_BIN_EXE_factord"));
        Setup { directory, program, prefix, arguments, environment, socket }
    }

    pub(crate) fn with(mut self, arguments: &[&str]) -> Setup {
        self.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// The command as it stands; output goes to a file and a pipe.
    pub(crate) fn command(&self) -> Command {
        let program = self.program.to_str().unwrap().to_owned();
        let mut words = self.prefix.iter().cloned().chain([program]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(socket) = &self.socket {
            command.arg("--socket").arg(socket);
        }
        command.arg("serve").args(&self.arguments);
        let log = self.log_path();
        let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        command
    }

    fn log_path(&self) -> PathBuf {
        self.directory.path().join("stderr.log")
    }

    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.log_path()).unwrap_or_default()).into_owned()
    }

    pub(crate) fn start(self) -> Engine {
        let (process, ready, stdout) = self.launch();
        Engine { setup: self, process, ready, _stdout: stdout }
    }

    fn launch(&self) -> (Process, String, ChildStdout) {
        let mut process = Process::spawn(&mut self.command());
        let stdout = process.child().stdout.take().unwrap();
        // The lines come in one piece once everything is ready; the watchdog bounds the wait.
        let _watchdog = Watchdog::start("the start of a daemon", START_DEADLINE.as_secs());
        let mut reader = BufReader::new(stdout);
        let mut ready = String::new();
        while !ready.contains("Ctrl-C") {
            let count = reader.read_line(&mut ready).unwrap();
            assert!(count > 0, "the daemon ended before it was ready:\n{}", self.log());
        }
        (process, ready, reader.into_inner())
    }

    /// Runs the command to an end that must come soon; exit code, stdout, log.
    pub(crate) fn run_to_end(&self) -> (Option<i32>, String, String) {
        let mut process = Process::spawn(&mut self.command());
        let status = process.ends_within(START_DEADLINE);
        let mut text = String::new();
        process.child().stdout.take().unwrap().read_to_string(&mut text).unwrap();
        (status.code(), text, self.log())
    }
}

/// A daemon that runs.
pub(crate) struct Engine {
    pub(crate) setup: Setup,
    pub(crate) process: Process,
    /// What it printed when it was ready.
    pub(crate) ready: String,
    _stdout: ChildStdout,
}

impl Engine {
    pub(crate) fn start() -> Engine {
        Setup::new().start()
    }

    pub(crate) fn pid(&self) -> i32 {
        self.process.pid()
    }

    pub(crate) fn socket(&self) -> &Path {
        self.setup.socket.as_deref().unwrap()
    }

    /// Starts the same command again, after the process ended.
    pub(crate) fn start_again(&mut self) {
        let (process, ready, stdout) = self.setup.launch();
        (self.process, self.ready, self._stdout) = (process, ready, stdout);
    }

    pub(crate) fn options(&self, feature_count: usize, slot_count: usize) -> AttachOptions {
        AttachOptions {
            socket: Some(self.socket().to_owned()),
            name: "test".to_owned(),
            feature_count,
            slot_count,
            idle: IdleStrategy::Backoff,
            ..AttachOptions::default()
        }
    }

    pub(crate) fn attach(&self, feature_count: usize, slot_count: usize) -> Client {
        Client::attach(&self.options(feature_count, slot_count)).unwrap()
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Observer::attach(Some(self.socket())).unwrap().snapshot()
    }

    /// What must return to its base when clients leave.
    pub(crate) fn holdings(&self) -> Holdings {
        let entries = |what: &str| std::fs::read_dir(format!("/proc/{}/{what}", self.pid()));
        let descriptors = entries("fd").unwrap().count();
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", self.pid())).unwrap();
        let rings = maps.lines().filter(|line| line.contains("/memfd:factord-re")).count();
        Holdings { descriptors, rings, channels: self.snapshot().channel_count }
    }

    /// Waits until the holdings are those of `base`, as they must be within a second.
    pub(crate) fn returns_to(&self, base: &Holdings) {
        let mut last = None;
        let end = Instant::now() + Duration::from_secs(1);
        while last.as_ref() != Some(base) {
            assert!(Instant::now() < end, "after a second: {last:?}, at first {base:?}");
            sleep(Duration::from_millis(5));
            last = Some(self.holdings());
        }
    }

    /// Resident kilobytes of the daemon.
    pub(crate) fn resident_kib(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

/// What clients make the daemon hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holdings {
    pub(crate) descriptors: usize,
    /// Mapped ring regions.
    pub(crate) rings: usize,
    pub(crate) channels: u64,
}
