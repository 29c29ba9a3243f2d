//! Child processes: factord's engine, and the far sides of rivals. None outlives this process.

use factord_core::client::{AttachOptions, Client};
use std::error::Error;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Whatever went wrong; it ends the run.
pub type Fault = Box<dyn Error>;

/// Looks before a silent peer is given up: seconds at a few nanoseconds each.
pub const LOOK_COUNT_MAX: u64 = 1 << 31;
const START_PATIENCE: Duration = Duration::from_secs(10);

/// Runs the calling thread on one CPU only.
pub fn pin(core: usize) -> io::Result<()> {
    // SAFETY: an all-zero cpu_set_t is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: CPU_SET checks the index against the set's size.
    unsafe { libc::CPU_SET(core, &mut set) };
    // SAFETY: `set` is a whole cpu_set_t, and 0 names the calling thread.
    match unsafe { libc::sched_setaffinity(0, size_of_val(&set), &set) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Makes the child die with the thread that starts it, which is the main one.
fn tied(command: &mut Command) -> &mut Command {
    // SAFETY: prctl is async-signal-safe and touches no memory of this process.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        })
    }
}

/// A private engine without HTTP, frozen while rivals have its core.
pub struct Engine {
    child: Child,
    socket: PathBuf,
}

impl Engine {
    /// Starts `factord serve` with its worker on `core`.
    pub fn start(factord: &Path, core: usize, folder: &Path) -> Result<Engine, Fault> {
        let socket = folder.join("factord.sock");
        let mut command = Command::new(factord);
        command.args(["serve", "--no-http", "--idle", "spin", "--core", &core.to_string()]);
        command.arg("--socket").arg(&socket).env_remove("MODEL_DIR").env("LOG_LEVEL", "ERROR");
        let child = tied(command.stdin(Stdio::null()).stdout(Stdio::null())).spawn()?;
        let engine = Engine { child, socket };
        let end = Instant::now() + START_PATIENCE;
        while let Err(error) = engine.attach(64) {
            if Instant::now() > end {
                return Err(error);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(engine)
    }

    /// Attaches to it.
    pub fn attach(&self, slot_count: usize) -> Result<Client, Fault> {
        let socket = Some(self.socket.clone());
        Ok(Client::attach(&AttachOptions { socket, slot_count, ..AttachOptions::default() })?)
    }

    /// Takes it off its core.
    pub fn freeze(&self) {
        self.signal(libc::SIGSTOP);
    }

    /// Lets it run again.
    pub fn thaw(&self) {
        self.signal(libc::SIGCONT);
    }

    fn signal(&self, signal: i32) {
        // SAFETY: kill touches no memory; the child is not waited for yet, so the id is its own.
        unsafe { libc::kill(self.child.id().cast_signed(), signal) };
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.signal(libc::SIGTERM);
        self.thaw();
        let _ = self.child.wait();
    }
}

/// The far side of a rival, in a process of its own. Between rounds it sleeps in a read of its
/// standard input, so that it takes nothing from the core it is pinned to.
pub struct Peer {
    child: Child,
}

impl Peer {
    /// Starts this program as `rivals peer KIND CORE WHERE`.
    pub fn start(kind: &str, core: usize, place: &str) -> Result<Peer, Fault> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["peer", kind, &core.to_string(), place]);
        let mut child = tied(command.stdin(Stdio::piped()).stdout(Stdio::piped())).spawn()?;
        let stdout = child.stdout.take();
        let peer = Peer { child };
        let mut byte = [0];
        stdout.ok_or("the peer has no standard output")?.read_exact(&mut byte)?;
        Ok(peer)
    }

    /// Lets it serve one round.
    pub fn wake(&mut self) -> Result<(), Fault> {
        let stdin = self.child.stdin.as_mut().ok_or("the peer has no standard input")?;
        stdin.write_all(&[1])?;
        Ok(stdin.flush()?)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It ends by the end of its input; in the middle of a round it does not look there.
        std::thread::sleep(Duration::from_millis(20));
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The peer's side: serves a round for each byte of standard input.
pub fn serve(core: usize, mut round: impl FnMut() -> Result<(), Fault>) -> Result<(), Fault> {
    pin(core)?;
    // Everything is connected: nothing that is sent from now on gets lost.
    io::stdout().write_all(&[1])?;
    io::stdout().flush()?;
    let mut byte = [0];
    while io::stdin().lock().read(&mut byte)? == 1 {
        round()?;
    }
    Ok(())
}
