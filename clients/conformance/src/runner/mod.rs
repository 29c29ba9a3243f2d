//! The runner of the Rust client: the numbered cases, and the other calls of the README.

mod answers;
mod attach;
mod classes;
mod csv;
mod engine;
mod hostile;
mod identity;
mod ping;
pub(crate) mod units;
mod versions;
mod waiting;

use crate::divided::Request;
use crate::fault::{During, Fault, ensure, fail};
use crate::golden;
use crate::golden_rows::GoldenRow;
use factord_client::{
    Answer, AttachError, AttachOptions, Client, IdleStrategy, PredictError, Prediction,
};
use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// For everything that must come, on a busy machine too.
const PLENTY: Duration = Duration::from_secs(10);
/// The shape of most channels.
const SLOTS: usize = 64;
/// An id that no model of the suite has.
const NO_MODEL: u16 = 15;

type Case = fn(&Suite) -> Result<(), Fault>;

const CASES: [(&str, Case); 30] = [
    ("attach", attach::attach),
    ("wrong-abi", attach::wrong_abi),
    ("golden-regression", answers::golden_regression),
    ("golden-classification", answers::golden_classification),
    ("bad-input", answers::bad_input),
    ("unknown-model", answers::unknown_model),
    ("width-mismatch", answers::width_mismatch),
    ("back-pressure", answers::back_pressure),
    ("pipelined-order", answers::pipelined_order),
    ("deadline", engine::deadline),
    ("engine-killed", engine::engine_killed),
    ("batch-golden", answers::batch_golden),
    ("batch-across-kill", engine::batch_across_kill),
    ("model-swapped", engine::model_swapped),
    ("local-equals-ring", answers::local_equals_ring),
    ("wide", answers::wide),
    ("refused-peer", attach::refused_peer),
    ("golden-image", hostile::golden_image),
    ("half-made-region", hostile::half_made_region),
    ("hostile-regions", hostile::hostile_regions),
    ("hostile-answers", hostile::hostile_answers),
    ("identity", identity::identity),
    ("forked", waiting::forked),
    ("untrusted", waiting::untrusted),
    ("backlog-full", waiting::backlog_full),
    ("reaped", waiting::reaped),
    ("attach-wait", waiting::attach_wait),
    ("pinned", versions::pinned),
    ("unit-keys", versions::unit_keys),
    ("second-channel", classes::second_channel),
];

/// The names of the cases, in order.
pub(crate) fn names() -> [&'static str; 30] {
    CASES.map(|(name, _)| name)
}

/// What the environment says.
struct Suite {
    socket: PathBuf,
    conduct: PathBuf,
    golden: PathBuf,
}

impl Suite {
    fn from_environment() -> Result<Suite, Fault> {
        Ok(Suite {
            socket: from_environment("FACTORD_SOCKET")?,
            conduct: from_environment("FACTORD_CONDUCT")?,
            golden: from_environment("FACTORD_GOLDEN")?,
        })
    }

    /// Has the conductor do something; returns what it prints behind `ok`.
    fn conduct(&self, words: &[&str]) -> Result<String, Fault> {
        let output = Command::new(&self.conduct)
            .args(words)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .during(self.conduct.display())?;
        let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        ensure(output.status.success(), || format!("the conductor cannot {}", words.join(" ")))?;
        Ok(text.trim_start_matches("ok").trim_start().to_owned())
    }

    /// Starts a false daemon and returns its socket.
    fn impostor(&self, name: &str) -> Result<PathBuf, Fault> {
        self.conduct(&["impostor", name]).map(PathBuf::from)
    }

    /// A channel of 3 features and 64 slots.
    fn channel(&self) -> Result<Client, Fault> {
        patiently(&options(&self.socket))
    }

    fn rows(&self, name: &str) -> Result<Vec<GoldenRow>, Fault> {
        golden::read(&self.golden, name)
    }

    fn requests(&self) -> Result<Vec<Request>, Fault> {
        golden::read_divided(&self.golden)
    }

    fn bad_rows(&self) -> Result<Vec<Vec<f64>>, Fault> {
        golden::read_bad(&self.golden)
    }
}

