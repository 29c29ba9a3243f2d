//! The binary, run with an environment of its own, and a daemon that ends with the test.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// The binary without any of the caller's environment.
pub(crate) fn factord(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_factord"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// What one run came to.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs to the end; a panic or a signal is never fine.
pub(crate) fn ran(command: &mut Command) -> Ran {
    let output = command.output().expect("the binary can be started");
    checked(&format!("{command:?}"), &output)
}

/// Runs to the end with bytes on stdin.
pub(crate) fn ran_on(command: &mut Command, stdin: &[u8]) -> Ran {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary can be started");
    // A run that ends early closes its stdin, and that is no fault of the test.
    let _ = child.stdin.take().expect("stdin is piped").write_all(stdin);
    let output = child.wait_with_output().expect("the binary can be waited for");
    checked(&format!("{command:?}"), &output)
}

fn checked(command: &str, output: &Output) -> Ran {
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!err.contains("panicked"), "{command}: {err}");
    let code = output.status.code();
    let code = code.unwrap_or_else(|| panic!("{command} ended by {}: {err}", output.status));
    assert_ne!(code, 101, "{command}: {err}");
    Ran { code, out: String::from_utf8_lossy(&output.stdout).into_owned(), err }
}

/// Starts an engine without HTTP and waits until it is ready.
pub(crate) fn engine(socket: &Path, more: &[&str], patience: Duration) -> Child {
    let mut child = factord(&["serve", "--no-http", "--idle", "backoff", "--socket"])
        .arg(socket)
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (ready, wait) = mpsc::channel();
    let stdout = child.stdout.take().unwrap();
    std::thread::spawn(move || {
        // Read to the end, so that the engine never writes into a closed pipe.
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = ready.send(line);
        }
    });
    let line = wait.recv_timeout(patience).expect("the engine says it is ready");
    assert!(line.contains("ready"), "{line}");
    child
}

/// The names in a folder, in order.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into()).collect();
    names.sort();
    names
}

/// An engine without HTTP, in a folder of its own.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) folder: tempfile::TempDir,
}

impl Daemon {
    /// Starts one and waits until it is ready.
    pub(crate) fn start() -> Daemon {
        Daemon::start_with(&[])
    }

    /// The same with more flags.
    pub(crate) fn start_with(more: &[&str]) -> Daemon {
        let folder = tempfile::tempdir().unwrap();
        let child = engine(&folder.path().join("factord.sock"), more, Duration::from_secs(20));
        Daemon { child, folder }
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A sub-command that talks to this daemon.
    pub(crate) fn factord(&self, arguments: &[&str]) -> Command {
        let mut command = factord(arguments);
        command.arg("--socket").arg(self.path("factord.sock")).current_dir(self.folder.path());
        command
    }

    /// A path in the daemon's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes an input file and scores it to `out.csv`.
    pub(crate) fn score(&self, input: &[u8], more: &[&str]) -> Ran {
        std::fs::write(self.path("in.csv"), input).unwrap();
        let mut arguments = vec!["predict", "--csv", "in.csv", "--out", "out.csv"];
        arguments.extend(more);
        ran(&mut self.factord(&arguments))
    }

    /// The names in the daemon's folder.
    pub(crate) fn names(&self) -> Vec<String> {
        names(self.folder.path())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The shared test data; `None`, said plainly, where they are not at hand.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("FACTORD_SHARED").map(PathBuf::from);
    let root = root.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    let message = format!("{} is not there", path.display());
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{message}: CI must not skip");
    eprintln!("skipped: {message}");
    None
}
