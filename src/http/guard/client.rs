//! What happens on a client connection: bytes come, a request becomes whole, a reply leaves.

use super::super::limits::{
    ANSWER_DEADLINE, BATCH_COUNT_MAX, BODY_DEADLINE, HEAD_DEADLINE, IDLE_DEADLINE, LINGER_DEADLINE,
    MONITOR_ANSWER_DEADLINE, WRITE_DEADLINE,
};
use super::super::method::Method;
use super::super::routes;
use super::super::views::Reply;
use super::Guard;
use super::chunks::Chunks;
use super::conn::{Phase, Written};
use super::head::{self, Framing, Head, Traffic};
use super::http_reply::HttpReply;
use super::refusal::Refusal;
use crate::sys::epoll::Interest;
use std::time::Instant;

impl Guard {
    /// Reads what has come on a connection and acts on it.
    pub(super) fn read_client(&mut self, key: u64, now: Instant) {
        let Some(conn) = self.conns.get_mut(&key) else { return };
        if conn.wanted() != Interest::Read {
            return self.mute_client(key);
        }
        match conn.read(&mut self.scratch) {
            Ok(None) => return,
            Ok(Some(0)) if !matches!(conn.phase, Phase::Linger(_)) => return self.end_input(key),
            Ok(Some(0)) | Err(_) => return self.close(key),
            Ok(Some(_)) => {}
        }
        match conn.phase {
            Phase::Linger(0) => return self.close(key),
            Phase::Linger(_) => return,
            _ => {}
        }
        if conn.began.is_none() {
            conn.began = Some(now);
            let by = if conn.reserved { conn.deadline } else { now + HEAD_DEADLINE };
            conn.quiet_since = None;
            self.set_client_deadline(key, by);
        }
        self.advance_client(key, now);
    }

    /// The client sends no more: what is whole by now gets its turns, the rest never becomes whole.
    fn end_input(&mut self, key: u64) {
        let Some(conn) = self.conns.get_mut(&key) else { return };
        conn.ended = true;
        if conn.input.is_empty() || matches!(conn.phase, Phase::Body { .. }) {
            return self.close(key);
        }
        self.next_up.push(key);
        self.mute_client(key);
    }

    /// Takes the next step that the bytes read so far allow.
    fn advance_client(&mut self, key: u64, now: Instant) {
        let Some(conn) = self.conns.get_mut(&key) else { return };
        match &conn.phase {
            Phase::Head => match head::parse(&conn.input) {
                Ok(None) if conn.ended => self.close(key),
                Ok(None) => self.sync_client(key),
                Ok(Some((head, len))) => {
                    conn.consume(len);
                    self.admit_request(key, head, now);
                }
                Err(refusal) => self.refuse(key, refusal, now),
            },
            Phase::Body { .. } => self.advance_body(key, now),
            _ => self.sync_client(key),
        }
    }

    /// Finds room for a request whose head is whole.
    fn admit_request(&mut self, key: u64, head: Head, now: Instant) {
        let traffic = head.traffic();
        let has_place = self.public_count() < self.limits.public;
        let batch_has_place = self.batch_count < BATCH_COUNT_MAX;
        let Some(conn) = self.conns.get_mut(&key) else { return };
        if conn.reserved && traffic != Traffic::Monitor {
            if !has_place {
                return self.refuse(key, Refusal::Busy, now);
            }
            conn.reserved = false;
            self.reserved.remove(&key);
        }
        if traffic == Traffic::Batch && head.method == Method::Post {
            if !batch_has_place {
                return self.refuse(key, Refusal::Busy, now);
            }
            conn.batch = true;
            self.batch_count += 1;
        }
        let expects_continue = head.expects_continue;
        let chunks = Chunks::new(head.body_len_max());
        conn.phase = Phase::Body { head, chunks };
        // The new deadline is for a body that has not come yet; a whole one gets another at once.
        self.set_client_deadline(key, now + BODY_DEADLINE);
        self.advance_body(key, now);
        let Some(conn) = self.conns.get_mut(&key) else { return };
        let waits = matches!(conn.phase, Phase::Body { .. });
        if waits && (conn.ended || expects_continue && conn.write_continue().is_err()) {
            self.close(key);
        }
    }

