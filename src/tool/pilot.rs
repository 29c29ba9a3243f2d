//! `factord pilot`: scores shadows, and takes canaries from step to step or back.
//!
//! One thread reads the taps. What it keeps does not grow with what it reads; when it is too slow,
//! the taps overtake it and what was missed is counted. The deployment holds all state: a pilot
//! that is killed leaves a whole store, and the next one counts the step that is served anew.

mod args;
mod divergence;
mod drift;
mod drift_arm;
mod drift_rules;
mod kept;
mod metrics;
mod scorer;
mod service;
mod step_drift;
mod told;
mod trial;
mod watched;

use super::{Failure, Globals};
use crate::exit::Code;
pub use args::PilotArgs;
use factord_core::channel;
use factord_core::client::{Begin, Event, Subscriber};
use factord_core::counters::Observer;
use factord_models::store::{Served, Store, StoreError};
use kept::KeptFile;
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};
use told::Told;
use trial::Verdict;
use watched::{Outcome, Watched};

/// What Prometheus reads, in the store's folder `pilot`.
const METRICS_FILE: &str = "pilot.prom";

/// Between two looks that found nothing.
// 200 us, as the recorder: a tap of the usual size holds 30 ms of a million answers a second.
const PAUSE: Duration = Duration::from_micros(200);
/// Between two looks at signals, the deployment and the holds that wait for time.
const LOOK_PAUSE: Duration = Duration::from_millis(100);
/// Between two lines of figures, and two attempts at what failed.
const TELL_PAUSE: Duration = Duration::from_secs(1);
/// Keeping what was seen takes one part in so many of the pilot's time, at most.
const KEEP_SHARE: u32 = 100;

/// Reads of what an engine that has ended has left, each of up to 4,096 answers.
// 4,096: more than the largest tap holds.
const LAST_READS_MAX: usize = 4096;

/// Watches until a signal ends it.
///
/// # Errors
///
/// [`Failure`] when there is no store, or no daemon with a tap, or stdout cannot be written to.
pub fn run(args: &PilotArgs, globals: &Globals) -> Result<(), Failure> {
    let voice = args.supervised.begin()?;
    let watched = Watched::open(&args.store, args.rules())?;
    let socket = globals.socket()?;
    let subscriber = Subscriber::attach(socket.as_deref(), None)?;
    let mut signals = Signals::new([SIGINT, SIGTERM])
        .map_err(|error| Failure::new(Code::Os, format!("cannot watch signals: {error}")))?;
    let mut pilot = Pilot {
        socket: channel::socket_path(socket.as_deref()),
        root: args.store.clone(),
        told: Told::open(args.json, args.log.as_deref(), voice)?,
        pending: BTreeSet::new(),
        said: String::new(),
        watched,
        subscriber,
        seen: 0,
        missed: 0,
        drift_file: KeptFile::of(&args.store, "drift.json"),
        metrics_file: args.store.join("pilot").join(METRICS_FILE),
        unkept: false,
    };
    pilot.begin()?;
    pilot.watch(&mut signals)?;
    pilot.end()
}

/// The pilot's state.
struct Pilot {
    socket: PathBuf,
    root: PathBuf,
    told: Told,
    /// Names that the daemon has to read again.
    pending: BTreeSet<String>,
    /// Why the daemon refused the last one.
    said: String,
    watched: Watched,
    subscriber: Subscriber,
    /// Answers that were read, of all names.
    seen: u64,
    /// Answers that were overwritten before.
    missed: u64,
    drift_file: KeptFile,
    metrics_file: PathBuf,
    /// Whether the last attempt to keep what was seen failed.
    unkept: bool,
}

