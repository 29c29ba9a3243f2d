//! The control thread and the main thread wait for nobody: not for the reader of the log, not for a
//! disk, not for a thread that hangs; and a signal ends the engine whatever waits.

use crate::data;
use crate::harness::{Engine, Process, Setup, Watchdog, eventually};
use crate::system::{self, run, serves, with_http};
use crate::tracee::Tracee;
use factord_core::channel::{self, CommandError};
use factord_core::client::Client;
use factord_core::counters::Observer;
use rustix::process::Signal;
use std::fs;
use std::io::{PipeReader, Read, Write};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
/// What an operator is promised.
const END_LIMIT: Duration = Duration::from_secs(2);

/// An engine whose stderr is a pipe that nobody reads until the test does.
fn start_unread(setup: &Setup) -> (Process, PipeReader) {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = setup.command();
    command.stderr(writer);
    let process = Process::spawn(&mut command);
    let path = setup.socket.as_ref().unwrap();
    eventually("an engine", 20 * SECOND, || Observer::attach(Some(path)).ok());
    (process, reader)
}

fn options(path: &Path) -> factord_core::client::AttachOptions {
    let socket = Some(path.to_owned());
    factord_core::client::AttachOptions { socket, ..Default::default() }
}

fn stat(path: &Path) -> (Option<i32>, String) {
    run(&[], env!("CARGO_BIN_EXE_factord"), &["--socket", path.to_str().unwrap(), "stat"])
}

/// A directory of fourteen models, of which a reload logs a line each.
fn fourteen_models(setup: &Setup) -> PathBuf {
    let models = setup.directory.path().join("models");
    fs::create_dir(&models).unwrap();
    for seed in 0..14 {
        data::save(&models, &format!("model-{seed:02}"), &data::model(3, false, seed));
    }
    models
}

#[test]
fn a_log_that_nobody_reads_stops_nothing_and_says_how_many_lines_were_dropped() {
    let _watchdog = Watchdog::start("an unread log", 120);
    let setup = Setup::new();
    let models = fourteen_models(&setup);
    let setup = setup.with(&["--models", models.to_str().unwrap()]);
    let path = setup.socket.clone().unwrap();
    let (mut process, mut reader) = start_unread(&setup);
    let observer = Observer::attach(Some(&path)).unwrap();
    // 64 KiB of the pipe are full after some 250 of them.
    for client in 0..600 {
        let mut client =
            Client::attach(&options(&path)).unwrap_or_else(|e| panic!("{client}: {e}"));
        let model = client.model("model-03").unwrap().id;
        assert!(client.predict(model, &[0.5, 0.2, 0.3], SECOND).is_ok());
    }
    // 14 lines each: more than the queue of 1 MiB holds.
    for reload in 0..800 {
        let reply = channel::reload(&path);
        assert!(reply.is_ok(), "{reload}: {reply:?}");
    }
    let beats = observer.heartbeat_count();
    eventually("a heartbeat", SECOND, || (observer.heartbeat_count() > beats).then_some(()));
    assert_eq!(stat(&path).0, Some(0));
    let text = thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    });
    // The reader is back; the next lines are written again.
    sleep(Duration::from_millis(300));
    channel::reload(&path).unwrap();
    process.signal(Signal::TERM);
    assert_eq!(process.ends_within(END_LIMIT).code(), Some(0));
    let text = text.join().unwrap();
    let (mut said, mut dropped) = (0, 0);
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect(line);
        if let Some(count) = line["dropped"].as_u64() {
            dropped += count;
            let expected = format!("{count} lines dropped: nobody read stderr");
            assert_eq!(line["message"].as_str(), Some(expected.as_str()));
        } else if line["message"].as_str().unwrap().starts_with("serving model-") {
            said += 1;
        }
    }
    assert!(dropped > 0, "nothing was dropped");
    assert!(said < 801 * 14 && said + dropped >= 801 * 14, "{said} said, {dropped} dropped");
    assert!(text.contains("\"message\":\"stopping\""), "{:?}", text.lines().last());
}

