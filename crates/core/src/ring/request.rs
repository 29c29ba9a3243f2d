//! The two ends of the request ring.

use super::{Geometry, first_line, slot};
use crate::abi::{self, request};
use crate::sync::{Line, Ordering, fence};

/// The client's end of the request ring.
///
/// `meta` and key are not stored again where the slot holds them already, as it mostly does from
/// the second lap on: fewer stores keep more lines in flight.
#[derive(Debug)]
pub struct RequestProducer<M> {
    memory: M,
    feature_count: usize,
    mask: u64,
    stride: usize,
    next: u64,
    /// `meta` and key of the last request.
    held: (u64, u64),
    /// Up to this position, slots may hold others.
    others_until: u64,
    /// The echo of each slot's request.
    // NB: kept here, since reading a slot again after the worker has read it moves its line back:
    // 35 ns where the floor is 100, 95 ns where it is 450.
    echoes: Box<[u64]>,
}

impl<M: AsRef<[Line]>> RequestProducer<M> {
    /// Starts at position 1 on memory of `geometry.req_lines()` zeroed lines.
    pub fn new(memory: M, geometry: Geometry) -> RequestProducer<M> {
        let stride = abi::request_stride_lines(geometry.feature_count);
        let feature_count = geometry.feature_count;
        let mask = geometry.mask();
        let echoes = vec![0; geometry.slot_count].into_boxed_slice();
        RequestProducer {
            memory,
            feature_count,
            mask,
            stride,
            next: 1,
            held: (0, 0),
            others_until: 1 + mask,
            echoes,
        }
    }

    /// Features of each request.
    pub fn feature_count(&self) -> usize {
        self.feature_count
    }

    /// The position that the next push takes.
    #[inline]
    pub fn position(&self) -> u64 {
        self.next
    }

    /// Publishes one request and returns its position; `key` is the caller's unit key, 0 for none.
    ///
    /// The caller makes sure that the answer to the slot's previous request has been taken, and
    /// passes as many features as the channel has; any more are not written.
    ///
    /// ```
    /// use factord_core::ring::{Geometry, Look, RequestConsumer, RequestProducer};
    /// use factord_core::sync::Line;
    ///
    /// let geometry = Geometry::new(3, 2).unwrap();
    /// let memory: Vec<Line> = (0..geometry.req_lines()).map(|_| Line::default()).collect();
    /// let mut producer = RequestProducer::new(&memory, geometry);
    /// let mut consumer = RequestConsumer::new(&memory, geometry, 1);
    ///
    /// assert_eq!(consumer.look(), Look::Empty);
    /// assert_eq!(producer.push(1, 0, &[0.5, 0.2, 0.3]), 1, "positions start at 1");
    /// assert_eq!(producer.push(1, 0, &[0.4, 0.1, 0.2]), 2);
    /// assert_eq!((consumer.look(), consumer.ready_behind(8)), (Look::Ready, 1));
    /// ```
    #[inline(always)]
    pub fn push(&mut self, meta: u64, key: u64, features: &[f64]) -> u64 {
        // Three features have a path of their own: hardly more than stores stands before the
        // request is on its way.
        let &[a, b, c] = features else {
            return self.push_wide(meta, key, features);
        };
        let sequence = self.next;
        let is_held = self.holds(meta, key);
        let Some(line) = self.memory.as_ref().get(first_line(sequence, self.mask, self.stride))
        else {
            self.advance(0);
            return sequence;
        };
        let bits = [a.to_bits(), b.to_bits(), c.to_bits()];
        // Relaxed: ordered by the Release store of the sequence below.
        if !is_held {
            line[request::META].store(meta, Ordering::Relaxed);
            line[request::KEY].store(key, Ordering::Relaxed);
        }
        // Word by word: a caller that has just stored them would wait for a wider load.
        line[request::FEATURES].store(bits[0], Ordering::Relaxed);
        line[request::FEATURES + 1].store(bits[1], Ordering::Relaxed);
        line[request::FEATURES + 2].store(bits[2], Ordering::Relaxed);
        // SYNC(request.full): pairs with the Acquire fence in `RequestConsumer::look`; publishes
        // the payload.
        line[request::SEQUENCE].store(sequence, Ordering::Release);
        self.advance(abi::echo(sequence, meta, key, bits.into_iter()));
        sequence
    }