impl Pilot {
    /// Has the daemon serve what the store says, which a pilot that was killed may not have told,
    /// and goes on from what that one saw of drift.
    fn begin(&mut self) -> Result<(), Failure> {
        match self.drift_file.load() {
            Ok(kept) => self.watched.drifts.restore(kept.unwrap_or_default()),
            Err(why) => self.told.voice.warn(format_args!("drift is watched anew: {why}")),
        }
        let (epoch, store) = (self.subscriber.epoch(), self.root.display().to_string());
        let text = format!("watching epoch {epoch}, store {store}");
        self.told.tell("begin", Some(&text), json!({"epoch": epoch, "store": store}))?;
        let rows = Observer::attach(Some(&self.socket))?.models();
        let rows = rows.map_err(|error| Failure::new(Code::Temporary, error))?;
        for (name, served) in &self.watched.deployment().names {
            let is_served = |row: &&factord_core::counters::ModelRow| {
                row.name == *name && row.generation == served.generation
            };
            if !rows.iter().any(|row| is_served(&row)) {
                self.pending.insert(name.clone());
            }
        }
        self.tell_daemon();
        Ok(())
    }

    fn watch(&mut self, signals: &mut Signals) -> Result<(), Failure> {
        let (mut looked, mut told, mut kept) = (Instant::now(), Instant::now(), Instant::now());
        let mut keep_pause = Duration::ZERO;
        let mut beats = self.subscriber.heartbeat_count();
        // The event loop.
        loop {
            let idle = !self.take_some()?;
            if looked.elapsed() >= LOOK_PAUSE {
                looked = Instant::now();
                let voice = &mut self.told.voice;
                let signalled = signals.pending().next().is_some() && voice.heeds_signals();
                if signalled || voice.is_over() {
                    return Ok(());
                }
                voice.sign()?;
                self.refresh();
                for (name, verdict) in self.watched.verdicts() {
                    self.act(&name, verdict)?;
                }
                for change in self.watched.drifts.changes() {
                    self.told.tell("drift", Some(&change.text()), change.json())?;
                }
            }
            if told.elapsed() >= TELL_PAUSE {
                told = Instant::now();
                self.tell_daemon();
                self.tell_figures("look")?;
                if kept.elapsed() >= keep_pause {
                    kept = Instant::now();
                    self.keep();
                    keep_pause = KEEP_SHARE * kept.elapsed();
                }
                let now = self.subscriber.heartbeat_count();
                if now == beats || self.subscriber.is_succeeded() {
                    self.look_for_another()?;
                }
                beats = now;
            }
            if idle {
                thread::sleep(PAUSE);
            }
        }
    }

    /// Takes what is there, up to a bound; whether there was anything.
    fn take_some(&mut self) -> Result<bool, Failure> {
        // 4,096: some milliseconds between two looks at everything else.
        for taken in 0..4096 {
            let (name, outcome) = match self.subscriber.poll() {
                Some(Event::Published(answer)) => {
                    self.seen += 1;
                    let outcome = self.watched.take(&answer);
                    let name = answer.name.filter(|_| outcome != Outcome::Taken);
                    (name.map(str::to_owned), outcome)
                }
                Some(Event::Missed { count, .. }) => {
                    self.missed += count;
                    continue;
                }
                None => return Ok(taken > 0),
            };
            match (name, outcome) {
                (_, Outcome::Ahead) if self.watched.may_read() => self.refresh(),
                (Some(name), Outcome::Canary(verdict)) => self.act(&name, verdict)?,
                _ => {}
            }
        }
        Ok(true)
    }

    /// Reads the deployment again; one that cannot be honoured is said, and the last one stands.
    fn refresh(&mut self) {
        if let Err(error) = self.watched.refresh() {
            self.told
                .voice
                .warn(format_args!("the deployment is not watched as it stands: {error}"));
        }
    }

    /// Takes a canary to its next step, or back.
    fn act(&mut self, name: &str, verdict: Verdict) -> Result<(), Failure> {
        let Some(generation) = self.watched.may_act(name) else { return Ok(()) };
        let figures = self.watched.trial_json(name);
        let changed = Store::open(&self.root).and_then(|mut store| match &verdict {
            Verdict::Step => store.step(name, generation),
            Verdict::Stop(reason) => store.stop_canary(name, generation, reason),
        });
        match changed {
            Ok(served) => {
                if served.generation != generation {
                    self.pending.insert(name.to_owned());
                }
                self.tell_daemon();
                self.tell_change(name, &served, &verdict, figures)?;
            }
            // What was changed by hand meanwhile is read below.
            Err(StoreError::Changed { .. }) => {}
            Err(error) => {
                self.told.voice.warn(format_args!("{name} stays as it is for a second: {error}"))
            }
        }
        self.refresh();
        Ok(())
    }

