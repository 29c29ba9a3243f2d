//! The tap: a copy of requests and answers that one worker broadcasts and any number of readers
//! follow.
//!
//! ```text
//! writer   turn odd (Relaxed), fence(Release); words Relaxed; turn even (Release)
//! reader   turn (Relaxed), fence(Acquire); words Relaxed; fence(Acquire), turn again
//! ```
//!
//! Cells have one line and carry the number of their turn, their position. The writer reads nothing
//! of its readers, so that it never waits for one: a reader that is overtaken learns it by a turn
//! that is not the one it waits for, goes on behind the place, and is told how many answers it
//! missed by the next run, which carries the count of all before it. What is read is a claim:
//! positions are the reader's own, and nothing that stands in a cell is used as an index.

mod reader;
mod writer;

pub use reader::{Record, Step, TapReader, VersionCell};
pub use writer::TapWriter;

/// One cell as plain words; of the turn it has the bits that are no position.
pub type Cell = [u64; crate::abi::tap_region::CELL_WORDS];

#[cfg(all(test, loom))]
mod loom_tests;
#[cfg(all(test, not(loom)))]
mod tap_tests;
