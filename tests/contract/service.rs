//! The daemon under a service manager, in a terminal, and under signals.

use crate::data::{self, assert_exact};
use crate::harness::{Engine, Process, Setup, Watchdog, eventually};
use factord_core::client::{AttachOptions, Client};
use factord_core::sys::socket;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const X: [f64; 3] = [0.5, 0.2, 0.3];

/// A daemon with a sidecar, and the sidecar's address.
fn with_http(setup: Setup) -> (Engine, String) {
    let mut setup = setup;
    setup.arguments.retain(|argument| argument != "--no-http");
    let engine = setup.with(&["--listen", "127.0.0.1:0"]).start();
    let line = engine.ready.lines().find(|line| line.contains("http://")).unwrap();
    let address = line.split("http://").nth(1).unwrap().trim().to_owned();
    (engine, address)
}

pub(crate) fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(5 * SECOND)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

pub(crate) fn start_with_http() -> (Engine, String) {
    with_http(Setup::new())
}

/// Reads until the daemon says that it is ready.
fn until_ready(process: &mut Process) -> String {
    let _watchdog = Watchdog::start("the start of a daemon", 20);
    let mut reader = BufReader::new(process.child().stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("Ctrl-C") {
        assert!(reader.read_line(&mut text).unwrap() > 0, "ended before it was ready: {text}");
    }
    text
}

/// Processes whose parent is `parent`.
fn children_of(parent: i32) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent_field = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1));
        parent_field == Some(parent.to_string().as_str())
    })
    .collect()
}

#[test]
fn ctrl_c_in_a_terminal_ends_daemon_and_sidecar_and_leaves_nothing() {
    let _watchdog = Watchdog::start("ctrl-c", 60);
    let mut setup = Setup::new();
    setup.arguments = ["--idle", "yield", "--listen", "127.0.0.1:0"].map(str::to_owned).to_vec();
    let runtime = setup.directory.path().join("runtime");
    setup.socket = Some(runtime.join("factord.sock"));
    // A terminal sends SIGINT to every process of the group in front.
    let mut process = Process::spawn(setup.command().process_group(0));
    let text = until_ready(&mut process);
    let address = text.split("http://").nth(1).unwrap().lines().next().unwrap().to_owned();
    let sidecar = children_of(process.pid());
    assert_eq!(sidecar.len(), 1, "one sidecar");
    assert!(get(&address, "/health").contains("\"healthy\""));
    kill_process_group(Pid::from_raw(process.pid()).unwrap(), Signal::INT).unwrap();
    assert_eq!(process.ends_within(5 * SECOND).code(), Some(0), "{}", setup.log());
    assert!(!std::path::Path::new(&format!("/proc/{}", sidecar[0])).exists());
    assert!(!runtime.exists(), "the daemon made the directory");
    TcpListener::bind(&address).expect("the port is free");
    assert!(!setup.log().contains("\"level\":\"ERROR\""), "{}", setup.log());
}

#[test]
fn sighup_reads_the_models_again_and_keeps_the_old_ones_when_one_is_bad() {
    let _watchdog = Watchdog::start("sighup", 60);
    let setup = Setup::new();
    let models = setup.directory.path().join("models");
    std::fs::create_dir(&models).unwrap();
    data::save(&models, "moving", &data::model(3, false, 1));
    let engine = setup.with(&["--models", models.to_str().unwrap()]).start();
    let mut client = engine.attach(3, 8);
    let id = client.model("moving").unwrap().id;
    data::save(&models, "moving", &data::model(3, false, 2));
    engine.process.signal(Signal::HUP);
    let adopted = || {
        let prediction = client.predict(id, &X, SECOND).unwrap();
        let model = data::model(3, false, u64::from(prediction.generation));
        assert_exact(&model, &X, &Ok(prediction));
        (prediction.generation == 2).then_some(())
    };
    eventually("the second generation", SECOND, adopted);
    std::fs::write(models.join("moving.fmodel"), "spoilt").unwrap();
    engine.process.signal(Signal::HUP);
    let refused = || (engine.snapshot().reload_failures_total == 1).then_some(());
    eventually("the refusal", SECOND, refused);
    let prediction = client.predict(id, &X, SECOND).unwrap();
    assert_eq!(prediction.generation, 2);
    let told = || engine.setup.log().contains("the old ones stay").then_some(());
    eventually("the line in the log", SECOND, told);
}

