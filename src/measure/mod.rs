//! Measuring round trips: the ring's, and the floor that no ring can pass.
//!
//! Percentiles come from single round trips, the median from groups of sixteen, since a clock
//! reading steps by about 10 ns on virtual machines. Floor and candidate alternate within one run,
//! and what is compared is the median of the ratios of neighbours: on a shared machine the floor
//! itself moves between plateaus while one measures.

pub mod condition;
pub mod engine;
pub mod floor;
pub mod open_loop;
mod rig;
mod ring;
mod sample;
pub mod stream;
pub mod swap;
pub mod timeline;

pub use rig::Rig;
pub use ring::RingRounds;
pub use sample::{GROUP, Sample, Stopwatch, median, median_of_ratios, quantile};
