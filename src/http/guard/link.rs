//! A connection to the server behind the guard: kept alive, one request at a time.

use super::super::limits::{HEAD_LEN_MAX, REPLY_LEN_MAX};
use super::super::method::Method;
use super::conn::is_for_later;
use super::http_reply::{self, HttpReply, HttpReplyError};
use crate::sys::epoll::{Epoll, Interest};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;
use thiserror::Error;

/// Why a connection to the server behind the guard is given up.
#[derive(Debug, Error)]
pub(super) enum LinkError {
    /// It broke, or the server closed it.
    #[error("the connection to the handlers broke: {0}")]
    Broken(#[from] io::Error),
    /// What came is not a reply.
    #[error(transparent)]
    Reply(#[from] HttpReplyError),
}

/// What a link is busy with.
#[derive(Debug)]
pub(super) struct Errand {
    /// The client connection that waits for the reply; it may be gone by then.
    pub(super) client: u64,
    /// The method of the request.
    pub(super) method: Method,
    /// Whether the client's connection is kept after the reply.
    pub(super) keep_alive: bool,
    /// Not one of /health and /metrics.
    pub(super) public: bool,
}

/// A connection to the server behind the guard.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) stream: UnixStream,
    pub(super) errand: Option<Errand>,
    /// When the client stops waiting; in the past when there is no client.
    pub(super) deadline: Instant,
    /// The deadline has passed; nobody waits for the reply any more.
    pub(super) overdue: bool,
    interest: Interest,
    output: Vec<u8>,
    written_len: usize,
    input: Vec<u8>,
}

impl Link {
    pub(super) fn new(stream: UnixStream) -> Link {
        let (output, input) = (Vec::new(), Vec::new());
        let (deadline, interest) = (Instant::now(), Interest::Read);
        let (errand, overdue, written_len) = (None, false, 0);
        Link { stream, errand, deadline, overdue, interest, output, written_len, input }
    }

    /// Starts an errand with the request it carries.
    pub(super) fn start(&mut self, errand: Errand, request: Vec<u8>, deadline: Instant) {
        self.errand = Some(errand);
        self.deadline = deadline;
        self.output = request;
        self.written_len = 0;
        self.input = Vec::new();
    }

    /// Watches the link for what it waits for.
    pub(super) fn sync_interest(&mut self, epoll: &Epoll, key: u64) -> io::Result<()> {
        let unsent = self.written_len < self.output.len();
        let wanted = if unsent { Interest::Write } else { Interest::Read };
        if wanted != self.interest {
            epoll.modify(&self.stream, key, wanted)?;
            self.interest = wanted;
        }
        Ok(())
    }

    /// Writes what is left of the request and reads what has come of the reply; the reply once
    /// it is whole.
    pub(super) fn advance(&mut self, scratch: &mut [u8]) -> Result<Option<HttpReply>, LinkError> {
        let writing = self.written_len < self.output.len();
        while self.written_len < self.output.len() {
            match self.stream.write(&self.output[self.written_len..]) {
                Ok(0) => return Err(LinkError::Broken(ErrorKind::WriteZero.into())),
                Ok(len) => self.written_len += len,
                Err(error) if is_for_later(&error) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        if writing {
            // The reply cannot be there yet; the epoll set tells when it is.
            return Ok(None);
        }
        match self.stream.read(scratch) {
            Ok(0) => return Err(LinkError::Broken(ErrorKind::UnexpectedEof.into())),
            Ok(len) => self.input.extend_from_slice(&scratch[..len]),
            Err(error) if is_for_later(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let Some(errand) = &self.errand else {
            return Err(LinkError::Reply(HttpReplyError::Malformed));
        };
        if self.input.len() > HEAD_LEN_MAX + REPLY_LEN_MAX {
            return Err(LinkError::Reply(HttpReplyError::TooLong));
        }
        let reply = http_reply::parse(&self.input, errand.method, errand.keep_alive)?;
        if reply.is_some() {
            self.input = Vec::new();
            self.output = Vec::new();
            self.written_len = 0;
        }
        Ok(reply)
    }
}