#[test]
fn a_signal_ends_an_engine_whose_output_nobody_reads() {
    let _watchdog = Watchdog::start("unread output", 120);
    for signal in [Signal::TERM, Signal::INT] {
        let setup = Setup::new();
        let path = setup.socket.clone().unwrap();
        let (stdout, mut full) = std::io::pipe().unwrap();
        full.write_all(&[b'x'; 1 << 16]).unwrap();
        let (reader, mut log) = std::io::pipe().unwrap();
        log.write_all(&[b'x'; 1 << 16]).unwrap();
        let mut command = setup.command();
        command.stderr(log).stdout(full);
        let mut process = Process::spawn(&mut command);
        drop(command);
        let attach = || Client::attach(&options(&path)).ok();
        serves(&mut eventually("an engine", 20 * SECOND, attach));
        process.signal(signal);
        assert_eq!(process.ends_within(END_LIMIT).code(), Some(0));
        assert!(!path.exists());
        drop((stdout, reader));
    }
}

/// An engine under strace, which delays system calls on one path.
fn delayed(setup: Setup, path: &Path, call: &str, delay: Duration) -> Setup {
    let mut setup = setup;
    let inject = format!("inject={call}:delay_enter={}", delay.as_micros());
    let (trace, log) = (format!("trace={call}"), setup.directory.path().join("strace.out"));
    let words = ["strace", "-D", "-f", "--seccomp-bpf", "-qq", "-o", log.to_str().unwrap(), "-P"];
    let more = [path.to_str().unwrap(), "-e", &trace, "-e", &inject];
    setup.prefix = words.iter().chain(&more).map(|&word| word.to_owned()).collect();
    setup
}

fn models_of(setup: &Setup) -> PathBuf {
    let models = setup.directory.path().join("models");
    fs::create_dir(&models).unwrap();
    data::save(&models, "first", &data::model(3, false, 1));
    models
}

#[test]
fn a_reload_that_waits_for_a_disk_delays_nothing_else() {
    let _watchdog = Watchdog::start("a slow disk", 120);
    let setup = Setup::new();
    let models = models_of(&setup);
    let setup = setup.with(&["--models", models.to_str().unwrap()]);
    let late = models.join("late.fmodel");
    // One read finds the bytes, another one the end.
    let engine = delayed(setup, &late, "read", Duration::from_millis(1500)).start();
    let path = engine.socket().to_owned();
    let observer = Observer::attach(Some(&path)).unwrap();
    data::save(&models, "late", &data::model(3, false, 2));
    let reloading = {
        let path = path.clone();
        thread::spawn(move || (channel::reload(&path), Instant::now()))
    };
    let (mut oldest_ns, mut attached, start) = (0, 0, Instant::now());
    let mut client = engine.attach(3, 8);
    let mut asked_again = None;
    let mut shown = None;
    while start.elapsed() < 2 * SECOND {
        oldest_ns = oldest_ns.max(observer.snapshot().heartbeat_age_ns);
        let model = client.model("first").unwrap().id;
        assert!(client.predict(model, &[0.5, 0.2, 0.3], SECOND).is_ok());
        assert!(client.model("late").is_none(), "it is not read yet");
        drop(engine.attach(3, 8));
        attached += 1;
        shown.get_or_insert_with(|| stat(&path));
        asked_again.get_or_insert_with(|| {
            let path = path.clone();
            thread::spawn(move || (channel::reload(&path), Instant::now()))
        });
        sleep(Duration::from_millis(2));
    }
    println!("heartbeat at most {} ms old, {attached} attached", oldest_ns / 1_000_000);
    assert_eq!(shown.unwrap().0, Some(0));
    assert!(attached > 10 && oldest_ns < 1_000_000_000, "{attached}, {oldest_ns} ns");
    assert!(!reloading.is_finished(), "the reads are delayed by 1.5 s each");
    let (reply, first_end) = reloading.join().unwrap();
    assert!(reply.unwrap().contains("late ("));
    assert!(client.model("late").is_some());
    // Whoever asked during the load has another one, which is as slow.
    let (reply, second_end) = asked_again.unwrap().join().unwrap();
    assert!(second_end > first_end && matches!(reply, Err(CommandError::Failed(_)) | Ok(_)));
}

