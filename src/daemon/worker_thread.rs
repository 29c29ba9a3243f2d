//! The worker's thread and the clock it samples with.

use super::{Event, spawn};
use crossbeam::channel::{Sender, bounded};
use factord_core::abi::{self, status_region as at};
use factord_core::counters::{StatusWriter, set};
use factord_core::idle::IdleStrategy;
use factord_core::sys::{clock, sched};
use factord_core::worker::{self, Rows, Tally, Worker};
use quanta::Clock;
use std::io;
use std::thread;
use std::time::Duration;
use tracing::warn;

/// Lanes a worker has room for: every connection the control thread accepts.
pub(super) const LANE_COUNT_MAX: usize = abi::CHANNEL_COUNT_MAX;

/// What is made for a worker: the two ends of its mailbox, and its rows.
pub(super) type Desk = (worker::Handle, worker::Mailbox, Rows);

/// Begins to make what each worker needs on its CPU, so in the memory nearest to it, and while the
/// caller does something else.
pub(super) fn desks(places: &[(Option<usize>, u64)]) -> io::Result<Vec<thread::JoinHandle<Desk>>> {
    let begin = |&(core, _): &(Option<usize>, u64)| {
        thread::Builder::new().name("factord-desk".to_owned()).spawn(move || {
            // What it costs to be elsewhere is nearness alone; the worker says where it runs.
            core.map(pin);
            let (handle, mailbox) = worker::mailbox(LANE_COUNT_MAX);
            (handle, mailbox, Rows::default())
        })
    };
    places.iter().map(begin).collect()
}

/// Starts the worker; it pins itself, and has said where it runs when this returns.
pub(super) fn start(
    worker: Worker,
    (core, class): (Option<usize>, u64),
    idle: IdleStrategy,
    tally: Tally,
    events: &Sender<Event>,
) -> io::Result<thread::JoinHandle<()>> {
    let (placed, wait) = bounded(1);
    let thread = spawn("worker", events, move || {
        let pinned = core.filter(|&core| pin(core));
        if let (Some(core), None) = (core, pinned) {
            warn!("the worker cannot be pinned to CPU {core}: serving anyway, unpinned");
        }
        let idle_index = IdleStrategy::ALL.iter().position(|&s| s == idle).unwrap_or(0);
        tally.describe(pinned, idle_index, class);
        // Nobody waits when the start has failed elsewhere.
        let _ = placed.send(());
        worker.run(idle);
        Ok(())
    })?;
    // An error means that the thread has ended, which the main thread is told of.
    let _ = wait.recv();
    Ok(thread)
}

/// Pins the calling thread and reads the mask back.
fn pin(core: usize) -> bool {
    // NB: `core_affinity::get_core_ids` hides isolated cores, so the id is made directly; ids from
    // 1,024 on do not fit its mask.
    core < 1024
        && core_affinity::set_for_current(core_affinity::CoreId { id: core })
        && sched::allowed_cpus().is_ok_and(|allowed| allowed == [core])
}

/// The time stamp counter and CLOCK_MONOTONIC, read together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instants {
    ticks: u64,
    ns: u64,
}

impl Instants {
    pub(super) fn now() -> Instants {
        Instants { ticks: clock::tsc(), ns: clock::monotonic_ns() }
    }

    /// The rate of the time stamp counter since then.
    fn ticks_per_s(self) -> u64 {
        let now = Instants::now();
        let ticks = u128::from(now.ticks.saturating_sub(self.ticks));
        let ns = u128::from(now.ns.saturating_sub(self.ns).max(1));
        u64::try_from(ticks * 1_000_000_000 / ns).unwrap_or(0)
    }
}

/// Publishes the rate of the time stamp counter: at once as it was since `start`, some milliseconds
/// ago, so that an error of 100 ns at either end is some ten ppm; and better from the background.
///
/// # Errors
///
/// The system's error when no thread can be made.
pub(super) fn calibrate(status: &StatusWriter, start: Instants) -> io::Result<()> {
    set(status.word(at::TSC_HZ), start.ticks_per_s());
    let status = status.clone();
    thread::Builder::new().name("factord-clock".to_owned()).spawn(move || {
        // The first clock of a process blocks for up to 200 ms, hence a thread of its own.
        let reference = Clock::new();
        let (ticks, reference_start) = (clock::tsc(), reference.raw());
        // 50 ms: an error of 100 ns at either end is then 4 ppm.
        thread::sleep(Duration::from_millis(50));
        let (ticks, reference_end) = (clock::tsc() - ticks, reference.raw());
        let elapsed_ns = reference.delta_as_nanos(reference_start, reference_end).max(1);
        let hz = u128::from(ticks) * 1_000_000_000 / u128::from(elapsed_ns);
        set(status.word(at::TSC_HZ), u64::try_from(hz).unwrap_or(0));
    })?;
    Ok(())
}
