//! The conductor: carries out on the daemon what runners ask for, one thing at a time.
//!
//! Runners in any language call a program; it passes their words to the driver through a socket.
//! One thread of the driver owns the daemon, as the daemon dies with the thread that started it.

use crate::engine::Engine;
use crate::fault::{During, Fault, ensure, fail};
use crate::impostor::Impostor;
use crate::models::{Set, Variant};
use crate::untrusted::Place;
use factord_core::counters::Observer;
use factord_core::sys::socket;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a caller waits for the conductor: longer than any verb takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two looks at the counters when a restart is due.
const LOOK: Duration = Duration::from_micros(200);
/// A restart that has not become due by then is dropped.
const DUE_WITHIN: Duration = Duration::from_secs(60);

/// Words of a runner, and where the answer goes.
struct Command {
    words: Vec<String>,
    reply: Sender<Result<String, Fault>>,
}

/// Gives commands to the thread that owns the daemon; the daemon ends when this is dropped.
pub(crate) struct Conductor {
    commands: Option<Sender<Command>>,
    thread: Option<JoinHandle<()>>,
    socket: PathBuf,
}

impl Conductor {
    /// Takes over a prepared engine; `folder` is private to the run. A saboteur says that it has
    /// done what it was asked for, but neither kills nor halts, and its false daemons are honest.
    pub(crate) fn start(
        engine: Engine,
        golden: &Path,
        folder: &Path,
        saboteur: bool,
    ) -> Result<Conductor, Fault> {
        let socket = folder.join("conduct.sock");
        let listener = UnixListener::bind(&socket).during(socket.display())?;
        let (commands, inbox) = channel();
        let owner = Owner {
            engine,
            golden: golden.to_owned(),
            folder: folder.to_owned(),
            impostors: Vec::new(),
            impostor_count: 0,
            places: Vec::new(),
            due: None,
            saboteur,
        };
        let thread = thread::spawn(move || owner.serve(&inbox));
        let callers = commands.clone();
        // It waits for callers as long as the process lives.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Err(fault) = answer(stream, &callers) {
                    eprintln!("conductor: {fault}");
                }
            }
        });
        Ok(Conductor { commands: Some(commands), thread: Some(thread), socket })
    }

    /// Where callers find it.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Gives a command and waits until it is carried out.
    pub(crate) fn command(&self, words: &[&str]) -> Result<String, Fault> {
        let Some(commands) = &self.commands else { return fail("the run is over") };
        give(commands, words.iter().map(|&word| word.to_owned()).collect())
    }
}

impl Drop for Conductor {
    fn drop(&mut self) {
        // NB: the listening thread holds a sender too, so that the end is a command of its own.
        let _ = self.command(&["end"]);
        if let Some(thread) = self.thread.take() {
            // A panic of it has been printed.
            let _ = thread.join();
        }
    }
}

fn give(commands: &Sender<Command>, words: Vec<String>) -> Result<String, Fault> {
    let (reply, outcome) = channel();
    commands.send(Command { words, reply }).during("the run is over")?;
    outcome.recv_timeout(PATIENCE).during("the conductor")?
}

/// Serves one caller of the socket.
fn answer(stream: UnixStream, commands: &Sender<Command>) -> Result<(), Fault> {
    stream.set_read_timeout(Some(PATIENCE)).during("a caller")?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).during("a caller")?;
    let words = line.split_whitespace().map(str::to_owned).collect();
    let answer = match give(commands, words) {
        Ok(text) => format!("ok {text}"),
        Err(fault) => format!("error {fault}"),
    };
    (&stream).write_all(format!("{}\n", answer.trim_end()).as_bytes()).during("a caller")
}

/// The caller's side: passes words on and returns what the conductor prints.
pub(crate) fn call(socket: &Path, words: &[String]) -> Result<String, Fault> {
    let stream = UnixStream::connect(socket).during(socket.display())?;
    stream.set_read_timeout(Some(PATIENCE)).during("conduct")?;
    (&stream).write_all(format!("{}\n", words.join(" ")).as_bytes()).during("conduct")?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).during("conduct")?;
    let line = line.trim_end();
    if let Some(fault) = line.strip_prefix("error ") {
        return fail(fault);
    }
    ensure(line == "ok" || line.starts_with("ok "), || format!("no answer: {line:?}"))?;
    Ok(line.to_owned())
}

/// What waits for its time.
enum Due {
    /// A restart, for so many answers, or until it is forgotten.
    Restart { observer: Observer, answers: u64, forgotten: Instant },
    /// A start.
    Start { at: Instant },
}

