//! Attaching a channel: a state machine whose steps never wait for the daemon.

use super::connection::{Connection, ROOM_PAUSE};
use super::regions::Regions;
use super::{AttachError, HANDSHAKE_DEADLINE, Message, Shape, Welcome};
use crate::region::{Mapping, View};
use crate::sys::clock;
use core::mem;
use core::time::Duration;
use std::path::{Path, PathBuf};

/// A granted channel: its regions, mapped, and the connection that keeps it alive.
#[derive(Debug)]
pub struct Channel {
    /// Closing it frees the channel.
    pub connection: Connection,
    /// What the daemon granted.
    pub welcome: Welcome,
    /// Counters and the model table.
    pub status: View,
    /// The request ring, writable.
    pub req: Mapping,
    /// The response ring.
    pub resp: Mapping,
    /// Active model parameters; `None` for a user that may not evaluate locally.
    pub models: Option<View>,
}

/// What an attempt waits for.
#[derive(Debug)]
enum State {
    /// Room in the daemon's queue of connections.
    Room,
    /// The welcome to a greeting with this nonce.
    Welcome(Connection, u64),
    /// The word that the worker serves the channel.
    Ready(Connection, Welcome, Regions),
    /// Nothing more.
    Over,
}

/// One attempt to attach a channel.
#[derive(Debug)]
pub struct Attempt {
    path: PathBuf,
    daemon_uid: Option<u32>,
    shape: Shape,
    name: String,
    state: State,
    /// When the daemon must have taken the present step.
    end_ns: u64,
    /// When to look for room again.
    look_ns: u64,
}

impl Attempt {
    /// Begins an attempt; the first step connects. In directories that are open to all,
    /// `daemon_uid` is trusted besides root and this user.
    pub fn new(path: &Path, daemon_uid: Option<u32>, shape: Shape, name: &str) -> Attempt {
        let (path, name) = (path.to_owned(), name.to_owned());
        let end_ns = clock::end_of(HANDSHAKE_DEADLINE);
        Attempt { path, daemon_uid, shape, name, state: State::Room, end_ns, look_ns: 0 }
    }

    /// Goes on as far as possible without waiting for the daemon. `None`: it has to do something
    /// first, and the next step looks whether it has.
    ///
    /// # Errors
    ///
    /// [`AttachError`], which ends the attempt; the daemon has a second for each of its messages.
    pub fn step(&mut self) -> Result<Option<Channel>, AttachError> {
        loop {
            match mem::replace(&mut self.state, State::Over) {
                State::Room => {
                    let now_ns = clock::monotonic_ns();
                    if now_ns < self.look_ns {
                        return self.pause(State::Room);
                    }
                    self.look_ns = now_ns + clock::nanoseconds(ROOM_PAUSE);
                    let Some(connection) = Connection::reach(&self.path, self.daemon_uid)? else {
                        return self.pause(State::Room);
                    };
                    let nonce = connection.greet(Some(self.shape), &self.name)?;
                    self.go_on_to(State::Welcome(connection, nonce));
                }
                State::Welcome(connection, nonce) => {
                    let Some((message, files)) = connection.take("expected a welcome")? else {
                        return self.pause(State::Welcome(connection, nonce));
                    };
                    let welcome = connection.welcome(&message, Some(self.shape), nonce)?;
                    let regions = Regions::open(&self.path, &files, &welcome, self.shape)?;
                    connection.send(&Message::Mapped)?;
                    self.go_on_to(State::Ready(connection, welcome, regions));
                }
                State::Ready(connection, welcome, regions) => {
                    let step = "expected ready";
                    return match connection.take(step)? {
                        None => self.pause(State::Ready(connection, welcome, regions)),
                        Some((Message::Ready, files)) if files.is_empty() => {
                            let Regions { status, req, resp, models } = regions;
                            Ok(Some(Channel { connection, welcome, status, req, resp, models }))
                        }
                        Some(_) => Err(AttachError::Protocol { path: self.path.clone(), step }),
                    };
                }
                State::Over => return Err(AttachError::Deadline),
            }
        }
    }

    fn go_on_to(&mut self, state: State) {
        self.end_ns = clock::end_of(HANDSHAKE_DEADLINE);
        self.state = state;
    }

    fn pause(&mut self, state: State) -> Result<Option<Channel>, AttachError> {
        if clock::monotonic_ns() >= self.end_ns {
            return Err(AttachError::Deadline);
        }
        self.state = state;
        Ok(None)
    }

    /// Waits until the next step may get further, within its deadline.
    fn wait(&self) -> Result<(), AttachError> {
        match &self.state {
            State::Welcome(connection, _) | State::Ready(connection, ..) => {
                // The step itself says that the deadline has passed, after a last look.
                match connection.wait(self.end_ns) {
                    Err(AttachError::Deadline) => Ok(()),
                    other => other,
                }
            }
            State::Room | State::Over => {
                std::thread::sleep(ROOM_PAUSE);
                Ok(())
            }
        }
    }
}

/// First and longest pause between two attempts of one attach.
const ATTACH_PAUSE: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(100)];

/// Attaches a channel, waiting for the daemon: a second for each of its messages.
///
/// # Errors
///
/// [`AttachError`].
pub fn attach(path: &Path, shape: Shape, name: &str) -> Result<Channel, AttachError> {
    attach_within(path, None, shape, name, Duration::ZERO)
}

/// Attaches a channel, and tries again for as long as `wait` until there is a daemon that answers.
/// `daemon_uid` is as in [`Attempt::new`].
///
/// # Errors
///
/// [`AttachError`], of the last attempt.
pub fn attach_within(
    path: &Path,
    daemon_uid: Option<u32>,
    shape: Shape,
    name: &str,
    wait: Duration,
) -> Result<Channel, AttachError> {
    let end_ns = clock::end_of(wait);
    let mut pause = ATTACH_PAUSE[0];
    loop {
        let error = match attach_once(Attempt::new(path, daemon_uid, shape, name)) {
            Err(error) if error.may_pass() => error,
            result => return result,
        };
        let left_ns = end_ns.saturating_sub(clock::monotonic_ns());
        if left_ns == 0 {
            return Err(error);
        }
        std::thread::sleep(pause.min(Duration::from_nanos(left_ns)));
        pause = (2 * pause).min(ATTACH_PAUSE[1]);
    }
}

fn attach_once(mut attempt: Attempt) -> Result<Channel, AttachError> {
    loop {
        if let Some(channel) = attempt.step()? {
            return Ok(channel);
        }
        attempt.wait()?;
    }
}
