//! The second channel: to the workers of the other class than the client's own.
//!
//! Every request stands in the client's own ring, and the order of tickets is that ring's. One that
//! is answered "wrong class" there stays untaken and is published in the second channel's ring as
//! well; what is answered there is its answer. So a client that loses either channel still has the
//! requests, and publishes them again.

use super::Client;
use super::attachment::{Attachment, Taken};
use super::watch::RETRY_NS;
use crate::abi::{class, request, status};
use crate::channel::{Attempt, Shape};
use crate::sys::clock;
use std::collections::VecDeque;

/// How long "wrong class" stays an answer after the daemon refused a second channel.
// 1 s: a quota may be free again, and one attach a second burdens nobody.
const DECLINED_NS: u64 = 1_000_000_000;
/// Time between two questions to the socket of a channel that owes answers.
const ASK_NS: u64 = 100_000_000;

/// The second channel, as far as there is one.
#[derive(Debug)]
pub(super) struct Second {
    shape: Shape,
    attachment: Option<Attachment>,
    /// The way to one.
    attempt: Option<Attempt>,
    /// A request waits for one.
    is_wanted: bool,
    /// The own ring's positions whose requests were published here, in order.
    positions: VecDeque<u64>,
    /// The first position of the own ring whose answer was not looked at.
    next: u64,
    features: Vec<f64>,
    retry_at_ns: u64,
    retry_pause_ns: u64,
    asked_at_ns: u64,
    declined_until_ns: u64,
}

impl Second {
    /// None yet; `shape` is that of the client's own.
    pub(super) fn new(shape: Shape) -> Second {
        let other = if shape.class == class::HEAVY { class::LIGHT } else { class::HEAVY };
        Second {
            shape: Shape { class: other, ..shape },
            attachment: None,
            attempt: None,
            is_wanted: false,
            positions: VecDeque::new(),
            next: 0,
            features: Vec::new(),
            retry_at_ns: 0,
            retry_pause_ns: RETRY_NS.start,
            asked_at_ns: 0,
            declined_until_ns: 0,
        }
    }

    /// Whether a request waits for the channel to be there.
    pub(super) fn is_opening(&self) -> bool {
        self.is_wanted && self.attachment.is_none()
    }

    /// Gives the channel up; what it owes is still in the client's own ring.
    pub(super) fn close(&mut self) {
        self.attachment = None;
        self.attempt = None;
        self.is_wanted = false;
        self.positions.clear();
        self.next = 0;
        self.retry_pause_ns = RETRY_NS.start;
        self.retry_at_ns = 0;
    }

    /// Takes the answer to the own ring's `position`, if it is there.
    fn pop(&mut self, position: u64) -> Option<Taken> {
        let attachment = self.attachment.as_mut()?;
        while let Some(&first) = self.positions.front()
            && first <= position
        {
            let taken = attachment.pop()?;
            self.positions.pop_front();
            // An earlier one was answered otherwise after all: the daemon changed its word.
            if first == position {
                return Some(taken);
            }
        }
        None
    }

    fn adopt(&mut self, attachment: Attachment, slot_count: usize, feature_count: usize) {
        self.positions.reserve(slot_count);
        self.features.resize(feature_count, 0.0);
        self.attachment = Some(attachment);
        self.asked_at_ns = clock::monotonic_ns();
        self.retry_pause_ns = RETRY_NS.start;
    }

    fn retry_later(&mut self) {
        self.retry_pause_ns = (2 * self.retry_pause_ns).min(RETRY_NS.end);
        self.retry_at_ns = clock::monotonic_ns() + self.retry_pause_ns;
    }
}

impl Client {
    /// The second channel's answer in the place of "wrong class". `None`: it is not there yet, and
    /// the refusal was put back.
    #[cold]
    #[inline(never)]
    pub(super) fn pop_second(&mut self) -> Option<Taken> {
        let refused = self.attachment.pop()?;
        let position = refused.position;
        if refused.response.echo != refused.echo
            || clock::monotonic_ns() < self.second.declined_until_ns
        {
            return Some(refused);
        }
        if let Some(taken) = self.second.pop(position) {
            return Some(Taken { position, ..taken });
        }
        self.attachment.put_back();
        self.second.is_wanted = true;
        self.go_over();
        None
    }

    /// Publishes what was answered "wrong class" in the second channel's ring. It has as many slots
    /// as the own one, and a slot there for each of the own.
    fn go_over(&mut self) {
        let unanswered = self.attachment.unanswered();
        self.second.next = self.second.next.max(unanswered.start);
        while self.second.next < unanswered.end {
            let position = self.second.next;
            let Some(status) = self.attachment.status_at(position) else { return };
            if status == status::WRONG_CLASS {
                let Client { attachment, names, second, .. } = self;
                let Some(over) = &mut second.attachment else { return };
                let names = names.get_mut();
                attachment.publish_in(over, position, &mut second.features, |_, number, old| {
                    let meta = names.meta(number, attachment.names_sequence());
                    meta.unwrap_or_else(|| names.look_up(number, attachment.observer()))
                        | old & request::FLAG_STAMP
                });
                second.positions.push_back(position);
            }
            self.second.next += 1;
        }
    }

    /// One step of having a second channel where one is wanted; waits for nobody.
    pub(super) fn look_after_second(&mut self, now_ns: u64) {
        if let Some(attachment) = &self.second.attachment {
            let is_owed = !self.second.positions.is_empty();
            if is_owed && now_ns.saturating_sub(self.second.asked_at_ns) > ASK_NS {
                self.second.asked_at_ns = now_ns;
                if attachment.hung_up() {
                    self.second.close();
                }
            }
        } else if self.second.is_wanted {
            self.open_second(now_ns);
        }
    }

    fn open_second(&mut self, now_ns: u64) {
        let second = &mut self.second;
        let attempt = match &mut second.attempt {
            Some(attempt) => attempt,
            None if now_ns < second.retry_at_ns => return,
            none => {
                let (uid, name) = (self.options.daemon_uid, &self.options.name);
                none.insert(Attempt::new(&self.path, uid, second.shape, name))
            }
        };
        let stepped = attempt.step();
        if !matches!(stepped, Ok(None)) {
            second.attempt = None;
        }
        match stepped {
            Ok(None) => {}
            Ok(Some(channel)) => {
                let attachment = Attachment::new(channel, self.geometry);
                // That of another engine has to wait until the own channel goes over to it, too.
                if attachment.epoch() != self.attachment.epoch() {
                    return second.retry_later();
                }
                let Client { geometry, .. } = self;
                second.adopt(attachment, geometry.slot_count(), geometry.feature_count());
                self.go_over();
            }
            Err(error) if error.may_pass() => second.retry_later(),
            Err(_) => {
                second.is_wanted = false;
                second.declined_until_ns = clock::monotonic_ns() + DECLINED_NS;
            }
        }
    }
}
