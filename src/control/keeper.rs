//! What the service manager keeps for the next engine: descriptors go into its store, and come out
//! of it when their channel ends (sd_notify(3), FDSTORE).
//!
//! Nothing here waits: when the manager's queue is full, the rest is sent at a later tick.

use factord_core::sys::socket;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use tracing::warn;

/// One channel as the engine before left it.
#[derive(Debug)]
pub struct KeptChannel {
    /// The daemon's number of the client.
    pub(super) id: u64,
    pub(super) socket: OwnedFd,
    pub(super) req: OwnedFd,
    pub(super) resp: OwnedFd,
}

/// The parts of a channel, by the letters that end their names.
const PARTS: [char; 3] = ['s', 'q', 'p'];

impl KeptChannel {
    /// Parts of a channel.
    pub const PART_COUNT: usize = PARTS.len();

    /// The client's number, if this is the name of a part of a channel.
    pub fn part_of(name: &str) -> Option<u64> {
        let number = name.strip_prefix('c')?.strip_suffix(PARTS)?;
        number.parse().ok().filter(|&id| PARTS.iter().any(|&part| part_name(id, part) == name))
    }

    /// Takes the parts of a channel out of what was stored; `None` when one is not there.
    pub fn take(id: u64, stored: &mut BTreeMap<String, OwnedFd>) -> Option<KeptChannel> {
        let [socket, req, resp] = PARTS.map(|part| stored.remove(&part_name(id, part)));
        Some(KeptChannel { id, socket: socket?, req: req?, resp: resp? })
    }
}

fn part_name(id: u64, part: char) -> String {
    format!("c{id}{part}")
}

/// The way to the store.
#[derive(Debug)]
pub struct Keeper {
    /// `None` when nothing is kept.
    manager: Option<UnixDatagram>,
    unsent: VecDeque<(String, Option<OwnedFd>)>,
}

impl Keeper {
    /// Keeps descriptors at a service manager, or nothing.
    pub fn new(manager: Option<UnixDatagram>) -> Keeper {
        Keeper { manager, unsent: VecDeque::new() }
    }

    /// Whether anything is kept.
    pub fn keeps(&self) -> bool {
        self.manager.is_some()
    }

    /// Has a descriptor kept under a name.
    ///
    /// # Errors
    ///
    /// The system's error when it cannot be copied.
    pub fn keep(&mut self, name: &str, descriptor: BorrowedFd<'_>) -> io::Result<()> {
        if self.keeps() {
            let copy = descriptor.try_clone_to_owned()?;
            // The manager would drop a socket whose peer is gone, and tell nobody.
            let text = format!("FDSTORE=1\nFDPOLL=0\nFDNAME={name}");
            self.unsent.push_back((text, Some(copy)));
            self.send();
        }
        Ok(())
    }

    /// Has what is kept under a name let go.
    pub fn forget(&mut self, name: &str) {
        if self.keeps() {
            self.unsent.push_back((format!("FDSTOREREMOVE=1\nFDNAME={name}"), None));
            self.send();
        }
    }

    /// Has a channel kept.
    ///
    /// # Errors
    ///
    /// The system's error when a descriptor cannot be copied.
    pub(super) fn keep_channel(
        &mut self,
        id: u64,
        socket: BorrowedFd<'_>,
        req: BorrowedFd<'_>,
        resp: BorrowedFd<'_>,
    ) -> io::Result<()> {
        let parts = PARTS.into_iter().zip([socket, req, resp]);
        parts
            .into_iter()
            .try_for_each(|(part, descriptor)| self.keep(&part_name(id, part), descriptor))
    }

    /// Has a channel let go.
    pub(super) fn forget_channel(&mut self, id: u64) {
        for part in PARTS {
            self.forget(&part_name(id, part));
        }
    }

    /// Sends what the manager had no room for.
    pub(super) fn send(&mut self) {
        let Some(manager) = &self.manager else { return };
        while let Some((text, descriptor)) = self.unsent.front() {
            let descriptors: Vec<BorrowedFd<'_>> = descriptor.iter().map(AsFd::as_fd).collect();
            match socket::send(manager.as_fd(), text.as_bytes(), &descriptors) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => warn!("the service manager keeps nothing of {text:?}: {error}"),
                Ok(()) => {}
            }
            self.unsent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_part_is_a_channel_s_and_others_are_not() {
        for part in PARTS {
            assert_eq!(KeptChannel::part_of(&part_name(42, part)), Some(42));
        }
        for name in ["", "c", "cs", "c1", "c1x", "c01s", "c-1s", "c+1s", "1s", "status", "c1s "] {
            assert_eq!(KeptChannel::part_of(name), None, "{name:?}");
        }
    }
}
