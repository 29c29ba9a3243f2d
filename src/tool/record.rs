//! `factord record`: every answer of a running daemon, in Parquet files that can be proved.
//!
//! One thread reads the taps and one writes files. Memory is bounded: when files are written more
//! slowly than answers come, the reader waits, the taps overtake it, and what was missed is counted
//! in the files. The engine does not notice, whatever becomes of this process.

mod collect;
mod files;

use super::supervised::{SupervisedArgs, Voice};
use super::{Failure, Globals};
use crate::config::parse;
use crate::exit::Code;
use clap::ArgAction;
use collect::{Collected, Collector};
use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};
use factord_core::client::{Begin, Event, Subscriber};
use files::{Folder, Written};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

const EXAMPLES: &str = "\
Examples:
  factord serve --models STORE --tap --audit-local refuse
  factord record /var/lib/factord/audit --store STORE
  factord audit verify /var/lib/factord/audit --store STORE

Files are DIR/day=YYYY-MM-DD/host=NAME/NUMBER.parquet, sorted by name. A file has its name only when
the disk has all of it, so that a recorder that is killed leaves whole files; the next one goes on
where they end and counts what is gone. Each file names the hash of the one before it and the head
of the store's ledger; both are printed when it is closed, to be kept elsewhere. A disk that is full
ends the recorder with an error, and never the engine.";

/// Between two looks that found nothing.
// 200 us: a tap of the usual size holds 30 ms of a million answers a second.
const PAUSE: Duration = Duration::from_micros(200);
/// Between two looks at what changes rarely.
const LOOK_PAUSE: Duration = Duration::from_millis(200);
/// How long a recorder that ends reads what was written before.
// 10 s: a tap has 16 million cells at most, and files take millions of rows a second.
const REST_LIMIT: Duration = Duration::from_secs(10);
/// The same for a child, for which the daemon waits a second.
const CHILD_REST_LIMIT: Duration = Duration::from_millis(500);

/// Reads of what an engine that has ended has left, each of up to 4,096 answers.
// 4,096: more than the largest tap holds.
const LAST_READS_MAX: usize = 4096;

/// The flags of `factord record`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct RecordArgs {
    /// Where the files go
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The store whose ledger the files name
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// The host's name in the files (default: the system's)
    #[arg(long, value_name = "NAME", value_parser = files::host_name)]
    host: Option<String>,
    /// Close a file after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    every: u64,
    /// Record although clients may evaluate in their own processes, which no tap sees: how often
    /// each says that it does is counted in the files: allow or refuse
    #[arg(long, value_name = "WHETHER", action = ArgAction::Set, value_parser = parse::audit_local,
          default_value = "refuse")]
    audit_local: bool,
    #[command(flatten)]
    supervised: SupervisedArgs,
}

impl RecordArgs {
    /// Whether a daemon started it.
    pub(super) fn is_supervised(&self) -> bool {
        self.supervised.is_supervised()
    }
}

/// Records until a signal ends it, or files cannot be written.
///
/// # Errors
///
/// [`Failure`].
pub fn run(args: &RecordArgs, globals: &Globals) -> Result<(), Failure> {
    let voice = args.supervised.begin()?;
    let host = match &args.host {
        Some(host) => host.clone(),
        None => files::system_host()?,
    };
    let folder = Folder::open(&args.directory, host, args.store.clone())?;
    let begin = folder.begin();
    let socket = globals.socket()?;
    let subscriber = Subscriber::attach_at(socket.as_deref(), None, &begin)?;
    check_local(&subscriber, args)?;
    let mut signals = Signals::new([SIGINT, SIGTERM])
        .map_err(|error| Failure::new(Code::Os, format!("cannot watch signals: {error}")))?;
    let begun = format!(
        "recording epoch {} to {}, from file {} on",
        subscriber.epoch(),
        args.directory.display(),
        folder.next_number()
    );
    voice.ready(begun)?;
    // One batch is written, one waits, and one is filled.
    let (to_writer, batches) = bounded::<Collected>(1);
    let (told, outcomes) = bounded::<Result<Written, Failure>>(4);
    let writer = thread::Builder::new()
        .name("record-write".to_owned())
        .spawn(move || write_all(folder, &batches, &told))
        .map_err(|error| Failure::new(Code::Os, error))?;
    let every = Duration::from_secs(args.every);
    let mut collector = Collector::new(args.audit_local);
    collector.begin(&subscriber);
    let mut recorder = Recorder { subscriber, collector, to_writer, waiting: None, every, voice };
    let socket = socket.as_deref();
    let result = recorder.record(&mut signals, &outcomes, socket);
    recorder.finish(&outcomes);
    let Recorder { voice, to_writer, .. } = recorder;
    // Without this end of the channel the writer ends.
    drop(to_writer);
    let last = outcomes.iter().try_for_each(|outcome| outcome.and_then(|it| voice.tell(&it)));
    if writer.join().is_err() {
        return Err(Failure::new(Code::Internal, "the writing thread panicked"));
    }
    result.and(last)
}

/// Refuses to record what is not all, unless that is wanted.
fn check_local(subscriber: &Subscriber, args: &RecordArgs) -> Result<(), Failure> {
    if subscriber.allows_local() && !args.audit_local {
        return Err(Failure::new(
            Code::Config,
            "the daemon lets clients evaluate in their own processes, which no record has: start \
             it with `factord serve --audit-local refuse`, or record with --audit-local allow to \
             count what they say",
        ));
    }
    Ok(())
}

