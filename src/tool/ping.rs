//! `factord ping`: the round trip through the ring, beside the floor of the same two cores.

use super::model_row::served;
use super::{Failure, Globals, print};
use crate::exit::Code;
use crate::measure::floor::{Floor, FloorError, Waiting};
use crate::measure::{RingRounds, Sample, Stopwatch, median, median_of_ratios};
use factord_core::client::{AttachOptions, Client};
use factord_core::counters::Observer;
use factord_core::sys::sched;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  factord ping                            the regression model, about two seconds
  factord ping classification --rounds 100
  factord ping --json | jq .ring.p50_ns
  factord ping --no-floor                 leave the worker's core to the worker

The floor is a pair of cache lines bounced between two processes on the same two cores. While it is
measured, for 20 ms at a time, its second process shares the worker's core, and other clients may
wait for a time slice of the scheduler, a few milliseconds; --no-floor avoids that.";

/// The flags of `factord ping`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct PingArgs {
    /// The model to ask, by name
    #[arg(default_value = "regression")]
    model: String,
    /// Rounds of floor and ring, alternating
    #[arg(long, default_value_t = 40, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rounds: u32,
    /// Length of a round
    #[arg(long, default_value_t = 20, value_name = "MILLISECONDS", value_parser = clap::value_parser!(u64).range(1..=1000))]
    round_ms: u64,
    /// The client's CPU; default: the first allowed one that is not the worker's
    #[arg(long, value_name = "N")]
    core: Option<usize>,
    /// Measure only the ring
    #[arg(long)]
    no_floor: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// The flags of the floor's second process.
#[derive(Debug, clap::Args)]
pub struct FloorEchoArgs {
    /// Where to run.
    #[arg(long)]
    core: usize,
    /// The region of the first process.
    #[arg(long)]
    region: PathBuf,
}

/// What was measured.
#[derive(Default)]
struct Findings {
    ring: Sample,
    bare: Sample,
    polite: Sample,
    /// The better floor's medians, one more than the ring's.
    floor_p50s: Vec<f64>,
    ring_p50s: Vec<f64>,
}

/// Runs the second process of the floor.
///
/// # Errors
///
/// [`Failure`].
pub fn run_floor_echo(args: &FloorEchoArgs) -> Result<(), Failure> {
    Ok(crate::measure::floor::echo(args.core, &args.region)?)
}

/// Measures and prints.
///
/// # Errors
///
/// [`Failure`] when there is no daemon, no such model, or a request is not answered.
pub fn run(args: &PingArgs, globals: &Globals) -> Result<(), Failure> {
    let socket = globals.socket()?;
    let worker_core = Observer::attach(socket.as_deref())?
        .snapshot()
        .workers
        .first()
        .and_then(|worker| worker.core);
    let own_core = pin(args.core, worker_core)?;
    let mut ring = rounds_for(&args.model, socket.as_deref())?;
    let mut floor = match worker_core.filter(|&core| !args.no_floor && core != own_core) {
        Some(core) => Some(Floor::start(core)?),
        None => None,
    };
    let findings = measure(args, &mut ring, floor.as_mut())?;
    drop(floor);
    if args.json {
        print(format_args!("{}\n", as_json(&findings, own_core, worker_core)))
    } else {
        print(as_text(args, &findings, own_core, worker_core))
    }
}

fn pin(asked: Option<usize>, worker_core: Option<usize>) -> Result<usize, Failure> {
    let system = |error| Failure::new(Code::Os, format!("cannot choose a CPU: {error}"));
    let allowed = sched::allowed_cpus().map_err(system)?;
    let free = || allowed.iter().copied().find(|&cpu| Some(cpu) != worker_core);
    let core = asked.or_else(free).or(allowed.first().copied()).unwrap_or(0);
    sched::allow_cpus(&[core]).map_err(|error| {
        Failure::new(
            Code::Usage,
            format!("cannot run on CPU {core}: {error}; choose another --core"),
        )
    })?;
    Ok(core)
}

fn rounds_for(name: &str, socket: Option<&Path>) -> Result<RingRounds, Failure> {
    let options = AttachOptions {
        socket: socket.map(Path::to_owned),
        name: "ping".to_owned(),
        ..AttachOptions::default()
    };
    let mut client = Client::attach(&options)?;
    let mut row = served(&client, name)?;
    if row.width != client.feature_count() {
        let feature_count = row.width;
        client = Client::attach(&AttachOptions { feature_count, ..options })?;
        row = served(&client, name)?;
    }
    Ok(RingRounds::new(client, row.id))
}