    fn tell_change(
        &mut self,
        name: &str,
        served: &Served,
        verdict: &Verdict,
        figures: serde_json::Value,
    ) -> Result<(), Failure> {
        let (generation, champion) = (served.generation, served.champion);
        let short = champion.short();
        let (event, text, reason) = match (verdict, &served.canary) {
            (Verdict::Stop(reason), _) => {
                let text = format!("{name} is served by {short} again: {reason}");
                ("rollback", text, Some(reason))
            }
            (Verdict::Step, Some(canary)) => {
                let (candidate, weight) = (canary.candidate.short(), canary.weight());
                ("step", format!("{name}: {candidate} gets {weight} of 256"), None)
            }
            (Verdict::Step, None) => {
                ("settle", format!("{name}: {short} is champion, and its canary is over"), None)
            }
        };
        let text = format!("{text} (generation {generation})");
        self.told.tell(
            event,
            Some(&text),
            json!({
                "name": name, "generation": generation, "champion": champion,
                "canary": served.canary, "reason": reason, "seen": figures,
            }),
        )
    }

    /// Has the daemon read again what was changed; what it refuses is asked for again.
    fn tell_daemon(&mut self) {
        let (socket, voice, said) = (&self.socket, &self.told.voice, &mut self.said);
        self.pending.retain(|name| match channel::reload_one(socket, name) {
            Ok(_) => false,
            Err(error) => {
                let why = format!("the daemon does not serve {name} as the store says: {error}");
                // Once a second would fill the log.
                if *said != why {
                    voice.warn(&why);
                    *said = why;
                }
                true
            }
        });
    }

    /// Keeps what was seen of drift, and writes the figures for Prometheus.
    fn keep(&mut self) {
        let drifts = &self.watched.drifts;
        let text = metrics::render(metrics::of_drift(drifts)).unwrap_or_default();
        let written = self
            .drift_file
            .save(&drifts.keep())
            .and_then(|()| kept::replace(&self.metrics_file, text.as_bytes()));
        match written {
            Ok(()) => self.unkept = false,
            Err(error) if !self.unkept => {
                self.unkept = true;
                let path = self.drift_file.path().display();
                self.told.voice.warn(format_args!("what was seen is not kept, {path}: {error}"));
            }
            Err(_) => {}
        }
    }

    fn tell_figures(&mut self, event: &str) -> Result<(), Failure> {
        let figures = json!({
            "epoch": self.subscriber.epoch(), "seen": self.seen, "missed": self.missed,
            "unscored": self.watched.unscored, "names": self.watched.json(),
            "drift": self.watched.drifts.json(),
        });
        self.told.tell(event, None, figures)
    }

    /// Goes over to another engine, if one serves now.
    fn look_for_another(&mut self) -> Result<(), Failure> {
        if self.subscriber.is_current() {
            return Ok(());
        }
        let begin = Begin::Ordinals(0, Vec::new());
        if let Ok(next) = Subscriber::attach_at(Some(&self.socket), None, &begin) {
            // What the one before has written is read first.
            for _ in 0..LAST_READS_MAX {
                if !self.take_some()? {
                    break;
                }
            }
            self.told.voice.warn(format_args!("watching epoch {} from here on", next.epoch()));
            self.subscriber = next;
        }
        Ok(())
    }

    /// The summary.
    fn end(&mut self) -> Result<(), Failure> {
        self.keep();
        let mut text = self.watched.lines();
        let (seen, missed, unlogged) = (self.seen, self.missed, self.told.unlogged);
        let unscored = self.watched.unscored;
        text.push(format!(
            "{seen} answers read, {missed} missed, {unscored} of other generations, {unlogged} \
             lines not logged"
        ));
        self.told.tell(
            "end",
            Some(&text.join("\n")),
            json!({
                "epoch": self.subscriber.epoch(), "seen": seen, "missed": missed,
                "unscored": unscored, "names": self.watched.json(),
                "drift": self.watched.drifts.json(),
            }),
        )
    }
}
