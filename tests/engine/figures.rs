//! Figures that are promised: how long the heart stands still in a reload, and how many system
//! calls an attach takes.

use crate::data;
use crate::harness::{Engine, Setup, Watchdog};
use crate::trace::Trace;
use crate::tracee::thread_named;
use factord_core::abi::status_region as at;
use factord_core::channel;
use factord_core::region::View;
use std::fmt;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::Duration;

/// Tells a figure past the test runner, which keeps to itself what a test prints that succeeds.
pub(crate) fn tell(figure: fmt::Arguments<'_>) {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "\nfigure: {figure}").unwrap();
}

/// Between two heartbeats there is at least a tick.
const TICK_NS: u64 = 10_000_000;
const GAP_MAX_NS: u64 = 50_000_000;

/// The number of the last heartbeat, and when it was by the engine's own clock.
fn last_beat(status: &View) -> [u64; 2] {
    loop {
        let [count, time_ns, again] = [at::HEARTBEAT_COUNT, at::HEARTBEAT_NS, at::HEARTBEAT_COUNT]
            .map(|index| status.words()[index].load_relaxed());
        if count == again {
            return [count, time_ns];
        }
    }
}

/// Watches the heart until `done`; the longest time between two beats. Of beats that went unseen,
/// all but one are taken to have come as soon as they could.
fn longest_gap_ns(status: &View, done: &AtomicBool) -> u64 {
    let (mut longest_ns, mut last) = (0, last_beat(status));
    while !done.load(Ordering::Relaxed) {
        sleep(Duration::from_millis(1));
        let now = last_beat(status);
        let unseen = (now[0] - last[0]).saturating_sub(1);
        longest_ns = longest_ns.max((now[1] - last[1]).saturating_sub(unseen * TICK_NS));
        last = now;
    }
    longest_ns
}

/// The widest models, as many as there may be, all of other numbers than those of another seed.
fn save_models(models: &Path, seed: u64) {
    let own = (0..14).map(|index| format!("m{index:02}"));
    for (name, index) in own.chain(["regression".into(), "classification".into()]).zip(0..) {
        data::save(models, &name, &data::model(1024, index % 2 == 1, 100 * seed + index));
    }
}

#[test]
fn the_heart_stands_still_for_50_ms_at_most_while_the_widest_models_are_read_again() {
    let _watchdog = Watchdog::start("a heart that is watched", 120);
    let setup = Setup::new();
    let models = setup.directory.path().join("models");
    fs::create_dir(&models).unwrap();
    save_models(&models, 0);
    let engine = setup.with(&["--models", models.to_str().unwrap()]).start();
    let (status, _) = channel::observe(engine.socket()).unwrap();
    let mut gaps_ns = Vec::new();
    // Beside other programs a thread may miss any deadline: one round of five has to be free of
    // them. What the reload itself holds up stands still in each.
    while gaps_ns.len() < 5 && gaps_ns.iter().all(|&gap_ns| gap_ns > GAP_MAX_NS) {
        save_models(&models, gaps_ns.len() as u64 + 1);
        let done = AtomicBool::new(false);
        let said = thread::scope(|scope| {
            let heart = scope.spawn(|| longest_gap_ns(&status, &done));
            let said = channel::reload(engine.socket());
            // What the reload put off, such as freeing the old models.
            sleep(Duration::from_millis(50));
            done.store(true, Ordering::Relaxed);
            gaps_ns.push(heart.join().unwrap());
            said
        });
        assert_eq!(said.unwrap().lines().count(), 16);
    }
    let longest_ns = gaps_ns.iter().min().unwrap();
    let ms = *longest_ns as f64 / 1e6;
    tell(format_args!("{ms:.1} ms between heartbeats in a reload of all models; 50 are promised"));
    assert!((TICK_NS..=GAP_MAX_NS).contains(longest_ns), "{gaps_ns:?} ns in each round");
}

/// What one attach takes from its socket to READY, in system calls.
const CLIENT_CALLS_MAX: usize = 37;
/// What it takes the control thread, from accepting the connection to READY.
const CONTROL_CALLS_MAX: usize = 43;

/// System calls from each one that starts with `first` to the last one of the same attach that
/// starts with `last`. What only waits is not among them: how often depends on who is quicker.
fn calls(lines: &[String], first: &str, last: &str) -> Vec<Vec<String>> {
    let waits = |line: &str| {
        let sleeps =
            ["epoll_wait(", "epoll_pwait", "ppoll("].iter().any(|call| line.starts_with(call));
        let wakes = line.starts_with("futex(");
        let looks = line.ends_with("(Timeout)") && line.starts_with("ppoll(");
        // The standard library asks whether a descriptor is open where it is not optimised.
        let is_asked = line.contains("F_GETFD)");
        wakes || is_asked || line.contains("EAGAIN") || sleeps && !looks
    };
    let lines: Vec<&String> = lines.iter().filter(|line| !waits(line)).collect();
    let attaches = lines.split(|line| line.starts_with(first)).skip(1);
    attaches
        .map(|attach| {
            let len = attach.iter().rposition(|line| line.starts_with(last)).unwrap() + 1;
            attach[..len].iter().map(|&line| line.clone()).collect()
        })
        .collect()
}

/// The lines of a client's trace: of a tool that attaches and asks once.
fn trace_client(engine: &Engine, directory: &Path) -> Vec<String> {
    let lines = directory.join("client.out");
    let mut command = Command::new("strace");
    command.arg("-o").arg(&lines).arg(&engine.setup.program);
    command.arg("--socket").arg(engine.socket());
    command.args(["predict", "regression", "0.5", "0.2", "0.3"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    fs::read_to_string(lines).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn an_attach_takes_no_more_system_calls_than_are_promised() {
    let _watchdog = Watchdog::start("attaches that are traced", 120);
    let engine = Engine::start();
    let control = thread_named(engine.pid(), "factord-control").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let task = format!("/proc/{}/task/{control}", engine.pid());
    let Some(trace) = Trace::attach(Path::new(&task), directory.path()) else { return };
    let mut of_client = Vec::new();
    for _ in 0..5 {
        let lines = trace_client(&engine, directory.path());
        of_client.extend(calls(&lines, "socket(AF_UNIX", "recvmsg("));
    }
    let of_control = calls(&trace.finish(), "accept4(", "sendmsg(");
    assert_eq!([of_client.len(), of_control.len()], [5, 5]);
    // Now and then the allocator asks for memory in between: the least is the attach's own.
    let fewest = |attaches: Vec<Vec<String>>| attaches.into_iter().min_by_key(Vec::len).unwrap();
    let (of_client, of_control) = (fewest(of_client), fewest(of_control));
    let counts = [of_client.len() + 1, of_control.len() + 1];
    let [client, control] = counts;
    tell(format_args!(
        "{client} system calls of a client and {control} of the engine to attach; \
         {CLIENT_CALLS_MAX} and {CONTROL_CALLS_MAX} are promised"
    ));
    assert!(client <= CLIENT_CALLS_MAX, "{client} of a client: {of_client:#?}");
    assert!(control <= CONTROL_CALLS_MAX, "{control} of the engine: {of_control:#?}");
    // A trace that sees nothing promises nothing.
    assert!(2 * client > CLIENT_CALLS_MAX && 2 * control > CONTROL_CALLS_MAX, "{counts:?}");
}
