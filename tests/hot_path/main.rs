//! The hot path of the release binary: a spinning worker, driven from another process, allocates
//! nothing, makes no system call, faults on no page and never gives up its core by itself; and the
//! engine does not grow.

#[allow(dead_code, reason = "the engine's tests use all of it")]
#[path = "../engine/data.rs"]
mod data;
#[allow(dead_code, reason = "the engine's tests use all of it")]
#[path = "../engine/harness.rs"]
mod harness;
#[path = "../engine/trace.rs"]
mod trace;

use data::{Random, assert_exact};
use factord_core::client::{Answer, Client, PredictError};
use factord_core::idle::IdleStrategy;
use factord_eval::Model;
use harness::{Engine, Setup, Watchdog, eventually};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::Duration;
use trace::Trace;

const WORKER: &str = "factord-worker";
const SECOND: Duration = Duration::from_secs(1);
const WIDE: usize = 64;
/// Requests that may cost nothing.
const COUNT: u64 = 10_000_000;

/// Two workers would spin on the same core.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The channels that drive the engine, and the models they ask.
struct Driver {
    narrow: Client,
    wide: Client,
    models: [Model; 3],
    /// Their numbers; each client has its own.
    ids: [u16; 3],
    wide_ids: [u16; 3],
    random: Random,
}

