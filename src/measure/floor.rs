//! The floor: two cache lines bounced between two processes, with nothing in between.
//!
//! This side stores a number in one line and waits for it in the other; a child process pinned to
//! the other core copies it over. Plain loads and stores, no payload, no checks. Waiting is bare or
//! polite (with a pause); the better of the two is the floor. Between rounds the child sleeps in a
//! read of its stdin, so that it takes nothing from the core it is pinned to.

use super::{Sample, Stopwatch};
use crate::sys::process;
use factord_core::region::{Mapping, OpenError, Region};
use factord_core::sync::{AtomicU64, Ordering};
use factord_core::sys::{clock, sched};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use thiserror::Error;

/// Lines of the region: ping, a spare one against the adjacent-line prefetcher, pong.
const LINES: usize = 64;
const PING: usize = 0;
const PONG: usize = 16;
/// Stored in the ping line to end a round.
const REST: u64 = u64::MAX;
/// How long the child may take to wake up on a core that it shares.
const WAKE_PATIENCE: Duration = Duration::from_secs(10);

/// How both sides wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Look again at once.
    Bare,
    /// Pause between looks.
    Polite,
}

/// Why the floor could not be measured.
#[derive(Debug, Error)]
pub enum FloorError {
    /// The child process could not be started or spoken to.
    #[error("the floor's second process failed: {0}")]
    Io(#[from] io::Error),
    /// The child never got the core.
    #[error("the floor's second process got no time on CPU {core}: a real-time thread holds it")]
    Starved {
        /// Where it was pinned.
        core: usize,
    },
    /// The child could not map the region.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// The measuring side, with its child.
#[derive(Debug)]
pub struct Floor {
    region: Region,
    child: Child,
    core: usize,
    turn: u64,
}

impl Floor {
    /// Starts the child on `core`.
    ///
    /// # Errors
    ///
    /// [`FloorError::Io`].
    pub fn start(core: usize) -> Result<Floor, FloorError> {
        let region = Region::create("factord-floor", LINES)?;
        region.mapping().populate()?;
        let path = format!("/proc/{}/fd/{}", std::process::id(), region.fd().as_raw_fd());
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["floor-echo", "--core", &core.to_string(), "--region", &path]);
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        // Bound, since a child in the middle of a round would spin on without its parent.
        let child = process::bind_to_parent(&mut command).spawn()?;
        Ok(Floor { region, child, core, turn: 0 })
    }

    /// Measures one round of `length`.
    ///
    /// # Errors
    ///
    /// [`FloorError::Starved`] when the child does not answer.
    pub fn round(
        &mut self,
        stopwatch: &Stopwatch,
        length: Duration,
        waiting: Waiting,
    ) -> Result<Sample, FloorError> {
        self.wake(waiting)?;
        let words = self.region.mapping().words();
        let mut turn = self.turn;
        let sample = match waiting {
            Waiting::Bare => stopwatch.round(length, || bounce(words, &mut turn, || {})),
            Waiting::Polite => {
                stopwatch.round(length, || bounce(words, &mut turn, core::hint::spin_loop))
            }
        };
        self.turn = turn;
        // SYNC(floor.ping): pairs with the Acquire load in `copy`; ends the round.
        words[PING].store(REST, Ordering::Release);
        sample.map_err(|Starved| FloorError::Starved { core: self.core })
    }

    fn wake(&mut self, waiting: Waiting) -> Result<(), FloorError> {
        let words = self.region.mapping().words();
        self.turn += 1;
        // SYNC(floor.ping): pairs with the Acquire load in `copy`; the first turn of a round.
        words[PING].store(self.turn, Ordering::Release);
        let byte = if waiting == Waiting::Bare { b'b' } else { b'p' };
        let stdin =
            self.child.stdin.as_mut().ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe))?;
        stdin.write_all(&[byte])?;
        stdin.flush()?;
        let end_ns = clock::monotonic_ns() + WAKE_PATIENCE.as_nanos() as u64;
        // SYNC(floor.pong): pairs with the Release store in `copy`.
        while words[PONG].load(Ordering::Acquire) != self.turn {
            if clock::monotonic_ns() > end_ns {
                return Err(FloorError::Starved { core: self.core });
            }
            core::hint::spin_loop();
        }
        Ok(())
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        // The child ends on the end of its stdin.
        // SYNC(floor.ping): pairs with the Acquire load in `copy`; ends a round cut short.
        self.region.mapping().words()[PING].store(REST, Ordering::Release);
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

struct Starved;

/// One bounce. Gives up after some seconds' worth of looks, should the child have died.
#[inline]
fn bounce(words: &[AtomicU64], turn: &mut u64, mut wait: impl FnMut()) -> Result<(), Starved> {
    *turn += 1;
    // SYNC(floor.ping): pairs with the Acquire load in `copy`.
    words[PING].store(*turn, Ordering::Release);
    // 2^32 looks at a nanosecond or more each: 4 s at least.
    for _ in 0..u64::from(u32::MAX) {
        // SYNC(floor.pong): pairs with the Release store in `copy`.
        if words[PONG].load(Ordering::Acquire) == *turn {
            return Ok(());
        }
        wait();
    }
    Err(Starved)
}

/// The child: copies ping to pong until its stdin ends.
///
/// # Errors
///
/// [`FloorError`] when it cannot be pinned or the region cannot be mapped.
pub fn echo(core: usize, path: &Path) -> Result<(), FloorError> {
    sched::allow_cpus(&[core])?;
    let file = std::fs::File::options().read(true).write(true).open(PathBuf::from(path))?;
    let mapping = Mapping::open("FLOOR", &file.into(), LINES)?;
    let mut byte = [0];
    // One turn a round.
    while io::stdin().lock().read(&mut byte)? == 1 {
        match byte[0] {
            b'b' => copy(&mapping, || {}),
            _ => copy(&mapping, core::hint::spin_loop),
        }
    }
    Ok(())
}

fn copy(mapping: &Mapping, mut wait: impl FnMut()) {
    let words = mapping.words();
    let mut seen = 0;
    // The event loop of a round, ended by the other side.
    loop {
        // SYNC(floor.ping): pairs with the Release store in `bounce`.
        let turn = words[PING].load(Ordering::Acquire);
        if turn == REST {
            return;
        }
        if turn == seen {
            wait();
        } else {
            seen = turn;
            // SYNC(floor.pong): pairs with the Acquire load in `bounce`.
            words[PONG].store(turn, Ordering::Release);
        }
    }
}
