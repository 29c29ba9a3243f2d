//! A private engine: a daemon only for this run, in its own directory, which ends with the run.
//!
//! It can be halted, so that the floor's second process has the worker's core to itself, and its
//! models can be exchanged.

use crate::sys::process;
use factord_core::channel::{CommandError, Connection, Verb};
use factord_core::counters::{Observer, State, fingerprint};
use factord_eval::Model;
use factord_models::catalogue;
use factord_models::file::Artifact;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use thiserror::Error;

/// How long the engine may take to be ready.
const START_DEADLINE: Duration = Duration::from_secs(20);
/// Channels one user may hold: the largest number of idle ones and those that measure.
const CHANNELS: &str = "320";
/// Bytes of rings: 320 channels of 64 slots and some larger ones.
const BYTES: &str = "268435456";

/// Why there is no private engine.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The system refused a process or a file.
    #[error("the private engine cannot be started: {0}")]
    Io(#[from] io::Error),
    /// It ended by itself.
    #[error("the private engine ended before it was ready ({status}): try `factord serve`")]
    Ended {
        /// How it ended.
        status: ExitStatus,
    },
    /// It was not ready in time.
    #[error("the private engine was not ready within {} s", START_DEADLINE.as_secs())]
    Deadline,
}

/// The running engine; killed, and its directory removed, when dropped.
#[derive(Debug)]
pub struct Engine {
    child: Child,
    folder: Folder,
    start_ms: f64,
}

