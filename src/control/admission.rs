//! From the listener to a place: a client's user is checked before anything is read from it, and a
//! user that may do nothing is refused at once.

use super::connection::{Connection, Phase};
use super::{Control, deadline};
use crate::sys::epoll::Interest;
use factord_core::abi::{self, status_region as at};
use factord_core::channel::{MESSAGE_LEN, Message, Refusal};
use factord_core::sys::{clock, socket};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use tracing::warn;

/// How long connections are accepted before messages have their turn.
const ACCEPT_NS: u64 = 5_000_000;
/// How long a refused connection is kept.
const LINGER_NS: u64 = 500_000_000;
/// Refusals per second that are sent to a user that may do nothing, and to one that holds too much.
const TOLD_COUNT_MAX: [u64; 2] = [100, 1000];
/// Ticks between two log lines about what the operating system refuses for a client.
const QUIET_TICKS: u64 = 100;
/// Refused connections that are kept for a moment.
const LINGER_COUNT_MAX: usize = 64;

/// Refused connections whose greeting has not arrived yet.
///
/// Closed at once, they would break the client's pipe before it has read why, and closed with the
/// greeting unread they would reset it.
#[derive(Debug, Default)]
pub(super) struct Lingering {
    sockets: VecDeque<(OwnedFd, u64)>,
}

impl Lingering {
    fn keep(&mut self, socket: OwnedFd) {
        if self.sockets.len() == LINGER_COUNT_MAX {
            self.sockets.pop_front();
        }
        self.sockets.push_back((socket, clock::monotonic_ns() + LINGER_NS));
    }

    /// Closes those that have been heard, or not for too long.
    pub(super) fn close(&mut self, now_ns: u64) {
        self.sockets.retain(|(socket, until_ns)| now_ns < *until_ns && !heard(socket.as_fd()));
    }
}

/// Reads the greeting, or the end; false when nothing has come yet.
fn heard(socket: BorrowedFd<'_>) -> bool {
    let received = socket::receive(socket, &mut [0; MESSAGE_LEN]);
    !received.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

impl Control {
    /// Accepts some of those who wait.
    pub(super) fn accept(&mut self) {
        let end_ns = clock::monotonic_ns() + ACCEPT_NS;
        while clock::monotonic_ns() < end_ns {
            match socket::accept(self.parts.listener.as_fd()) {
                Ok(Some(socket)) => self.admit(socket),
                Ok(None) => return,
                Err(error) => {
                    self.trouble(format_args!("cannot accept a client: {error}"));
                    // Turns the first in line away, so that the others' deadlines can pass.
                    self.spare = None;
                    if let Ok(Some(socket)) = socket::accept(self.parts.listener.as_fd()) {
                        heard(socket.as_fd());
                        self.refuse_on(socket.as_fd(), Refusal::Busy);
                    }
                    self.spare = self.parts.listener.try_clone().ok();
                    return;
                }
            }
        }
    }

    /// Logs what the operating system refuses for a client, at most once per second: clients decide
    /// how often that happens.
    pub(super) fn trouble(&mut self, what: fmt::Arguments<'_>) {
        if self.tick_count >= self.quiet_until_tick {
            warn!("{what}");
            self.quiet_until_tick = self.tick_count + QUIET_TICKS;
        }
    }

    fn admit(&mut self, socket: OwnedFd) {
        let Ok(credentials) = socket::credentials(socket.as_fd()) else { return };
        let rights = self.parts.rights.of_peer(socket.as_fd(), credentials);
        let granted = if rights != 0 {
            self.places.take(credentials.uid, self.parts.rights.owns(credentials.uid))
        } else {
            Err(Refusal::NotAllowed { uid: credentials.uid.into() })
        };
        if let Err(refusal) = granted {
            return self.turn_away(socket, credentials, refusal);
        }
        let key = self.next_key;
        self.next_key += 2;
        if self.epoll.add(socket.as_fd(), key, Interest::Read).is_err() {
            return self.places.give_back(credentials.uid);
        }
        self.connections.insert(key, Connection::new(socket, credentials, rights, deadline()));
    }

    fn turn_away(&mut self, socket: OwnedFd, credentials: socket::Credentials, refusal: Refusal) {
        let count = self.complaints.refused(credentials, refusal, clock::monotonic_ns());
        let may_do_something = !matches!(refusal, Refusal::NotAllowed { .. });
        if count > TOLD_COUNT_MAX[usize::from(may_do_something)] {
            // Closed without a word: a storm must not fill the queue that others wait in.
            return self.parts.outlets.status.count(at::REFUSED_TOTAL);
        }
        let heard = heard(socket.as_fd());
        self.refuse_on(socket.as_fd(), refusal);
        if !heard {
            self.lingering.keep(socket);
        }
    }

    /// Tells a connection why it ends, and ends it.
    pub(super) fn refuse(&mut self, key: u64, refusal: Refusal) {
        if let Some(connection) = self.connections.get(&key) {
            self.complaints.refused(connection.credentials, refusal, clock::monotonic_ns());
            if let Some(socket) = &connection.socket {
                self.refuse_on(socket.as_fd(), refusal);
            }
        }
        self.part(key);
    }

    fn refuse_on(&self, socket: BorrowedFd<'_>, refusal: Refusal) {
        self.parts.outlets.status.count(at::REFUSED_TOTAL);
        let message = Message::Refused { abi: abi::ABI_WORD, refusal };
        // The client may be gone already; then there is nobody to tell.
        let _ = socket::send(socket, &message.encode(), &[]);
    }

    /// Takes a connection that never became a channel out of the books, or waits until its client
    /// has read what it was sent: descriptors on their way count against this process.
    pub(super) fn leave(&mut self, key: u64) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        if let Some(socket) = connection.socket.as_ref().filter(|_| connection.was_sent_descriptors)
            && socket::is_unread(socket.as_fd())
        {
            if !matches!(connection.phase, Phase::Closing) {
                // A closed end would be all that is left of them, and could be had without number.
                let _ = self.epoll.remove(socket.as_fd());
                socket::end(socket.as_fd());
                connection.phase = Phase::Closing;
            }
            return;
        }
        if let Some(connection) = self.connections.remove(&key) {
            self.places.give_back(connection.credentials.uid);
            self.accounts.close(key);
        }
    }
}
