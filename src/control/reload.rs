//! Reloads, as the control thread sees them: the loader reads, this adopts and answers.
//!
//! One load runs at a time. Whoever asks meanwhile may have changed a file that was read
//! already, so that all of them together get one more.

use super::connection::Phase;
use super::roster::Adopted;
use super::{Control, ReloadError};
use factord_core::abi::status_region as at;
use factord_core::channel::{COMMAND_DEADLINE, Message};
use factord_core::sys::{clock, memory, socket};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;
use tracing::{info, warn};

/// One second before the caller gives up, it gets the reply that the files are still being read.
const PATIENCE: Duration = COMMAND_DEADLINE.saturating_sub(Duration::from_secs(1));

/// Who waits for which load.
#[derive(Debug, Default)]
pub(super) struct Reloads {
    under_way: bool,
    /// Connections that get the outcome of the load in progress.
    waiting: Vec<u64>,
    /// Whether another load follows, and whose outcome it is.
    again: bool,
    waiting_again: Vec<u64>,
}

impl Control {
    /// Has the models read again; `key` is the connection that gets the outcome.
    pub(super) fn ask_for_models(&mut self, key: Option<u64>) {
        if let Some(connection) = key.and_then(|key| self.connections.get_mut(&key)) {
            connection.phase = Phase::Waiting;
            connection.deadline_ns = clock::monotonic_ns() + PATIENCE.as_nanos() as u64;
        }
        if self.reloads.under_way {
            self.reloads.again = true;
            self.reloads.waiting_again.extend(key);
        } else {
            self.reloads.waiting.extend(key);
            self.load();
        }
    }

    fn load(&mut self) {
        self.reloads.under_way = true;
        self.parts.loader.ask(self.parts.roster.served());
    }

    /// Adopts what the loader has read and answers those who wait for it.
    pub(super) fn take_loaded(&mut self) {
        let Some(loaded) = self.parts.loader.take() else { return };
        let adopted = loaded.and_then(|served| {
            let outlets = &mut self.parts.outlets;
            self.parts.roster.adopt(served, outlets)
        });
        let status = &self.parts.outlets.status;
        let (code, text) = match adopted {
            Ok(Adopted { served: mut text, withdrawn }) => {
                status.count(at::RELOADS_TOTAL);
                for line in text.lines() {
                    info!("serving {line}");
                }
                for name in withdrawn {
                    warn!("withdrawn: {name}, whose file is gone");
                    text += &format!("withdrawn: {name}, whose file is gone\n");
                }
                (0, text)
            }
            Err(error) => {
                status.count(at::RELOAD_FAILURES_TOTAL);
                warn!("models not reloaded, the old ones stay: {error}");
                (1, error.to_string())
            }
        };
        for key in std::mem::take(&mut self.reloads.waiting) {
            self.reply_to_waiting(key, code, &text);
        }
        self.reloads.under_way = false;
        if std::mem::take(&mut self.reloads.again) {
            self.reloads.waiting = std::mem::take(&mut self.reloads.waiting_again);
            self.load();
        }
    }

    /// Tells a connection that has waited long that the load goes on.
    pub(super) fn reply_unfinished(&mut self, key: u64) {
        self.reply_to_waiting(key, 1, &ReloadError::Unfinished(PATIENCE).to_string());
    }

    /// Tells all who wait for a load that it will not be finished.
    pub(super) fn give_up_loads(&mut self) {
        let reloads = std::mem::take(&mut self.reloads);
        for key in reloads.waiting.into_iter().chain(reloads.waiting_again) {
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

    /// Answers a verb with the artifact of a model. All who ask for one get the same file.
    pub(super) fn reply_with_artifact(&mut self, key: u64, id: u64) {
        match self.parts.roster.served_as(id) {
            Some(served) => {
                let file = self.artifact_files.open(id, served);
                self.reply_with(key, 0, file);
            }
            None => self.reply(key, 2, format!("no model has id {id}").as_bytes()),
        }
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