impl Driver {
    fn models() -> [(&'static str, Model); 3] {
        [
            ("linear", data::model(3, false, 1)),
            ("logistic", data::model(3, true, 2)),
            ("wide", data::model(WIDE, true, 3)),
        ]
    }

    fn attach(engine: &Engine) -> Driver {
        let attach = |feature_count| {
            let mut options = engine.options(feature_count, 256);
            options.idle = IdleStrategy::Spin;
            Client::attach(&options).unwrap()
        };
        let (narrow, wide) = (attach(3), attach(WIDE));
        let ids = Driver::models().map(|(name, _)| narrow.model(name).unwrap().id);
        let wide_ids = Driver::models().map(|(name, _)| wide.model(name).unwrap().id);
        let models = Driver::models().map(|(_, model)| model);
        Driver { narrow, wide, models, ids, wide_ids, random: Random(17) }
    }

    /// Sends `count` rows to a model through a full ring; every answer is checked.
    fn batch(&mut self, which: usize, count: usize) {
        let model = &self.models[which];
        let width = model.width();
        let (client, id) = match width {
            3 => (&mut self.narrow, self.ids[which]),
            _ => (&mut self.wide, self.wide_ids[which]),
        };
        let rows = self.random.row(500 * width);
        let mut answers: Vec<Answer> = vec![Err(PredictError::Deadline); 500];
        for _ in 0..count.div_ceil(500) {
            client.predict_batch(id, &rows, &mut answers, 30 * SECOND).unwrap();
            for (x, answer) in rows.chunks(width).zip(&answers).step_by(50) {
                assert_exact(model, x, answer);
            }
        }
    }

    /// One request after the other: plain, stamped, bad and unknown ones.
    fn singles(&mut self, count: usize) {
        let id = self.ids[0];
        for round in 0..count {
            let x = self.random.row(3);
            self.narrow.stamp(round % 4 == 1);
            let asked = if round % 4 == 2 { 4000 } else { id };
            let first = if round % 4 == 3 { f64::NAN } else { x[0] };
            let answer = self.narrow.predict(asked, &[first, x[1], x[2]], 30 * SECOND);
            match round % 4 {
                2 => assert_eq!(answer, Err(PredictError::UnknownModel)),
                3 => assert_eq!(answer, Err(PredictError::BadInput)),
                _ => drop(assert_exact(&self.models[0], &x, &answer)),
            }
        }
        self.narrow.stamp(false);
    }

    /// Requests of both widths and of no model, by turns in one ring.
    fn mixed(&mut self, count: usize) {
        let row = self.random.row(3);
        let asked = |request: usize| [self.ids[0], self.ids[2], self.ids[1], 4000][request % 4];
        for request in 0..count {
            self.narrow.submit(asked(request), &row).unwrap();
        }
        for request in 0..count {
            let answer = eventually("an answer", SECOND, || self.narrow.poll().unwrap()).1;
            match request % 4 {
                0 => drop(assert_exact(&self.models[0], &row, &answer)),
                1 => assert_eq!(answer, Err(PredictError::WidthMismatch)),
                2 => drop(assert_exact(&self.models[1], &row, &answer)),
                _ => assert_eq!(answer, Err(PredictError::UnknownModel)),
            }
        }
    }

    /// Requests while models are swapped and clients come and go.
    fn disturbed(&mut self, engine: &Engine) {
        let folder = engine.setup.directory.path().join("models");
        for round in 0..50 {
            let swapped = data::model(3, false, 100 + round);
            data::save(&folder, "linear", &swapped);
            factord_core::channel::reload(engine.socket()).unwrap();
            let generation = self.narrow.model("linear").unwrap().generation;
            let mut newcomer = engine.attach(3, 64);
            self.models[0] = swapped;
            // The worker takes the model between two turns.
            let adopted = || {
                let answer = self.narrow.predict(self.ids[0], &[0.5, 0.2, 0.3], 30 * SECOND);
                (answer.unwrap().generation == generation).then_some(())
            };
            eventually("the new model", SECOND, adopted);
            self.mixed(200);
            let row = self.random.row(3);
            let answer = newcomer.predict(self.ids[0], &row, 30 * SECOND);
            assert_exact(&self.models[0], &row, &answer);
        }
    }

    /// Ten million requests of every sort.
    fn ten_million(&mut self) {
        for _ in 0..10 {
            self.batch(0, 440_000);
            self.batch(1, 440_000);
            self.batch(2, 110_000);
            self.singles(10_000);
        }
    }

    fn warm_up(&mut self) {
        for which in 0..3 {
            self.batch(which, 5_000);
        }
        self.singles(5_000);
        self.mixed(200);
    }
}

fn start(idle: &str, environment: Vec<(&'static str, String)>) -> Engine {
    let mut setup = Setup::new();
    let models = setup.directory.path().join("models");
    fs::create_dir(&models).unwrap();
    for (name, model) in Driver::models() {
        data::save(&models, name, &model);
    }
    setup.arguments = ["--no-http", "--idle", idle, "--models"].map(str::to_owned).to_vec();
    setup.arguments.push(models.to_str().unwrap().to_owned());
    setup.environment = environment;
    setup.start()
}

/// The folder of the worker's thread under /proc.
fn worker_task(engine: &Engine) -> PathBuf {
    let named = |path: &PathBuf| {
        fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim_end() == WORKER)
    };
    // The thread names itself, maybe after the daemon said that it is ready.
    eventually("the worker's thread", SECOND, || {
        let tasks = fs::read_dir(format!("/proc/{}/task", engine.pid())).unwrap();
        let mut found = tasks.map(|task| task.unwrap().path()).filter(named);
        let task = found.next()?;
        assert_eq!(found.next(), None, "one worker");
        Some(task)
    })
}

/// Minor and major page faults, and voluntary context switches, of one thread.
fn disturbances(task: &Path) -> [u64; 3] {
    let stat = fs::read_to_string(task.join("stat")).unwrap();
    // Fields 10 and 12 of proc_pid_stat(5); the second one, in parentheses, may hold spaces.
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let status = fs::read_to_string(task.join("status")).unwrap();
    let switches = status.lines().find_map(|l| l.strip_prefix("voluntary_ctxt_switches:")).unwrap();
    [fields[7], fields[9], switches.trim()].map(|number| number.parse().unwrap())
}

/// Resident memory of a process as counted page by page, in KiB.
fn resident_kib(engine: &Engine) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", engine.pid())).unwrap();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

/// Ten million requests, and as many again when the engine has grown meanwhile: what grows with the
/// requests grows each time. A page that some thread needs for the first time, such as the clock's
/// at its end, comes once.
fn ten_million_without_growth(engine: &Engine, driver: &mut Driver) {
    let mut sizes_kib = Vec::new();
    for _ in 0..4 {
        let before_kib = resident_kib(engine);
        driver.ten_million();
        let after_kib = resident_kib(engine);
        if after_kib <= before_kib {
            return;
        }
        sizes_kib.extend([before_kib, after_kib]);
    }
    panic!("the engine grew each time: {sizes_kib:?} KiB");
}

/// Allocator calls of the process and of its worker.
fn allocations(counts: &Path) -> [u64; 2] {
    let bytes = fs::read(counts).unwrap();
    let word = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap());
    [word(0), word(8)]
}

