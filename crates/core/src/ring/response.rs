//! The two ends of the response ring.

use super::{Geometry, response_line};
use crate::abi::response;
use crate::sync::{Line, Ordering, fence};

/// The words of one response, except its sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response {
    /// First output, as bits.
    pub y: u64,
    /// Second output, as bits.
    pub second: u64,
    /// [`crate::abi::verdict`].
    pub verdict: u64,
    /// [`crate::abi::echo`] of the request as it was read.
    pub echo: u64,
    /// The engine's epoch.
    pub epoch: u64,
    /// TSC ticks, or 0.
    pub t_received: u64,
    /// TSC ticks, or 0.
    pub t_done: u64,
}

impl Response {
    /// A code of [`crate::abi::status`].
    pub fn status(&self) -> u16 {
        (self.verdict & 0xFFFF) as u16
    }

    /// The arm of an experiment.
    pub fn arm(&self) -> u16 {
        (self.verdict >> 16 & 0xFFFF) as u16
    }

    /// The generation of the model that answered.
    pub fn generation(&self) -> u32 {
        (self.verdict >> 32) as u32
    }
}

/// The worker's end of the response ring.
///
/// Words that a slot already holds are not stored again: from the second lap on these are the epoch
/// and, for clients that ask for none, the time stamps. A processor can keep only a bounded number
/// of stores waiting for their lines, so fewer stores keep more lines in flight.
#[derive(Debug)]
pub struct ResponseProducer<M> {
    memory: M,
    mask: u64,
    epoch: u64,
    /// Up to this position, slots may hold a different epoch, or time stamps.
    whole_until: u64,
}

impl<M: AsRef<[Line]>> ResponseProducer<M> {
    /// Writes on memory of `geometry.resp_lines()` lines.
    pub fn new(memory: M, geometry: Geometry) -> ResponseProducer<M> {
        let mask = geometry.mask();
        ResponseProducer { memory, mask, epoch: 0, whole_until: mask + 1 }
    }

    /// Publishes the answer to the request of position `sequence`; positions grow by one.
    #[inline]
    pub fn push(&mut self, sequence: u64, response: &Response) {
        let Some(line) = response_line(self.memory.as_ref(), sequence, self.mask) else { return };
        let stamps = response.t_received | response.t_done;
        if stamps != 0 || response.epoch != self.epoch {
            self.epoch = response.epoch;
            self.whole_until = sequence + self.mask + 1;
        }
        // Relaxed: ordered by the Release store of the sequence below.
        line[response::Y].store(response.y, Ordering::Relaxed);
        line[response::SECOND].store(response.second, Ordering::Relaxed);
        line[response::VERDICT].store(response.verdict, Ordering::Relaxed);
        line[response::ECHO].store(response.echo, Ordering::Relaxed);
        if sequence <= self.whole_until {
            line[response::EPOCH].store(response.epoch, Ordering::Relaxed);
            line[response::T_RECEIVED].store(response.t_received, Ordering::Relaxed);
            line[response::T_DONE].store(response.t_done, Ordering::Relaxed);
        }
        // SYNC(response.full): pairs with the Acquire fence in `ResponseConsumer::pop`; publishes
        // the payload.
        line[response::SEQUENCE].store(sequence, Ordering::Release);
    }
}

/// The client's end of the response ring.
#[derive(Debug)]
pub struct ResponseConsumer<M> {
    memory: M,
    mask: u64,
    next: u64,
}

impl<M: AsRef<[Line]>> ResponseConsumer<M> {
    /// Starts at position 1 on memory of `geometry.resp_lines()` lines.
    pub fn new(memory: M, geometry: Geometry) -> ResponseConsumer<M> {
        ResponseConsumer { memory, mask: geometry.mask(), next: 1 }
    }

    /// The position that the next pop expects.
    #[inline]
    pub fn position(&self) -> u64 {
        self.next
    }

    /// Counts the answers that are ready, at most `limit`. Their loads do not depend on each other,
    /// so the lines of all of them travel at the same time.
    #[inline]
    pub fn ready(&self, limit: u64) -> u64 {
        let lines = self.memory.as_ref();
        let is_there = |position: u64| {
            // Relaxed: nothing is read but the sequence; `pop` looks again.
            response_line(lines, position, self.mask)
                .is_some_and(|line| line[response::SEQUENCE].load(Ordering::Relaxed) == position)
        };
        let mut count = 0;
        while count < limit && is_there(self.next + count) {
            count += 1;
        }
        count
    }

    /// Takes the next answer if it is ready.
    ///
    /// ```
    /// use factord_core::abi;
    /// use factord_core::ring::{Geometry, Response, ResponseConsumer, ResponseProducer};
    /// use factord_core::sync::Line;
    ///
    /// let geometry = Geometry::new(3, 2).unwrap();
    /// let memory: Vec<Line> = (0..geometry.resp_lines()).map(|_| Line::default()).collect();
    /// let mut producer = ResponseProducer::new(&memory, geometry);
    /// let mut consumer = ResponseConsumer::new(&memory, geometry);
    ///
    /// let response = Response {
    ///     y: 0.75_f64.to_bits(),
    ///     second: 0,
    ///     verdict: abi::verdict(abi::status::OK, 0, 7),
    ///     echo: 0,
    ///     epoch: 42,
    ///     t_received: 0,
    ///     t_done: 0,
    /// };
    /// producer.push(1, &response);
    /// let taken = consumer.pop().unwrap();
    /// assert_eq!((taken.status(), taken.generation()), (abi::status::OK, 7));
    /// assert_eq!(consumer.pop(), None, "each answer is taken once");
    /// ```
    #[inline(always)]
    pub fn pop(&mut self) -> Option<Response> {
        let line = response_line(self.memory.as_ref(), self.next, self.mask)?;
        // Relaxed: the fence below orders the payload, and only once there is one.
        if line[response::SEQUENCE].load(Ordering::Relaxed) != self.next {
            return None;
        }
        // SYNC(response.full): pairs with the Release store in `ResponseProducer::push`.
        fence(Ordering::Acquire);
        // Relaxed: ordered by the fence above.
        let word = |index: usize| line[index].load(Ordering::Relaxed);
        self.next += 1;
        Some(Response {
            y: word(response::Y),
            second: word(response::SECOND),
            verdict: word(response::VERDICT),
            echo: word(response::ECHO),
            epoch: word(response::EPOCH),
            t_received: word(response::T_RECEIVED),
            t_done: word(response::T_DONE),
        })
    }
}