/// A path that the driver passes.
fn from_environment(name: &str) -> Result<PathBuf, Fault> {
    env::var_os(name).map(PathBuf::from).ok_or("not in the environment").during(name)
}

/// How a channel of 3 features and 64 slots attaches.
fn options(socket: &Path) -> AttachOptions {
    AttachOptions {
        socket: Some(socket.to_owned()),
        name: "conformance".to_owned(),
        feature_count: 3,
        slot_count: SLOTS,
        // The cores are shared with the daemon and with whatever else runs.
        idle: IdleStrategy::Backoff,
        ..AttachOptions::default()
    }
}

/// Attaches, once more when the daemon did not get a word in edgeways within its second: the
/// suite runs on machines that have a lot to do.
fn patiently(options: &AttachOptions) -> Result<Client, Fault> {
    const TRIES: usize = 10;
    let mut outcome = Client::attach(options);
    for _ in 1..TRIES {
        if !matches!(outcome, Err(AttachError::Deadline)) {
            break;
        }
        outcome = Client::attach(options);
    }
    outcome.during("attach")
}

/// The client's number of a served model.
fn id(client: &Client, name: &str) -> Result<u16, Fault> {
    let row = client.model(name).ok_or("no such model in the table").during(name)?;
    Ok(row.id)
}

/// The fingerprint of the artifact that the model table names.
fn fingerprint(client: &Client, name: &str) -> Result<u64, Fault> {
    let row = client.model(name).ok_or("no such model in the table").during(name)?;
    Ok(row.fingerprint())
}

/// The answer, which must have the bits of a row.
fn exact(row: &GoldenRow, answer: Answer) -> Result<Prediction, Fault> {
    let prediction = answer.during("a good row")?;
    let found = (prediction.y.to_bits(), prediction.second.to_bits());
    ensure(found == (row.y, row.second), || {
        format!("{:016x} {:016x} instead of {:016x} {:016x}", found.0, found.1, row.y, row.second)
    })?;
    Ok(prediction)
}

/// Fails unless the answer is this very error.
fn refused(answer: Answer, expected: PredictError) -> Result<(), Fault> {
    ensure(answer == Err(expected), || format!("{answer:?} instead of {expected:?}"))
}

/// Fails unless so much time has passed since `start`, and no more than that.
fn took(start: Instant, least: Duration, most: Duration) -> Result<(), Fault> {
    let spent = start.elapsed();
    ensure(spent >= least && spent <= most, || format!("took {spent:?}, not {least:?} to {most:?}"))
}

/// Runs what the arguments ask for; true when all went well.
pub(crate) fn run(arguments: &[String]) -> Result<bool, Fault> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["ping"] => ping::run().map(|()| true),
        ["late"] => waiting::late(&Suite::from_environment()?).map(|()| true),
        ["units", count, output] => {
            units::run(count.parse().during(count)?, Path::new(output)).map(|()| true)
        }
        ["csv", input, output] => csv::run(Path::new(input), Path::new(output)).map(|()| true),
        names => run_cases(names),
    }
}

fn run_cases(names: &[&str]) -> Result<bool, Fault> {
    let suite = Suite::from_environment()?;
    if let Some(name) = names.iter().find(|name| !CASES.iter().any(|(case, _)| case == *name)) {
        return fail(format!("no case {name}"));
    }
    let (mut passed, mut failed) = (0, 0);
    let mut out = io::stdout().lock();
    for (index, (name, case)) in CASES.iter().enumerate() {
        if !names.is_empty() && !names.contains(name) {
            continue;
        }
        let outcome = suite.conduct(&["reset"]).and_then(|_| case(&suite));
        let said = match outcome {
            Ok(()) => {
                passed += 1;
                writeln!(out, "{:02} {name} ... ok", index + 1)
            }
            Err(fault) => {
                failed += 1;
                writeln!(out, "{:02} {name} ... FAILED: {fault}", index + 1)
            }
        };
        said.and_then(|()| out.flush()).during("stdout")?;
    }
    writeln!(out, "{passed} passed, {failed} failed").during("stdout")?;
    Ok(failed == 0)
}
