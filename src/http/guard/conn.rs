//! One client connection: what has been read, what is to be written, and where it stands.

use super::super::limits::{HEAD_LEN_MAX, LINGER_LEN_MAX};
use super::chunks::Chunks;
use super::head::{Framing, Head};
use crate::sys::epoll::Interest;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Instant;

/// Where a connection stands. One request at a time: while one is queued or forwarded nothing is
/// read, and what the client sends meanwhile stays in the kernel.
#[derive(Debug)]
pub(super) enum Phase {
    /// Waiting for a head, or reading one.
    Head,
    /// Reading the body that belongs to the head.
    Body {
        /// Its head.
        head: Head,
        /// The body so far, if it comes in chunks.
        chunks: Chunks,
    },
    /// Whole, waiting for a handler.
    Queued {
        /// What the handler will read.
        request: Vec<u8>,
        /// Its head.
        head: Head,
    },
    /// With a handler.
    Forwarded {
        /// The connection to the handler.
        link: u64,
    },
    /// Writing the reply.
    Reply {
        /// Another request may follow.
        keep_alive: bool,
    },
    /// The reply is written; what still arrives is dropped, up to this many bytes.
    Linger(usize),
}

/// The outcome of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// All of it.
    Whole,
    /// Some is left.
    Partly,
}

/// A client connection.
#[derive(Debug)]
pub(super) struct Conn {
    pub(super) stream: TcpStream,
    pub(super) input: Vec<u8>,
    output: Vec<u8>,
    written_len: usize,
    pub(super) phase: Phase,
    /// When the current phase ends by force.
    pub(super) deadline: Instant,
    /// When the guard looks whether it does: not after the deadline, often long before it, since
    /// most phases end by themselves and the next one gives more time.
    pub(super) looked_after_at: Option<Instant>,
    /// When the first byte of the current request came.
    pub(super) began: Option<Instant>,
    /// Since when nothing has come, if nothing has.
    pub(super) quiet_since: Option<Instant>,
    /// One of the connections kept for /health and /metrics.
    pub(super) reserved: bool,
    /// Holds one of the places for batches.
    pub(super) batch: bool,
    /// The client sends no more; what is whole in `input` is still answered.
    pub(super) ended: bool,
    pub(super) interest: Interest,
}

impl Conn {
    pub(super) fn new(stream: TcpStream, now: Instant, deadline: Instant, reserved: bool) -> Conn {
        Conn {
            stream,
            input: Vec::new(),
            output: Vec::new(),
            written_len: 0,
            phase: Phase::Head,
            deadline,
            looked_after_at: None,
            began: None,
            quiet_since: Some(now),
            reserved,
            batch: false,
            ended: false,
            interest: Interest::Read,
        }
    }

    /// What the phase waits for.
    pub(super) fn wanted(&self) -> Interest {
        match self.phase {
            // An end of input would be reported without end.
            Phase::Head | Phase::Body { .. } if self.ended => Interest::None,
            Phase::Head | Phase::Body { .. } | Phase::Linger(_) => Interest::Read,
            Phase::Queued { .. } | Phase::Forwarded { .. } => Interest::None,
            Phase::Reply { .. } => Interest::Write,
        }
    }

    /// Bytes the phase may still take in.
    fn room(&self) -> usize {
        let len = match &self.phase {
            Phase::Head => HEAD_LEN_MAX,
            Phase::Body { head, .. } => match head.framing {
                Framing::Length(len) => len,
                // As much of what follows is taken as of a head; chunks leave less than a line.
                Framing::Chunked => HEAD_LEN_MAX,
            },
            Phase::Linger(left) => return *left,
            Phase::Queued { .. } | Phase::Forwarded { .. } | Phase::Reply { .. } => 0,
        };
        len.saturating_sub(self.input.len())
    }

    /// Reads once. `Ok(None)`: nothing was there; `Ok(Some(0))`: the client sends no more.
    pub(super) fn read(&mut self, scratch: &mut [u8]) -> io::Result<Option<usize>> {
        let room = self.room().min(scratch.len());
        if room == 0 {
            return Ok(None);
        }
        match self.stream.read(&mut scratch[..room]) {
            Ok(len) => {
                match &mut self.phase {
                    Phase::Linger(left) => *left = left.saturating_sub(len),
                    _ => self.input.extend_from_slice(&scratch[..len]),
                }
                Ok(Some(len))
            }
            Err(error) if is_for_later(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Drops the first bytes of the input; a long buffer goes with the last of them.
    pub(super) fn consume(&mut self, len: usize) {
        self.input.drain(..len);
        if self.input.is_empty() && self.input.capacity() > HEAD_LEN_MAX {
            self.input = Vec::new();
        }
    }

    /// Takes the reply that the phase [`Phase::Reply`] writes.
    pub(super) fn reply(&mut self, bytes: Vec<u8>, keep_alive: bool) {
        self.output = bytes;
        self.written_len = 0;
        self.phase = Phase::Reply { keep_alive };
    }

    /// Writes as much of the reply as the client takes now.
    pub(super) fn write(&mut self) -> io::Result<Written> {
        while self.written_len < self.output.len() {
            match self.stream.write(&self.output[self.written_len..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(len) => self.written_len += len,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Written::Partly),
                Err(error) => return Err(error),
            }
        }
        self.output = Vec::new();
        Ok(Written::Whole)
    }

    /// Tells a waiting client to send its body.
    pub(super) fn write_continue(&mut self) -> io::Result<()> {
        const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
        // The socket's buffer is empty between a head and its body, so this fits at once.
        match self.stream.write(CONTINUE)? {
            len if len == CONTINUE.len() => Ok(()),
            _ => Err(ErrorKind::WriteZero.into()),
        }
    }

    /// Announces that no more will be written.
    pub(super) fn linger(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        self.input = Vec::new();
        self.phase = Phase::Linger(LINGER_LEN_MAX);
        Ok(())
    }
}

/// Whether an error only says that nothing can be done now.
pub(super) fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
