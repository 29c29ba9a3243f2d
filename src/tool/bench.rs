//! `factord bench`: where each nanosecond goes on the user's own two cores, next to the
//! hardware's lower bound.

mod hgrm;
mod html;
mod plan;
mod report;
mod run;
mod text;

use super::{Failure, Globals, print};
use crate::exit::Code;
use crate::measure::Rig;
use crate::measure::condition::Watch;
use crate::measure::engine::Engine;
use crate::measure::floor::Floor;
use factord_core::counters::Observer;
use factord_core::sys::sched;
use plan::Plan;
use report::Report;
use run::Run;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  factord bench about a minute and a half, on a private engine
  factord bench --quick --html bench.html ten seconds, and a page with plots
  factord bench --json > bench.json       every figure, and every round, for a machine
  factord bench --open-loop 1000000       also a million requests per second, on schedule
  factord bench --socket /run/factord/factord.sock   the running engine, with its clients

The floor is a pair of cache lines bounced between two processes on the same two cores. Floor and
candidate alternate every 20 ms, since the floor itself moves on shared machines: compare ratios,
not nanoseconds. Do not use the machine meanwhile. The private engine is halted while the floor is
measured; a running one named by --socket is not, and shares its core with the floor for 20 ms at a
time.";

/// The flags of `factord bench`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct BenchArgs {
    /// Fewer rounds: about ten seconds, and less reliable
    #[arg(long)]
    quick: bool,
    /// The client's CPU; default: the first allowed one that is not the worker's
    #[arg(long, value_name = "N")]
    core: Option<usize>,
    /// The CPU of the private engine's worker; default: the last one allowed
    #[arg(long, value_name = "N")]
    worker_core: Option<usize>,
    /// Also send this many requests per second on schedule, with each latency counted from the
    /// scheduled time
    #[arg(long, value_name = "RATE",
          value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    open_loop: Option<u64>,
    /// Write each distribution as an .hgrm file into a directory
    #[arg(long, value_name = "DIR")]
    hgrm: Option<PathBuf>,
    /// Write a page with plots
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Measures and reports.
///
/// # Errors
///
/// [`Failure`] when the engine cannot be had, a request is not answered, or a report cannot be
/// written. A signal ends the run after its cleaning up.
pub fn run(args: &BenchArgs, globals: &Globals) -> Result<(), Failure> {
    let refused = |error| Failure::new(Code::Os, format!("cannot watch signals: {error}"));
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(refused)?;
    match measure(args, globals, &mut signals)? {
        Ended::Done(report) => publish(args, &report),
        Ended::Signal(signal) => {
            // Everything is cleaned up: the process ends as if it had not been caught.
            signal_hook::low_level::emulate_default_handler(signal).map_err(refused)
        }
    }
}

/// How a run ended.
enum Ended {
    Done(Box<Report>),
    Signal(i32),
}

fn measure(args: &BenchArgs, globals: &Globals, signals: &mut Signals) -> Result<Ended, Failure> {
    let plan = if args.quick { Plan::quick() } else { Plan::full() };
    let allowed = sched::allowed_cpus()
        .map_err(|error| Failure::new(Code::Os, format!("cannot choose a CPU: {error}")))?;
    if let Err(error) = sched::raise_descriptor_limit() {
        let message = format!("cannot raise the limit of open descriptors: {error}");
        return Err(Failure::new(Code::Os, message));
    }
    // NB: before this side is pinned, which the engine would inherit.
    let engine = match &globals.socket {
        Some(_) => None,
        None => Some(Engine::start(args.worker_core.or(allowed.last().copied()))?),
    };
    let socket = engine.as_ref().map(Engine::socket).or(globals.socket.clone());
    let worker_core = worker_core(socket.as_deref())?;
    let place = Place::choose(args, allowed, worker_core)?;
    let floor = match worker_core.filter(|_| place.paired) {
        Some(core) => Some(Floor::start(core)?),
        None => None,
    };
    let watch = Watch::start(&place.cpus());
    let rig = Rig::new(plan.round, floor, engine);
    let mut run = Run::start(rig, plan, place, socket)?;
    if let Some(signal) = run.measure(args.open_loop, signals)? {
        return Ok(Ended::Signal(signal));
    }
    Ok(Ended::Done(Box::new(run.finish(watch))))
}

fn worker_core(socket: Option<&Path>) -> Result<Option<usize>, Failure> {
    let workers = Observer::attach(socket)?.snapshot().workers;
    Ok(workers.first().and_then(|worker| worker.core))
}

/// Which CPUs the run takes.
#[derive(Clone, Debug)]
struct Place {
    own: usize,
    worker: Option<usize>,
    /// CPUs that neither side needs.
    spare: Vec<usize>,
    /// Whether the two sides have a CPU each.
    paired: bool,
}

impl Place {
    /// Chooses this side's CPU and pins the calling thread to it.
    fn choose(
        args: &BenchArgs,
        allowed: Vec<usize>,
        worker: Option<usize>,
    ) -> Result<Place, Failure> {
        let free = || allowed.iter().copied().find(|&cpu| Some(cpu) != worker);
        let own = args.core.or_else(free).or(allowed.first().copied()).unwrap_or(0);
        let paired = Some(own) != worker;
        if !paired && allowed.len() > 1 {
            let message = format!("CPU {own} is the worker's: choose another --core");
            return Err(Failure::new(Code::Usage, message));
        }
        sched::allow_cpus(&[own]).map_err(|error| {
            let message = format!("cannot run on CPU {own}: {error}; choose another --core");
            Failure::new(Code::Usage, message)
        })?;
        let spare = allowed.into_iter().filter(|&cpu| cpu != own && Some(cpu) != worker).collect();
        Ok(Place { own, worker, spare, paired })
    }

    fn cpus(&self) -> Vec<usize> {
        let mut cpus: Vec<usize> = self.worker.into_iter().chain([self.own]).collect();
        cpus.sort_unstable();
        cpus.dedup();
        cpus
    }
}

fn publish(args: &BenchArgs, report: &Report) -> Result<(), Failure> {
    if let Some(folder) = &args.hgrm {
        hgrm::write(folder, report)?;
    }
    if let Some(file) = &args.html {
        std::fs::write(file, html::page(report))
            .map_err(|error| Failure::creating(file, &error))?;
    }
    if args.json {
        print(format_args!("{}\n", report.as_json()))
    } else {
        print(text::table(report))
    }
}
