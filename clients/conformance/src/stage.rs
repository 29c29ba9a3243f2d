//! What every run of the driver uses: a daemon with its conductor, runners, and what they print.

use crate::conductor::Conductor;
use crate::engine::Engine;
use crate::fault::{During, Fault, ensure};
use crate::golden;
use crate::language::{Language, Runner};
use crate::say::say;
use crate::table::Outcome;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What a whole runner may take.
const RUNNER_DEADLINE: Duration = Duration::from_secs(240);

/// A run: the daemon, its conductor, and where everything lies.
pub(crate) struct Stage {
    pub(crate) conductor: Conductor,
    pub(crate) socket: PathBuf,
    conduct: PathBuf,
    golden: PathBuf,
    // Dropped last: the daemon lives in it.
    folder: TempDir,
}

impl Stage {
    /// Starts the daemon and the conductor in a folder of their own.
    pub(crate) fn set(idle: &str, core: Option<usize>) -> Result<Stage, Fault> {
        let folder = private_folder()?;
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
        Stage::set_in(folder, golden, idle, core, false)
    }

    /// The same with a saboteur for a conductor, and golden rows that are off by one bit.
    pub(crate) fn set_spoilt() -> Result<Stage, Fault> {
        let folder = private_folder()?;
        let golden = folder.path().join("golden");
        golden::write_spoilt(&golden)?;
        Stage::set_in(folder, golden, "backoff", None, true)
    }

    fn set_in(
        folder: TempDir,
        golden: PathBuf,
        idle: &str,
        core: Option<usize>,
        saboteur: bool,
    ) -> Result<Stage, Fault> {
        let engine = Engine::prepare(&daemon()?, folder.path(), idle, core)?;
        let socket = engine.socket();
        let conductor = Conductor::start(engine, &golden, folder.path(), saboteur)?;
        conductor.command(&["start"])?;
        let conduct = folder.path().join("conduct");
        let this = env::current_exe().during("this program")?;
        let script = format!(
            "#!/bin/sh\nexec '{}' conduct '{}' \"$@\"\n",
            this.display(),
            conductor.socket().display()
        );
        fs::write(&conduct, script).during("the conductor's program")?;
        fs::set_permissions(&conduct, PermissionsExt::from_mode(0o700)).during("its mode")?;
        Ok(Stage { conductor, socket, conduct, golden, folder })
    }

    /// A folder that ends with the run.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts a runner with piped output.
    pub(crate) fn spawn(&self, runner: &Runner, arguments: &[&str]) -> Result<Child, Fault> {
        self.spawn_at(&self.socket, runner, arguments)
    }

    /// The same for a daemon at another socket.
    pub(crate) fn spawn_at(
        &self,
        socket: &Path,
        runner: &Runner,
        arguments: &[&str],
    ) -> Result<Child, Fault> {
        let mut command = runner.command(socket, &self.conduct, &self.golden);
        command.args(arguments).stdout(Stdio::piped());
        let asked = arguments.first() == Some(&"ping");
        command.stdin(if asked { Stdio::piped() } else { Stdio::null() });
        factord::sys::process::bind_to_parent(&mut command).spawn().during("the runner")
    }
}

/// A folder for a daemon, which ends with the run.
pub(crate) fn private_folder() -> Result<TempDir, Fault> {
    tempfile::Builder::new().prefix("factord-conformance-").tempdir().during("a folder")
}

/// The daemon: named by `FACTORD`, or built beside this program.
pub(crate) fn daemon() -> Result<PathBuf, Fault> {
    let beside = env::current_exe().during("this program")?.with_file_name("factord");
    let path = env::var_os("FACTORD").map_or(beside, PathBuf::from);
    let why = || format!("no {}: build it with cargo build --release", path.display());
    ensure(path.is_file(), why)?;
    Ok(path)
}

/// A language with its runner, or with what became of it without one.
pub(crate) type Made = (&'static Language, Result<Runner, Outcome>);

/// The languages that have a runner; says of each other one why not.
pub(crate) fn ready(runners: &[Made]) -> impl Iterator<Item = (&'static Language, &Runner)> {
    runners.iter().filter_map(|(language, runner)| match runner {
        Ok(runner) => Some((*language, runner)),
        Err(outcome) => {
            say(format_args!("{}: {}", language.name, outcome.summary()));
            None
        }
    })
}

/// Lines of a child until its end, which must come in time.
pub(crate) fn lines_of(mut child: Child) -> Result<Vec<String>, Fault> {
    let stdout = child.stdout.take().ok_or("no stdout").during("the runner")?;
    let (sender, inbox) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // Nobody listens any more once the time is over.
            let _ = sender.send(line);
        }
    });
    let end = Instant::now() + RUNNER_DEADLINE;
    let mut lines = Vec::new();
    loop {
        match inbox.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => lines.push(line),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                lines.push(format!("no end within {RUNNER_DEADLINE:?}"));
                break;
            }
        }
    }
    // It has closed its stdout, or it hangs.
    let left = end.saturating_duration_since(Instant::now()).min(Duration::from_secs(10));
    let status = wait(&mut child, left)?;
    lines.push(status);
    Ok(lines)
}

/// Waits for a child's end, or makes it; `exit 0` and the like.
fn wait(child: &mut Child, limit: Duration) -> Result<String, Fault> {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if let Some(status) = child.try_wait().during("wait")? {
            return Ok(status.to_string());
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().during("kill")?;
    child.wait().during("wait")?;
    Ok("killed as it did not end".to_owned())
}
