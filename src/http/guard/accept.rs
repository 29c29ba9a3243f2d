//! Who comes in: places, the reserve for /health and /metrics, and who leaves for a newcomer.

use super::super::limits::{ACCEPT_PAUSE, EVICTABLE_AFTER, HEAD_DEADLINE, RESERVED_HEAD_DEADLINE};
use super::conn::{Conn, Phase};
use super::refusal::Refusal;
use super::{Guard, LISTENER_KEY};
use crate::sys::epoll::Interest;
use factord_core::sys::socket;
use std::io::{self, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::time::Instant;

// 256: some milliseconds; a storm of connects then still lets requests through between two of them.
const ACCEPT_COUNT_MAX: usize = 256;

impl Guard {
    /// Accepts a bounded number of connections.
    pub(super) fn accept(&mut self, now: Instant) -> io::Result<()> {
        for _ in 0..ACCEPT_COUNT_MAX {
            let Some(listener) = &self.listener else { return Ok(()) };
            match socket::accept(listener.as_fd()) {
                Ok(Some(stream)) => self.admit_connection(stream.into(), now),
                Ok(None) => return Ok(()),
                Err(_) => return self.pause_accept(now),
            }
        }
        Ok(())
    }

    /// Without descriptors or memory a level-triggered listener would spin: leave it for a while,
    /// and give back what the quietest connection holds.
    fn pause_accept(&mut self, now: Instant) -> io::Result<()> {
        if let Some(listener) = &self.listener {
            self.epoll.modify(listener, LISTENER_KEY, Interest::None)?;
            self.accept_resumes = Some(now + ACCEPT_PAUSE);
        }
        if let Some((_, key)) = self.quietest() {
            self.close(key);
        }
        Ok(())
    }

    /// Looks at the listener again when its pause is over.
    pub(super) fn resume_accept(&mut self, now: Instant) -> io::Result<()> {
        if self.accept_resumes.is_some_and(|at| at <= now) {
            self.accept_resumes = None;
            if let Some(listener) = &self.listener {
                self.epoll.modify(listener, LISTENER_KEY, Interest::Read)?;
            }
        }
        Ok(())
    }

    fn admit_connection(&mut self, stream: TcpStream, now: Instant) {
        let full = self.public_count() >= self.limits.public && !self.evict_quiet(now);
        if full && self.reserved.len() >= self.limits.reserved && !self.evict_reserved() {
            return turn_away(&stream);
        }
        let deadline = now + if full { RESERVED_HEAD_DEADLINE } else { HEAD_DEADLINE };
        let key = self.take_key();
        if self.epoll.add(&stream, key, Interest::Read).is_err() {
            return turn_away(&stream);
        }
        self.conns.insert(key, Conn::new(stream, now, deadline, full));
        self.set_client_deadline(key, deadline);
        if full {
            self.reserved.insert(key);
        }
        // The request often came with the connection.
        self.read_client(key, now);
    }

    /// Connections other than those kept for /health and /metrics.
    pub(super) fn public_count(&self) -> usize {
        self.conns.len() - self.reserved.len()
    }

    /// The connection that has been quiet the longest, and since when.
    fn quietest(&self) -> Option<(Instant, u64)> {
        // Some hundred connections at most, looked through only when there is no room.
        self.conns.iter().filter_map(|(key, conn)| Some((conn.quiet_since?, *key))).min()
    }

    /// Closes the connection that has been quiet the longest, if long enough.
    fn evict_quiet(&mut self, now: Instant) -> bool {
        match self.quietest() {
            Some((since, key)) if since + EVICTABLE_AFTER <= now => {
                let public = !self.reserved.contains(&key);
                self.close(key);
                public
            }
            _ => false,
        }
    }

    /// Ends the oldest reserved connection that no handler owes an answer: one whose request is
    /// not whole yet is turned away, one that only lingers behind its reply is forgotten.
    fn evict_reserved(&mut self) -> bool {
        let owed_nothing = |key: &u64| {
            let phase = self.conns.get(key).map(|conn| &conn.phase);
            matches!(phase, Some(Phase::Head | Phase::Body { .. } | Phase::Linger(_)))
        };
        let Some(key) = self.reserved.iter().copied().find(owed_nothing) else { return false };
        if let Some(conn) = self.conns.get(&key)
            && matches!(conn.phase, Phase::Head | Phase::Body { .. })
        {
            turn_away(&conn.stream);
        }
        self.close(key);
        true
    }
}

/// Says 503 as far as it can be said at once, and hangs up.
fn turn_away(mut stream: &TcpStream) {
    // The socket's buffer is empty, so the reply fits; a client that is gone does not matter.
    let _ = stream.write(&Refusal::Busy.render(false));
}
