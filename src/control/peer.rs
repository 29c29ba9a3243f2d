//! One connection of the control socket and how far it has come.

use super::claims::Claims;
use crate::region::Region;
use crate::ring::Geometry;
use crate::sys::socket;
use std::os::fd::OwnedFd;

/// How far a connection has come.
#[derive(Debug)]
pub(super) enum Phase {
    /// Nothing was said yet, or the last verb has been answered.
    Fresh,
    /// A verb is being carried out; the answer comes later.
    Waiting,
    /// The regions were sent; the client is mapping them.
    Mapping { geometry: Geometry, req: Region, resp: Region },
    /// The worker serves the channel; the pidfd tells of the process's end.
    Serving { worker: usize, claims: Claims, _process: Option<OwnedFd> },
    /// The client is gone and the worker has been asked for the lane.
    Leaving { worker: usize },
}

/// One connection.
#[derive(Debug)]
pub(super) struct Peer {
    /// `None` once the client is gone.
    pub(super) socket: Option<OwnedFd>,
    pub(super) identity: socket::Peer,
    pub(super) phase: Phase,
    /// CLOCK_MONOTONIC nanoseconds by which the next message, or the answer, must be there.
    pub(super) deadline_ns: u64,
    /// Bytes charged to the user's quota; `None` without a channel.
    pub(super) charged_len: Option<u64>,
    pub(super) name: String,
}

impl Peer {
    /// Tells whether the peer is late.
    pub(super) fn late(&self, now_ns: u64) -> bool {
        let hurried = matches!(self.phase, Phase::Fresh | Phase::Waiting | Phase::Mapping { .. });
        hurried && now_ns >= self.deadline_ns
    }
}