/// What the owning thread holds.
struct Owner {
    engine: Engine,
    golden: PathBuf,
    folder: PathBuf,
    impostors: Vec<Impostor>,
    impostor_count: u32,
    places: Vec<Place>,
    due: Option<Due>,
    saboteur: bool,
}

/// More connections than wait at any socket: net.core.somaxconn is 4,096.
const BACKLOG_MAX: u32 = 10_000;

/// Connects until nobody can any more; a connection that was closed waits like any other.
fn fill_backlog(socket: &Path) -> Result<(), Fault> {
    for _ in 0..BACKLOG_MAX {
        match socket::connect_at_once(socket) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return fail(format!("fill-backlog: {error}")),
        }
    }
    fail("fill-backlog: the daemon takes every connection: is it stopped?")
}

/// Answers that the daemon's workers have given.
fn answer_count(observer: &Observer) -> u64 {
    observer.snapshot().workers.iter().map(|worker| worker.requests).sum()
}

impl Owner {
    fn serve(mut self, inbox: &Receiver<Command>) {
        // The event loop of the run.
        loop {
            let wait = if self.due.is_some() { LOOK } else { DUE_WITHIN };
            match inbox.recv_timeout(wait) {
                Ok(command) => {
                    let over = command.words.first().is_some_and(|verb| verb == "end");
                    let outcome =
                        if over { Ok(String::new()) } else { self.carry_out(&command.words) };
                    // A caller that has gone away does not want to know.
                    let _ = command.reply.send(outcome);
                    if over {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    if let Err(fault) = self.carry_out_due() {
                        eprintln!("conductor: {fault}");
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn carry_out_due(&mut self) -> Result<(), Fault> {
        let now = Instant::now();
        match &self.due {
            None => return Ok(()),
            Some(Due::Start { at }) if now < *at => return Ok(()),
            Some(Due::Start { .. }) => {}
            Some(Due::Restart { forgotten, .. }) if now > *forgotten => {
                self.due = None;
                return Ok(());
            }
            Some(Due::Restart { observer, answers, .. }) => {
                if answer_count(observer) < *answers {
                    return Ok(());
                }
                self.engine.kill()?;
            }
        }
        self.due = None;
        self.engine.start()
    }

    fn carry_out(&mut self, words: &[String]) -> Result<String, Fault> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let done = |()| String::new();
        match words.as_slice() {
            ["kill" | "stop" | "continue" | "fill-backlog"]
            | ["restart-after" | "start-after", _]
                if self.saboteur =>
            {
                Ok(String::new())
            }
            ["reset"] => {
                self.due = None;
                self.impostors.clear();
                self.places.clear();
                self.engine.reset().map(done)
            }
            ["kill"] => self.engine.kill().map(done),
            ["start"] => self.engine.start().map(done),
            ["stop"] => self.engine.stop().map(done),
            ["continue"] => self.engine.go_on().map(done),
            ["swap", "a"] => Ok(self.engine.swap(Variant::A)?.to_string()),
            ["swap", "b"] => Ok(self.engine.swap(Variant::B)?.to_string()),
            ["restart-after", count] => {
                let observer = self.engine.observer()?;
                let count: u64 = count.parse().during("restart-after")?;
                let answers = answer_count(&observer) + count;
                let forgotten = Instant::now() + DUE_WITHIN;
                self.due = Some(Due::Restart { observer, answers, forgotten });
                Ok(String::new())
            }
            ["start-after", ms] => {
                let pause = Duration::from_millis(ms.parse().during("start-after")?);
                self.due = Some(Due::Start { at: Instant::now() + pause });
                Ok(String::new())
            }
            ["set", name] => {
                self.engine.serve_next(Set::of(name)?);
                Ok(String::new())
            }
            ["classes"] => {
                let divided = self.engine.divide_classes()?;
                Ok(if divided { String::new() } else { "-".to_owned() })
            }
            ["fill-backlog"] => fill_backlog(&self.engine.socket()).map(done),
            ["untrusted", place] => {
                let place = if self.saboteur { "own" } else { place };
                let Some(place) = Place::make(place, &self.golden)? else {
                    return Ok("-".to_owned());
                };
                self.places.push(place);
                Ok(self.places.last().map_or_else(String::new, Place::socket))
            }
            ["impostor", name] => {
                let name = if self.saboteur { "good" } else { name };
                self.impostor_count += 1;
                let path = self.folder.join(format!("impostor-{}.sock", self.impostor_count));
                self.impostors.push(Impostor::start(name, &self.golden, path.clone())?);
                Ok(path.display().to_string())
            }
            other => fail(format!("no such verb: {}", other.join(" "))),
        }
    }
}