    /// Goes on with a body by what has come; a whole one completes its request.
    fn advance_body(&mut self, key: u64, now: Instant) {
        let Some(conn) = self.conns.get_mut(&key) else { return };
        let Phase::Body { head, chunks } = &mut conn.phase else { return };
        match head.framing {
            Framing::Length(len) if conn.input.len() < len => return self.sync_client(key),
            Framing::Length(_) => {}
            Framing::Chunked => {
                let taken_len = match chunks.advance(&conn.input) {
                    Ok(len) => len,
                    Err(refusal) => return self.refuse(key, refusal, now),
                };
                let is_whole = chunks.whole().is_some();
                conn.consume(taken_len);
                if !is_whole {
                    return self.sync_client(key);
                }
            }
        }
        let phase = std::mem::replace(&mut conn.phase, Phase::Head);
        if let Phase::Body { head, chunks } = phase {
            self.enqueue(key, head, &chunks, now);
        }
    }

    /// Answers a whole request, or puts it in line for a handler.
    fn enqueue(&mut self, key: u64, head: Head, chunks: &Chunks, now: Instant) {
        let Some(conn) = self.conns.get_mut(&key) else { return };
        let (body, len) = match (head.framing, chunks.whole()) {
            (Framing::Length(len), _) => (&conn.input[..len], len),
            (Framing::Chunked, body) => (body.unwrap_or_default(), 0),
        };
        let keep_alive = head.keep_alive && !conn.reserved && self.stops_by.is_none();
        let reply = if head.method == Method::Options {
            let allow = routes::allowed_methods(head::path_of(&head.target));
            Some(Reply::options(allow).to_http(head.method, keep_alive))
        } else {
            self.direct.answer(&head, body, keep_alive)
        };
        if let Some(reply) = reply {
            conn.consume(len);
            return self.reply(key, reply, keep_alive, Instant::now());
        }
        let request = head.canonical(body);
        conn.consume(len);
        let (queue, patience) = match head.traffic() {
            Traffic::Monitor => (&mut self.monitor_queue, MONITOR_ANSWER_DEADLINE),
            Traffic::Batch | Traffic::Public => (&mut self.public_queue, ANSWER_DEADLINE),
        };
        queue.push_back(key);
        conn.phase = Phase::Queued { request, head };
        self.set_client_deadline(key, now + patience);
        self.sync_client(key);
    }

    /// Passes a reply on to the client that asked over `link`, if it is still there.
    pub(super) fn deliver(
        &mut self,
        key: u64,
        link: u64,
        reply: HttpReply,
        keep_alive: bool,
        now: Instant,
    ) {
        let Some(conn) = self.conns.get_mut(&key) else { return };
        if matches!(conn.phase, Phase::Forwarded { link: asked } if asked == link) {
            self.reply(key, reply, keep_alive, now);
        }
    }

    /// Writes a reply to the client.
    fn reply(&mut self, key: u64, reply: HttpReply, keep_alive: bool, now: Instant) {
        let Some(conn) = self.conns.get_mut(&key) else { return };
        let began = conn.began.unwrap_or(now);
        self.metrics.count_request(reply.status, now.saturating_duration_since(began));
        conn.reply(reply.bytes, keep_alive);
        self.set_client_deadline(key, now + WRITE_DEADLINE);
        self.write_client(key, now);
    }

    /// Answers with a refusal; the connection ends after it.
    pub(super) fn refuse(&mut self, key: u64, refusal: Refusal, now: Instant) {
        let Some(conn) = self.conns.get_mut(&key) else { return };
        let began = conn.began.unwrap_or(now);
        self.metrics.count_request(refusal.status().0, now.saturating_duration_since(began));
        let head_only = match &conn.phase {
            Phase::Body { head, .. } | Phase::Queued { head, .. } => head.method == Method::Head,
            _ => conn.input.starts_with(b"HEAD "),
        };
        conn.reply(refusal.render(head_only), false);
        self.set_client_deadline(key, now + WRITE_DEADLINE);
        self.write_client(key, now);
    }