/// Builds the shim that counts allocator calls and returns the environment that loads it.
fn shim(directory: &Path) -> (PathBuf, Vec<(&'static str, String)>) {
    let (source, library) = (directory.join("shim.c"), directory.join("shim.so"));
    fs::write(&source, include_str!("count_allocations.c")).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-O1", "-shared", "-fPIC", "-fno-builtin", "-o"]).arg(&library).arg(&source);
    assert!(compiler.status().unwrap().success(), "{compiler:?}");
    let counts = directory.join("counts");
    fs::write(&counts, [0; 16]).unwrap();
    let environment = vec![
        ("LD_PRELOAD", library.to_str().unwrap().to_owned()),
        ("FACTORD_SHIM_COUNTS", counts.to_str().unwrap().to_owned()),
        ("FACTORD_SHIM_THREAD", WORKER.to_owned()),
    ];
    (counts, environment)
}

#[test]
fn ten_million_requests_cost_no_allocation_no_page_fault_no_switch_and_no_memory() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let _watchdog = Watchdog::start("ten million requests", 240);
    let directory = tempfile::tempdir().unwrap();
    let (counts, environment) = shim(directory.path());
    let engine = start("spin", environment);
    let task = worker_task(&engine);
    let mut driver = Driver::attach(&engine);
    driver.warm_up();
    let [all, of_worker] = allocations(&counts);
    assert!(all > 100 && of_worker > 0, "the shim sees nothing: {all}, {of_worker}");
    let requests = engine.snapshot().workers[0].requests;
    let before = disturbances(&task);
    ten_million_without_growth(&engine, &mut driver);
    driver.disturbed(&engine);
    let after = disturbances(&task);
    assert!(engine.snapshot().workers[0].requests - requests >= COUNT);
    assert_eq!(allocations(&counts)[1] - of_worker, 0, "allocator calls");
    assert_eq!([after[0] - before[0], after[1] - before[1]], [0, 0], "page faults");
    assert_eq!(after[2] - before[2], 0, "voluntary context switches");
    assert!(allocations(&counts)[0] > all, "the process still allocates elsewhere");
}

#[test]
fn ten_million_requests_cost_the_worker_no_system_call() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let _watchdog = Watchdog::start("ten million traced requests", 240);
    let directory = tempfile::tempdir().unwrap();
    // A yielding worker first: the trace must see what it does.
    let engine = start("yield", Vec::new());
    let Some(trace) = Trace::attach(&worker_task(&engine), directory.path()) else { return };
    sleep(Duration::from_millis(50));
    let calls = trace.finish();
    assert!(calls.iter().any(|call| call.contains("sched_yield")), "{calls:?}");
    drop(engine);

    let engine = start("spin", Vec::new());
    let mut driver = Driver::attach(&engine);
    driver.warm_up();
    let trace = Trace::attach(&worker_task(&engine), directory.path()).unwrap();
    let requests = engine.snapshot().workers[0].requests;
    driver.ten_million();
    assert!(engine.snapshot().workers[0].requests - requests >= COUNT);
    let calls = trace.finish();
    assert!(calls.is_empty(), "{} system calls: {:?}", calls.len(), &calls[..calls.len().min(5)]);
}