#[test]
fn a_reload_that_hangs_hinders_only_further_reloads_and_no_end() {
    let _watchdog = Watchdog::start("a disk that hangs", 120);
    let setup = Setup::new();
    let models = models_of(&setup);
    let setup = setup.with(&["--models", models.to_str().unwrap()]);
    let mut engine = setup.start();
    let path = engine.socket().to_owned();
    let Some(loader) = Tracee::stop(engine.pid(), "factord-loader") else { return };
    let mut client = engine.attach(3, 8);
    let model = client.model("first").unwrap().id;
    let said = channel::reload(&path).unwrap_err().to_string();
    assert!(said.contains("still being read after 9 s"), "{said}");
    assert!(client.predict(model, &[0.5, 0.2, 0.3], SECOND).is_ok());
    let waiting = {
        let path = path.clone();
        thread::spawn(move || channel::reload(&path))
    };
    sleep(Duration::from_millis(200));
    engine.process.signal(Signal::TERM);
    assert_eq!(engine.process.ends_within(END_LIMIT).code(), Some(0));
    drop(loader);
    let said = waiting.join().unwrap().unwrap_err().to_string();
    assert!(said.contains("the daemon is shutting down"), "{said}");
    assert!(!path.exists());
}

#[test]
fn a_signal_ends_an_engine_that_still_reads_its_first_models() {
    let _watchdog = Watchdog::start("a disk that hangs at the start", 120);
    for signal in [Signal::TERM, Signal::INT] {
        let setup = Setup::new();
        let models = models_of(&setup);
        let setup = setup.with(&["--models", models.to_str().unwrap()]);
        let path = setup.socket.clone().unwrap();
        let first = models.join("first.fmodel");
        let setup = delayed(setup, &first, "read", 60 * SECOND);
        let mut process = Process::spawn(&mut setup.command());
        eventually("a socket", 20 * SECOND, || path.exists().then_some(()));
        let trace = setup.directory.path().join("strace.out");
        let begun = || fs::read_to_string(&trace).ok().filter(|text| text.contains("read("));
        eventually("the read to begin", 20 * SECOND, begun);
        process.signal(signal);
        let pid = process.pid();
        let ended = || system::has_ended(pid).then_some(());
        eventually("the engine to end", END_LIMIT, ended);
        assert!(!path.exists());
        // What is left of it is the thread that strace delays.
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:\t")).unwrap();
        crate::harness::signal(tracer.parse().unwrap(), Signal::KILL);
        assert_eq!(process.ends_within(END_LIMIT).code(), Some(0), "{}", setup.log());
    }
}

#[test]
fn a_model_that_becomes_a_fifo_while_it_is_opened_is_refused() {
    let _watchdog = Watchdog::start("a FIFO", 120);
    let setup = Setup::new();
    let models = models_of(&setup);
    let fifo = setup.directory.path().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RWXU).unwrap();
    let setup = setup.with(&["--models", models.to_str().unwrap()]);
    let first = models.join("first.fmodel");
    let mut engine = delayed(setup, &first, "openat,open", SECOND).start();
    let path = engine.socket().to_owned();
    let reloading = {
        let path = path.clone();
        thread::spawn(move || channel::reload(&path))
    };
    // Whatever was asked of the file before it is opened was asked by now.
    sleep(Duration::from_millis(500));
    fs::rename(&fifo, &first).unwrap();
    let said = reloading.join().unwrap().unwrap_err().to_string();
    assert!(said.contains("first.fmodel: not a regular file"), "{said}");
    let mut client = engine.attach(3, 8);
    let model = client.model("first").unwrap().id;
    assert!(client.predict(model, &[0.5, 0.2, 0.3], SECOND).is_ok());
    engine.process.signal(Signal::TERM);
    assert_eq!(engine.process.ends_within(END_LIMIT).code(), Some(0));
}

/// An engine whose service manager wants to hear of it each second.
fn watched() -> (Engine, UnixDatagram) {
    let mut setup = Setup::new();
    let path = setup.directory.path().join("notify.sock");
    let notify = UnixDatagram::bind(&path).unwrap();
    setup.environment = vec![
        ("NOTIFY_SOCKET", path.to_str().unwrap().to_owned()),
        ("WATCHDOG_USEC", "1000000".to_owned()),
    ];
    (setup.start(), notify)
}

/// How often the manager is told that the engine is alive, within some time.
fn told_alive(notify: &UnixDatagram, within: Duration, mut meanwhile: impl FnMut()) -> usize {
    let (end, mut count) = (Instant::now() + within, 0);
    notify.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    while Instant::now() < end {
        let mut buffer = [0; 256];
        if let Ok(len) = notify.recv(&mut buffer) {
            count += usize::from(buffer[..len].trim_ascii() == b"WATCHDOG=1");
        }
        meanwhile();
    }
    count
}