    /// Publishes one request of any width.
    #[inline(never)]
    fn push_wide(&mut self, meta: u64, key: u64, features: &[f64]) -> u64 {
        let sequence = self.next;
        let is_held = self.holds(meta, key);
        let Some(slot) = slot(self.memory.as_ref(), sequence & self.mask, self.stride) else {
            self.advance(0);
            return sequence;
        };
        // Relaxed: ordered by the Release store of the sequence below.
        if !is_held {
            slot[0][request::META].store(meta, Ordering::Relaxed);
            slot[0][request::KEY].store(key, Ordering::Relaxed);
        }
        let words = slot.as_flattened().iter().skip(request::FEATURES);
        for (word, value) in words.zip(features) {
            word.store(value.to_bits(), Ordering::Relaxed);
        }
        // SYNC(request.full): pairs with the Acquire fence in `RequestConsumer::look`; publishes
        // the payload.
        slot[0][request::SEQUENCE].store(sequence, Ordering::Release);
        self.advance(abi::echo(sequence, meta, key, features.iter().map(|value| value.to_bits())));
        sequence
    }

    /// Whether the slot of `next`, to which these belong, holds them already.
    #[inline(always)]
    fn holds(&mut self, meta: u64, key: u64) -> bool {
        if (meta ^ self.held.0) | (key ^ self.held.1) != 0 {
            self.held = (meta, key);
            self.others_until = self.next + self.mask;
        }
        self.next > self.others_until
    }

    /// Keeps the echo of the request just published and goes on to the next slot.
    #[inline(always)]
    fn advance(&mut self, echo: u64) {
        if let Some(place) = self.echoes.get_mut((self.next & self.mask) as usize) {
            *place = echo;
        }
        self.next += 1;
    }

    /// The echo that the answer to this end's request must carry; valid until the request's slot is
    /// reused.
    #[inline(always)]
    pub fn echo(&self, position: u64) -> u64 {
        self.echoes.get((position & self.mask) as usize).copied().unwrap_or(0)
    }

    /// Lets no answer to the request of `position` have the echo that it must carry.
    pub fn disown(&mut self, position: u64) {
        if let Some(echo) = self.echoes.get_mut((position & self.mask) as usize) {
            *echo = !*echo;
        }
    }

    /// Counts one evaluation in the client's own process by its status; the daemon does not trust
    /// these counts. Returns the new count.
    #[inline]
    pub fn count_local(&self, status: u16) -> u64 {
        let index =
            abi::req_header::LOCAL_BY_STATUS + (usize::from(status) & (abi::status::COUNT - 1));
        let Some(line) = self.memory.as_ref().first() else { return 0 };
        // Relaxed: one writer, and no order among counts.
        let count = line[index].load(Ordering::Relaxed).wrapping_add(1);
        line[index].store(count, Ordering::Relaxed);
        count
    }

    /// Reads back a request that this end pushed: `meta`, the key and its features. Use it rarely:
    /// it moves the slot's cache lines.
    pub fn read_back(&self, position: u64, features: &mut [f64]) -> (u64, u64) {
        let Some(slot) = slot(self.memory.as_ref(), position & self.mask, self.stride) else {
            return (0, 0);
        };
        // Relaxed: this thread wrote these words itself.
        for (value, word) in
            features.iter_mut().zip(slot.as_flattened().iter().skip(request::FEATURES))
        {
            *value = f64::from_bits(word.load(Ordering::Relaxed));
        }
        let word = |index: usize| slot[0][index].load(Ordering::Relaxed);
        (word(request::META), word(request::KEY))
    }
}

