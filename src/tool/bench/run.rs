//! One run: its phases, round by round.

mod private;

use super::Place;
use super::plan::{CHANNEL_COUNTS, IDLE_COUNT, Plan};
use super::report::{Facts, Memory, OpenLoop, Report};
use crate::exit::Code;
use crate::measure::condition::Watch;
use crate::measure::open_loop;
use crate::measure::stream::{self, BatchRounds, LocalRounds};
use crate::measure::timeline::{Subject, Timeline};
use crate::measure::{Rig, RingRounds};
use crate::tool::Failure;
use factord_core::client::{AttachError, AttachOptions, Client};
use factord_core::idle::IdleStrategy;
use factord_eval::Kind;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use signal_hook::iterator::Signals;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The models that are asked, of one width.
#[derive(Clone, Debug)]
struct Models {
    linear: u16,
    logistic: Option<u16>,
    width: usize,
}

/// A run under way.
pub(super) struct Run {
    rig: Rig,
    plan: Plan,
    place: Place,
    socket: Option<PathBuf>,
    models: Models,
    start: Instant,
    progress: ProgressBar,
    timeline: Timeline,
    facts: Facts,
}

/// Why a phase stopped early: a signal, or a failure.
enum Stop {
    Signal(i32),
    Failure(Failure),
}

impl<E: Into<Failure>> From<E> for Stop {
    fn from(error: E) -> Stop {
        Stop::Failure(error.into())
    }
}

impl Run {
    /// Looks for the models and prepares the first round.
    pub(super) fn start(
        rig: Rig,
        plan: Plan,
        place: Place,
        socket: Option<PathBuf>,
    ) -> Result<Run, Failure> {
        let private = rig.engine().is_some();
        let start_ms = rig.engine().map(|engine| engine.start_ms());
        let idle = if place.paired { IdleStrategy::Spin } else { IdleStrategy::Yield };
        let options = AttachOptions { socket: socket.clone(), idle, ..AttachOptions::default() };
        let models = choose_models(&Client::attach(&options)?)?;
        let mut facts = Facts { private, start_ms, ..Facts::default() };
        if !place.paired {
            facts.note("one CPU: floor, round trips, idle channels and swaps need two");
        } else if place.worker.is_none() {
            facts.note("the worker is not pinned: there is no floor to compare with");
        }
        if !private {
            facts.note(
                "the engine is a running one: its clients take part, and its models stay as they \
                 are",
            );
        }
        if models.logistic.is_none() {
            facts.note("no logistic model of the linear one's width is served");
        }
        let progress = progress(plan.steps());
        let (start, timeline) = (Instant::now(), Timeline::default());
        Ok(Run { rig, plan, place, socket, models, start, progress, timeline, facts })
    }

    /// Measures everything; returns the signal that cut it short, if one did.
    pub(super) fn measure(
        &mut self,
        open_loop: Option<u64>,
        signals: &mut Signals,
    ) -> Result<Option<i32>, Failure> {
        let result = self.phases(open_loop, signals);
        self.progress.finish_and_clear();
        match result {
            Ok(()) => Ok(None),
            Err(Stop::Signal(signal)) => Ok(Some(signal)),
            Err(Stop::Failure(failure)) => Err(failure),
        }
    }

    /// Sums up, and ends the engine and the floor's process.
    pub(super) fn finish(self, watch: Watch) -> Report {
        let Run { plan, place, timeline, facts, start, .. } = self;
        let condition = watch.finish();
        let seconds = start.elapsed().as_secs_f64();
        Report { plan, place, timeline, facts, condition, seconds }
    }

    fn phases(&mut self, open_loop: Option<u64>, signals: &mut Signals) -> Result<(), Stop> {
        self.main_phase(signals)?;
        if self.place.paired {
            self.channel_phase(signals)?;
            self.swap_phase(signals)?;
            self.growth_phase(signals)?;
            if let Some(rate) = open_loop {
                self.open_loop_phase(rate)?;
            }
        }
        Ok(())
    }

    fn attach(&self, slot_count: usize) -> Result<Client, AttachError> {
        let idle = if self.place.paired { IdleStrategy::Spin } else { IdleStrategy::Yield };
        Client::attach(&AttachOptions {
            socket: self.socket.clone(),
            name: "bench".to_owned(),
            feature_count: self.models.width,
            slot_count,
            idle,
            ..AttachOptions::default()
        })
    }