#[test]
fn a_storm_of_reloads_does_not_keep_the_watchdog_from_being_fed() {
    let _watchdog = Watchdog::start("a storm of SIGHUP", 60);
    let (engine, notify) = watched();
    let start = Instant::now();
    let count = told_alive(&notify, 4 * SECOND, || engine.process.signal(Signal::HUP));
    let fed = start.elapsed().as_millis() / 1000;
    assert!(count as u128 >= fed, "{count} times in {fed} s");
}

#[test]
fn the_manager_is_told_that_the_engine_is_alive_only_while_the_worker_moves() {
    let _watchdog = Watchdog::start("a worker that stands still", 60);
    let (mut engine, notify) = watched();
    assert!(told_alive(&notify, 3 * SECOND, || {}) > 0);
    let Some(worker) = Tracee::stop(engine.pid(), "factord-worker") else { return };
    // One look may have been due as it moved last.
    told_alive(&notify, SECOND, || {});
    assert_eq!(told_alive(&notify, 2 * SECOND, || {}), 0);
    drop(worker);
    assert!(told_alive(&notify, 3 * SECOND, || {}) > 0, "it moves again");
    engine.process.signal(Signal::TERM);
    assert_eq!(engine.process.ends_within(END_LIMIT).code(), Some(0));
}

#[test]
fn a_signal_ends_an_engine_of_which_a_thread_stands_still() {
    let _watchdog = Watchdog::start("threads that stand still", 120);
    for name in ["factord-worker", "factord-control", "factord-loader", "factord-log", "factord"] {
        for signal in [Signal::TERM, Signal::INT] {
            let mut engine = Engine::start();
            serves(&mut engine.attach(3, 8));
            let Some(stopped) = Tracee::stop(engine.pid(), name) else { return };
            engine.process.signal(signal);
            let code = engine.process.ends_within(END_LIMIT).code();
            assert!(matches!(code, Some(0 | 70)), "{name}: {code:?}");
            assert!(!engine.socket().exists(), "{name}");
            drop(stopped);
        }
    }
}

#[test]
fn no_thread_but_the_worker_may_run_on_its_cpu() {
    let allowed = factord_core::sys::sched::allowed_cpus().unwrap();
    let Some((&last, others)) = allowed.split_last().filter(|(_, others)| !others.is_empty())
    else {
        println!("SKIPPED: there is one CPU alone");
        return;
    };
    let engine = Engine::start();
    engine.process.signal(Signal::HUP);
    let (mut side_threads, mut workers) = (0, 0);
    for task in fs::read_dir(format!("/proc/{}/task", engine.pid())).unwrap() {
        let path = task.unwrap().path();
        // The one that measures the clock may have ended meanwhile.
        let Ok(status) = fs::read_to_string(path.join("status")) else { continue };
        let field = |name| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
        let mask = field("Cpus_allowed:").replace(',', "");
        let word = u128::from_str_radix(&mask[mask.len().saturating_sub(32)..], 16).unwrap();
        if field("Name:") == "factord-worker" {
            assert_eq!(word, 1 << last);
            workers += 1;
        } else {
            let expected = others.iter().fold(0, |word, cpu| word | 1 << cpu);
            assert_eq!(word, expected, "{}", field("Name:"));
            side_threads += 1;
        }
    }
    assert!(workers == 1 && side_threads >= 5, "{workers} and {side_threads}");
}

#[test]
fn a_sidecar_that_stands_still_ends_with_its_engine() {
    let _watchdog = Watchdog::start("a sidecar that stands still", 60);
    let (mut engine, _) = with_http();
    let pid = system::sidecar(&engine).unwrap();
    crate::harness::signal(pid, Signal::STOP);
    engine.process.signal(Signal::TERM);
    engine.process.ends_within(END_LIMIT);
    assert!(system::has_ended(pid));
}

#[test]
fn without_proc_the_daemon_says_so_and_does_not_start() {
    if !system::can_be_another_user() {
        return;
    }
    let mut setup = Setup::new();
    let script = "umount -l /proc && exec \"$@\"";
    setup.prefix = ["unshare", "-m", "sh", "-c", script, "sh"].map(str::to_owned).to_vec();
    let (code, text, log) = setup.run_to_end();
    assert_eq!((code, text.as_str()), (Some(71), ""), "{log}");
    assert!(log.contains("mount /proc"), "{log}");
    assert!(!setup.socket.as_ref().unwrap().exists());
}
