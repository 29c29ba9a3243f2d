//! One connection of the control socket and how far it has come.

use super::claims::Claims;
use super::deadline;
use factord_core::channel::{Hello, Refusal, Shape};
use factord_core::region::Region;
use factord_core::sys::socket;
use std::os::fd::OwnedFd;

/// How far a connection has come.
#[derive(Debug)]
pub(super) enum Phase {
    /// Nothing was said yet, or the last verb has been answered.
    Fresh,
    /// A verb is being carried out; the answer comes later.
    Waiting,
    /// It has said hello, and would be refused but for channels of its user that are on their way
    /// out.
    Held { hello: Hello, refusal: Refusal },
    /// The regions were sent; the client is mapping them.
    Mapping { shape: Shape, req: Region, resp: Region },
    /// The worker serves the channel; the pidfd reports the process's end.
    Serving { worker: usize, claims: Claims, _process: Option<OwnedFd> },
    /// The client is gone and the worker has been asked for the lane.
    Leaving { worker: usize },
    /// The connection has ended, with descriptors in it that the client has not taken.
    Closing,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    /// `None` once the client is gone.
    pub(super) socket: Option<OwnedFd>,
    pub(super) credentials: socket::Credentials,
    /// What its user may do, by the bits of `abi::right`.
    pub(super) rights: u64,
    pub(super) phase: Phase,
    /// CLOCK_MONOTONIC nanoseconds by which the next message, or the answer, must be there.
    pub(super) deadline_ns: u64,
    /// A message of it is in line.
    pub(super) is_waiting: bool,
    pub(super) was_sent_descriptors: bool,
    pub(super) name: String,
}

impl Connection {
    /// A connection that has said nothing yet.
    pub(super) fn new(
        socket: OwnedFd,
        credentials: socket::Credentials,
        rights: u64,
        deadline_ns: u64,
    ) -> Connection {
        Connection {
            socket: Some(socket),
            credentials,
            rights,
            phase: Phase::Fresh,
            deadline_ns,
            is_waiting: false,
            was_sent_descriptors: false,
            name: String::new(),
        }
    }

    /// Notes that descriptors were sent. The first time, the client has a second from now to take
    /// them and to say what else it wants; no later answer renews it.
    pub(super) fn answered(&mut self) {
        if !self.was_sent_descriptors {
            self.was_sent_descriptors = true;
            self.deadline_ns = deadline();
        }
    }

    /// Whether the peer is late, or may have read the last of what it was sent.
    pub(super) fn is_due(&self, now_ns: u64) -> bool {
        match self.phase {
            Phase::Fresh | Phase::Waiting | Phase::Held { .. } | Phase::Mapping { .. } => {
                now_ns >= self.deadline_ns
            }
            Phase::Closing => true,
            Phase::Serving { .. } | Phase::Leaving { .. } => false,
        }
    }
}
