//! What two shadows do to the ring: round trips of one client of an engine with a tap, while a
//! pilot scores two shadows of the name from it and while that pilot stands still, blocks of both
//! in turn.
//!
//! `shadows [BLOCKS]`: so many blocks of each kind (default 200), of 100,000 round trips each. The
//! worker has the last CPU that is allowed, the client the first, and the pilot those between, or
//! the client's where there is none.

use factord_core::client::{AttachOptions, Client};
use factord_core::idle::IdleStrategy;
use factord_core::sys::{clock, sched};
use factord_eval::Model;
use factord_models::file::{Artifact, Details};
use factord_models::store::Store;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

const NAME: &str = "spread";
const X: [f64; 3] = [0.5, 0.2, 0.3];
const PATIENCE: Duration = Duration::from_secs(10);
/// Round trips of a block.
const ROUND_TRIPS: usize = 100_000;
/// Round trips that are timed together.
const GROUP: usize = 16;
/// What a pilot that goes on gets to catch up, and one that stops to come to rest.
const SETTLING: Duration = Duration::from_millis(20);

/// A child that is killed when dropped.
struct Process(Child);

impl Process {
    /// Starts a command, and waits for a line with `text` in it.
    fn start(socket: &Path, words: &[&str], text: &str) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_factord"));
        command.arg("--socket").arg(socket).args(words).env_remove("FACTORD_CONFIG");
        let mut process = Process(command.stdout(Stdio::piped()).spawn().unwrap());
        let mut out = BufReader::with_capacity(1, process.0.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert!(out.read_line(&mut line).unwrap() > 0, "{words:?} ended");
        }
        process.0.stdout = Some(out.into_inner());
        process
    }

    fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Ends it; what it had still to say.
    fn end(mut self) -> String {
        self.signal("TERM");
        let mut text = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        assert!(self.0.wait().unwrap().success(), "{text}");
        text
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A store in which one version serves the name and two others are its shadows.
fn store(root: &Path) {
    let mut store = Store::open_or_make(root).unwrap();
    let versions = [0.0, 0.125, 0.25].map(|shift| {
        let model = Model::linear(vec![-0.99 + shift, 8e-4, -3e-4], 0.9998).unwrap();
        let feature_names = ["buy_rate", "large_buy", "large_sell"].map(str::to_owned).to_vec();
        let details = Details { name: NAME.to_owned(), feature_names, ..Details::default() };
        store.publish(&Artifact::new(model, details).unwrap()).unwrap().0
    });
    store.promote(versions[0]).unwrap();
    for shadow in &versions[1..] {
        store.shadow(NAME, *shadow, true).unwrap();
    }
}

/// The median time of a round trip in nanoseconds, of groups of some.
fn round_trips(client: &mut Client) -> f64 {
    let number = client.number(NAME).unwrap();
    let mut groups: Vec<u64> = (0..ROUND_TRIPS / GROUP)
        .map(|_| {
            let start = clock::monotonic_ns();
            for _ in 0..GROUP {
                client.predict(number, &X, PATIENCE).unwrap();
            }
            clock::monotonic_ns() - start
        })
        .collect();
    groups.sort_unstable();
    groups[groups.len() / 2] as f64 / GROUP as f64
}

/// Mean, and half the width of its 95 % interval.
fn mean(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let square = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (mean, 1.96 * (square / (count - 1.0) / count).sqrt())
}

fn main() {
    // `cargo bench` adds a flag of its own.
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with("--"));
    let blocks: usize = words.next().map_or(200, |word| word.parse().expect("a number of blocks"));
    assert!(blocks > 1, "an interval takes two blocks or more");
    let folder = tempfile::tempdir().unwrap();
    let [root, socket] = ["store", "control.sock"].map(|name| folder.path().join(name));
    store(&root);
    let allowed = sched::allowed_cpus().unwrap();
    let (&first, &last) = (allowed.first().unwrap(), allowed.last().unwrap());
    let (root, core) = (root.to_str().unwrap(), last.to_string());
    let serve = ["serve", "--no-http", "--idle", "spin", "--core", &core, "--tap"];
    let engine = Process::start(&socket, &[&serve[..], &["--models", root]].concat(), "Ctrl-C");
    let between = &allowed[1..allowed.len().max(2) - 1];
    sched::allow_cpus(if between.is_empty() { &allowed[..1] } else { between }).unwrap();
    let pilot = Process::start(&socket, &["pilot", "--store", root], "watching epoch");
    sched::allow_cpus(&[first]).unwrap();
    let idle = IdleStrategy::Spin;
    let options = AttachOptions { socket: Some(socket.clone()), idle, ..AttachOptions::default() };
    let mut client = Client::attach(&options).unwrap();
    round_trips(&mut client);
    let mut times = [Vec::new(), Vec::new()];
    for block in 0..blocks {
        for is_on in [block % 2 == 0, block % 2 != 0] {
            pilot.signal(if is_on { "CONT" } else { "STOP" });
            thread::sleep(SETTLING);
            times[usize::from(is_on)].push(round_trips(&mut client));
        }
    }
    pilot.signal("CONT");
    let [off, on] = &times;
    let differences: Vec<f64> = on.iter().zip(off).map(|(on, off)| on - off).collect();
    let ((off, off_half), (on, on_half)) = (mean(off), mean(on));
    let (difference, half) = mean(&differences);
    let unchanged = if difference.abs() <= half { "unchanged" } else { "not unchanged" };
    println!(
        "round trip p50, two shadows: {off:.1} +- {off_half:.1} ns while the pilot stands still, \
         {on:.1} +- {on_half:.1} ns while it scores them (means of {blocks} blocks); difference \
         {difference:+.1} +- {half:.1} ns, 95 %: {unchanged} within the interval"
    );
    drop(client);
    for line in pilot.end().lines() {
        println!("pilot: {line}");
    }
    engine.end();
}
