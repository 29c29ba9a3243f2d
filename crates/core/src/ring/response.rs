//! The two ends of the response ring.

use super::{Geometry, first_line};
use crate::abi::{self, resp_header, response};
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
    /// The fingerprint of the artifact that answered; 0 when none did.
    pub fingerprint: u64,
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

    /// The generation of the name's deployment.
    pub fn generation(&self) -> u32 {
        (self.verdict >> 32) as u32
    }
}

/// The worker's end of the response ring.
///
/// Words that a slot already holds are not stored again: from the second lap on these are, for
/// clients that ask for none, the time stamps. A processor can keep only a bounded number of stores
/// waiting for their lines, so fewer stores keep more lines in flight.
#[derive(Debug)]
pub struct ResponseProducer<M> {
    memory: M,
    mask: u64,
    stride: usize,
    /// Up to this position, slots may hold time stamps.
    stamped_until: u64,
}

impl<M: AsRef<[Line]>> ResponseProducer<M> {
    /// Writes on memory of `geometry.resp_lines()` lines, from position `first` on.
    pub fn new(memory: M, geometry: Geometry, first: u64) -> ResponseProducer<M> {
        let mask = geometry.mask();
        let stride = abi::response_stride_lines(geometry.output_count);
        ResponseProducer { memory, mask, stride, stamped_until: first + mask }
    }

    /// Publishes the answer to the request of position `sequence`; positions grow by one.
    // NB: or else the words of each answer go through memory (20 of 271 instructions a request).
    #[inline(always)]
    pub fn push(&mut self, sequence: u64, response: &Response) {
        let line = first_line(sequence, self.mask, self.stride);
        let Some(line) = self.memory.as_ref().get(line) else { return };
        if response.t_received | response.t_done != 0 {
            self.stamped_until = sequence + self.mask + 1;
        }
        // Relaxed: ordered by the Release store of the sequence below.
        line[response::Y].store(response.y, Ordering::Relaxed);
        line[response::SECOND].store(response.second, Ordering::Relaxed);
        line[response::VERDICT].store(response.verdict, Ordering::Relaxed);
        line[response::ECHO].store(response.echo, Ordering::Relaxed);
        line[response::FINGERPRINT].store(response.fingerprint, Ordering::Relaxed);
        if sequence <= self.stamped_until {
            line[response::T_RECEIVED].store(response.t_received, Ordering::Relaxed);
            line[response::T_DONE].store(response.t_done, Ordering::Relaxed);
        }
        // SYNC(response.full): pairs with the Acquire fence in `ResponseConsumer::pop`; publishes
        // the payload.
        line[response::SEQUENCE].store(sequence, Ordering::Release);
    }
}

/// A sequence that no ring comes to: at 10^9 requests a second, after 146 years.
const SEQUENCE_END: u64 = 1 << 62;

/// The position behind the last answer in a response ring, from 1: where an engine goes on that
/// takes the ring over. A claim, since the client may write there as well: one that is false leads
/// to requests that are answered again, or never come.
pub fn position_behind(memory: &[Line], geometry: Geometry) -> u64 {
    let stride = abi::response_stride_lines(geometry.output_count);
    let last = (0..geometry.slot_count as u64).map(|slot| {
        let line = memory.get(first_line(slot, geometry.mask(), stride));
        // Relaxed: the engine that wrote it is gone.
        let sequence = line.map_or(0, |line| line[response::SEQUENCE].load(Ordering::Relaxed));
        let is_sound = sequence & geometry.mask() == slot && sequence < SEQUENCE_END;
        if is_sound { sequence } else { 0 }
    });
    last.max().unwrap_or(0) + 1
}

/// Says in the header of a response ring that the engine of `epoch` answers from position `since`
/// on; the engine before it answered what came earlier.
///
/// The words change in an order in which each state between is right for every answer there can
/// be: an engine that dies in here, or a client that looks meanwhile, mistakes none.
pub fn begin_epoch(memory: &[Line], epoch: u64, since: u64) {
    let Some(line) = memory.get(resp_header::EPOCH_SEQUENCE / abi::LINE_WORDS) else { return };
    let word = |index: usize| &line[index % abi::LINE_WORDS];
    // Relaxed: one writer. An engine that died in here left an odd number.
    let sequence = word(resp_header::EPOCH_SEQUENCE).load(Ordering::Relaxed) | 1;
    word(resp_header::EPOCH_SEQUENCE).store(sequence, Ordering::Relaxed);
    // Relaxed: ordered by the Release stores below.
    let last = |index: usize| word(index).load(Ordering::Relaxed);
    // An engine that answered nothing stands before none.
    if last(resp_header::EPOCH_SINCE) < since {
        let before = last(resp_header::EPOCH);
        word(resp_header::EPOCH_BEFORE).store(before, Ordering::Relaxed);
    }
    // SYNC(response.since): pairs with the Acquire fence behind `since` in `Epochs::read`; the
    // epoch before is there when this is seen.
    word(resp_header::EPOCH_SINCE).store(since, Ordering::Release);
    // SYNC(response.begun): pairs with the Acquire fence behind `epoch` in `Epochs::read`; the
    // position is there when this is seen.
    word(resp_header::EPOCH).store(epoch, Ordering::Release);
    // SYNC(response.epochs): pairs with the first Acquire fence in `Epochs::read`; publishes them.
    word(resp_header::EPOCH_SEQUENCE).store(sequence.wrapping_add(1), Ordering::Release);
}

