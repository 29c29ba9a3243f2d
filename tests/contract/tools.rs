//! What an operator types.

use crate::data::{self, Random, assert_exact};
use crate::harness::{Engine, Setup, Watchdog, eventually};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn factord(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_factord"));
    command.args(arguments).env_clear().envs(environment.iter().copied()).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn model_reload_prints_what_was_adopted_or_why_not() {
    let setup = Setup::new();
    let models = setup.directory.path().join("models");
    std::fs::create_dir(&models).unwrap();
    data::save(&models, "moving", &data::model(3, false, 1));
    let engine = setup.with(&["--models", models.to_str().unwrap()]).start();
    let reload =
        || factord(&["model", "reload", "--socket", engine.socket().to_str().unwrap()], &[]);
    data::save(&models, "moving", &data::model(3, false, 2));
    let adopted = reload();
    assert_eq!(adopted.status.code(), Some(0));
    assert!(out(&adopted).starts_with("moving (linear, 3 features, generation 2, "), "{adopted:?}");
    std::fs::write(models.join("moving.fmodel"), "spoilt").unwrap();
    let refused = reload();
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("moving.fmodel"), "{said}");
    let x = [0.5, 0.2, 0.3];
    let mut client = engine.attach(3, 8);
    let id = client.model("moving").unwrap().id;
    assert_exact(&data::model(3, false, 2), &x, &client.predict(id, &x, SECOND));
}