/// What the worker finds in the next request slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// No new request.
    Empty,
    /// The request of the current position is there.
    Ready,
    /// The slot carries a sequence from the future: the client broke the protocol.
    Violation,
}

/// The worker's end of the request ring.
#[derive(Debug)]
pub struct RequestConsumer<M> {
    memory: M,
    next: u64,
    /// The first line of the slot of `next`.
    line: usize,
    mask: u64,
    stride: usize,
}

impl<M: AsRef<[Line]>> RequestConsumer<M> {
    /// Starts at position `first` on memory of `geometry.req_lines()` lines.
    pub fn new(memory: M, geometry: Geometry, first: u64) -> RequestConsumer<M> {
        let stride = abi::request_stride_lines(geometry.feature_count);
        let mut consumer =
            RequestConsumer { memory, next: 0, line: 0, mask: geometry.mask(), stride };
        consumer.advance(first);
        consumer
    }

    /// The position that the next look expects.
    #[inline]
    pub fn position(&self) -> u64 {
        self.next
    }

    /// Looks at the next slot; after `Ready` the payload may be read.
    #[inline]
    pub fn look(&self) -> Look {
        let Some(line) = self.memory.as_ref().get(self.line) else { return Look::Empty };
        // Relaxed: the fence below orders the payload, and only once there is one.
        let sequence = line[request::SEQUENCE].load(Ordering::Relaxed);
        if sequence == self.next {
            // SYNC(request.full): pairs with the Release store in `RequestProducer::push`.
            fence(Ordering::Acquire);
            Look::Ready
        } else if sequence < self.next {
            Look::Empty
        } else {
            Look::Violation
        }
    }

    /// Counts the requests that are ready after the current one, at most `limit`. Their loads do
    /// not depend on each other, so the lines of all of them travel at the same time.
    #[inline]
    pub fn ready_behind(&self, limit: usize) -> usize {
        let lines = self.memory.as_ref();
        let is_ready = |position: u64| {
            // Relaxed: ordered by the fence below.
            lines
                .get(self.line_of(position))
                .is_some_and(|line| line[request::SEQUENCE].load(Ordering::Relaxed) == position)
        };
        let mut count = 0;
        while count < limit && is_ready(self.next + 1 + count as u64) {
            count += 1;
        }
        // SYNC(request.full): pairs with the Release store in `RequestProducer::push`.
        fence(Ordering::Acquire);
        count
    }

    /// Reads `meta`, the key and three features of the slot `ahead` positions further on, each word
    /// once.
    #[inline]
    pub fn read_triple(&self, ahead: usize) -> (u64, u64, [u64; 3]) {
        let line = self.line_of(self.next + ahead as u64);
        let Some(line) = self.memory.as_ref().get(line) else { return (0, 0, [0; 3]) };
        // Relaxed: ordered by the fence in `look`.
        let word = |index: usize| line[index].load(Ordering::Relaxed);
        let x = request::FEATURES;
        (word(request::META), word(request::KEY), [word(x), word(x + 1), word(x + 2)])
    }

    /// Reads `meta`, the key and `features.len()` features of the current slot, each word once.
    #[inline]
    pub fn read(&self, features: &mut [f64]) -> (u64, u64) {
        let Some(slot) = slot(self.memory.as_ref(), self.next & self.mask, self.stride) else {
            return (0, 0);
        };
        // Relaxed: ordered by the fence in `look`.
        for (value, word) in
            features.iter_mut().zip(slot.as_flattened().iter().skip(request::FEATURES))
        {
            *value = f64::from_bits(word.load(Ordering::Relaxed));
        }
        let word = |index: usize| slot[0][index].load(Ordering::Relaxed);
        (word(request::META), word(request::KEY))
    }

    /// Moves on by `count` positions.
    #[inline]
    pub fn advance(&mut self, count: u64) {
        self.next += count;
        self.line = self.line_of(self.next);
    }

    #[inline]
    fn line_of(&self, position: u64) -> usize {
        first_line(position, self.mask, self.stride)
    }
}