    fn now_s(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    fn step(&self, what: &'static str, signals: &mut Signals) -> Result<(), Stop> {
        self.progress.set_message(what);
        self.progress.inc(1);
        go_on(signals)
    }

    fn floor(&mut self) -> Result<(), Stop> {
        let at_s = self.now_s();
        if let Some((waiting, sample)) = self.rig.floor_round()? {
            self.timeline.trips(Subject::Floor, at_s, &sample, Some(waiting));
        }
        Ok(())
    }

    fn ring(&mut self, subject: Subject, ring: &mut RingRounds) -> Result<(), Stop> {
        self.ring_for(subject, ring, self.rig.length)
    }

    fn ring_for(
        &mut self,
        subject: Subject,
        ring: &mut RingRounds,
        length: Duration,
    ) -> Result<(), Stop> {
        let at_s = self.now_s();
        let sample = ring.round(&self.rig.stopwatch, length)?;
        self.timeline.trips(subject, at_s, &sample, None);
        Ok(())
    }

    /// Round trips, batches and evaluation in process, alternating.
    fn main_phase(&mut self, signals: &mut Signals) -> Result<(), Stop> {
        let Models { linear, logistic, width } = self.models;
        let mut ring = RingRounds::new(self.attach(AttachOptions::default().slot_count)?, linear);
        // One of the idle channels is the batches', silent while round trips are measured, and
        // evaluation in process uses another.
        let mut batch = BatchRounds::new(self.attach(stream::SLOT_COUNT)?, linear);
        let mut idle = self.attach_idle(IDLE_COUNT - 1)?;
        let local = LocalRounds::new(width);
        let half = self.rig.length / 2;
        self.floor()?;
        for _ in 0..self.plan.turns {
            self.step("round trips", signals)?;
            if self.place.paired {
                ring.ask(linear);
                self.ring(Subject::Linear, &mut ring)?;
                self.floor()?;
            }
            if let Some(logistic) = logistic.filter(|_| self.place.paired) {
                ring.ask(logistic);
                self.ring(Subject::Logistic, &mut ring)?;
                self.floor()?;
            }
            let at_s = self.now_s();
            let rate = batch.round(&self.rig.stopwatch, self.rig.length)?;
            self.timeline.rate(Subject::Batch, at_s, rate);
            self.floor()?;
            let client = idle.first_mut().ok_or_else(|| failed("no channel is left"))?;
            let stopwatch = &self.rig.stopwatch;
            self.facts.local_linear_ns.push(local.round(client, linear, stopwatch, half)?);
            if let Some(logistic) = logistic {
                self.facts.local_logistic_ns.push(local.round(client, logistic, stopwatch, half)?);
            }
        }
        Ok(())
    }

    fn attach_idle(&self, count: usize) -> Result<Vec<Client>, AttachError> {
        (0..count).map(|_| self.attach(AttachOptions::default().slot_count)).collect()
    }

    /// The cost of idle channels, alternating over all numbers of them.
    fn channel_phase(&mut self, signals: &mut Signals) -> Result<(), Stop> {
        let mut ring =
            RingRounds::new(self.attach(AttachOptions::default().slot_count)?, self.models.linear);
        let mut counts = CHANNEL_COUNTS.to_vec();
        for _ in 0..self.plan.channel_turns {
            let mut idle = Vec::with_capacity(256);
            self.floor()?;
            for count in counts.clone() {
                self.step("idle channels", signals)?;
                match self.attach_idle(count - idle.len()) {
                    Ok(more) => idle.extend(more),
                    Err(AttachError::Refused(refusal)) => {
                        let note = format!("{count} idle channels were not measured: {refusal}");
                        self.facts.note(note);
                        counts.retain(|&other| other < count);
                        break;
                    }
                    Err(other) => return Err(other.into()),
                }
                self.ring(Subject::Channels(count), &mut ring)?;
                self.floor()?;
                if let Some(kib) = self.rig.engine().and_then(|engine| engine.resident_kib()) {
                    self.facts.memory.retain(|memory| memory.channels != count);
                    self.facts.memory.push(Memory { channels: count, kib });
                }
            }
        }
        Ok(())
    }

    fn open_loop_phase(&mut self, rate: u64) -> Result<(), Stop> {
        self.progress.set_message("open loop");
        let mut client = self.attach(1024)?;
        let _idle = self.attach_idle(IDLE_COUNT)?;
        let (model, length) = (self.models.linear, self.plan.open_loop);
        let stopwatch = &self.rig.stopwatch;
        let run = open_loop::run(&mut client, model, rate, length, stopwatch)?;
        self.facts.open_loop = Some(OpenLoop { rate, run });
        Ok(())
    }
}

/// Ends the run when a signal has come.
fn go_on(signals: &mut Signals) -> Result<(), Stop> {
    signals.pending().next().map_or(Ok(()), |signal| Err(Stop::Signal(signal)))
}

fn failed(message: &str) -> Failure {
    Failure::new(Code::Os, message)
}

fn choose_models(client: &Client) -> Result<Models, Failure> {
    let rows = client.models();
    let of_kind = |kind| rows.iter().filter(move |row| row.kind == kind);
    // Ids ascend, and `regression` and `classification` come first.
    let linear = of_kind(Kind::Linear).next().ok_or_else(|| {
        Failure::new(Code::Usage, "the engine serves no linear model: there is nothing to measure")
    })?;
    let logistic = of_kind(Kind::Logistic).find(|row| row.width == linear.width);
    Ok(Models { linear: linear.id, logistic: logistic.map(|row| row.id), width: linear.width })
}

fn progress(steps: u64) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{wide_bar} {msg:13} {percent:>3} %  {eta} left");
    ProgressBar::new(steps).with_style(style.expect("the template is a constant that parses"))
}