/// The writing thread: files one after the other, until one fails.
fn write_all(
    mut folder: Folder,
    batches: &Receiver<Collected>,
    told: &Sender<Result<Written, Failure>>,
) {
    for batch in batches {
        let written = folder.write(batch);
        let failed = written.is_err();
        // The reader is gone only when nothing is to be told any more.
        if told.send(written).is_err() || failed {
            return;
        }
    }
}

/// The reading thread's state.
struct Recorder {
    subscriber: Subscriber,
    collector: Collector,
    to_writer: Sender<Collected>,
    /// What the writer has no room for yet.
    waiting: Option<Collected>,
    every: Duration,
    voice: Voice,
}

impl Recorder {
    /// Reads until a signal comes or the writer fails.
    fn record(
        &mut self,
        signals: &mut Signals,
        outcomes: &Receiver<Result<Written, Failure>>,
        socket: Option<&std::path::Path>,
    ) -> Result<(), Failure> {
        let mut looked = Instant::now();
        let mut beats = self.subscriber.heartbeat_count();
        // The event loop.
        loop {
            let idle = !self.take_some();
            for outcome in outcomes.try_iter() {
                self.voice.tell(outcome?)?;
            }
            if looked.elapsed() >= LOOK_PAUSE {
                looked = Instant::now();
                let signalled = signals.pending().next().is_some() && self.voice.heeds_signals();
                if signalled || self.voice.is_over() {
                    return self.take_rest(outcomes);
                }
                self.voice.sign()?;
                let now = self.subscriber.heartbeat_count();
                if now == beats || self.subscriber.is_succeeded() {
                    self.look_for_another(socket);
                }
                beats = now;
                if self.collector.is_due(self.every) {
                    self.close();
                }
            }
            if idle {
                thread::sleep(PAUSE);
            }
        }
    }

    /// Takes all that the taps have by now, of an engine that may be gone; gives up when files take
    /// too long, or nothing comes any more of what an engine that died half-way has promised.
    fn take_rest(&mut self, outcomes: &Receiver<Result<Written, Failure>>) -> Result<(), Failure> {
        let limit = if self.voice.heeds_signals() { REST_LIMIT } else { CHILD_REST_LIMIT };
        let (end, written) = (Instant::now() + limit, self.subscriber.written());
        let mut moved = Instant::now();
        loop {
            let is_read = |(next, written): (&u64, &u64)| next >= written;
            let next = self.subscriber.ordinals();
            let now = Instant::now();
            if next.iter().zip(&written).all(is_read) || now >= end || now - moved > LOOK_PAUSE {
                return Ok(());
            }
            let took = self.take_some();
            for outcome in outcomes.try_iter() {
                self.voice.tell(outcome?)?;
            }
            if took || self.waiting.is_some() {
                moved = Instant::now();
            }
            if !took {
                thread::sleep(PAUSE);
            }
        }
    }

    /// Takes what is there, up to a bound; whether there was anything.
    fn take_some(&mut self) -> bool {
        // 4,096: some hundred microseconds between two looks at everything else.
        for taken in 0..4096 {
            if self.collector.is_full() {
                self.close();
            }
            if !self.hand_over() {
                return false;
            }
            match self.subscriber.poll() {
                Some(Event::Published(answer)) => {
                    let client = answer.record.client;
                    if self.collector.day_is_over(answer.unix_ns) {
                        self.collector.mark_day();
                    }
                    if self.collector.push(&answer) {
                        let name = self.subscriber.client_name(client);
                        self.collector.name_client(client, name);
                    }
                }
                Some(Event::Missed { worker, count, next }) => {
                    let epoch = self.subscriber.epoch();
                    self.collector.missed((epoch, worker), count, next);
                }
                None => return taken > 0,
            }
        }
        true
    }

    /// Hands what waits to the writer; whether nothing waits any more.
    fn hand_over(&mut self) -> bool {
        let Some(batch) = self.waiting.take() else { return true };
        match self.to_writer.try_send(batch) {
            Ok(()) => true,
            Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) => {
                self.waiting = Some(batch);
                false
            }
        }
    }

    /// Ends a file with what was read so far.
    fn close(&mut self) {
        if self.waiting.is_none() {
            self.collector.claim(&self.subscriber);
            self.waiting = self.collector.take();
            self.hand_over();
        }
    }

    /// Goes over to another engine, if one serves now.
    fn look_for_another(&mut self, socket: Option<&std::path::Path>) {
        if self.subscriber.is_current() {
            return;
        }
        let begin = Begin::Ordinals(0, Vec::new());
        if let Ok(next) = Subscriber::attach_at(socket, None, &begin) {
            // What the one before has written is read first.
            if (0..LAST_READS_MAX).any(|_| !self.take_some()) && self.waiting.is_some() {
                return;
            }
            if next.allows_local() && !self.collector.allows_local() {
                self.voice.warn(
                    "the daemon that serves now lets clients evaluate in their own processes: the \
                     files say so",
                );
            }
            self.voice.warn(format_args!("recording epoch {} from here on", next.epoch()));
            self.subscriber = next;
            self.collector.begin(&self.subscriber);
        }
    }

    /// Hands over the rest; gives up when the writer has failed.
    fn finish(&mut self, outcomes: &Receiver<Result<Written, Failure>>) {
        // Twice: what waits, and what was read since.
        for _ in 0..2 {
            if let Some(batch) = self.waiting.take() {
                while let Ok(outcome) = outcomes.try_recv() {
                    let Ok(written) = outcome else { return };
                    let _ = self.voice.tell(&written);
                }
                if self.to_writer.send(batch).is_err() {
                    return;
                }
            }
            self.close();
        }
    }
}