/// Which engine answers, as the header said when it was last read.
#[derive(Clone, Copy, Debug, Default)]
struct Epochs {
    sequence: u64,
    epoch: u64,
    since: u64,
    before: u64,
}

impl Epochs {
    /// Reads them, in the middle of a change too: what is read then is right, and read again when
    /// the change has ended. `None` without memory.
    #[cold]
    fn read(lines: &[Line]) -> Option<Epochs> {
        let line = lines.get(resp_header::EPOCH_SEQUENCE / abi::LINE_WORDS)?;
        // Relaxed: ordered by the fences.
        let word = |index: usize| line[index % abi::LINE_WORDS].load(Ordering::Relaxed);
        let sequence = word(resp_header::EPOCH_SEQUENCE);
        // SYNC(response.epochs): pairs with the last Release store in `begin_epoch`.
        fence(Ordering::Acquire);
        let epoch = word(resp_header::EPOCH);
        // SYNC(response.begun): pairs with the Release store of the epoch in `begin_epoch`.
        fence(Ordering::Acquire);
        let since = word(resp_header::EPOCH_SINCE);
        // SYNC(response.since): pairs with the Release store of the position in `begin_epoch`.
        fence(Ordering::Acquire);
        Some(Epochs { sequence, epoch, since, before: word(resp_header::EPOCH_BEFORE) })
    }

    #[inline]
    fn of(&self, position: u64) -> u64 {
        if position >= self.since { self.epoch } else { self.before }
    }
}

/// An answer that is there: the first line of its slot.
#[derive(Clone, Copy, Debug)]
pub struct Found(usize);

/// The client's end of the response ring.
#[derive(Debug)]
pub struct ResponseConsumer<M> {
    memory: M,
    mask: u64,
    stride: usize,
    next: u64,
    epochs: Epochs,
}

impl<M: AsRef<[Line]>> ResponseConsumer<M> {
    /// Starts at position 1 on memory of `geometry.resp_lines()` lines.
    pub fn new(memory: M, geometry: Geometry) -> ResponseConsumer<M> {
        let stride = abi::response_stride_lines(geometry.output_count);
        let epochs = Epochs::read(memory.as_ref()).unwrap_or_default();
        ResponseConsumer { memory, mask: geometry.mask(), stride, next: 1, epochs }
    }

    /// The epoch of the engine that answered the request of `position`, whose answer was taken.
    #[inline]
    pub fn epoch_of(&mut self, position: u64) -> u64 {
        let lines = self.memory.as_ref();
        let header = lines.get(resp_header::EPOCH_SEQUENCE / abi::LINE_WORDS);
        // Relaxed: the engine changed it before it published that answer, whose taking was an
        // Acquire (response.full).
        let sequence = header.map_or(0, |line| {
            line[resp_header::EPOCH_SEQUENCE % abi::LINE_WORDS].load(Ordering::Relaxed)
        });
        if sequence != self.epochs.sequence
            && let Some(epochs) = Epochs::read(lines)
        {
            self.epochs = epochs;
        }
        self.epochs.of(position)
    }

    #[cfg(loom)]
    pub(super) fn memory(&self) -> &M {
        &self.memory
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
            lines
                .get(first_line(position, self.mask, self.stride))
                .is_some_and(|line| line[response::SEQUENCE].load(Ordering::Relaxed) == position)
        };
        let mut count = 0;
        while count < limit && is_there(self.next + count) {
            count += 1;
        }
        count
    }

    /// The answer to the request of `position`, which was not taken yet, if it is there.
    #[inline(always)]
    pub fn find(&self, position: u64) -> Option<Found> {
        let first = first_line(position, self.mask, self.stride);
        // Relaxed: the fence below orders the payload, and only once there is one.
        if self.memory.as_ref().get(first)?[response::SEQUENCE].load(Ordering::Relaxed) != position
        {
            return None;
        }
        // SYNC(response.full): pairs with the Release store in `ResponseProducer::push`.
        fence(Ordering::Acquire);
        Some(Found(first))
    }

    /// The status of an answer that is there.
    #[inline(always)]
    pub fn status(&self, Found(first): Found) -> Option<u16> {
        let line = self.memory.as_ref().get(first)?;
        // Relaxed: ordered by the fence in `find`.
        Some((line[response::VERDICT].load(Ordering::Relaxed) & 0xFFFF) as u16)
    }

    /// Puts the answer that was taken last back: the next pop takes it again. It stays in its slot
    /// for as long as the request of that slot's next turn was not published.
    pub fn put_back(&mut self) {
        self.next -= 1;
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
    /// let mut producer = ResponseProducer::new(&memory, geometry, 1);
    /// let mut consumer = ResponseConsumer::new(&memory, geometry);
    ///
    /// let response = Response {
    ///     y: 0.75_f64.to_bits(),
    ///     second: 0,
    ///     verdict: abi::verdict(abi::status::OK, 0, 7),
    ///     echo: 0,
    ///     fingerprint: 42,
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
        self.take(self.find(self.next)?)
    }

    /// Takes the next answer, which was found.
    #[inline(always)]
    pub fn take(&mut self, Found(first): Found) -> Option<Response> {
        let line = self.memory.as_ref().get(first)?;
        // Relaxed: ordered by the fence in `find`.
        let word = |index: usize| line[index].load(Ordering::Relaxed);
        self.next += 1;
        Some(Response {
            y: word(response::Y),
            second: word(response::SECOND),
            verdict: word(response::VERDICT),
            echo: word(response::ECHO),
            fingerprint: word(response::FINGERPRINT),
            t_received: word(response::T_RECEIVED),
            t_done: word(response::T_DONE),
        })
    }
}
