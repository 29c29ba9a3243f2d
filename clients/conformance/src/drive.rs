//! The driver: one daemon, all runners one after the other, one table.

use crate::conductor::Conductor;
use crate::engine::Engine;
use crate::fault::{During, Fault, ensure, fail};
use crate::language::{LANGUAGES, Language, Runner};
use crate::say::say;
use crate::table::{self, Outcome};
use crate::{golden, late, latency, spoilt};
use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What a whole runner may take.
const RUNNER_DEADLINE: Duration = Duration::from_secs(240);
/// The table of the `csv` call, where the test data is.
const TABLE: &str = "jay/golden.csv";

/// A run: the daemon, its conductor, and where everything lies.
pub(crate) struct Stage {
    pub(crate) conductor: Conductor,
    pub(crate) socket: PathBuf,
    conduct: PathBuf,
    golden: PathBuf,
    // Dropped last: the daemon lives in it.
    folder: TempDir,
}

impl Stage {
    /// Starts the daemon and the conductor in a folder of their own.
    pub(crate) fn set(idle: &str, core: Option<usize>) -> Result<Stage, Fault> {
        let folder = private_folder()?;
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
        Stage::set_in(folder, golden, idle, core, false)
    }

    /// The same with a saboteur for a conductor, and golden rows that are off by one bit.
    pub(crate) fn set_spoilt() -> Result<Stage, Fault> {
        let folder = private_folder()?;
        let golden = folder.path().join("golden");
        golden::write_spoilt(&golden)?;
        Stage::set_in(folder, golden, "backoff", None, true)
    }

    fn set_in(
        folder: TempDir,
        golden: PathBuf,
        idle: &str,
        core: Option<usize>,
        saboteur: bool,
    ) -> Result<Stage, Fault> {
        let engine = Engine::prepare(&daemon()?, folder.path(), idle, core)?;
        let socket = engine.socket();
        let conductor = Conductor::start(engine, &golden, folder.path(), saboteur)?;
        conductor.order(&["start"])?;
        let conduct = folder.path().join("conduct");
        let this = env::current_exe().during("this program")?;
        let script = format!(
            "#!/bin/sh\nexec '{}' conduct '{}' \"$@\"\n",
            this.display(),
            conductor.socket().display()
        );
        fs::write(&conduct, script).during("the conductor's program")?;
        fs::set_permissions(&conduct, PermissionsExt::from_mode(0o700)).during("its mode")?;
        Ok(Stage { conductor, socket, conduct, golden, folder })
    }

    /// Starts a runner with piped output.
    pub(crate) fn spawn(&self, runner: &Runner, arguments: &[&str]) -> Result<Child, Fault> {
        let mut command = runner.command(&self.socket, &self.conduct, &self.golden);
        command.args(arguments).stdout(Stdio::piped());
        let asked = arguments.first() == Some(&"ping");
        command.stdin(if asked { Stdio::piped() } else { Stdio::null() });
        factord::sys::process::bind_to_parent(&mut command).spawn().during("the runner")
    }
}

fn private_folder() -> Result<TempDir, Fault> {
    tempfile::Builder::new().prefix("factord-conformance-").tempdir().during("a folder")
}

/// The daemon: named by `FACTORD`, or built beside this program.
fn daemon() -> Result<PathBuf, Fault> {
    let beside = env::current_exe().during("this program")?.with_file_name("factord");
    let path = env::var_os("FACTORD").map_or(beside, PathBuf::from);
    let why = || format!("no {}: build it with cargo build --release", path.display());
    ensure(path.is_file(), why)?;
    Ok(path)
}

/// The languages named, or all.
fn chosen(names: &[&str]) -> Result<Vec<&'static Language>, Fault> {
    if let Some(name) = names.iter().find(|name| !LANGUAGES.iter().any(|l| l.name == **name)) {
        let all = LANGUAGES.map(|language| language.name).join(", ");
        return fail(format!("no language {name}: there are {all}"));
    }
    let wanted = |language: &&Language| names.is_empty() || names.contains(&language.name);
    Ok(LANGUAGES.iter().filter(wanted).collect())
}

/// A language with its runner, or with what became of it without one.
pub(crate) type Made = (&'static Language, Result<Runner, Outcome>);

/// Makes the runners of the languages named; says of each that is left out why.
pub(crate) fn runners(names: &[&str]) -> Result<Vec<Made>, Fault> {
    let out = target()?.join("clients");
    let make = |language: &'static Language| {
        let runner = match language.missing() {
            Some(missing) => Err(Outcome::Skipped(missing)),
            None => language.make(&out).map_err(|fault| Outcome::failed(&fault)),
        };
        (language, runner)
    };
    Ok(chosen(names)?.into_iter().map(make).collect())
}

/// Where builds go: this program is at `TARGET/release/`, by cargo's `--target` a folder deeper.
fn target() -> Result<PathBuf, Fault> {
    let this = env::current_exe().during("this program")?;
    let target = this.ancestors().nth(2);
    target.map(Path::to_owned).ok_or_else(|| Fault(format!("{} is in no build", this.display())))
}