fn measure(
    args: &PingArgs,
    ring: &mut RingRounds,
    mut floor: Option<&mut Floor>,
) -> Result<Findings, Failure> {
    let stopwatch = Stopwatch::default();
    let length = Duration::from_millis(args.round_ms);
    let mut findings = Findings::default();
    // The first round warms caches and branch predictors, and counts for nothing.
    ring.round(&stopwatch, length)?;
    for _ in 0..args.rounds {
        if let Some(floor) = floor.as_deref_mut() {
            findings.floor_round(floor, &stopwatch, length)?;
        }
        let round = ring.round(&stopwatch, length)?;
        findings.ring_p50s.push(round.p50_ns());
        findings.ring.add(&round);
    }
    if let Some(floor) = floor {
        findings.floor_round(floor, &stopwatch, length)?;
    }
    Ok(findings)
}

impl Findings {
    /// Measures both kinds of waiting, half a round each, and keeps the better median.
    fn floor_round(
        &mut self,
        floor: &mut Floor,
        stopwatch: &Stopwatch,
        length: Duration,
    ) -> Result<(), FloorError> {
        let polite = floor.round(stopwatch, length / 2, Waiting::Polite)?;
        let bare = floor.round(stopwatch, length / 2, Waiting::Bare)?;
        self.floor_p50s.push(polite.p50_ns().min(bare.p50_ns()));
        self.polite.add(&polite);
        self.bare.add(&bare);
        Ok(())
    }

    /// The better floor over the whole run, by its median.
    fn floor(&self) -> Option<&Sample> {
        let better =
            if self.polite.p50_ns() <= self.bare.p50_ns() { &self.polite } else { &self.bare };
        (!self.floor_p50s.is_empty()).then_some(better)
    }
}

fn as_json(findings: &Findings, own_core: usize, worker_core: Option<usize>) -> Value {
    let figures = |sample: &Sample| {
        json!({
            "p50_ns": sample.p50_ns(),
            "p90_ns": sample.quantile_ns(0.90),
            "p99_ns": sample.quantile_ns(0.99),
            "p999_ns": sample.quantile_ns(0.999),
            "max_ns": sample.max_ns(),
            "count": sample.singles.len() + sample.groups.len() * u64::from(crate::measure::GROUP),
        })
    };
    let mut value = json!({
        "ring": figures(&findings.ring),
        "client_core": own_core,
        "worker_core": worker_core,
    });
    if let Some(floor) = findings.floor() {
        let (ratio, pairs) = median_of_ratios(&findings.floor_p50s, &findings.ring_p50s);
        value["floor"] = figures(floor);
        value["p50_ratio"] = json!(ratio);
        value["pairs_used"] = json!(pairs);
        value["pairs"] = json!(findings.ring_p50s.len());
    }
    value
}

fn as_text(
    args: &PingArgs,
    findings: &Findings,
    own_core: usize,
    worker_core: Option<usize>,
) -> String {
    let line = |name: &str, sample: &Sample| {
        format!(
            "{name:<8}{:>9.1}{:>9}{:>9}{:>9}{:>11}\n",
            sample.p50_ns(),
            sample.quantile_ns(0.90),
            sample.quantile_ns(0.99),
            sample.quantile_ns(0.999),
            sample.max_ns(),
        )
    };
    let worker = worker_core.map_or("unpinned".to_owned(), |core| format!("CPU {core}"));
    let mut text = format!(
        "round trip of `{}`, client on CPU {own_core}, worker on {worker}, {} rounds of {} ms\n\n",
        args.model, args.rounds, args.round_ms
    );
    text += "ns           p50      p90      p99    p99.9        max\n";
    text += &line("ring", &findings.ring);
    let Some(floor) = findings.floor() else {
        text += if args.no_floor {
            "floor    not measured (--no-floor)\n"
        } else {
            "floor    not measured: it takes two CPUs and a pinned worker\n"
        };
        return text;
    };
    text += &line("floor", floor);
    let (ratio, pairs) = median_of_ratios(&findings.floor_p50s, &findings.ring_p50s);
    let ring_p50 = median(&mut findings.ring_p50s.clone());
    let floor_p50 = median(&mut findings.floor_p50s.clone());
    let of = findings.ring_p50s.len();
    let ratio = match pairs {
        0 => format!("not known (the floor moved by more than 10 % in each of {of} pairs"),
        _ => format!("{ratio:.2} (median of {pairs} of {of} pairs"),
    };
    text += &format!("\nring / floor, p50: {ratio}; {ring_p50:.1} ns / {floor_p50:.1} ns)\n");
    text
}
