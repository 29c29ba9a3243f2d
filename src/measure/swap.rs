//! A thread that wakes a thousand times per second and each time has the engine swap a model, or
//! instead answer a question.
//!
//! The two are compared. Both wake this thread and the engine's control thread equally often, over
//! the same connection, so that only the swap differs.

use super::engine::Variants;
use factord_core::channel::CommandError;
use factord_core::sys::sched;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Time between two wake-ups.
const PERIOD: Duration = Duration::from_millis(1);
/// Late wake-ups that are made up for, at most.
// 10: a machine that stands still for longer is not followed by a storm.
const LATE_COUNT_MAX: u32 = 10;

/// What the thread does when it wakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Asks the engine for what it serves.
    Wake,
    /// Swaps a model.
    Swap,
}

/// What the thread did until it was asked to rest.
#[derive(Debug, Default)]
pub struct Report {
    /// How long the engine took for each command that it carried out.
    pub commands: Vec<Duration>,
    /// The first failure.
    pub failure: Option<CommandError>,
}

#[derive(Debug, Default)]
struct Orders {
    duty: Option<Duty>,
    ended: bool,
    report: Report,
}

/// Held by the thread while it works, so that asking it to rest waits for that.
type Shared = Arc<(Mutex<Orders>, Condvar)>;

/// The thread; it ends when dropped.
#[derive(Debug)]
pub struct Swapper {
    shared: Shared,
    thread: Option<JoinHandle<()>>,
}

impl Swapper {
    /// Starts the thread at rest, on `cpus` if there are any, else where the caller runs.
    ///
    /// # Errors
    ///
    /// The system's error when no thread can be made.
    pub fn start(variants: Variants, cpus: Vec<usize>) -> io::Result<Swapper> {
        let shared = Shared::default();
        let own = Arc::clone(&shared);
        let thread = thread::Builder::new().name("factord-swap".to_owned()).spawn(move || {
            // Where it may not choose, it stays on the caller's CPU, and waits for its turns there.
            let _ = if cpus.is_empty() { Ok(()) } else { sched::allow_cpus(&cpus) };
            let _ = sched::ask_for_short_slices();
            run(variants, &own);
        })?;
        Ok(Swapper { shared, thread: Some(thread) })
    }

    /// Has the thread wake from now on.
    pub fn begin(&self, duty: Duty) {
        lock(&self.shared).duty = Some(duty);
        self.shared.1.notify_one();
    }

    /// Has the thread rest, and waits until it does.
    pub fn rest(&self) -> Report {
        let mut orders = lock(&self.shared);
        orders.duty = None;
        std::mem::take(&mut orders.report)
    }
}

impl Drop for Swapper {
    fn drop(&mut self) {
        lock(&self.shared).ended = true;
        self.shared.1.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, Orders> {
    // A thread that panicked left whole orders behind.
    shared.0.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run(mut variants: Variants, shared: &Shared) {
    let mut orders = lock(shared);
    let mut due: Option<Instant> = None;
    // The event loop, ended by the other side.
    while !orders.ended {
        let Some(duty) = orders.duty else {
            due = None;
            orders = shared.1.wait(orders).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let now = Instant::now();
        let at = match due {
            Some(at) => at,
            None => {
                note(variants.connect().map(|()| None), &mut orders.report);
                *due.insert(now)
            }
        };
        if now < at {
            let waited = shared.1.wait_timeout(orders, at - now);
            orders = waited.unwrap_or_else(PoisonError::into_inner).0;
            continue;
        }
        let done = match duty {
            Duty::Wake => variants.ask(),
            Duty::Swap => variants.swap(),
        };
        note(done.map(Some), &mut orders.report);
        // By the clock, not by the last wake-up: one that was late is made up for.
        due = Some((at + PERIOD).max(now - LATE_COUNT_MAX * PERIOD));
    }
}

fn note(done: Result<Option<Duration>, CommandError>, report: &mut Report) {
    match done {
        Ok(took) => report.commands.extend(took),
        Err(error) => report.failure = report.failure.take().or(Some(error)),
    }
}
