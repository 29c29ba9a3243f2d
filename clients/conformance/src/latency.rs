//! Round trips of all clients, alternating in one run: only ratios of the same round compare.

use crate::fault::{During, Fault, ensure, fail};
use crate::language::Runner;
use crate::say::say;
use crate::stage::{Made, Stage};
use factord_core::sys::sched;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout};

/// Measured rounds, after [`WARM_ROUNDS`].
const ROUNDS: usize = 40;
/// Rounds that count for nothing: caches fill, and Java compiles.
const WARM_ROUNDS: usize = 8;
/// Groups of a round.
// 1,500 groups of 16 take 2.4 ms at 100 ns a round trip.
const GROUPS: usize = 1500;
/// Rows and rounds of the batch figure.
const BATCH_ROWS: usize = 1_000_000;
const BATCH_ROUNDS: usize = 3;

/// A client's process that answers lines.
struct Pinger {
    name: &'static str,
    child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    p50s_ns: Vec<f64>,
    rates: Vec<f64>,
}

impl Pinger {
    fn start(stage: &Stage, name: &'static str, runner: &Runner) -> Result<Pinger, Fault> {
        let mut child = stage.spawn(runner, &["ping"])?;
        let stdin = child.stdin.take().ok_or("no stdin").during(name)?;
        let stdout = child.stdout.take().ok_or("no stdout").during(name)?;
        let stdout = BufReader::new(stdout).lines();
        let (p50s_ns, rates) = (Vec::new(), Vec::new());
        let mut pinger = Pinger { name, child, stdin, stdout, p50s_ns, rates };
        let ready = pinger.line()?;
        ensure(ready == "ready", || format!("{name}: {ready} instead of ready"))?;
        Ok(pinger)
    }

    fn line(&mut self) -> Result<String, Fault> {
        self.stdout.next().ok_or("it ended").during(self.name)?.during(self.name)
    }

    /// Sends a line and reads the number behind `word` in its answer.
    fn ask(&mut self, question: &str, word: &str) -> Result<f64, Fault> {
        writeln!(self.stdin, "{question}").and_then(|()| self.stdin.flush()).during(self.name)?;
        let answer = self.line()?;
        match answer.split_once(' ') {
            Some((found, number)) if found == word => number.parse().during(self.name),
            _ => fail(format!("{}: {answer} instead of {word}", self.name)),
        }
    }
}

impl Drop for Pinger {
    fn drop(&mut self) {
        // It has nothing to lose.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Measures and prints a table, a row a language.
pub(crate) fn run(runners: &[Made]) -> Result<(), Fault> {
    let cpus = sched::allowed_cpus().during("the CPUs")?;
    let [own, .., worker] = cpus.as_slice() else {
        return fail("it takes two CPUs: one for the worker, one for the clients");
    };
    let stage = Stage::set("spin", Some(*worker))?;
    // The clients take it over from this thread.
    sched::allow_cpus(&[*own]).during("this side's CPU")?;
    let mut pingers = Vec::new();
    for (language, runner) in runners {
        match runner {
            Ok(runner) => pingers.push(Pinger::start(&stage, language.name, runner)?),
            Err(outcome) => say(format_args!("{}: {}\n", language.name, outcome.summary())),
        }
    }
    for round in 0..WARM_ROUNDS + ROUNDS {
        for pinger in &mut pingers {
            let p50_ns = pinger.ask(&format!("go {GROUPS}"), "p50_ns")?;
            if round >= WARM_ROUNDS {
                pinger.p50s_ns.push(p50_ns);
            }
        }
    }
    for _ in 0..BATCH_ROUNDS {
        for pinger in &mut pingers {
            let rate = pinger.ask(&format!("many {BATCH_ROWS}"), "per_second")?;
            pinger.rates.push(rate);
        }
    }
    let first = pingers.first().map(|pinger| pinger.p50s_ns.clone()).unwrap_or_default();
    let reference = pingers.first().map_or("", |pinger| pinger.name);
    say(format_args!(
        "| client | round trip p50, ns | to {reference}'s | batch, million a second |"
    ));
    say(format_args!("|---|---|---|---|"));
    for pinger in &mut pingers {
        let pairs = pinger.p50s_ns.iter().zip(&first);
        let mut ratios: Vec<f64> = pairs.map(|(own, reference)| own / reference).collect();
        say(format_args!(
            "| {} | {:.1} | {:.2} | {:.1} |",
            pinger.name,
            median(&mut pinger.p50s_ns),
            median(&mut ratios),
            median(&mut pinger.rates) / 1e6
        ));
    }
    say(format_args!(
        "\n{ROUNDS} rounds of {GROUPS} groups of 16, by turns; worker on CPU {worker}, clients on CPU {own}"
    ));
    Ok(())
}
