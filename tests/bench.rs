//! `factord bench`: every figure is there, and nothing is left behind. Never how fast.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Far more than a quick run takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// A run with a folder of its own for temporary files.
fn bench(folder: &Path, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_factord"));
    command.arg("bench").args(arguments).env_clear().env("TMPDIR", folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Waits for the end; a run that hangs is killed, and its engine dies with it.
fn finished(mut child: Child) -> Output {
    let end = Instant::now() + PATIENCE;
    // The JSON is larger than a pipe holds, so that it is read while the run goes on.
    let mut stdout = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut stdout, &mut bytes).map(|_| bytes)
    });
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > end {
            child.kill().unwrap();
            panic!("the run hangs: {}", error_text(child));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut output = child.wait_with_output().unwrap();
    output.stdout = reader.join().unwrap().unwrap();
    output
}

fn error_text(child: Child) -> String {
    String::from_utf8_lossy(&child.wait_with_output().unwrap().stderr).into_owned()
}

/// Processes that a run in this folder started and that still live.
fn left_over(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(&*folder.to_string_lossy()) {
            found.push(line);
        }
    }
    found
}

/// Asserts that the folder is empty and no process knows it.
fn nothing_is_left(folder: &Path) {
    let end = Instant::now() + Duration::from_secs(2);
    while !left_over(folder).is_empty() {
        assert!(Instant::now() < end, "still running: {:?}", left_over(folder));
        std::thread::sleep(Duration::from_millis(5));
    }
    let names: Vec<_> = std::fs::read_dir(folder).unwrap().flatten().map(|e| e.path()).collect();
    assert!(names.is_empty(), "left behind: {names:?}");
}

fn cpu_count() -> usize {
    factord_core::sys::sched::allowed_cpus().unwrap().len()
}

#[test]
fn a_quick_run_has_every_figure_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let reports = tempfile::tempdir().unwrap();
    let hgrm = reports.path().join("hgrm");
    let arguments = ["--quick", "--json", "--open-loop", "20000", "--hgrm"];
    let html = reports.path().join("bench.html");
    let mut arguments: Vec<&str> = arguments.to_vec();
    arguments.extend([hgrm.to_str().unwrap(), "--html", html.to_str().unwrap()]);
    let output = finished(bench(folder.path(), &arguments));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {error}", output.status);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let positive = |path: &str| {
        let value = report.pointer(path).unwrap_or_else(|| panic!("{path} is missing: {report}"));
        assert!(value.as_f64().is_some_and(|number| number > 0.0), "{path}: {value}");
    };
    let page = std::fs::read_to_string(html).unwrap();
    assert!(
        page.ends_with("</html>\n")
            && page.matches("<svg ").count() == page.matches("</svg>").count()
    );
    assert!(!page.contains("NaN") && !page.contains("<script") && !page.contains("http"), "{page}");
    for path in ["/throughput/predictions_per_s", "/throughput/best", "/seconds"] {
        positive(path);
    }
    for path in ["/in_process/linear_ns", "/in_process/logistic_ns", "/engine/start_ms"] {
        positive(path);
    }
    for fact in ["governor", "isolated", "hypervisor", "steal", "kernel", "cpu"] {
        assert!(report["host"].get(fact).is_some(), "{fact}: {}", report["host"]);
    }
    if cpu_count() < 2 {
        assert!(report["notes"].to_string().contains("need two"), "{}", report["notes"]);
        return;
    }
    for path in ["/floor/p50_ns", "/floor/p99_ns", "/ring/linear/p50_ns", "/ring/linear/p99_ns"] {
        positive(path);
    }
    for path in ["/ring/linear/p999_ns", "/ring/linear/pairs", "/ring/logistic/p50_ns"] {
        positive(path);
    }
    for count in [1, 16, 64, 256] {
        positive(&format!("/channels/{count}/p50_ns"));
        positive(&format!("/engine/resident_kib/{count}"));
    }
    for path in ["/swap/pairs", "/swap/swaps", "/open_loop/p99_ns", "/open_loop/achieved_per_s"] {
        positive(path);
    }
    // A ratio needs floors that held still, which a busy machine may not have offered.
    for path in ["/ring/linear/p50_ratio", "/ring/linear/p99_ratio"] {
        let used = report.pointer("/ring/linear/pairs_used").and_then(Value::as_u64).unwrap();
        let ratio = report.pointer(path).unwrap_or_else(|| panic!("{path} is missing"));
        assert_eq!(ratio.as_f64().is_some_and(|ratio| ratio > 0.0), used > 0, "{path}: {ratio}");
    }
    for path in ["/swap/p50_ratio", "/swap/p99_ratio"] {
        let used = report.pointer("/swap/pairs_used").and_then(Value::as_u64).unwrap();
        let ratio = report.pointer(path).unwrap_or_else(|| panic!("{path} is missing"));
        assert_eq!(ratio.as_f64().is_some_and(|ratio| ratio > 0.0), used > 0, "{path}: {ratio}");
    }
    swaps_and_memory_are_told(&report);
    for name in ["floor", "linear", "logistic", "channels-256", "swaps", "open-loop"] {
        let text = std::fs::read_to_string(hgrm.join(format!("{name}.hgrm"))).unwrap();
        assert!(text.lines().count() > 10 && text.contains("#[Mean"), "{name}: {text}");
    }
    nothing_is_left(folder.path());
}

/// As many generations as swaps, and the engine's memory before and after many requests.
fn swaps_and_memory_are_told(report: &Value) {
    for path in ["/swap/swaps_per_s", "/swap/wakes_per_s", "/swap/reload_p50_us"] {
        assert!(report.pointer(path).and_then(Value::as_f64) > Some(0.0), "{path}: {report}");
    }
    let growth = &report["engine"]["growth"];
    assert_eq!(growth["requests"].as_u64(), Some(10_000_000), "{growth}");
    assert!(growth["kib"].is_i64() && growth["after_kib"].as_u64() > Some(0), "{growth}");
    let swaps = report["swap"]["swaps"].as_u64();
    assert_eq!(swaps, report["swap"]["generations"].as_u64(), "a swap was not adopted");
}

#[test]
fn an_interrupted_run_dies_of_its_signal_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let child = bench(folder.path(), &["--json"]);
    let end = Instant::now() + Duration::from_secs(30);
    // The socket is there: the engine runs, and rounds have begun or are about to.
    while left_over(folder.path()).is_empty() {
        assert!(Instant::now() < end, "no engine was started");
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(300));
    kill_process(Pid::from_raw(child.id() as i32).unwrap(), Signal::INT).unwrap();
    let output = finished(child);
    assert_eq!(output.status.signal(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty());
    nothing_is_left(folder.path());
}

#[test]
fn the_engine_of_a_killed_run_dies_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = bench(folder.path(), &["--json"]);
    let end = Instant::now() + Duration::from_secs(30);
    while left_over(folder.path()).is_empty() {
        assert!(Instant::now() < end, "no engine was started");
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(300));
    child.kill().unwrap();
    child.wait().unwrap();
    let end = Instant::now() + Duration::from_secs(2);
    while !left_over(folder.path()).is_empty() {
        assert!(Instant::now() < end, "still running: {:?}", left_over(folder.path()));
        std::thread::sleep(Duration::from_millis(5));
    }
}