#[test]
fn a_name_keeps_its_id_when_models_come_and_go() {
    let setup = Setup::new();
    let models = setup.directory.path().join("models");
    std::fs::create_dir(&models).unwrap();
    for (name, seed) in [("b", 1), ("regression", 2)] {
        data::save(&models, name, &data::model(3, false, seed));
    }
    let engine = setup.with(&["--models", models.to_str().unwrap()]).start();
    let client = engine.attach(3, 8);
    let ids = |names: &[&str]| -> Vec<Option<u16>> {
        names.iter().map(|name| client.model(name).map(|row| row.id)).collect()
    };
    assert_eq!(ids(&["regression", "classification", "b"]), [Some(0), None, Some(2)]);
    let reload = || factord_core::channel::reload(engine.socket()).unwrap();
    data::save(&models, "a", &data::model(3, false, 3));
    data::save(&models, "classification", &data::model(3, true, 4));
    reload();
    let names = ["regression", "classification", "b", "a"];
    assert_eq!(ids(&names), [Some(0), Some(1), Some(2), Some(3)]);
    std::fs::remove_file(models.join("b.fmodel")).unwrap();
    reload();
    assert_eq!(ids(&names), [Some(0), Some(1), None, Some(3)]);
    data::save(&models, "b", &data::model(3, false, 5));
    reload();
    assert_eq!(ids(&names), [Some(0), Some(1), Some(2), Some(3)]);
    assert_eq!(client.model("b").unwrap().generation, 2, "generations only grow");
}

/// Waits for a message of the notify socket that says `what`.
fn told(notify: &UnixDatagram, what: &str) {
    let mut buffer = [0; 4096];
    for _ in 0..100 {
        let len = notify.recv(&mut buffer).unwrap_or_else(|error| panic!("{what}: {error}"));
        if String::from_utf8_lossy(&buffer[..len]).lines().any(|line| line == what) {
            return;
        }
    }
    panic!("never told {what}");
}

#[test]
fn the_service_manager_is_told_of_ready_alive_and_stopping() {
    let _watchdog = Watchdog::start("sd_notify", 60);
    let mut setup = Setup::new();
    let path = setup.directory.path().join("notify.sock");
    let notify = UnixDatagram::bind(&path).unwrap();
    notify.set_read_timeout(Some(5 * SECOND)).unwrap();
    setup.environment = vec![
        ("NOTIFY_SOCKET", path.to_str().unwrap().to_owned()),
        ("WATCHDOG_USEC", "200000".to_owned()),
    ];
    let mut engine = setup.start();
    told(&notify, "READY=1");
    for _ in 0..5 {
        told(&notify, "WATCHDOG=1");
    }
    engine.process.signal(Signal::TERM);
    told(&notify, "STOPPING=1");
    assert_eq!(engine.process.ends_within(5 * SECOND).code(), Some(0));
}

#[test]
fn a_socket_of_the_service_manager_is_served_and_left_in_place() {
    let _watchdog = Watchdog::start("socket activation", 60);
    let setup = Setup::new();
    let path = setup.socket.clone().unwrap();
    let listener = socket::listen_at(&path).unwrap();
    // The shell puts it at descriptor 3 and names the process that it becomes.
    let plain = setup.command();
    let mut command = Command::new("sh");
    command.args(["-c", "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\" 3<&0 </dev/null", "sh"]);
    command.arg(plain.get_program()).args(plain.get_args());
    command.stdin(listener.try_clone().unwrap()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = Process::spawn(&mut command);
    until_ready(&mut process);
    let options = AttachOptions { socket: Some(path.clone()), ..AttachOptions::default() };
    let mut client = Client::attach(&options).unwrap();
    assert_exact(&data::embedded()[0], &X, &client.predict(0, &X, SECOND));
    process.signal(Signal::TERM);
    assert_eq!(process.ends_within(5 * SECOND).code(), Some(0));
    assert!(path.exists(), "it belongs to the service manager");
}

#[test]
fn the_sidecar_logs_as_the_daemon_was_told_in_the_replaced_services_form() {
    let _watchdog = Watchdog::start("log levels", 60);
    let outside = "/predict/regression/1.5/0.2/0.3";
    let (engine, address) = with_http(Setup::new());
    assert!(get(&address, outside).starts_with("HTTP/1.1 200"));
    let line = eventually("the warning", SECOND, || {
        let log = engine.setup.log();
        log.lines().find(|line| line.contains("outside [0, 1]")).map(str::to_owned)
    });
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(event["level"], "WARNING");
    assert_eq!(event["features"], serde_json::json!([1.5, 0.2, 0.3]));
    for key in ["timestamp", "message", "prediction", "latency_ms"] {
        assert!(event.get(key).is_some(), "{key}: {line}");
    }
    drop(engine);

    // By flag, and by a file; a file that only the environment names is not read by either.
    for by_file in [false, true] {
        let mut setup = Setup::new();
        let file = setup.directory.path().join("factord.toml");
        std::fs::write(&file, "log_level = \"error\"\n").unwrap();
        setup.environment = vec![("FACTORD_CONFIG", "/nowhere/factord.toml".to_owned())];
        let (name, value) =
            if by_file { ("--config", file.to_str().unwrap()) } else { ("--log-level", "ERROR") };
        if !by_file {
            setup.environment.clear();
        }
        let flags = [name.to_owned(), value.to_owned()];
        setup.arguments.extend(flags);
        let (engine, address) = with_http(setup);
        assert!(get(&address, outside).starts_with("HTTP/1.1 200"));
        assert!(get(&address, "/predict/regression/9/0.2/0.3").starts_with("HTTP/1.1 200"));
        // A line is out before the next request is answered.
        assert_eq!(engine.setup.log(), "", "{name}");
    }
}
