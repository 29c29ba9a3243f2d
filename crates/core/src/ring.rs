//! The two ends of a ring of slots in shared memory: push and pop, wait-free, without I/O.
//!
//! A channel is two rings, requests one way and responses the other. The turn of a slot is its
//! sequence word, stored last; no head, tail, index, length or pointer is ever read from the
//! peer, so nothing a peer writes can lead this side out of bounds. Positions are private, only
//! grow and start at 1; the slot of position `n` is `n & (slot_count - 1)`.
//!
//! If the client may push (fewer requests in flight than slots), nothing the daemon does can make
//! the ring full; if an answer is there, nothing the client does can take it away.
//!
//! The rings are generic over the memory they run on: a mapped region, or a plain vector in tests
//! and under loom. Ends never panic: memory that is too short behaves like an empty ring.

mod request;
mod response;

pub use request::{Look, RequestConsumer, RequestProducer};
pub use response::{Response, ResponseConsumer, ResponseProducer};

use crate::abi;
use crate::sync::Line;

/// The shape both rings of a channel share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    feature_count: usize,
    slot_count: usize,
}

impl Geometry {
    /// Checks a shape: `feature_count` 1 to 1,024, `slot_count` a power of two up to 4,096, and
    /// neither region beyond 8 MiB.
    pub fn new(feature_count: usize, slot_count: usize) -> Option<Geometry> {
        let valid = (1..=abi::FEATURE_COUNT_MAX).contains(&feature_count)
            && slot_count.is_power_of_two()
            && slot_count <= abi::SLOT_COUNT_MAX
            && abi::req_lines(feature_count, slot_count) * abi::LINE_LEN <= abi::REGION_LEN_MAX;
        valid.then_some(Geometry { feature_count, slot_count })
    }

    /// Features of each request.
    pub fn feature_count(self) -> usize {
        self.feature_count
    }

    /// Slots of each ring.
    pub fn slot_count(self) -> usize {
        self.slot_count
    }

    /// Lines of the request region.
    pub fn req_lines(self) -> usize {
        abi::req_lines(self.feature_count, self.slot_count)
    }

    /// Lines of the response region.
    pub fn resp_lines(self) -> usize {
        abi::resp_lines(self.slot_count)
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

/// The one line of a response slot; `None` as for [`slot`].
#[inline(always)]
fn response_line(lines: &[Line], position: u64, mask: u64) -> Option<&Line> {
    lines.get(abi::RING_HEADER_LINES + (position & mask) as usize)
}

#[cfg(all(test, loom))]
mod loom_tests;