/// Runs what the arguments ask for; true when all went well.
pub(crate) fn run(arguments: &[String]) -> Result<bool, Fault> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--latency", names @ ..] => latency::run(&runners(names)?).map(|()| true),
        ["--late", names @ ..] => late::run(&runners(names)?).map(|()| true),
        ["--spoilt", names @ ..] => spoilt::run(&runners(names)?),
        names => conform(names),
    }
}

/// The languages that have a runner; says of each other one why not.
pub(crate) fn ready(runners: &[Made]) -> impl Iterator<Item = (&'static Language, &Runner)> {
    runners.iter().filter_map(|(language, runner)| match runner {
        Ok(runner) => Some((*language, runner)),
        Err(outcome) => {
            say(format_args!("{}: {}", language.name, outcome.summary()));
            None
        }
    })
}

/// Tells whether what is missing is a failure.
fn all_must_run() -> bool {
    env::var("CI").is_ok_and(|value| value == "true")
}

fn conform(names: &[&str]) -> Result<bool, Fault> {
    let runners = runners(names)?;
    // Yielding would give a busy core away for a time slice; sleeping at times does not.
    let stage = Stage::set("backoff", None)?;
    let mut columns = Vec::new();
    for (language, runner) in &runners {
        let start = Instant::now();
        let outcome = match runner {
            Ok(runner) => ran(&stage, runner)?,
            Err(outcome) => outcome.clone(),
        };
        let seconds = start.elapsed().as_secs_f64();
        say(format_args!("{}: {}, {seconds:.1} s", language.name, outcome.summary()));
        columns.push((language.name, outcome));
    }
    let tables_agree = compare_tables(&stage, &runners)?;
    let (table, faults) = table::of(&columns, all_must_run());
    say(format_args!("\n{table}"));
    for fault in &faults {
        say(format_args!("{fault}"));
    }
    Ok(faults.is_empty() && tables_agree)
}

/// Lines of a child until its end, which must come in time.
pub(crate) fn lines_of(mut child: Child) -> Result<Vec<String>, Fault> {
    let stdout = child.stdout.take().ok_or("no stdout").during("the runner")?;
    let (sender, inbox) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // Nobody listens any more once the time is over.
            let _ = sender.send(line);
        }
    });
    let end = Instant::now() + RUNNER_DEADLINE;
    let mut lines = Vec::new();
    loop {
        match inbox.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => lines.push(line),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                lines.push(format!("no end within {RUNNER_DEADLINE:?}"));
                break;
            }
        }
    }
    // It has closed its stdout, or it hangs.
    let left = end.saturating_duration_since(Instant::now()).min(Duration::from_secs(10));
    let status = wait(&mut child, left)?;
    lines.push(status);
    Ok(lines)
}

/// Waits for a child's end, or makes it; `exit 0` and the like.
fn wait(child: &mut Child, limit: Duration) -> Result<String, Fault> {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if let Some(status) = child.try_wait().during("wait")? {
            return Ok(status.to_string());
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().during("kill")?;
    child.wait().during("wait")?;
    Ok("killed as it did not end".to_owned())
}

/// Runs all cases of one language.
fn ran(stage: &Stage, runner: &Runner) -> Result<Outcome, Fault> {
    let mut lines = lines_of(stage.spawn(runner, &[])?)?;
    let status = lines.pop().unwrap_or_default();
    Ok(Outcome::of(lines, &status))
}

/// The bits of every row of the table of the replaced service's models, through each client.
fn compare_tables(stage: &Stage, runners: &[Made]) -> Result<bool, Fault> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = env::var_os("FACTORD_SHARED").map_or(beside, PathBuf::from);
    let table = shared.join(TABLE);
    if !table.is_file() {
        say(format_args!("csv: skipped, there is no {}", table.display()));
        return Ok(!all_must_run());
    }
    let rows = fs::read_to_string(&table).during(table.display())?.lines().count() - 1;
    stage.conductor.order(&["reset"])?;
    let mut first: Option<(&str, String)> = None;
    let mut agree = true;
    for (language, runner) in runners {
        let Ok(runner) = runner else { continue };
        let out = stage.folder.path().join(format!("{}.bits", language.name));
        let (input, output) = (table.display().to_string(), out.display().to_string());
        let mut lines = lines_of(stage.spawn(runner, &["csv", &input, &output])?)?;
        let status = lines.pop().unwrap_or_default();
        let bits = fs::read_to_string(&out).unwrap_or_default();
        let (reference, expected) = first.get_or_insert_with(|| (language.name, bits.clone()));
        let same = status == "exit status: 0" && bits == *expected && bits.lines().count() == rows;
        let verdict = if same { "the same bits" } else { "FAILED: other bits" };
        say(format_args!(
            "csv: {}, {rows} rows: {verdict} as {reference} ({status})",
            language.name
        ));
        agree &= same && rows > 0;
    }
    Ok(agree)
}