    /// Writes what is left of a reply; when it is out, goes on to the next request or to the end.
    pub(super) fn write_client(&mut self, key: u64, now: Instant) {
        let Some(conn) = self.conns.get_mut(&key) else { return };
        let Phase::Reply { keep_alive } = conn.phase else { return };
        match conn.write() {
            Ok(Written::Whole) => {}
            Ok(Written::Partly) => return self.sync_client(key),
            Err(_) => return self.close(key),
        }
        self.batch_count -= usize::from(std::mem::take(&mut conn.batch));
        if !keep_alive || self.stops_by.is_some() {
            if conn.linger().is_err() {
                return self.close(key);
            }
            self.set_client_deadline(key, now + LINGER_DEADLINE);
            return self.sync_client(key);
        }
        conn.phase = Phase::Head;
        if conn.input.is_empty() {
            if conn.ended {
                return self.close(key);
            }
            conn.began = None;
            conn.quiet_since = Some(now);
            self.set_client_deadline(key, now + IDLE_DEADLINE);
        } else {
            conn.began = Some(now);
            self.next_up.push(key);
            self.set_client_deadline(key, now + HEAD_DEADLINE);
        }
        self.sync_client(key);
    }

    /// Goes on with a connection whose next request was read along with the last one.
    pub(super) fn take_turn(&mut self, key: u64, now: Instant) {
        if self.conns.get(&key).is_some_and(|conn| matches!(conn.phase, Phase::Head)) {
            self.advance_client(key, now);
        }
    }

    /// Ends the phase of a connection whose deadline has passed, or looks after it later.
    pub(super) fn expire_client(&mut self, key: u64, now: Instant) {
        let Some(conn) = self.conns.get_mut(&key) else { return };
        conn.looked_after_at = None;
        if conn.deadline > now {
            let deadline = conn.deadline;
            return self.set_client_deadline(key, deadline);
        }
        match conn.phase {
            Phase::Head if conn.input.is_empty() => self.close(key),
            Phase::Head | Phase::Body { .. } => self.refuse(key, Refusal::Timeout, now),
            Phase::Queued { .. } | Phase::Forwarded { .. } => self.refuse(key, Refusal::Busy, now),
            Phase::Reply { .. } | Phase::Linger(_) => self.close(key),
        }
    }

    /// Replaces the deadline of a connection.
    pub(super) fn set_client_deadline(&mut self, key: u64, deadline: Instant) {
        let Some(conn) = self.conns.get_mut(&key) else { return };
        conn.deadline = deadline;
        if conn.looked_after_at.is_none_or(|at| deadline < at) {
            if let Some(at) = conn.looked_after_at.replace(deadline) {
                self.timers.remove(&(at, key));
            }
            self.timers.insert((deadline, key));
        }
    }

    /// Watches a connection for what its phase waits for.
    fn sync_client(&mut self, key: u64) {
        let Some(conn) = self.conns.get_mut(&key) else { return };
        let wanted = conn.wanted();
        // Most clients send nothing before they have their reply: watching on costs two system
        // calls a request less than looking away. Those that do are muted when it comes.
        if wanted != Interest::None {
            self.watch_client(key, wanted);
        }
    }

    /// Looks away from a connection whose bytes are not wanted now.
    fn mute_client(&mut self, key: u64) {
        let Some(conn) = self.conns.get(&key) else { return };
        let wanted = conn.wanted();
        self.watch_client(key, wanted);
    }

    fn watch_client(&mut self, key: u64, interest: Interest) {
        let Some(conn) = self.conns.get_mut(&key) else { return };
        if interest == conn.interest {
            return;
        }
        conn.interest = interest;
        if self.epoll.modify(&conn.stream, key, interest).is_err() {
            self.close(key);
        }
    }

    /// Forgets a connection; dropping its descriptor closes it and ends the watch.
    pub(super) fn close(&mut self, key: u64) {
        let Some(conn) = self.conns.remove(&key) else { return };
        if let Some(at) = conn.looked_after_at {
            self.timers.remove(&(at, key));
        }
        self.reserved.remove(&key);
        self.batch_count -= usize::from(conn.batch);
    }
}