#[test]
fn ping_reports_the_ring_beside_the_floor_of_the_same_cores() {
    let _watchdog = Watchdog::start("ping", 60);
    let engine = Engine::start();
    let socket = engine.socket().to_str().unwrap();
    let ping = |more: &[&str]| {
        let flags = ["ping", "--socket", socket, "--rounds", "3", "--round-ms", "5"];
        let output = factord(&[&flags[..], more].concat(), &[]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        out(&output)
    };
    let report: serde_json::Value = serde_json::from_str(&ping(&["--json"])).unwrap();
    let names = ["p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns"];
    let figures = |which: &str| -> Vec<f64> {
        names.iter().map(|name| report[which][name].as_f64().unwrap()).collect()
    };
    let allowed = factord_core::sys::sched::allowed_cpus().unwrap();
    let measured: &[&str] = if allowed.len() > 1 { &["ring", "floor"] } else { &["ring"] };
    for which in measured {
        assert!(report[which]["count"].as_u64().unwrap() > 0, "{report}");
        let figures = figures(which);
        assert!(figures[0] > 0.0 && figures[1..].is_sorted(), "{which}: {figures:?}");
    }
    if allowed.len() > 1 {
        // A pair counts only while its floor stands still, and there may be none.
        let ratio = report["p50_ratio"].as_f64();
        assert_eq!(ratio.is_some(), report["pairs_used"] != 0, "{report}");
        assert!(ratio.is_none_or(|ratio| ratio > 0.0), "{report}");
        assert_ne!(report["client_core"], report["worker_core"]);
    }
    let text = ping(&[]);
    for word in ["p50", "p90", "p99", "p99.9", "max", "ring", "floor"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(ping(&["--no-floor"]).contains("not measured (--no-floor)"));
}

/// The CPU of every thread below a process that is pinned to one alone.
fn pinned_to(pid: u32) -> Vec<usize> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let one = |task: std::fs::DirEntry| {
        let status = std::fs::read_to_string(task.path().join("status")).ok()?;
        let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
        list.trim().parse().ok()
    };
    tasks.filter_map(one).collect()
}

#[test]
fn ring_and_floor_are_measured_in_one_run_by_threads_pinned_to_the_two_cores_it_names() {
    if factord_core::sys::sched::allowed_cpus().unwrap().len() < 2 {
        println!("SKIPPED: two CPUs are needed, and one may be used");
        return;
    }
    let _watchdog = Watchdog::start("where ping runs", 120);
    let engine = Engine::start();
    let mut command = Command::new(env!("CARGO_BIN_EXE_factord"));
    command.args(["ping", "--json", "--rounds", "20", "--round-ms", "20", "--socket"]);
    command.arg(engine.socket()).env_clear().stdout(Stdio::piped());
    let mut ping = command.spawn().unwrap();
    let children = format!("/proc/{0}/task/{0}/children", ping.id());
    let (mut here, mut there) = (BTreeSet::new(), BTreeSet::new());
    while ping.try_wait().unwrap().is_none() {
        here.extend(pinned_to(ping.id()));
        for child in std::fs::read_to_string(&children).unwrap_or_default().split_whitespace() {
            there.extend(pinned_to(child.parse().unwrap()));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let report: serde_json::Value =
        serde_json::from_slice(&ping.wait_with_output().unwrap().stdout).unwrap();
    let core = |name: &str| report[name].as_u64().unwrap() as usize;
    let (client, worker) = (core("client_core"), core("worker_core"));
    assert_ne!(client, worker);
    assert_eq!(here, BTreeSet::from([client]), "who asks, of the ring as of the floor");
    // NB: a child is pinned as its parent is, until it pins itself.
    there.remove(&client);
    assert_eq!(there, BTreeSet::from([worker]), "who answers in the floor");
    assert!(pinned_to(engine.pid() as u32).contains(&worker), "who answers in the ring");
    for which in ["ring", "floor"] {
        assert!(report[which]["count"].as_u64().unwrap() > 0, "{report}");
    }
}

#[test]
fn daemon_and_tools_find_the_socket_by_the_same_rule() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = folder.path().join("runtime");
    std::fs::create_dir(&runtime).unwrap();
    let other = folder.path().join("other.sock");
    let runtime_text = runtime.to_str().unwrap().to_owned();
    let by_runtime = vec![("XDG_RUNTIME_DIR", runtime_text.clone())];
    let by_name = vec![
        ("FACTORD_SOCKET", other.to_str().unwrap().to_owned()),
        ("XDG_RUNTIME_DIR", runtime_text),
    ];
    let engines: Vec<Engine> =
        [(by_runtime, runtime.join("factord/factord.sock")), (by_name, other)]
            .into_iter()
            .map(|(environment, expected): (Vec<(&'static str, String)>, PathBuf)| {
                let mut setup = Setup::new();
                setup.socket = None;
                setup.environment = environment;
                let engine = setup.start();
                assert!(engine.ready.contains(expected.to_str().unwrap()), "{}", engine.ready);
                assert!(expected.exists());
                engine
            })
            .collect();
    for engine in &engines {
        let environment: Vec<(&str, &str)> =
            engine.setup.environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let stat = factord(&["stat", "--json"], &environment);
        let report: serde_json::Value = serde_json::from_str(&out(&stat)).unwrap();
        assert_eq!(report["pid"], engine.pid(), "{stat:?}");
    }
}

#[test]
fn the_worker_waits_as_it_was_told_and_serves() {
    let _watchdog = Watchdog::start("idle strategies", 60);
    for idle in ["noop", "spin", "yield", "backoff"] {
        let mut setup = Setup::new();
        setup.arguments = ["--no-http", "--idle", idle].map(str::to_owned).to_vec();
        let engine = setup.start();
        assert!(engine.ready.contains(&format!("idle strategy {idle}\n")), "{}", engine.ready);
        let mut client = engine.attach(3, 8);
        let mut random = Random(3);
        for _ in 0..100 {
            let x = random.row(3);
            assert_exact(&data::embedded()[1], &x, &client.predict(1, &x, SECOND));
        }
        // The thread says how it waits once it runs.
        let told = || (engine.snapshot().workers[0].idle.name() == idle).then_some(());
        eventually("the worker's own word", SECOND, told);
        let counted = || (engine.snapshot().workers[0].ok == 100).then_some(());
        eventually("the counters", SECOND, counted);
    }
}

#[test]
fn a_model_dir_of_the_replaced_service_is_served_as_it_is() {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared");
    let shared = std::env::var_os("FACTORD_SHARED").map_or_else(|| beside.into(), PathBuf::from);
    let pickles = shared.join("jay");
    if !pickles.is_dir() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "CI must not skip");
        println!("SKIPPED: {} is not there", pickles.display());
        return;
    }
    let mut setup = Setup::new();
    let folder = setup.directory.path().join("models");
    std::fs::create_dir(&folder).unwrap();
    for name in ["regression_model.pkl", "classification_model.pkl"] {
        std::fs::copy(pickles.join(name), folder.join(name)).unwrap();
    }
    setup.environment = vec![("MODEL_DIR", folder.to_str().unwrap().to_owned())];
    let engine = setup.start();
    let mut client = engine.attach(3, 8);
    let mut random = Random(12);
    for (id, model) in data::embedded().iter().enumerate() {
        for _ in 0..100 {
            let x = random.row(3);
            assert_exact(model, &x, &client.predict(id as u16, &x, SECOND));
        }
    }
    assert!(Path::new(&folder).join("regression_model.pkl").exists());
}

#[test]
fn the_worker_takes_the_last_allowed_cpu_and_spins_unless_told_otherwise() {
    let allowed = factord_core::sys::sched::allowed_cpus().unwrap();
    let idle = if allowed.len() > 1 { "spin" } else { "yield" };
    let last = *allowed.last().unwrap();
    let mut setup = Setup::new();
    setup.arguments = vec!["--no-http".to_owned()];
    let engine = setup.start();
    let said = format!("worker  CPU {last}, idle strategy {idle}\n");
    assert!(engine.ready.contains(&said), "{}", engine.ready);
    let told = || (engine.snapshot().workers[0].core == Some(last)).then_some(());
    eventually("the worker's own word", SECOND, told);
}

#[test]
fn one_request_in_64_is_timed_and_every_request_counted() {
    let engine = Engine::start();
    assert!(engine.snapshot().tsc_hz > Some(1_000_000), "ticks have a length from the start");
    let mut client = engine.attach(3, 8);
    for _ in 0..640 {
        client.predict(0, &[0.5, 0.2, 0.3], SECOND).unwrap();
    }
    let counted = || {
        let worker = engine.snapshot().workers[0].clone();
        (worker.requests == 640).then_some(worker)
    };
    let worker = eventually("the counters", SECOND, counted);
    assert_eq!((worker.ok, worker.latency.count()), (640, 10));
    let in_buckets: u64 = worker.latency.buckets().map(|(_, count)| count).sum();
    assert_eq!(in_buckets, 10);
    let quantiles = [0.5, 0.9, 0.99, 1.0].map(|q| worker.latency.percentile(q));
    assert!(quantiles[0] > 0.0 && quantiles.is_sorted(), "{quantiles:?}");
}
