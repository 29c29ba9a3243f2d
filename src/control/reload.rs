//! Reloads, as the control thread sees them: the loader reads, this adopts and answers.
//!
//! One load runs at a time, of all models or of one name's. Whoever asks meanwhile may have changed
//! a file that was read already, so that all of them together get one more.

use super::change::{Change, Wanted, text_of};
use super::connection::Phase;
use super::loader::Ask;
use super::roster::Adopted;
use super::{Control, ReloadError};
use factord_core::abi::{right, status_region as at};
use factord_core::channel::{COMMAND_DEADLINE, Message};
use factord_core::sys::{clock, memory, socket};
use factord_models::file::name_is_sound;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;
use tracing::{info, warn};

/// One second before the caller gives up, it gets the reply that the files are still being read.
const PATIENCE: Duration = COMMAND_DEADLINE.saturating_sub(Duration::from_secs(1));

/// Who waits for which load.
#[derive(Debug, Default)]
pub(super) struct Reloads {
    under_way: Option<Extent>,
    /// What was read, while the workers adopt it.
    adopted: Option<Adopted>,
    /// Connections that get the outcome of the load in progress.
    waiting: Vec<u64>,
    /// The load that follows, and whose outcome it is.
    again: Option<Extent>,
    waiting_again: Vec<u64>,
    /// Changes of the store that follow one by one, and whose they are.
    changes: VecDeque<(u64, Wanted)>,
}

/// What is read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Extent {
    All,
    One(String),
    /// What a change of the store has another version serve.
    Changed,
    /// Nothing: a change of the store withdraws the name.
    Without(String),
}

impl Extent {
    /// Reads what a message names; `None` when no model can have that name.
    pub(super) fn of(name: &[u8]) -> Option<Extent> {
        match text_of(name)? {
            "" => Some(Extent::All),
            name => name_is_sound(name).then(|| Extent::One(name.to_owned())),
        }
    }

    /// What covers both.
    fn and(self, other: Extent) -> Extent {
        if self == other { self } else { Extent::All }
    }
}

impl Control {
    /// Has models read again; `key` is the connection that gets the outcome.
    pub(super) fn ask_for_models(&mut self, key: Option<u64>, extent: Extent) {
        self.await_load(key);
        if self.reloads.under_way.is_some() {
            let extent = match self.reloads.again.take() {
                Some(again) => again.and(extent),
                None => extent,
            };
            self.reloads.again = Some(extent);
            self.reloads.waiting_again.extend(key);
        } else {
            self.reloads.waiting.extend(key);
            self.load(extent);
        }
    }

    /// Has the store changed, when what was asked for before is done; `key` is the connection that
    /// gets the outcome.
    pub(super) fn ask_for_change(&mut self, key: u64, wanted: Wanted) {
        self.await_load(Some(key));
        if self.reloads.under_way.is_some() {
            self.reloads.changes.push_back((key, wanted));
        } else {
            self.change(key, wanted);
        }
    }

    fn await_load(&mut self, key: Option<u64>) {
        if let Some(connection) = key.and_then(|key| self.connections.get_mut(&key)) {
            connection.phase = Phase::Waiting;
            connection.deadline_ns = clock::monotonic_ns() + PATIENCE.as_nanos() as u64;
        }
    }

    fn load(&mut self, extent: Extent) {
        let roster = &self.parts.roster;
        self.parts.loader.ask(match &extent {
            Extent::One(name) => Ask::One(name.clone(), roster.of_name(name).cloned()),
            _ => Ask::All(roster.served()),
        });
        self.reloads.under_way = Some(extent);
    }

    fn change(&mut self, key: u64, wanted: Wanted) {
        self.reloads.waiting.push(key);
        self.reloads.under_way = Some(match &wanted.change {
            Change::Withdraw(name) => Extent::Without(name.clone()),
            _ => Extent::Changed,
        });
        self.parts.loader.ask(Ask::Change(wanted, self.parts.roster.served()));
    }

    /// Adopts what the loader has read; those who wait for it are answered once the workers have
    /// adopted it too.
    pub(super) fn take_loaded(&mut self) {
        let Some(loaded) = self.parts.loader.take() else { return };
        let (roster, outlets) = (&mut self.parts.roster, &mut self.parts.outlets);
        let changed = self.reloads.under_way == Some(Extent::Changed);
        let adopted = match loaded {
            // What is served is what was served.
            Ok(models) if changed && models.is_empty() => return self.end_load(0, ""),
            Err(error @ ReloadError::Change(_)) => {
                info!("the store was not changed: {error}");
                return self.end_load(1, &error.to_string());
            }
            Ok(models) => match &self.reloads.under_way {
                Some(Extent::One(_) | Extent::Changed) => roster.adopt_some(models, outlets),
                Some(Extent::Without(name)) => Ok(roster.withdraw(name, outlets)),
                _ => roster.adopt(models, outlets),
            },
            Err(error) => Err(error),
        };
        match adopted {
            Ok(adopted) => {
                self.reloads.adopted = Some(adopted);
                self.settle_load();
            }
            Err(error) => {
                self.parts.outlets.status.count(at::RELOAD_FAILURES_TOTAL);
                warn!("models not reloaded, the old ones stay: {error}");
                self.end_load(1, &error.to_string());
            }
        }
    }

