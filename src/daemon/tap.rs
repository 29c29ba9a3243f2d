//! The workers' taps.

use super::ServeError;
use crate::config::ServeConfig;
use factord_core::abi::{self, tap_record, tap_region as at};
use factord_core::counters::set;
use factord_core::region::Region;
use factord_core::worker::Tap;
use std::io;
use tracing::warn;

/// Makes one tap a worker; none where they are off.
pub(super) fn make(
    config: &ServeConfig,
    worker_count: usize,
    epoch: u64,
) -> Result<Vec<Region>, ServeError> {
    if config.tap == 0 {
        return Ok(Vec::new());
    }
    let make = |worker| make_one(config, worker, epoch).map_err(ServeError::Memory);
    (0..worker_count).map(make).collect()
}

fn make_one(config: &ServeConfig, worker: usize, epoch: u64) -> io::Result<Region> {
    let tap = Region::create_tap(config.tap)?;
    let flags = if config.audit_local { 0 } else { tap_record::LOCAL_REFUSED };
    let header = [
        (at::MAGIC, abi::MAGIC),
        (at::ABI, abi::ABI_WORD),
        (at::LAYOUT_HASH, abi::TAP_HASH),
        (at::CELL_COUNT, config.tap as u64),
        (at::WORKER, worker as u64),
        (at::EPOCH, epoch),
        (tap_record::HEADER_FLAGS, flags),
        (at::NEXT, tap_record::FIRST_POSITION),
    ];
    for (index, value) in header {
        set(&tap.mapping().words()[index], value);
    }
    // Readers come and go with their own mappings; the next engine makes taps of its own.
    tap.seal_write()?;
    tap.mapping().populate()?;
    if let Err(error) = tap.mapping().lock() {
        warn!("a tap cannot be locked in memory ({error}): serving anyway");
    }
    Ok(tap)
}

/// What a worker writes a tap with.
pub(super) fn writer(config: &ServeConfig, tap: Region) -> Tap {
    Tap::new(tap.into_mapping(), config.tap)
}
