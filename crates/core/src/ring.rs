//! Rings of slots in shared memory, with two ends each: push and pop, wait-free, without I/O.
//!
//! A channel is two rings, requests one way and responses the other. Each slot carries the number
//! of its turn in its sequence word, which is stored last. No head, tail, index, length or pointer
//! is ever read from the peer, so nothing that a peer writes can lead this side out of bounds.
//! Positions are private, start at 1 and only grow; the slot of position `n` is
//! `n & (slot_count - 1)`.
//!
//! If the client may push (fewer requests in flight than slots), nothing the daemon does can make
//! the ring full; if an answer is there, nothing the client does can take it away.
//!
//! Response slots of a channel whose clients ask for more than two outputs have further lines; the
//! words beyond what a model gives are 0.
//!
//! The rings are generic over the memory they run on: a mapped region, or a plain vector in tests
//! and under loom. Ends never panic: memory that is too short behaves like an empty ring.
//!
//! # Examples
//!
//! A request and its answer, with both sides of the channel on plain memory:
//!
//! ```
//! use factord_core::abi;
//! use factord_core::ring::{
//!     Geometry, Look, RequestConsumer, RequestProducer, Response, ResponseConsumer,
//!     ResponseProducer,
//! };
//! use factord_core::sync::Line;
//!
//! let geometry = Geometry::new(3, 8).expect("three features and eight slots fit");
//! let zeroed = |lines| (0..lines).map(|_| Line::default()).collect::<Vec<Line>>();
//! let (req, resp) = (zeroed(geometry.req_lines()), zeroed(geometry.resp_lines()));
//!
//! // The client's ends ...
//! let mut requests = RequestProducer::new(&req, geometry);
//! let mut answers = ResponseConsumer::new(&resp, geometry);
//! // ... and the worker's.
//! let mut taken = RequestConsumer::new(&req, geometry, 1);
//! let mut responses = ResponseProducer::new(&resp, geometry, 1);
//!
//! let position = requests.push(0, 0, &[0.5, 0.2, 0.3]);
//! assert_eq!(answers.pop(), None);
//!
//! assert_eq!(taken.look(), Look::Ready);
//! let mut x = [0.0; 3];
//! let (meta, key) = taken.read(&mut x);
//! responses.push(taken.position(), &Response {
//!     y: x.iter().sum::<f64>().to_bits(),
//!     second: 0,
//!     verdict: abi::verdict(abi::status::OK, 0, 1),
//!     echo: abi::echo(taken.position(), meta, key, x.iter().map(|x| x.to_bits())),
//!     fingerprint: 42,
//!     t_received: 0,
//!     t_done: 0,
//! });
//! taken.advance(1);
//!
//! let answer = answers.pop().expect("it has been published");
//! assert_eq!(f64::from_bits(answer.y), 1.0);
//! // The echo proves that the answer is for this very request.
//! assert_eq!(answer.echo, requests.echo(position));
//! ```

mod request;
mod response;

pub use request::{Look, RequestConsumer, RequestProducer};
pub use response::{
    Found, Response, ResponseConsumer, ResponseProducer, begin_epoch, position_behind,
};

use crate::abi;
use crate::sync::Line;

/// The shape that both rings of a channel share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    feature_count: usize,
    slot_count: usize,
    output_count: usize,
}

/// Outputs unless asked otherwise: as many as fit the first line of a response.
const OUTPUT_COUNT: usize = 2;

impl Geometry {
    /// Checks a shape: `feature_count` 1 to 1,024, `slot_count` a power of two up to 4,096, and
    /// neither region beyond 8 MiB.
    ///
    /// ```
    /// use factord_core::ring::Geometry;
    ///
    /// assert!(Geometry::new(3, 8).is_some());
    /// assert!(Geometry::new(3, 10).is_none(), "ten is not a power of two");
    /// assert!(Geometry::new(1_025, 8).is_none(), "too many features");
    /// ```
    pub fn new(feature_count: usize, slot_count: usize) -> Option<Geometry> {
        let valid = (1..=abi::FEATURE_COUNT_MAX).contains(&feature_count)
            && slot_count.is_power_of_two()
            && slot_count <= abi::SLOT_COUNT_MAX
            && abi::req_lines(feature_count, slot_count) * abi::LINE_LEN <= abi::REGION_LEN_MAX;
        valid.then_some(Geometry { feature_count, slot_count, output_count: OUTPUT_COUNT })
    }

    /// The same with room for `output_count` outputs, 2 to 64; `None` for other numbers, and when
    /// the region would be beyond 8 MiB.
    pub fn with_outputs(self, output_count: usize) -> Option<Geometry> {
        let valid = (OUTPUT_COUNT..=abi::OUTPUT_COUNT_MAX).contains(&output_count)
            && abi::resp_lines(output_count, self.slot_count) * abi::LINE_LEN
                <= abi::REGION_LEN_MAX;
        valid.then_some(Geometry { output_count, ..self })
    }

    /// Features of each request.
    pub fn feature_count(self) -> usize {
        self.feature_count
    }

    /// Slots of each ring.
    pub fn slot_count(self) -> usize {
        self.slot_count
    }

    /// Outputs that a response has room for.
    pub fn output_count(self) -> usize {
        self.output_count
    }

    /// Lines of the request region.
    pub fn req_lines(self) -> usize {
        abi::req_lines(self.feature_count, self.slot_count)
    }

    /// Lines of the response region.
    pub fn resp_lines(self) -> usize {
        abi::resp_lines(self.output_count, self.slot_count)
    }

    fn mask(self) -> u64 {
        self.slot_count as u64 - 1
    }
}

/// The lines of the slot at `index`; `None` only when the memory is shorter than its geometry,
/// which the constructors' callers rule out.
#[inline]
fn slot(lines: &[Line], index: u64, stride: usize) -> Option<&[Line]> {
    let start = abi::RING_HEADER_LINES + index as usize * stride;
    let slot = lines.get(start..start + stride)?;
    if slot.is_empty() { None } else { Some(slot) }
}

/// The first line of a position's slot.
#[inline(always)]
fn first_line(position: u64, mask: u64, stride: usize) -> usize {
    abi::RING_HEADER_LINES + (position & mask) as usize * stride
}

#[cfg(all(test, loom))]
mod loom_tests;