    /// Goes on with what was adopted, and answers those who wait for it when the workers have it.
    pub(super) fn settle_load(&mut self) {
        if !self.parts.outlets.settle() {
            return;
        }
        let Some(Adopted { served: mut text, withdrawn }) = self.reloads.adopted.take() else {
            return;
        };
        self.parts.outlets.status.count(at::RELOADS_TOTAL);
        self.parts.loader.ask(Ask::Served);
        let is_served = |fingerprint| self.parts.roster.with_fingerprint(fingerprint).is_some();
        self.artifact_files.retain(is_served);
        self.image_files.retain(is_served);
        for line in text.lines() {
            info!("serving {line}");
        }
        let why = match &self.reloads.under_way {
            Some(Extent::Without(_)) => "",
            _ => ", whose file is gone",
        };
        for name in withdrawn {
            warn!("withdrawn: {name}{why}");
            text += &format!("withdrawn: {name}{why}\n");
        }
        self.end_load(0, &text);
    }

    fn end_load(&mut self, code: u64, text: &str) {
        for key in std::mem::take(&mut self.reloads.waiting) {
            self.reply_to_waiting(key, code, text);
        }
        self.reloads.under_way = None;
        if let Some(extent) = self.reloads.again.take() {
            self.reloads.waiting = std::mem::take(&mut self.reloads.waiting_again);
            self.load(extent);
        } else if let Some((key, wanted)) = self.reloads.changes.pop_front() {
            self.change(key, wanted);
        }
    }

    /// Tells a connection that has waited long that the load goes on.
    pub(super) fn reply_unfinished(&mut self, key: u64) {
        self.reply_to_waiting(key, 1, &ReloadError::Unfinished(PATIENCE).to_string());
    }

    /// Tells all who wait for a load that it will not be finished.
    pub(super) fn give_up_loads(&mut self) {
        let reloads = std::mem::take(&mut self.reloads);
        let changes = reloads.changes.into_iter().map(|(key, _)| key);
        for key in reloads.waiting.into_iter().chain(reloads.waiting_again).chain(changes) {
            self.reply_to_waiting(key, 1, &ReloadError::Ending.to_string());
        }
    }

    fn reply_to_waiting(&mut self, key: u64, code: u64, text: &str) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        if matches!(connection.phase, Phase::Waiting) {
            connection.phase = Phase::Fresh;
            self.reply(key, code, text.as_bytes());
        }
    }

    /// Answers a verb in words.
    pub(super) fn reply(&mut self, key: u64, code: u64, text: &[u8]) {
        let file = memory::sealed_file("factord-reply", text);
        self.reply_with(key, code, file);
    }

    /// Answers a verb with a served artifact. All who ask for one get the same file.
    pub(super) fn reply_with_artifact(&mut self, key: u64, fingerprint: u64) {
        let Some(model) = self.parts.roster.with_fingerprint(fingerprint) else {
            return self.reply(key, 2, not_served(fingerprint).as_bytes());
        };
        let make = || memory::sealed_file("factord-artifact", &model.loaded.bytes);
        let file = self.artifact_files.open(fingerprint, make);
        self.reply_with(key, 0, file);
    }

    /// Answers a verb with the image of a served version, if the client may evaluate it.
    pub(super) fn reply_with_image(&mut self, key: u64, fingerprint: u64) {
        let Some(connection) = self.connections.get(&key) else { return };
        if connection.rights & right::LOCAL == 0 {
            let uid = connection.credentials.uid;
            let text = if self.parts.rights.allow_local() {
                format!("user {uid} may not evaluate in its own process")
            } else {
                "audited: answers have to come from the engine, which keeps them".to_owned()
            };
            return self.reply(key, 4, text.as_bytes());
        }
        let Some(model) = self.parts.roster.with_fingerprint(fingerprint) else {
            return self.reply(key, 2, not_served(fingerprint).as_bytes());
        };
        let file = match model.image() {
            Some(file) => memory::reopen_read_only(file.as_fd()),
            None => self.image_files.open(fingerprint, || model.make_image()),
        };
        self.reply_with(key, 0, file);
    }

    /// Answers a verb with a worker's tap.
    pub(super) fn reply_with_tap(&mut self, key: u64, worker: u64) {
        let taps = &self.parts.taps;
        let tap = usize::try_from(worker).ok().and_then(|worker| taps.get(worker));
        let Some(tap) = tap else {
            let text = if taps.is_empty() {
                "the tap is off: start the daemon with `factord serve --tap`".to_owned()
            } else {
                format!("there is no worker {worker}: there are {}", taps.len())
            };
            return self.reply(key, 2, text.as_bytes());
        };
        let file = memory::reopen_read_only(tap.as_fd());
        self.reply_with(key, 0, file);
    }

    fn reply_with(&mut self, key: u64, code: u64, file: io::Result<OwnedFd>) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        connection.answered();
        let sent = file.and_then(|file| {
            let socket = connection.socket.as_ref().ok_or(io::ErrorKind::NotConnected)?;
            socket::send(socket.as_fd(), &Message::Reply { code }.encode(), &[file.as_fd()])
        });
        if sent.is_err() {
            self.part(key);
        }
    }
}

fn not_served(fingerprint: u64) -> String {
    format!("no artifact with fingerprint {fingerprint:016x} is served")
}