/// The directory: the socket, the models, and two variants of one of them.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn create() -> io::Result<Folder> {
        // The process id makes the name one of this run; mode 0700 keeps others out.
        let path = std::env::temp_dir().join(format!("factord-bench-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing can be done about what cannot be removed.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Engine {
    /// Starts an engine with the built-in models, its worker on `core`, and waits until it serves.
    ///
    /// # Errors
    ///
    /// [`EngineError`]; no process is left then.
    pub fn start(core: Option<usize>) -> Result<Engine, EngineError> {
        let folder = Folder::create()?;
        let models = folder.0.join("models");
        fs::create_dir(&models)?;
        for served in catalogue::embedded() {
            fs::write(models.join(format!("{}.fmodel", served.artifact.name())), &served.bytes)?;
        }
        let mut command = Command::new(std::env::current_exe()?);
        // The run is to measure the same engine whatever the caller's environment says.
        command.env_clear().arg("--socket").arg(folder.0.join("factord.sock"));
        command.args(["serve", "--no-http", "--log-level", "ERROR"]).arg("--models").arg(models);
        command.args(["--channels-per-uid", CHANNELS, "--bytes-per-uid", BYTES]);
        if let Some(core) = core {
            command.args(["--core", &core.to_string()]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let start = Instant::now();
        let child = process::bind_to_parent(&mut command).spawn()?;
        let mut engine = Engine { child, folder, start_ms: 0.0 };
        let serves = |observer: &Observer| observer.state() == State::Serving;
        engine.wait_until(start, serves)?;
        engine.start_ms = start.elapsed().as_secs_f64() * 1e3;
        // The worker says where it runs before its first sweep.
        let sweeps = |observer: &Observer| observer.snapshot().workers.iter().all(|w| w.sweeps > 0);
        engine.wait_until(start, sweeps)?;
        Ok(engine)
    }

    fn wait_until(
        &mut self,
        start: Instant,
        holds: impl Fn(&Observer) -> bool,
    ) -> Result<(), EngineError> {
        let socket = self.socket();
        while start.elapsed() < START_DEADLINE {
            if let Some(status) = self.child.try_wait()? {
                return Err(EngineError::Ended { status });
            }
            if Observer::attach(Some(&socket)).is_ok_and(|observer| holds(&observer)) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Err(EngineError::Deadline)
    }

    /// The control socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.0.join("factord.sock")
    }

    /// Milliseconds from the start of the process to the first answer of its control socket.
    pub fn start_ms(&self) -> f64 {
        self.start_ms
    }

    /// Resident memory in KiB, where /proc says so.
    pub fn resident_kib(&self) -> Option<u64> {
        // NB: VmRSS of /proc/PID/status may lag behind by some pages a CPU; this one is counted.
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id())).ok()?;
        let line = rollup.lines().find(|line| line.starts_with("Rss:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }

    /// Halts every thread of the engine.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn halt(&self) -> io::Result<()> {
        process::halt(&self.child)
    }

    /// Lets it run again.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn go_on(&self) -> io::Result<()> {
        process::go_on(&self.child)
    }

    /// Prepares two variants of the regression model to be served alternately.
    ///
    /// # Errors
    ///
    /// The system's error when they cannot be written.
    pub fn variants(&self) -> io::Result<Variants> {
        let invalid = |error: String| io::Error::new(io::ErrorKind::InvalidData, error);
        let mut embedded = catalogue::embedded();
        let (other_served, served) = (embedded.swap_remove(1), embedded.swap_remove(0));
        let model = served.artifact.model();
        // The same work with another intercept: what is measured is the exchange alone.
        let affine = model.affine().ok_or_else(|| invalid("it is linear".to_owned()))?;
        let other = Model::linear(affine.weights().to_vec(), affine.intercept() + 0.001)
            .map_err(|error| invalid(error.to_string()))?;
        let other = Artifact::new(other, served.artifact.details().clone())
            .map_err(|error| invalid(error.to_string()))?;
        let files = [self.folder.0.join("first"), self.folder.0.join("second")];
        fs::write(&files[0], &served.bytes)?;
        fs::write(&files[1], other.encode())?;
        Ok(Variants {
            socket: self.socket(),
            files,
            target: self.folder.0.join("models/regression.fmodel"),
            next: 1,
            asked: fingerprint(&other_served.sha256),
            connection: None,
        })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // A halted process dies of SIGKILL as well; the directory goes after it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Two artifacts with one name, put in place alternately.
#[derive(Debug)]
pub struct Variants {
    socket: PathBuf,
    files: [PathBuf; 2],
    target: PathBuf,
    next: usize,
    /// The fingerprint of a model that stays.
    asked: u64,
    /// Kept over many commands; the engine hangs up a second after the last one.
    connection: Option<Connection>,
}

impl Variants {
    /// Opens the control connection for the commands to come.
    ///
    /// # Errors
    ///
    /// [`CommandError::Attach`].
    pub fn connect(&mut self) -> Result<(), CommandError> {
        self.connection = Some(Connection::open(&self.socket)?);
        Ok(())
    }

    /// Puts the other one in place and has the engine reload: it reads the directory, checks what
    /// has changed, publishes it, and says what it serves. Returns how long the engine took.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when it cannot be put in place or the engine refuses it.
    pub fn swap(&mut self) -> Result<Duration, CommandError> {
        self.replace().map_err(|error| CommandError::Failed(error.to_string()))?;
        self.next = 1 - self.next;
        self.command(Verb::Reload, 0)
    }

    /// Asks the engine for another artifact that it serves, which wakes the same threads and
    /// changes nothing. Returns how long the engine took.
    ///
    /// # Errors
    ///
    /// [`CommandError`].
    pub fn ask(&mut self) -> Result<Duration, CommandError> {
        self.command(Verb::Artifact, self.asked)
    }

    fn command(&mut self, verb: Verb, argument: u64) -> Result<Duration, CommandError> {
        let start = Instant::now();
        match &self.connection {
            Some(connection) => connection.command(verb, argument)?,
            None => return Err(CommandError::Failed("no control connection is open".to_owned())),
        };
        Ok(start.elapsed())
    }

    /// Under the model's name there is always one whole file.
    fn replace(&self) -> io::Result<()> {
        let link: &Path = &self.target.with_extension("next");
        fs::hard_link(&self.files[self.next], link)?;
        fs::rename(link, &self.target)
    }
}
